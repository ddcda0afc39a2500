"""Model families: one short file each, its space beside its constructor; a new one is added to the tuple here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.component import Component
from pipelines.models import (
    bernoulli_nb,
    catboost,
    decision_tree,
    elastic_net,
    extra_trees,
    gaussian_nb,
    gaussian_process,
    hist_gradient_boosting,
    k_nearest_neighbors,
    kernel_svm,
    lda,
    lightgbm,
    linear_svm,
    logistic_regression,
    mlp,
    qda,
    random_forest,
    ridge,
    sgd,
    xgboost,
)

_FAMILIES = (
    lightgbm,
    extra_trees,
    random_forest,
    catboost,
    xgboost,
    mlp,
    hist_gradient_boosting,
    logistic_regression,
    ridge,
    elastic_net,
    sgd,
    linear_svm,
    kernel_svm,
    gaussian_process,
    k_nearest_neighbors,
    lda,
    qda,
    gaussian_nb,
    bernoulli_nb,
    decision_tree,
)

MODELS: tuple[Component, ...] = tuple(family.COMPONENT for family in _FAMILIES)

PORTFOLIO: tuple[Mapping[str, Any], ...] = tuple(entry for family in _FAMILIES for entry in family.PORTFOLIO)
