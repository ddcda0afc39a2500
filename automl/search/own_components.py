"""Components of the user's own code: the argument `components` of the estimators, and its check on small tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

import cloudpickle
import numpy as np

from automl.errors import InvalidInputError, check_names
from automl.task.own_objects import NotLoaded
from pipelines import storage
from pipelines.build import build_pipeline
from pipelines.catalog import CATALOG, STEPS, OwnComponents
from pipelines.component import Component, FitContext, TableTraits, task_type
from pipelines.configuration import Configuration
from pipelines.overrides import SpaceError
from pipelines.prediction import fast_predict
from pipelines.space import NO_OWN, build_space, complete
from pipelines.storage.errors import UntrustedError

GROUP = "automl.components"  # of entry points
_N_ROWS, _N_COLUMNS = 60, 4
_SECONDS = 2.0  # time limit of a fit of the check
_PARTNER = "decision_tree"  # the model of a pipeline that checks another step


def read_components(given: Any) -> dict[str, tuple[Component, ...]]:
    """Return the user's components by step.

    Parameters
    ----------
    given : sequence, mapping or None
        A list of models, or lists by step. A text stands for an entry point of the group "automl.components", which is
        a component or a mapping of steps to components.

    Raises
    ------
    InvalidInputError
        If an entry is no component, or if its name is taken.
    """
    if isinstance(given, NotLoaded):
        raise InvalidInputError(given.message)
    if given is None:
        return {}
    if isinstance(given, str | Component) or not isinstance(given, Mapping | Sequence):
        raise InvalidInputError(f"components must be a list of components, or a dict of such lists; got {given!r}")
    found: dict[str, tuple[Component, ...]] = {}
    for step, component in _entries(given):
        check_names("components", step, (name for name, one in STEPS.items() if one.accepts_own))
        if not isinstance(component, Component):
            raise InvalidInputError(
                f"components: {step} holds {component!r}; it must be an automl.components.Component"
            )
        taken = [other.name for other in (*CATALOG[step], *found.get(step, ()))]
        if not component.name.isidentifier() or component.name in taken:
            raise InvalidInputError(
                f"components: the name {component.name!r} of a component for {step} is taken, or is no plain name; "
                "give it another name"
            )
        found[step] = (*found.get(step, ()), component)
    return found


def _entries(given: Any) -> Iterator[tuple[str, Any]]:
    """Yield pairs of a step and a component."""
    pairs = given.items() if isinstance(given, Mapping) else [("model", given)]
    for step, entries in pairs:
        for entry in [entries] if isinstance(entries, str | Component) else entries:
            if not isinstance(entry, str):
                yield step, entry
                continue
            loaded = _load_entry_point(entry)
            yield from _entries(loaded if isinstance(loaded, Mapping) else {step: [loaded]})


def _load_entry_point(name: str) -> Any:
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = ", ".join(sorted(points)) or "none"
        raise InvalidInputError(
            f"components: no installed package has the entry point {name!r} in the group '{GROUP}'; there are: {known}"
        )
    try:
        return points[name].load()
    except Exception as error:
        raise InvalidInputError(f"components: the entry point {name!r} cannot be imported: {error}") from error


def own_components(given: Any, classification: bool) -> OwnComponents:
    """Check the user's components on small tables, and make them known to this process.

    Parameters
    ----------
    given : sequence, mapping or None
        The argument `components` of an estimator.
    classification : bool
        Whether the estimator is a classifier.

    Raises
    ------
    InvalidInputError
        If an entry is no component, or if a pipeline with it cannot be fitted, predict, be written or be read.
    """
    by_step = read_components(given)
    if not by_step:
        return NO_OWN
    own = OwnComponents(by_step)
    own.register()
    types: set[str] = set()
    for step, components in by_step.items():
        for component in components:
            types |= _check(step, component, own, (2, 3) if classification else (0,))
    own = replace(own, types=frozenset(types))
    try:
        cloudpickle.loads(cloudpickle.dumps(own))
    except Exception as error:
        raise InvalidInputError(f"components cannot be sent to other processes: {error}") from error
    own.register()
    return own


def with_own_models(first: Sequence[Configuration], own: OwnComponents, space: Any) -> list[Configuration]:
    """Return the initial configurations, with the default of each own model after the first of them."""
    made = (complete(space, {"model": model.name}) for model in own.at("model"))
    added = [configuration for configuration in made if configuration is not None and configuration not in first]
    return [*first[:1], *added, *first[1:]]


def _check(step: str, component: Component, own: OwnComponents, kinds: Sequence[int]) -> set[str]:
    """Return the names of the user's types that fitted pipelines with a component hold."""
    types: set[str] = set()
    for n_classes in kinds:
        traits = TableTraits(task_type(n_classes), _N_ROWS, _N_COLUMNS, n_classes, has_missing=step == "imputation")
        try:
            if component.applies(traits):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    types |= _fit_small(step, component, own, traits)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InvalidInputError(
                f"components: a pipeline with {component.name!r} fails on a small table ({traits.task}): {reason}; the "
                "suites of automl.testing check all rules"
            ) from error
    return types


def _fit_small(step: str, component: Component, own: OwnComponents, traits: TableTraits) -> set[str]:
    X, y = _small_table(traits)
    model = component.name if step == "model" else _PARTNER
    space = build_space(traits, (f"model:{model}", f"{step}:{component.name}"), own=own)
    configuration = complete(space, {"model": model, step: component.name})
    if configuration is None or configuration[step] != component.name:
        raise SpaceError(f"the space has no pipeline with it and {model}")
    pipeline = build_pipeline(configuration, FitContext(traits, time_limit=_SECONDS))
    pipeline.fit(X, y, **{f"{pipeline.steps[-1][0]}__sample_weight": None})
    predictions = _predict(pipeline, X, traits)
    for guess in (component.seconds, component.memory, component.width):
        if guess is not None and not 0 <= float(guess({}, traits)) < np.inf:
            raise ValueError("the guesses of seconds, memory and width must be finite, and not negative")
    archive = storage.dump(pipeline)
    types = _own_types(archive)
    again = _predict(storage.load(archive, types), X, traits)
    if not np.allclose(predictions, again):
        raise ValueError("a pipeline predicts otherwise after it was written and read")
    return types


def _predict(pipeline: Any, X: Any, traits: TableTraits) -> Any:
    for _, step in pipeline.steps[:-1]:
        X = step.transform(X)
        if X.shape[0] != _N_ROWS:
            raise ValueError(f"a step returns {X.shape[0]} rows for {_N_ROWS}")
    predictions = np.asarray(fast_predict(pipeline[-1])(X), dtype=float)
    expected = (_N_ROWS, traits.n_classes) if traits.n_classes else (_N_ROWS,)
    if predictions.shape != expected or not np.isfinite(predictions).all():
        raise ValueError(f"predictions have the shape {predictions.shape}, or are not finite; expected is {expected}")
    return predictions


def _own_types(archive: bytes) -> set[str]:
    """Return the names of types that only the caller can trust."""
    try:
        storage.load(archive)
    except UntrustedError as error:
        return set(error.types)
    return set()


def _small_table(traits: TableTraits) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(_N_ROWS, _N_COLUMNS))
    signal = X[:, 0] + 0.5 * X[:, 1] + 0.1 * rng.normal(size=_N_ROWS)
    if traits.has_missing:
        X[::7, 2] = np.nan
    if not traits.n_classes:
        return X, signal
    ends = np.quantile(signal, np.linspace(0, 1, traits.n_classes + 1)[1:-1])
    return X, np.digitize(signal, ends)
