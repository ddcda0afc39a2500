"""Every component of every step; a new one is one more entry here."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.component import Component
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


def find(step: str, name: str) -> Component:
    """The component of a step by its name."""
    return next(component for component in CATALOG[step] if component.name == name)
