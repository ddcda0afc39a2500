"""Checks of restored objects whose compiled code trusts their numbers: a wrong index would read foreign memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pipelines.storage.errors import StorageError


def _check_tree(tree: Any) -> None:
    """Check a tree of scikit-learn: children come after their parents, and the columns exist."""
    inner = tree.children_left != -1
    _check_nodes(tree.children_left, tree.children_right, inner, tree.feature, tree.n_features)


def _check_boosting(model: Any) -> None:
    """Check the trees of scikit-learn's histogram gradient boosting."""
    for predictor in (tree for trees in vars(model).get("_predictors", ()) for tree in trees):
        nodes = predictor.nodes
        inner = nodes["is_leaf"] == 0
        _check_nodes(nodes["left"], nodes["right"], inner, nodes["feature_idx"], model._n_features)
        categorical = inner & (nodes["is_categorical"] != 0)
        if (nodes["bitset_idx"][categorical] >= len(predictor.raw_left_cat_bitsets)).any():
            raise StorageError("the content is damaged: a tree has categories without a set")


def _check_nodes(left: Any, right: Any, inner: Any, feature: Any, n_features: int) -> None:
    n, own = len(left), np.arange(len(left))[inner]
    left, right, feature = (np.asarray(values[inner], dtype=np.int64) for values in (left, right, feature))
    children = (left > own) & (left < n) & (right > own) & (right < n)
    if n == 0 or not (children & (feature >= 0) & (feature < n_features)).all():
        raise StorageError("the content is damaged: the nodes of a tree do not form a tree")


def _check_neighbors(tree: Any) -> None:
    """Check a k-d tree of scikit-learn."""
    data, rows, nodes, bounds, _, n_levels, n_nodes, *_ = tree.__getstate__()
    data, rows, nodes, bounds = (np.asarray(values) for values in (data, rows, nodes, bounds))
    sound = (
        0 < n_levels < 64
        and n_nodes == len(nodes) == bounds.shape[1] == 2**n_levels - 1
        and len(rows) == len(data)
        and ((rows >= 0) & (rows < len(data))).all()
        and ((nodes["idx_start"] >= 0) & (nodes["idx_end"] <= len(data))).all()
        and (nodes["idx_start"] <= nodes["idx_end"]).all()
    )
    if not sound:
        raise StorageError("the content is damaged: the nodes of a k-d tree do not form a tree")


def _check_machine(model: Any) -> None:
    """Check a support vector machine of scikit-learn."""
    if not hasattr(model, "support_"):  # it is not fitted
        return
    n = len(model.support_)
    sizes = (model.support_vectors_.shape[0], model.dual_coef_.shape[1], int(model._n_support.sum()))
    if any(size != n for size in sizes[:2]) or (hasattr(model, "classes_") and sizes[2] != n):
        raise StorageError("the content is damaged: the support vectors do not fit their coefficients")


CHECKS: Mapping[str, Callable[[Any], None]] = {
    "pipelines.models.kernel_svm._ScaledSVC": _check_machine,
    "pipelines.models.kernel_svm._ScaledSVR": _check_machine,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier": _check_boosting,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor": _check_boosting,
    "sklearn.neighbors._kd_tree.KDTree": _check_neighbors,
    "sklearn.tree._tree.Tree": _check_tree,
}
