"""Model families: one short file each, its space beside its constructor; add a new one to the two tuples here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.component import Component
from pipelines.models import (
    extra_trees,
    lightgbm,
    logistic_regression,
    random_forest,
    ridge,
)

_FAMILIES = (
    lightgbm,
    extra_trees,
    random_forest,
    logistic_regression,
    ridge,
)

MODELS: tuple[Component, ...] = tuple(family.COMPONENT for family in _FAMILIES)

PORTFOLIO: tuple[Mapping[str, Any], ...] = tuple(entry for family in _FAMILIES for entry in family.PORTFOLIO)
