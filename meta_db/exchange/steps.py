"""Imputers, encoders and scalers of scikit-learn flows in our space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta_db.exchange.rules import Rule, Settings

_STRATEGIES = {name: name for name in ("mean", "median", "most_frequent")}


def _imputer(settings: Settings) -> dict[str, Any]:
    strategy = settings.choose("strategy", "mean", {**_STRATEGIES, "constant": "constant"})
    if strategy == "constant" and settings.get("fill_value", 0) != 0:
        raise settings.refuse("fill_value")
    indicator = settings.choose("add_indicator", False, {False: False, True: True})
    return {"imputation": strategy, f"imputation:{strategy}:add_indicator": indicator}


def _one_hot(settings: Settings) -> dict[str, Any]:
    most = max(settings.traits.cardinalities, default=0)
    wishes: dict[str, Any] = {
        "encoding": "one_hot",
        "encoding:one_hot:min_frequency": settings.whole("min_frequency", 1),
    }
    if most > 4:  # else our space has no such bound
        wishes["encoding:one_hot:max_categories"] = settings.whole("max_categories", most)
    return wishes


def _quantile(settings: Settings) -> dict[str, Any]:
    n = settings.whole("n_quantiles", 1000)
    shape = settings.choose("output_distribution", "uniform", {"uniform": "uniform", "normal": "normal"})
    return {
        "scaling": "quantile",
        "scaling:quantile:n_quantiles": n,
        "scaling:quantile:output_distribution": shape,
    }


def _robust(settings: Settings) -> dict[str, Any]:
    low, high = settings.get("quantile_range", (25.0, 75.0))
    if low + high != 100:
        raise settings.refuse("quantile_range")
    return {"scaling": "robust", "scaling:robust:quantile_low": low / 100}


_IMPUTER = Rule(
    _imputer,
    {"axis": (0,), "keep_empty_features": (False, True), "strategy_nominal": ("most_frequent",)},
    frozenset({"fill_value", "categorical_features", "fill_empty"}),
)
_WITH_BOTH = {"with_mean": (True,), "with_std": (True,), "with_centering": (True,), "with_scaling": (True,)}

# Those without effect on what comes after: our reader drops constant columns itself.
STEPS: Mapping[str, Rule] = {
    "SimpleImputer": _IMPUTER,
    "Imputer": _IMPUTER,
    "ConditionalImputer": _IMPUTER,
    "OneHotEncoder": Rule(
        _one_hot,
        {"drop": ()},
        frozenset({"categories", "categorical_features", "n_values", "sparse", "sparse_output", "handle_unknown"})
        | {"feature_name_combiner"},
    ),
    "OrdinalEncoder": Rule(
        lambda settings: {"encoding": "ordinal"},
        {"min_frequency": (), "max_categories": ()},
        frozenset({"categories", "handle_unknown", "unknown_value", "encoded_missing_value"}),
    ),
    "StandardScaler": Rule(lambda settings: {"scaling": "standard"}, _WITH_BOTH),
    "RobustScaler": Rule(_robust, {**_WITH_BOTH, "unit_variance": (False,)}),
    "QuantileTransformer": Rule(_quantile, {"ignore_implicit_zeros": (False,)}, frozenset({"subsample"})),
    "PowerTransformer": Rule(
        lambda settings: {"scaling": "power"}, {"method": ("yeo-johnson",), "standardize": (True,)}
    ),
    "VarianceThreshold": Rule(lambda settings: {}, {"threshold": (0, 0.0)}),
}
