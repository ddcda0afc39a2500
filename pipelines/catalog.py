"""All components of all steps; a new step gets an entry here, a new component an entry in the tuple of its step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pipelines.component import Component
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

CATALOG: Mapping[str, tuple[Component, ...]] = {
    "imputation": IMPUTATION,
    "encoding": ENCODING,
    "scaling": SCALING,
    "generation": GENERATION,
    "selection": SELECTION,
    "balancing": BALANCING,
    "cleaning": CLEANING,
    "model": MODELS,
    "ordering": ORDERING,
    "loss": LOSSES,
    "target": TARGET,
    "calibration": CALIBRATION,
    "multi_output": MULTI_OUTPUT,
}

NAMES: tuple[str, ...] = tuple(
    dict.fromkeys(c.name for components in CATALOG.values() for c in components if c.name != "none")
)

# Names by step: a user writes "encoding:one_hot", or {"encoding": ["one_hot"]}, where a name alone is not enough.
STEP_NAMES: tuple[str, ...] = tuple(f"{step}:{c.name}" for step, components in CATALOG.items() for c in components)


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
