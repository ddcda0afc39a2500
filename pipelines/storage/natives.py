"""The boosters, which are stored in the formats of their libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Native:
    """How the models of one library are written and read.

    Attributes
    ----------
    library : str
    suffix : str
        Ending of the file name.
    dump : callable
        ``dump(model)`` returns the bytes, and a dictionary of plain values that the format does not hold.
    load : callable
        ``load(bytes, values)`` returns the model.
    """

    library: str
    suffix: str
    dump: Callable[[Any], tuple[bytes, dict[str, Any]]]
    load: Callable[[bytes, Mapping[str, Any]], Any]


def _dump_lightgbm(model: Any) -> tuple[bytes, dict[str, Any]]:
    # Rounds after the best one never predict.
    rounds = int(model.best_iteration)
    return model.model_to_string(num_iteration=rounds if rounds > 0 else -1).encode(), {"best_iteration": rounds}


def _load_lightgbm(data: bytes, about: Mapping[str, Any]) -> Any:
    import lightgbm

    model = lightgbm.Booster(model_str=data.decode())
    model.best_iteration = int(about["best_iteration"])
    return model


def _dump_xgboost(model: Any) -> tuple[bytes, dict[str, Any]]:
    return bytes(model.save_raw("ubj")), {}


def _load_xgboost(data: bytes, about: Mapping[str, Any]) -> Any:
    import xgboost

    model = xgboost.Booster()
    model.load_model(bytearray(data))
    return model


def _dump_catboost(model: Any) -> tuple[bytes, dict[str, Any]]:
    # The public method `save_model` writes a file with the same bytes.
    return model._serialize_model(), {}


def _load_catboost(data: bytes, about: Mapping[str, Any]) -> Any:
    import catboost

    return catboost.CatBoost().load_model(blob=data)


NATIVE: Mapping[str, Native] = {
    "lightgbm.basic.Booster": Native("lightgbm", "txt", _dump_lightgbm, _load_lightgbm),
    "xgboost.core.Booster": Native("xgboost", "ubj", _dump_xgboost, _load_xgboost),
    "catboost.core.CatBoost": Native("catboost", "cbm", _dump_catboost, _load_catboost),
}

BY_LIBRARY: Mapping[str, Native] = {native.library: native for native in NATIVE.values()}
