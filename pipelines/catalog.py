"""All components of all steps; a new step gets an entry here, a new component an entry in the tuple of its step."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.component import Component
from pipelines.configuration import Configuration
from pipelines.libraries import libraries_of
from pipelines.models import MODELS
from pipelines.steps.balancing import BALANCING
from pipelines.steps.calibration import CALIBRATION
from pipelines.steps.generation import GENERATION
from pipelines.steps.preprocessing import ENCODING, IMPUTATION, SCALING
from pipelines.steps.selection import SELECTION

CATALOG: Mapping[str, tuple[Component, ...]] = {
    "imputation": IMPUTATION,
    "encoding": ENCODING,
    "scaling": SCALING,
    "generation": GENERATION,
    "selection": SELECTION,
    "balancing": BALANCING,
    "model": MODELS,
    "calibration": CALIBRATION,
}

NAMES: tuple[str, ...] = tuple(
    dict.fromkeys(c.name for components in CATALOG.values() for c in components if c.name != "none")
)


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
    known = ", ".join(component.name for component in CATALOG[step])
    raise KeyError(f"step '{step}' has no component '{name}'; it has {known}")


def required_libraries(configuration: Configuration) -> tuple[str, ...]:
    """Return the libraries that a pipeline of a configuration imports, beside those that every pipeline needs.

    Examples
    --------
    >>> required_libraries(Configuration({"model": "tabm", "scaling": "standard"}))
    ('torch',)
    """
    components = (get_component(step, str(configuration[step])) for step in CATALOG if step in configuration)
    return tuple(dict.fromkeys(library for component in components for library in libraries_of(component)))
