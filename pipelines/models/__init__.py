"""Model families, one file each; a new family gets a line in the tuple below.

The file of a family defines ``COMPONENT`` and ``PORTFOLIO``: partial configurations that are worth a try at the start
of a search.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pipelines.models.bernoulli_nb as bernoulli_nb
import pipelines.models.catboost as catboost
import pipelines.models.decision_tree as decision_tree
import pipelines.models.elastic_net as elastic_net
import pipelines.models.extra_trees as extra_trees
import pipelines.models.gaussian_nb as gaussian_nb
import pipelines.models.gaussian_process as gaussian_process
import pipelines.models.hist_gradient_boosting as hist_gradient_boosting
import pipelines.models.k_nearest_neighbors as k_nearest_neighbors
import pipelines.models.kernel_svm as kernel_svm
import pipelines.models.lda as lda
import pipelines.models.lightgbm as lightgbm
import pipelines.models.linear_svm as linear_svm
import pipelines.models.logistic_regression as logistic_regression
import pipelines.models.qda as qda
import pipelines.models.random_forest as random_forest
import pipelines.models.realmlp as realmlp
import pipelines.models.recursive_feature_machine as recursive_feature_machine
import pipelines.models.resnet as resnet
import pipelines.models.ridge as ridge
import pipelines.models.sgd as sgd
import pipelines.models.tabm as tabm
import pipelines.models.xgboost as xgboost
from pipelines.component import Component

_FAMILIES = (
    lightgbm,
    extra_trees,
    random_forest,
    catboost,
    xgboost,
    realmlp,
    tabm,
    resnet,
    hist_gradient_boosting,
    logistic_regression,
    ridge,
    elastic_net,
    sgd,
    linear_svm,
    kernel_svm,
    gaussian_process,
    recursive_feature_machine,
    k_nearest_neighbors,
    lda,
    qda,
    gaussian_nb,
    bernoulli_nb,
    decision_tree,
)

MODELS: tuple[Component, ...] = tuple(family.COMPONENT for family in _FAMILIES)

PORTFOLIO: tuple[Mapping[str, Any], ...] = tuple(entry for family in _FAMILIES for entry in family.PORTFOLIO)
