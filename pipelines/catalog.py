"""All steps and their components; a new step gets a record here, a new component an entry in the tuple of its step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.component import Component, TableTraits
from pipelines.configuration import Configuration
from pipelines.libraries import missing_libraries, prediction_libraries
from pipelines.models import MODELS
from pipelines.steps.balancing import BALANCING
from pipelines.steps.calibration import CALIBRATION
from pipelines.steps.cleaning import CLEANING
from pipelines.steps.generation import GENERATION
from pipelines.steps.multi_output import MULTI_OUTPUT
from pipelines.steps.ordering import ORDERING
from pipelines.steps.preprocessing import ENCODING, IMPUTATION, SCALING
from pipelines.steps.selection import SELECTION
from pipelines.steps.target import LOSSES, TARGET

StepKind = Literal["columns", "table", "model", "classifier", "training", "targets"]


def _always(traits: TableTraits) -> bool:
    return True


def _is_classification(traits: TableTraits) -> bool:
    return traits.is_classification


def _is_regression(traits: TableTraits) -> bool:
    return not traits.is_classification


@dataclass(frozen=True)
class Step:
    """One step of the pipeline, with everything that the search space and other modules must know about it.

    Attributes
    ----------
    kind : {"columns", "table", "model", "classifier", "training", "targets"}
        What the components do. Those of "columns" transform single columns, those of "table" the whole table that
        comes of it. Those of "classifier" wrap the model of one target of classes, and those of "training" say how a
        model of numbers is trained. Those of "targets" join the models of several targets.
    components : tuple of Component
        The choices, in the order of the search space. The first that goes with the components of other steps serves
        where a requested component does not.
    preferred : tuple of str
        Names of components that serve before the first one.
    none_probability : float or None
        Probability that a random pipeline leaves the step out, by its component "none": most steps take time and do not
        help on most tables. With None, all components are equally probable.
    of_task : callable
        ``of_task(traits)`` is False where the pipelines of a task never have the step, whatever its columns are.
    of_columns : callable
        ``of_columns(traits)`` is False where the columns of a table leave nothing to do for the step.
    ranked : callable or None
        ``ranked(traits)`` returns the names of the components that suit the metric and the target, best first; the
        search space has this order. None for a step that does not depend on them.
    is_shown : bool
        Whether a short text about a configuration names the component.
    accepts_own : bool
        Whether users may add components of their own.
    """

    kind: StepKind
    components: tuple[Component, ...]
    preferred: tuple[str, ...] = ()
    none_probability: float | None = None
    of_task: Callable[[TableTraits], bool] = _always
    of_columns: Callable[[TableTraits], bool] = _always
    ranked: Callable[[TableTraits], tuple[str, ...]] | None = None
    is_shown: bool = False
    accepts_own: bool = False

    def is_needed(self, traits: TableTraits) -> bool:
        """Return whether a table needs a choice at this step."""
        has_choice = self.ranked is None or len(self.ranked(traits)) > 1
        return has_choice and self.of_task(traits) and self.of_columns(traits)


# All steps by their names, in the order of the search space.
STEPS: Mapping[str, Step] = {
    "imputation": Step(
        "columns",
        IMPUTATION,
        none_probability=0.3,
        of_columns=lambda traits: traits.has_missing and bool(traits.numeric),
        accepts_own=True,
    ),
    "encoding": Step("columns", ENCODING, of_columns=lambda traits: bool(traits.categorical)),
    "scaling": Step(
        "columns", SCALING, none_probability=0.25, of_columns=lambda traits: bool(traits.numeric), accepts_own=True
    ),
    "generation": Step("table", GENERATION, none_probability=0.7, is_shown=True, accepts_own=True),
    "selection": Step("table", SELECTION, none_probability=0.7, is_shown=True, accepts_own=True),
    "balancing": Step("classifier", BALANCING, none_probability=0.7, of_task=_is_classification, is_shown=True),
    "cleaning": Step(
        "classifier",
        CLEANING,
        none_probability=0.5,
        of_task=lambda traits: traits.is_classification and traits.noisy_labels,
        is_shown=True,
    ),
    "model": Step("model", MODELS, preferred=("lightgbm", "random_forest"), accepts_own=True),
    "ordering": Step(
        "classifier", ORDERING, none_probability=0.5, of_task=lambda traits: bool(traits.ranks), is_shown=True
    ),
    "loss": Step("training", LOSSES, of_task=_is_regression, ranked=lambda traits: traits.losses, is_shown=True),
    "target": Step(
        "training", TARGET, of_task=_is_regression, ranked=lambda traits: traits.target_transforms, is_shown=True
    ),
    "calibration": Step("classifier", CALIBRATION, none_probability=0.8, of_task=_is_classification, is_shown=True),
    "multi_output": Step("targets", MULTI_OUTPUT, of_task=lambda traits: traits.targets is not None),
}

CATALOG: Mapping[str, tuple[Component, ...]] = {name: step.components for name, step in STEPS.items()}

NAMES: tuple[str, ...] = tuple(
    dict.fromkeys(c.name for components in CATALOG.values() for c in components if c.name != "none")
)

# Names by step: a user writes "encoding:one_hot", or {"encoding": ["one_hot"]}, where a name alone is not enough.
STEP_NAMES: tuple[str, ...] = tuple(f"{step}:{c.name}" for step, components in CATALOG.items() for c in components)


def steps_of_kind(*kinds: StepKind) -> tuple[str, ...]:
    """Return the names of the steps of some kinds, one kind after another.

    Examples
    --------
    >>> steps_of_kind("model", "table")
    ('model', 'generation', 'selection')
    """
    return tuple(name for kind in kinds for name, step in STEPS.items() if step.kind == kind)


@dataclass(frozen=True)
class OwnComponents:
    """Components of the user's own code.

    Attributes
    ----------
    by_step : mapping of str to tuple of Component
        The components of each step.
    types : frozenset of str
        Names of the types and functions of the user that fitted pipelines with these components hold.
    """

    by_step: Mapping[str, tuple[Component, ...]] = field(default_factory=dict)
    types: frozenset[str] = frozenset()

    def at(self, step: str) -> tuple[Component, ...]:
        """Return the components of a step."""
        return self.by_step.get(step, ())

    def register(self) -> None:
        """Let `get_component` find the components in this process, and let it read their fitted pipelines.

        A configuration names its components, and is known in every process that builds, reads or forecasts pipelines.
        Therefore they are known to the whole process; a later component of the same name takes the place of this one.
        """
        for step, components in self.by_step.items():
            _REGISTERED.update({(step, component.name): component for component in components})
        _REGISTERED_TYPES.update(self.types)


_REGISTERED: dict[tuple[str, str], Component] = {}
_REGISTERED_TYPES: set[str] = set()


def registered_types() -> frozenset[str]:
    """Return the names of the types of users that this process may read from its own fold models."""
    return frozenset(_REGISTERED_TYPES)


def component_names(given: Any) -> tuple[str, ...]:
    """Return the names of components that a user has given as a list, or as a mapping of steps to names.

    Examples
    --------
    >>> component_names({"encoding": ["one_hot", "ordinal"], "scaling": "none"})
    ('encoding:one_hot', 'encoding:ordinal', 'scaling:none')
    >>> component_names(["lightgbm", "encoding:one_hot"])
    ('lightgbm', 'encoding:one_hot')
    """
    if isinstance(given, Mapping):
        pairs = [(step, [names] if isinstance(names, str) else names) for step, names in given.items()]
        return tuple(f"{step}:{name}" for step, names in pairs for name in names)
    return () if given is None else tuple(given)


def is_named(step: str, name: str, names: Collection[str]) -> bool:
    """Return whether names of components, with or without their steps, hold a component."""
    return name in names or f"{step}:{name}" in names


def get_component(step: str, name: str) -> Component:
    """Return the component of a step by its name.

    Raises
    ------
    KeyError
        If there is no such step, or the step has no such component.
    """
    if step not in CATALOG:
        raise KeyError(f"there is no step '{step}'; the steps are {', '.join(CATALOG)}")
    for component in CATALOG[step]:
        if component.name == name:
            return component
    if (step, name) in _REGISTERED:
        return _REGISTERED[step, name]
    known = ", ".join(component.name for component in CATALOG[step])
    raise KeyError(f"step '{step}' has no component '{name}'; it has {known}")


def find_component(step: str, name: str) -> Component | None:
    """Return the component of a step; None for own components of a user that this process does not know."""
    with suppress(KeyError):
        return get_component(step, name)
    return None


def simple_kind(family: str) -> str:
    """Return the kind of a model that a person could explain; empty for other models.

    Examples
    --------
    >>> simple_kind("ridge"), simple_kind("lightgbm")
    ('linear model', '')
    """
    component = find_component("model", family)
    return "" if component is None else component.simple_kind


def components_of(configuration: Configuration) -> Iterator[Component]:
    """Yield the components of a configuration, without own components of a user that this process does not know."""
    for step in (step for step in CATALOG if step in configuration):
        component = find_component(step, str(configuration[step]))
        if component is not None:
            yield component


def required_libraries(configuration: Configuration) -> tuple[str, ...]:
    """Return the libraries that a fitted pipeline needs to predict, beside those that every pipeline needs.

    Examples
    --------
    >>> [required_libraries(Configuration({"model": name})) for name in ("lightgbm", "tabm")]
    [('lightgbm',), ()]
    """
    found = (library for component in components_of(configuration) for library in prediction_libraries(component))
    return tuple(dict.fromkeys(found))


def known_libraries() -> frozenset[str]:
    """Return the libraries that fitted pipelines with the components of this process need to predict.

    Examples
    --------
    >>> sorted(known_libraries())
    ['catboost', 'lightgbm', 'xgboost']
    """
    components = (*(component for step in CATALOG.values() for component in step), *_REGISTERED.values())
    return frozenset(library for component in components for library in prediction_libraries(component))


def missing_for_training(configuration: Configuration) -> tuple[str, ...]:
    """Return the libraries that are not installed here and that the training of a configuration needs."""
    found = (library for component in components_of(configuration) for library in missing_libraries(component))
    return tuple(dict.fromkeys(found))
