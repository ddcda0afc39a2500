"""From a configuration to an unfitted scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline

from pipelines.calibration import N_FITS
from pipelines.catalog import find
from pipelines.component import FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.features import make_category_pairs


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
        would do nothing are left out. Takes the array that `pipelines.data.TableReader` makes.
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


def predicted_seconds(configuration: Configuration, traits: TableTraits) -> float:
    """A guess, in seconds at one thread, of one fit of a pipeline on ``traits.n_rows`` rows."""
    component = find("model", configuration.family)
    guess = 0.1 if component.seconds is None else component.seconds(_params("model", configuration), traits)
    cells = traits.n_rows * max(1, traits.n_features)
    guess += 1e-7 * cells
    if configuration.get("scaling") in ("quantile", "power"):
        guess += 1e-6 * cells
    if configuration.get("selection") in ("univariate", "model_based"):
        guess += 0.1 + 2e-6 * min(cells, 5_000 * traits.n_features)
    if configuration.get("generation", "none") != "none":
        guess = 1.5 * guess + 1e-6 * cells
    return guess * (N_FITS if configuration.get("calibration", "none") != "none" else 1)


def _params(step: str, configuration: Configuration) -> dict[str, Any]:
    return dict(configuration.of(f"{step}:{configuration[step]}"))


def _make(step: str, configuration: Configuration, context: FitContext, extra: Mapping[str, Any] | None = None) -> Any:
    component = find(step, str(configuration[step]))
    return component.make({**_params(step, configuration), **(extra or {})}, context)


def _columns(configuration: Configuration, context: FitContext) -> Any:
    """What happens to single columns: category columns come first in the result, then numeric ones."""
    traits = context.traits
    numeric = _numeric(configuration, context)
    if traits.sparse or not traits.categorical:
        return numeric
    encode = _make("encoding", configuration, context)
    branches = [("categorical", encode, list(traits.categorical))]
    if traits.numeric:
        branches.append(("numeric", "passthrough" if numeric is None else numeric, list(traits.numeric)))
    if configuration.get("generation") == "categorical_interactions":
        pairs = make_category_pairs(_params("generation", configuration), context)
        branches.append(("pairs", pairs, list(traits.categorical)))
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
    return all(find(step, str(configuration[step])).accepts_missing for step in steps)


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
