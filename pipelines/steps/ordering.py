"""What the training of a model knows of the order of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator

from pipelines.component import Component, FitContext, TableTraits
from pipelines.ordered_codes import NUMBERS, PROPORTIONAL_ODDS, STEPWISE, THRESHOLDS
from pipelines.steps.class_numbers import N_FITS, NumberClassifier
from pipelines.steps.threshold_models import ThresholdClassifier


def models_of(ordering: str, n_classes: int) -> int:
    """Return the number of models that a fit with an ordering trains in place of one model."""
    return {THRESHOLDS: n_classes - 1, NUMBERS: N_FITS}.get(ordering, 1)


def kept_models_of(ordering: str, n_classes: int) -> int:
    """Return the number of models that a fit with an ordering holds in memory at the same time."""
    return models_of(ordering, n_classes) if ordering == THRESHOLDS else 1


def _has_order(traits: TableTraits) -> bool:
    return bool(traits.ranks)


def _make_thresholds(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return ThresholdClassifier(params["estimator"], context.traits.ranks)


def _make_numbers(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return NumberClassifier(params["estimator"], context.traits.ranks, context.random_state)


ORDERING = (
    Component("none", lambda params, context: "passthrough", accepts_sparse=True),
    Component(THRESHOLDS, _make_thresholds, applies=_has_order, accepts_sparse=True),
    # Its probabilities are fitted to predictions for rows that a regressor has not seen.
    Component(NUMBERS, _make_numbers, applies=_has_order, accepts_sparse=True, accepts_copies=False),
    # Only models that train them themselves have them.
    *(
        Component(name, lambda params, context: "passthrough", applies=_has_order, accepts_sparse=True)
        for name in (STEPWISE, PROPORTIONAL_ODDS)
    ),
)
