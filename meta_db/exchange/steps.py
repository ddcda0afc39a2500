"""Rules that map the imputers, encoders and scalers of scikit-learn flows to our space."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta_db.exchange.rules import Rule, SetupReader

_STRATEGIES = {name: name for name in ("mean", "median", "most_frequent")}


def _imputer(setup: SetupReader) -> dict[str, Any]:
    strategy = setup.choose("strategy", "mean", {**_STRATEGIES, "constant": "constant"})
    if strategy == "constant" and setup.get("fill_value", 0) != 0:
        raise setup.refuse("fill_value")
    indicator = setup.choose("add_indicator", False, {False: False, True: True})
    return {"imputation": strategy, f"imputation:{strategy}:add_indicator": indicator}


def _one_hot(setup: SetupReader) -> dict[str, Any]:
    most = max(setup.traits.cardinalities, default=0)
    values: dict[str, Any] = {
        "encoding": "one_hot",
        "encoding:one_hot:min_frequency": setup.whole("min_frequency", 1),
    }
    if most > 4:  # our space has no such bound for fewer levels
        values["encoding:one_hot:max_categories"] = setup.whole("max_categories", most)
    return values


def _quantile(setup: SetupReader) -> dict[str, Any]:
    n = setup.whole("n_quantiles", 1000)
    shape = setup.choose("output_distribution", "uniform", {"uniform": "uniform", "normal": "normal"})
    return {
        "scaling": "quantile",
        "scaling:quantile:n_quantiles": n,
        "scaling:quantile:output_distribution": shape,
    }


def _robust(setup: SetupReader) -> dict[str, Any]:
    low, high = setup.get("quantile_range", (25.0, 75.0))
    if low + high != 100:
        raise setup.refuse("quantile_range")
    return {"scaling": "robust", "scaling:robust:quantile_low": low / 100}


_IMPUTER = Rule(
    _imputer,
    {"axis": (0,), "keep_empty_features": (False, True), "strategy_nominal": ("most_frequent",)},
    frozenset({"fill_value", "categorical_features", "fill_empty"}),
)
_WITH_BOTH = {"with_mean": (True,), "with_std": (True,), "with_centering": (True,), "with_scaling": (True,)}

# A rule that returns no value has no counterpart: our reader drops constant columns itself.
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
        lambda setup: {"encoding": "ordinal"},
        {"min_frequency": (), "max_categories": ()},
        frozenset({"categories", "handle_unknown", "unknown_value", "encoded_missing_value"}),
    ),
    "StandardScaler": Rule(lambda setup: {"scaling": "standard"}, _WITH_BOTH),
    "RobustScaler": Rule(_robust, {**_WITH_BOTH, "unit_variance": (False,)}),
    "QuantileTransformer": Rule(_quantile, {"ignore_implicit_zeros": (False,)}, frozenset({"subsample"})),
    "PowerTransformer": Rule(lambda setup: {"scaling": "power"}, {"method": ("yeo-johnson",), "standardize": (True,)}),
    "VarianceThreshold": Rule(lambda setup: {}, {"threshold": (0, 0.0)}),
}
