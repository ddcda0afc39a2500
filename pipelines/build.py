"""From a configuration to an unfitted scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from pipelines.catalog import get_component
from pipelines.component import FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.models._cost import encoded_width
from pipelines.steps.calibration import N_FITS
from pipelines.steps.generation import MAX_COMPONENTS, make_category_pairs
from pipelines.steps.selection import MAX_ROWS

_TABLE_COPIES = 5  # the rows of the fold, encoded, scaled, as the library holds them, and while one becomes the other
_WRAPPERS = ("balancing", "calibration")
_NUMBERS = ("ordinal", "target", "frequency")  # encodings that make one number of a category


def build_pipeline(configuration: Configuration, context: FitContext) -> Pipeline:
    """The pipeline that a configuration describes.

    Parameters
    ----------
    configuration : Configuration
        Sampled from, or completed in, the space of the context's table; an absent step does nothing.

    Returns
    -------
    Pipeline
        Unfitted. Steps ``columns`` (encoding, imputation, scaling), ``generate``, ``select``, ``model``; those that
        would do nothing are left out. Takes the array that `pipelines.table.reader.TableReader` makes.
    """
    steps: list[tuple[str, Any]] = []
    columns = _columns(configuration, context)
    if columns is not None:
        steps.append(("columns", columns))
    for name, step in (("generate", "generation"), ("select", "selection")):
        if configuration.get(step, "none") not in ("none", "categorical_interactions"):
            steps.append((name, _make(step, configuration, context)))
    steps.append(("model", _model(configuration, context)))
    return Pipeline(steps)


def fits_together(configuration: Configuration) -> bool:
    """Whether several fits can be one (`Component.fit_together`): a wrapper around the model fits it by itself."""
    wrapped = any(configuration.get(step, "none") != "none" for step in _WRAPPERS)
    return get_component("model", configuration.family).fit_together is not None and not wrapped


def predicted_seconds(configuration: Configuration, traits: TableTraits) -> float:
    """A guess, in seconds at one thread, of one fit of a pipeline on ``traits.n_rows`` rows."""
    component = get_component("model", configuration.family)
    generated = replace(traits, n_features=_generated_width(configuration, traits))
    share = float(configuration.get(f"selection:{configuration.get('selection')}:share", 1.0))
    # Category columns stay countable: components subtract them from the width.
    selected = max(len(traits.categorical) + 1, round(share * generated.n_features))
    met = replace(traits, n_features=selected)
    guess = 0.1 if component.seconds is None else component.seconds(_params("model", configuration), met)
    guess *= N_FITS if configuration.get("calibration", "none") != "none" else 1
    cells = traits.n_rows * max(1, traits.n_features)
    guess += 1e-7 * cells + 1e-8 * traits.n_rows * generated.n_features
    if configuration.get("scaling") in ("quantile", "power"):
        guess += 1e-6 * cells
    if configuration.get("selection") in ("univariate", "model_based"):
        guess += 0.03 + 2e-6 * min(traits.n_rows, MAX_ROWS) * generated.n_features
    return guess


def predicted_memory(configuration: Configuration, traits: TableTraits) -> float:
    """A guess, in MiB, of what fitting a pipeline on ``traits.n_rows`` rows adds to a process at its highest."""
    component = get_component("model", configuration.family)
    width = _generated_width(configuration, traits)
    if configuration.get("encoding") == "one_hot":
        width += encoded_width(traits) - max(1, traits.n_features)
    own = 0.0 if component.memory is None else component.memory(_params("model", configuration), traits)
    own *= N_FITS if configuration.get("calibration", "none") != "none" else 1
    copies = 0 if traits.sparse else _TABLE_COPIES  # how full a sparse table is, its traits do not say
    return 1.0 + copies * 8 * traits.n_rows * width / 2**20 + own


def _generated_width(configuration: Configuration, traits: TableTraits) -> int:
    """Number of columns after feature generation, where a category counts as one column."""
    d = max(1, traits.n_features)
    name = str(configuration.get("generation", "none"))
    if name == "none":
        return d
    params = _params("generation", configuration)
    pairs = d * (d - 1) // 2
    most = {"polynomial": pairs + d, "arithmetic": 4 * pairs}
    if name in most:
        return d + min(int(params["n_new"]), most[name])
    if name == "nystroem":
        return d + min(int(params["n_components"]), traits.n_rows)
    if name == "categorical_interactions":
        k = len(traits.categorical)
        targets = traits.n_classes if traits.n_classes > 2 and params["encoder"] == "target" else 1
        return d + targets * min(int(params["max_pairs"]), k * (k - 1) // 2)
    if name == "agglomeration":
        return max(1, round(float(params["share"]) * d))
    return min(d, MAX_COMPONENTS) if name == "pca" else d


def _params(step: str, configuration: Configuration) -> dict[str, Any]:
    return dict(configuration.of(f"{step}:{configuration[step]}"))


def _make(step: str, configuration: Configuration, context: FitContext, extra: Mapping[str, Any] | None = None) -> Any:
    component = get_component(step, str(configuration[step]))
    return component.make({**_params(step, configuration), **(extra or {})}, context)


def _columns(configuration: Configuration, context: FitContext) -> Any:
    """What happens to single columns: category columns come first in the result, then numeric ones."""
    traits = context.traits
    numeric = _numeric(configuration, context)
    if traits.sparse or not traits.categorical:
        return numeric
    branches = [("categorical", _make("encoding", configuration, context), list(traits.categorical))]
    if traits.numeric:
        branches.append(("numeric", "passthrough" if numeric is None else numeric, list(traits.numeric)))
    if configuration.get("generation") == "categorical_interactions":
        pairs = make_category_pairs(_params("generation", configuration), context)
        branches.append(("pairs", pairs, list(traits.categorical)))
    if configuration.get("scaling", "standard") != "none":
        # One-hot columns are 0 or 1 and native codes have to stay; others are brought to the scale of the numbers.
        scaled = ("pairs", "categorical" if configuration["encoding"] in _NUMBERS else "")
        branches = [
            (name, make_pipeline(branch, StandardScaler()) if name in scaled else branch, columns)
            for name, branch, columns in branches
        ]
    return ColumnTransformer(branches, sparse_threshold=0.0)


def _numeric(configuration: Configuration, context: FitContext) -> Any:
    parts: list[BaseEstimator] = []
    if "imputation" in configuration:
        if configuration["imputation"] != "none":
            parts.append(_make("imputation", configuration, context))
    elif not context.traits.sparse and not _accepts_missing(configuration):
        # Training had no missing cell, but what comes at predict may.
        parts.append(SimpleImputer(strategy="median", keep_empty_features=True))
    if configuration.get("scaling", "none") != "none":
        parts.append(_make("scaling", configuration, context))
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else make_pipeline(*parts)


def _accepts_missing(configuration: Configuration) -> bool:
    steps = [step for step in ("model", "generation", "selection") if step in configuration]
    return all(get_component(step, str(configuration[step])).accepts_missing for step in steps)


def _model(configuration: Configuration, context: FitContext) -> Any:
    calibrated = configuration.get("calibration", "none") != "none"
    inner = context
    if calibrated and context.time_limit is not None:
        inner = replace(context, time_limit=context.time_limit / N_FITS)
    native: Mapping[str, Any] = {}
    if configuration.get("encoding") == "native":
        native = {"native_categories": len(context.traits.categorical)}
    model = _make("model", configuration, inner, native)
    if configuration.get("balancing", "none") != "none":
        model = _make("balancing", configuration, context, {"estimator": model})
    if calibrated:
        model = _make("calibration", configuration, context, {"estimator": model})
    return model
