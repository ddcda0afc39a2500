"""Saving of a fitted estimator as a folder."""

from __future__ import annotations

import datetime
import inspect
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl.drift.check import SketchedModel, make_sketch
from automl.ensemble.estimate import OutOfFoldRecord
from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError, warn_user
from automl.expected_score import keep_estimate, known_estimate
from automl.interruption import unless_interrupted
from automl.persistence.card import model_card
from automl.persistence.manifest import (
    ARGUMENTS,
    CARD,
    ESTIMATOR,
    FORMAT,
    MODELS,
    REQUIREMENTS,
    SEARCH,
    check_place,
    describe_file,
    versions_for,
    write_manifest,
)
from automl.persistence.requirements import model_libraries, requirements_text
from automl.persistence.state import needs_rows, pack_parameters, parameter_names, scorers_of, split_attributes
from automl.refit.interval_scale import records_with_scale
from automl.refit.rows import MissingRowsError, get_rows
from automl.task.metrics import Metric
from automl.task.own_objects import NotLoaded, is_ours, pack
from automl.trials.history import RunHistory
from meta_db.files import replace_folder
from pipelines import storage
from pipelines.component import task_type

# Attributes that hold a scorer, and what is computed from them.
_OF_SCORER = {"_estimate": "estimate_", "_frontier": "frontier_, slim, choose", "_score_curve": "score_over_time_"}


def save(estimator: Any, path: str | os.PathLike[str], rows: bool = False) -> None:
    """Write a fitted estimator into a folder, without pickle.

    The folder appears as a whole or not at all. A model that was saved there before is replaced; if the process is
    killed at any moment, `load` finds either the old model or the new one. Callbacks are not saved.

    Parameters
    ----------
    rows : bool
        Whether to write the training rows, too, into a file of their own. Without them, a model whose scorer reads the
        table is saved without what `frontier_` is computed from, since this holds some of the rows.

    Raises
    ------
    InvalidInputError
        If the path exists and is not a saved model, or if the path or an attribute of the estimator cannot be written.
    """
    if not isinstance(path, str | os.PathLike):
        raise InvalidInputError(f"the argument of save must be the path of a folder; got {path!r}")
    folder = Path(os.path.realpath(path))
    check_place(folder)
    kept = get_rows(getattr(estimator, "_rows", None)) if rows else None
    try:
        with replace_folder(folder) as partial:
            if kept is not None:
                kept.write(partial)
            if hasattr(estimator, "_ensemble"):
                _write(estimator, partial, rows)
            else:  # jobs also save estimators of other libraries
                _write_other(estimator, partial)
    except storage.StorageError as error:
        raise InvalidInputError(f"the estimator cannot be saved: {error}") from error
    except OSError as error:  # such as a full disk
        raise InvalidInputError(f"'{folder}' cannot be written: {error}") from error


def _write(estimator: SketchedModel, folder: Path, rows: bool) -> None:
    _keep_estimate(estimator, rows)
    _warn_of_lost_scorer(estimator)
    records_with_scale(estimator)  # the training rows that it is learned from may not be there after `load`
    about = describe(estimator)
    with suppress(MissingRowsError):
        make_sketch(estimator)  # made from the rows, which the folder may not hold
    models = dict(_models(estimator))
    (folder / MODELS).mkdir()
    for name, model in models.items():
        with (folder / name).open("wb") as file:
            storage.write(model, file)
    prediction, search = split_attributes(estimator)
    if not rows:
        search = {name: value for name, value in search.items() if not needs_rows(name, value)}
    scorers = scorers_of(prediction | search)
    names = {number: f"scorer {i}" for i, number in enumerate(scorers)}
    external = names | {id(model): name for name, model in models.items()}
    kind = type(estimator)
    arguments = {
        "class": [kind.__module__, kind.__qualname__],
        "parameters": pack_parameters(estimator),
        "scorers": {names[number]: pack("scoring", scorer) for number, scorer in scorers.items()},
    }
    (folder / ARGUMENTS).write_bytes(storage.dump(arguments))
    (folder / ESTIMATOR).write_bytes(storage.dump(prediction, external))
    (folder / SEARCH).write_bytes(storage.dump(_without_clock(search), external))
    (folder / CARD).write_text(model_card(about), encoding="utf-8", errors="backslashreplace")
    (folder / REQUIREMENTS).write_text(requirements_text(about["libraries"]), encoding="utf-8")
    written = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    write_manifest(folder, about | {"files": {name: describe_file(folder / name) for name in written}})


def _keep_estimate(estimator: FittedModel, rows: bool) -> None:
    """Compute the estimate now if a loaded model may lack the scorer, or the rows that the scorer reads."""
    record = vars(estimator).get("_estimate")
    if not isinstance(record, OutOfFoldRecord) or isinstance(record.metric.scorer, NotLoaded):
        return
    if not is_ours(record.metric.scorer) or (needs_rows("_estimate", record) and not rows):
        unless_interrupted(partial(keep_estimate, estimator, record), "a loaded model may have no estimate_")


def _warn_of_lost_scorer(estimator: FittedModel) -> None:
    """Warn of what a loaded model cannot compute, or only with another scorer, because its scorer cannot be saved."""
    packed = pack("scoring", estimator.scoring)
    effects = []
    if packed["archive"] is None:
        effects.append("a loaded model's refit and retune will need set_params(scoring=...)")
    lost = []
    for name, public in _OF_SCORER.items():
        metric = getattr(vars(estimator).get(name), "metric", None)
        if isinstance(metric, Metric):
            found = pack("scoring", metric.scorer)
            if found["archive"] is None:
                lost.append(public)
                packed = found
    if lost:
        effects.insert(0, f"a loaded model will have no {', '.join(lost)}")
    if effects:
        why = f"{'load did not import' if packed['types'] else 'cannot be saved'} ({packed['reason']})"
        message = f"{'; '.join(effects)}: scoring was {packed['text']}, which {why}"
        warn_user(message)


def _write_other(estimator: Any, folder: Path) -> None:
    """Write an estimator of another library; `load` asks for the types that it holds."""
    (folder / ESTIMATOR).write_bytes(storage.dump(estimator))
    about = {
        "format": FORMAT,
        "estimator": type(estimator).__name__,
        "other": True,
        "versions": versions_for(()),
        "libraries": [],
        "files": {ESTIMATOR: describe_file(folder / ESTIMATOR)},
    }
    write_manifest(folder, about)


def _models(estimator: FittedModel) -> Iterator[tuple[str, Any]]:
    """Yield the models of the ensemble, each with the name of its file."""
    for bag in estimator._ensemble.bags:
        for number, model in enumerate(bag.models):
            yield f"{MODELS}/{bag.configuration.id}-{number}.zip", model


def _without_clock(search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes with a run history that does not hold the forecasts of the search."""
    search = dict(search)
    if isinstance(history := search.get("history_"), RunHistory):
        kept = RunHistory()
        vars(kept).update(vars(history) | {"_cost_of": None, "running": {}})
        search["history_"] = kept
    return search


def describe(estimator: FittedModel) -> dict[str, Any]:
    """Return the description of a fitted estimator, as values that JSON can hold: the manifest without the files."""
    ensemble, reader = estimator._ensemble, estimator._reader
    libraries = sorted(model_libraries(estimator))
    parameters = {name: plain(getattr(estimator, name)) for name in parameter_names(estimator)}
    defaults = {name: plain(each.default) for name, each in inspect.signature(type(estimator)).parameters.items()}
    dtypes = getattr(reader, "dtypes_", None) or [None] * len(reader.columns_)
    return {
        "format": FORMAT,
        "estimator": type(estimator).__name__,
        "saved": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions_for(libraries),
        "libraries": libraries,
        "parameters": parameters,
        "changed_parameters": [name for name, value in parameters.items() if value != defaults[name]],
        "task": task_type(ensemble.n_classes),
        "target": vars(estimator).get("_target_name"),
        "metric": estimator._metric.name,
        "metric_class": estimator._metric.of_class,
        "expected_score": _expected_score(estimator),
        "n_training_rows": int(reader.n_rows_),
        "columns": [
            {"name": plain(column.name), "kind": column.kind, "dtype": dtype, "reason": column.reason}
            for column, dtype in zip(reader.columns_, dtypes, strict=True)
        ],
        "classes": [plain(label) for label in estimator.classes_] if hasattr(estimator, "classes_") else None,
        "members": [
            {"configuration": dict(bag.configuration), "weight": bag.weight, "models": len(bag.models)}
            for bag in ensemble.bags
        ],
    }


def _expected_score(estimator: FittedModel) -> dict[str, Any] | None:
    """Return the estimate of the score, or None where there is none; see `known_estimate`."""
    known = known_estimate(estimator)
    if known is None:
        return None
    return {name: plain(getattr(known, name)) for name in ("score", "low", "high", "level", "note")}


def plain(value: Any) -> Any:
    """Return a value as one that JSON can hold; other objects become texts.

    >>> plain(np.int64(3)), plain(np.str_("yes")), plain(np.datetime64("2025-01-31"))
    (3, 'yes', '2025-01-31T00:00:00')
    """
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    try:
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    except Exception:  # noqa: BLE001  the object may be the user's code
        return type(value).__name__
