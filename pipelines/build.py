"""Construction of an unfitted scikit-learn pipeline from a configuration, and guesses of its seconds and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from pipelines.catalog import find_component, get_component, steps_of_kind
from pipelines.component import Component, FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.losses import SQUARED_ERROR
from pipelines.monotonic import trailing_constraints
from pipelines.ordered_codes import NUMBERS
from pipelines.steps import class_numbers, cleaning
from pipelines.steps.calibration import N_FITS, N_SPLITS
from pipelines.steps.generation import make_category_pairs
from pipelines.steps.multi_output import JOINT, n_fits
from pipelines.steps.ordering import kept_models_of, models_of
from pipelines.steps.preprocessing import ConstantKeeper, OffsetRemover, SafeScaler, WeightedImputer
from pipelines.steps.target import TargetRegressor, corrects_mean, held_out_split
from pipelines.weights import MAX_REPEATED_CELLS, relative_weights, row_counts

# Copies of the table at the peak of a fit: the rows of the fold, encoded, scaled, in the format of the library, and one
# more during a conversion.
_TABLE_COPIES = 5
_PAIRS = "categorical_interactions"
_COMBINED = "combined_features"
_NUMERIC_ENCODINGS = ("ordinal", "target", "frequency")  # encodings that replace a category by numbers


def build_pipeline(configuration: Configuration, context: FitContext) -> Pipeline:
    """Return the pipeline of a configuration.

    Parameters
    ----------
    configuration : Configuration
        A configuration from the space of the table, sampled or completed. A step that is absent does nothing.

    Returns
    -------
    Pipeline
        Unfitted, with the steps ``columns`` (encoding, imputation, scaling), ``generate``, ``select`` and ``model``.
        A generation that combines categories with numbers comes first, as ``combine``, and its new columns are numbers
        of the table for the later steps. Steps that do nothing are left out. The input of the pipeline is the output of
        `pipelines.table.reader.TableReader`.

    Raises
    ------
    KeyError
        If the configuration names an unknown component.
    """
    steps: list[tuple[str, Any]] = []
    if configuration.get("generation") == _COMBINED:
        steps.append(("combine", _make_component("generation", configuration, context)))
    columns = _column_step(configuration, context)
    if columns is not None:
        steps.append(("columns", columns))
    for name, step in (("generate", "generation"), ("select", "selection")):
        if configuration.get(step, "none") not in ("none", _PAIRS, _COMBINED):
            steps.append((name, _make_component(step, configuration, context)))
    steps.append(("model", _model(configuration, context)))
    return Pipeline(steps)


def fit_preprocessing(
    pipeline: Pipeline, configuration: Configuration, X: Any, y: Any, sample_weight: NDArray[np.float64] | None
) -> Any:
    """Fit the steps before the model, and return their output for the training rows, which the model is fitted to.

    Where the weights are counts, the steps see each row as often as its weight says. So medians, scales, mean targets
    and scores of columns are those of the weighted rows. Encoders that learn from the target also get the numbers of
    the rows: they encode a row by the targets of other rows, and a copy of a row must not be one of these. No table
    repeats rows for other weights, nor for many counts: the steps that can use them get the weights themselves, as
    their argument ``row_weights``, and the others see each row once. A generation that comes before the other steps
    always gets the weights.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights.
    """
    steps = pipeline[:-1]
    if configuration.get("generation") == _COMBINED:
        X = steps[0].fit_transform(X, y, sample_weight=sample_weight)
        steps = steps[1:]
    if not len(steps):
        return X
    if sample_weight is None or not sample_weight.all():
        return steps.fit_transform(X, y)
    counts = row_counts(sample_weight)
    if counts is None or counts.sum() * X.shape[1] > MAX_REPEATED_CELLS:
        return _fit_transform(steps, X, y, "row_weights", relative_weights(sample_weight))
    rows, first = np.repeat(np.arange(len(counts)), counts), np.cumsum(counts) - counts
    return _fit_transform(steps, X[rows], np.asarray(y)[rows], "row_numbers", rows)[first]


def _fit_transform(steps: Pipeline, X: Any, y: Any, name: str, values: NDArray[Any]) -> Any:
    """Fit steps, and pass an argument on to those that request it."""
    wanted = get_routing_for_object(steps).consumes("fit_transform", [name])
    with config_context(enable_metadata_routing=bool(wanted)):  # a `ColumnTransformer` passes arguments on only so
        return steps.fit_transform(X, y, **dict.fromkeys(wanted, values))


def fits_together(configuration: Configuration) -> bool:
    """Return whether several fits can share a fleet (`Component.fit_together`); a wrapped model cannot."""
    component = get_component("model", configuration.family)
    wrapped = any(
        configuration.get(step, "none") != "none" and configuration[step] not in component.orderings
        for step in steps_of_kind("classifier", "targets")
    )
    return component.fit_together is not None and not wrapped


def fit_models_together(
    configuration: Configuration,
    models: Sequence[Any],
    tables: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    configuration_numbers: Sequence[int] | None = None,
) -> None:
    """Fit the models of several pipelines in one fleet, each on its own table; see `Component.fit_together`.

    Parameters
    ----------
    configuration : Configuration
        One for which `fits_together` is True; the others of the fleet have the same components.
    models : sequence of estimator
        The last steps of the pipelines.
    """
    together = get_component("model", configuration.family).fit_together
    assert together is not None
    wrapped = [model for model in models if isinstance(model, TargetRegressor)]
    if not wrapped:
        together(models, tables, targets, weights, configuration_numbers=configuration_numbers)
        return
    prepared = [model.prepare(y, weight) for model, y, weight in zip(wrapped, targets, weights, strict=True)]
    together(
        [model.regressor_ for model in wrapped],
        tables,
        [one.target for one in prepared],
        [one.weight for one in prepared],
        configuration_numbers=configuration_numbers,
    )
    for model, X, y, weight in zip(wrapped, tables, targets, weights, strict=True):
        model.finish(X, y, weight)


def predicted_seconds(configuration: Configuration, traits: TableTraits) -> float:
    """Return a guess of the seconds, at one thread, of one fit of a pipeline on ``traits.n_rows`` rows."""
    component = get_component("model", configuration.family)
    generated = replace(traits, n_features=_width("generation", configuration, traits))
    # The width is larger than the number of category columns, which components subtract from it.
    selected = max(len(traits.categorical) + 1, _width("selection", configuration, generated))
    reduced = replace(traits, n_features=selected)
    ordering = _wrapped_ordering(configuration)
    trained = _ordered_traits(ordering, reduced)
    guess = 0.1 if component.seconds is None else component.seconds(_params("model", configuration), trained)
    if _has_judge(configuration, traits) and component.seconds is not None:
        few = replace(trained, n_rows=max(1, len(held_out_split(traits.n_rows)[0])))
        guess += component.seconds(_params("model", configuration), few)
    guess *= models_of(ordering, traits.n_classes)
    guess *= N_FITS if configuration.get("calibration", "none") != "none" else 1
    guess *= cleaning.N_FITS if configuration.get("cleaning", "none") != "none" else 1
    guess *= _n_models(configuration, traits)
    cells = traits.n_rows * max(1, traits.n_features)
    guess += 1e-7 * cells + 1e-8 * traits.n_rows * generated.n_features
    for step in steps_of_kind("columns", "table"):
        chosen = _chosen(step, configuration)
        if chosen is not None and chosen.seconds is not None:
            guess += chosen.seconds(_params(step, configuration), generated if step == "selection" else traits)
    return guess


def predicted_memory(configuration: Configuration, traits: TableTraits) -> float:
    """Return a guess of the MiB that one fit of a pipeline on ``traits.n_rows`` rows adds to a process at its peak."""
    component = get_component("model", configuration.family)
    width = _width("generation", configuration, traits)
    width += _width("encoding", configuration, traits) - max(1, traits.n_features)
    ordering = _wrapped_ordering(configuration)
    trained = _ordered_traits(ordering, traits)
    model = 0.0 if component.memory is None else component.memory(_params("model", configuration), trained)
    model *= kept_models_of(ordering, traits.n_classes)
    model *= N_FITS if configuration.get("calibration", "none") != "none" else 1
    model *= _n_models(configuration, traits)
    # The traits of a sparse table do not say how many cells are not zero.
    copies = 0 if traits.sparse else _TABLE_COPIES
    return 1.0 + copies * 8 * traits.n_rows * width / 2**20 + model


def _n_models(configuration: Configuration, traits: TableTraits) -> int:
    """Return the number of models of one target that one fit trains; 1 also for one model of several targets."""
    if traits.targets is None:
        return 1
    name = str(configuration.get("multi_output", JOINT))
    params = _params("multi_output", configuration) if "multi_output" in configuration else {}
    return n_fits(name, params, traits.targets.n_targets)


def _width(step: str, configuration: Configuration, traits: TableTraits) -> int:
    """Return the number of columns after one step; see `Component.width`."""
    chosen = _chosen(step, configuration)
    if chosen is None or chosen.width is None:
        return max(1, traits.n_features)
    return max(1, round(chosen.width(_params(step, configuration), traits)))


def _chosen(step: str, configuration: Configuration) -> Component | None:
    """Return the component of a step; None if it is absent, or of a user and unknown to this process."""
    return find_component(step, str(configuration[step])) if step in configuration else None


def _params(step: str, configuration: Configuration) -> dict[str, Any]:
    return dict(configuration.of(f"{step}:{configuration[step]}"))


def _make_component(
    step: str, configuration: Configuration, context: FitContext, extra: Mapping[str, Any] | None = None
) -> Any:
    component = get_component(step, str(configuration[step]))
    return component.make({**_params(step, configuration), **(extra or {})}, context)


def _column_step(configuration: Configuration, context: FitContext) -> Any:
    """Return the transformer of single columns, or None; category columns come first in its output."""
    traits = context.traits
    numeric = _numeric_steps(configuration, context)
    if traits.sparse or not traits.categorical:
        return numeric
    branches = [("categorical", _make_component("encoding", configuration, context), list(traits.categorical))]
    remainder: Any = "drop"
    if configuration.get("generation") == _COMBINED:
        remainder = "passthrough" if numeric is None else numeric
    elif traits.numeric:
        branches.append(("numeric", "passthrough" if numeric is None else numeric, list(traits.numeric)))
    if configuration.get("generation") == _PAIRS:
        pairs = make_category_pairs(_params("generation", configuration), context)
        branches.append(("pairs", pairs, list(traits.categorical)))
    # One-hot columns are 0 or 1, and native codes must not change; numbers of other encodings are scaled, too.
    scaled = ("pairs", "categorical" if configuration["encoding"] in _NUMERIC_ENCODINGS else "")
    scaler = ConstantKeeper if configuration.get("scaling", "standard") == "none" else SafeScaler
    branches = [
        (name, make_pipeline(branch, scaler()) if name in scaled else branch, columns)
        for name, branch, columns in branches
    ]
    return ColumnTransformer(branches, remainder=remainder, sparse_threshold=0.0)


def _numeric_steps(configuration: Configuration, context: FitContext) -> Any:
    """Return the steps that remove offsets, impute, and scale numeric columns or keep constant ones; or None."""
    parts: list[BaseEstimator] = []
    if context.traits.has_offsets and configuration.get("scaling", "none") == "none":
        parts.append(OffsetRemover())  # scaling removes offsets itself; before imputation, which may fill cells with 0
    if "imputation" in configuration:
        if configuration["imputation"] != "none":
            parts.append(_make_component("imputation", configuration, context))
    elif not context.traits.sparse and not _accepts_missing(configuration):
        # Training had no missing cell, but later rows may have some.
        parts.append(WeightedImputer(strategy="median", keep_empty_features=True))
    if "scaling" in configuration:
        keeps = configuration["scaling"] == "none"
        parts.append(ConstantKeeper() if keeps else _make_component("scaling", configuration, context))
    elif configuration.get("generation") == _COMBINED:
        parts.append(SafeScaler())  # the table has no numbers, but the new columns are numbers
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else make_pipeline(*parts)


def _accepts_missing(configuration: Configuration) -> bool:
    steps = [step for step in steps_of_kind("model", "table") if step in configuration]
    return all(get_component(step, str(configuration[step])).accepts_missing for step in steps)


def _model(configuration: Configuration, context: FitContext) -> Any:
    """Return the last step of a pipeline: the model of the target, or of all targets where there are several."""
    layout = context.traits.targets
    if layout is None:
        return _model_of_target(configuration, context)
    if configuration["multi_output"] == JOINT:
        models = [_model_of_target(configuration, context)]
    else:
        limit = context.time_limit
        share = None if limit is None else limit / _n_models(configuration, context.traits)
        models = [
            _model_of_target(configuration, replace(context, traits=context.traits.of_target(j), time_limit=share))
            for j in range(layout.n_targets)
        ]
    return _make_component("multi_output", configuration, context, {"estimators": models})


def _model_of_target(configuration: Configuration, context: FitContext) -> Any:
    """Return the model, inside those wrappers (balancing, cleaning, calibration) that the configuration has."""
    calibrated = configuration.get("calibration", "none") != "none"
    inner = context
    if calibrated and context.time_limit is not None:
        n_rows = max(context.n_rows_to_predict, context.traits.n_rows // N_SPLITS)  # each fit predicts rows of its own
        inner = replace(context, time_limit=context.time_limit / N_FITS, n_rows_to_predict=n_rows)
    cleaned = configuration.get("cleaning", "none") != "none"
    if cleaned and inner.time_limit is not None:
        n_rows = max(inner.n_rows_to_predict, context.traits.n_rows // cleaning.N_SPLITS)
        inner = replace(inner, time_limit=inner.time_limit / cleaning.N_FITS, n_rows_to_predict=n_rows)
    native: Mapping[str, Any] = {}
    if configuration.get("encoding") == "native":
        native = {"native_categories": len(context.traits.categorical)}
    loss = configuration.get("loss")
    trained = {} if loss is None else {"loss": "absolute_error" if loss == "percentage_error" else loss}
    constrained = {"monotonic": trailing_constraints(context.traits)} if context.traits.monotonic else {}
    added, judge = {**native, **trained, **constrained}, {}
    if _has_judge(configuration, context.traits):
        inner, other = _shared_limit(inner)
        judge = {"held_out_estimator": _ordered_model(configuration, other, added)}
    model = _ordered_model(configuration, inner, added)
    if configuration.get("balancing", "none") != "none":
        weighted = get_component("model", configuration.family).accepts_weights
        model = _make_component("balancing", configuration, context, {"estimator": model, "weighted": weighted})
    if cleaned:
        model = _make_component("cleaning", configuration, context, {"estimator": model})
    target = str(configuration.get("target", "none"))
    if loss == "percentage_error" or target != "none":
        given = {"estimator": model, "loss": loss or SQUARED_ERROR, **judge}
        model = get_component("target", target).make(given, context)
    if calibrated:
        model = _make_component("calibration", configuration, context, {"estimator": model})
    return model


def _has_judge(configuration: Configuration, traits: TableTraits) -> bool:
    """Return whether a second model predicts rows that it was not fitted to, for the mean of a transformed target."""
    reproduces = get_component("model", configuration.family).reproduces_rows
    return reproduces and corrects_mean(str(configuration.get("target", "none")), traits)


def _shared_limit(context: FitContext) -> tuple[FitContext, FitContext]:
    """Return the contexts of a model and of the second one, which share a time limit by their numbers of rows."""
    fitted, predicted = held_out_split(context.traits.n_rows)
    share, limit = len(fitted) / (context.traits.n_rows + len(fitted)), context.time_limit
    limits = (None, None) if limit is None else ((1 - share) * limit, share * limit)
    other = replace(context, time_limit=limits[1], n_rows_to_predict=len(predicted))
    return replace(context, time_limit=limits[0]), other


def _wrapped_ordering(configuration: Configuration) -> str:
    """Return the ordering of the classes whose component wraps the model; "none" where the model trains it itself."""
    ordering = str(configuration.get("ordering", "none"))
    return "none" if ordering in get_component("model", configuration.family).orderings else ordering


def _ordered_traits(ordering: str, traits: TableTraits) -> TableTraits:
    """Return the traits for the models that a component of the step ordering trains."""
    if ordering == "none":
        return traits
    if ordering == NUMBERS:
        return replace(traits, task="regression", n_classes=0, ranks=())
    return replace(traits, task="binary", n_classes=2, ranks=())


def _ordered_model(configuration: Configuration, context: FitContext, extra: Mapping[str, Any]) -> Any:
    """Return the model, inside the component of the step ordering where the configuration has one."""
    ordering = _wrapped_ordering(configuration)
    if ordering == "none":
        own = {"ordering": str(configuration["ordering"])} if configuration.get("ordering", "none") != "none" else {}
        return _make_component("model", configuration, context, {**extra, **own})
    traits = _ordered_traits(ordering, context.traits)
    limit, n_models = context.time_limit, models_of(ordering, context.traits.n_classes)
    inner = replace(context, traits=traits, time_limit=None if limit is None else limit / n_models)
    component, params = get_component("model", configuration.family), _params("model", configuration)
    if ordering == NUMBERS:
        # Each inner fit predicts rows of its own.
        inner = replace(inner, n_rows_to_predict=max(inner.n_rows_to_predict, traits.n_rows // class_numbers.N_SPLITS))
        # The regressor of a family has hyperparameters of its own.
        space = component.space(traits)
        legal = {name: value for name, value in params.items() if name in space and space[name].legal_value(value)}
        params = {**dict(space.get_default_configuration()), **legal}
    model = component.make({**params, **extra}, inner)
    return _make_component("ordering", configuration, context, {"estimator": model})
