"""Scorers of class probabilities that have a value where the scored rows lack a class of the training rows.

scikit-learn's scorers raise an error there, because they count the classes in the rows that they score.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer

from automl.errors import unknown_label

Array = NDArray[Any]

# Their scores are means over classes, so that a fold without a class scores something else than the other folds.
CLASS_MEANS = ("roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo", "roc_auc_ovo_weighted")
_ROW_MEANS = ("neg_log_loss", "neg_brier_score", "d2_log_loss_score", "d2_brier_score", "top_k_accuracy")
NAMES = (*CLASS_MEANS, *_ROW_MEANS)


@dataclass(frozen=True)
class AllClassesScorer:
    """A scorer of scikit-learn that knows all classes, also classes that the scored rows lack.

    Areas under ROC curves are then means over the classes of the scored rows.

    Attributes
    ----------
    name : str
        Name of the scorer, one of `NAMES`.
    classes : ndarray of shape (n_classes,)
        Labels of the training rows in ascending order; more than two.
    """

    name: str
    classes: Array

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of an estimator; greater is better."""
        scorer = get_scorer(self.name)
        labels = np.asarray(y)
        known = np.union1d(self.classes, estimator.classes_)
        if unknown := sorted(set(labels.ravel().tolist()) - set(known.tolist()), key=str):
            raise unknown_label("y", unknown[0], known.tolist())
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        if np.array_equal(known, estimator.classes_) and np.isin(known, labels).all():
            return float(scorer(estimator, X, y, **weight))
        scores = self._scores(estimator, X, known)
        if self.name in _ROW_MEANS:
            return float(scorer._sign * scorer._score_func(labels, scores, labels=known, **scorer._kwargs, **weight))
        mean = mean_over_pairs if "_ovo" in self.name else mean_over_classes
        return mean(np.searchsorted(known, labels), scores, sample_weight, self.name.endswith("_weighted"))

    def _scores(self, estimator: Any, X: Any, known: Array) -> Array:
        """Return the scores of all known classes, shape (n_samples, n_known)."""
        has_probabilities = hasattr(estimator, "predict_proba")
        given = np.asarray((estimator.predict_proba if has_probabilities else estimator.decision_function)(X))
        scores = np.full((len(given), len(known)), 0.0 if has_probabilities else given.min() - 1)
        scores[:, np.searchsorted(known, estimator.classes_)] = given
        return scores

    def _accept_sample_weight(self) -> bool:  # scikit-learn calls this for one of several scorers
        return bool(get_scorer(self.name)._accept_sample_weight())


def roc_auc_losses(y: Array, scores: Array, w: Array | None) -> Array:
    """Return minus the area under the ROC curve for several scores of class 1; ties share a rank (Mann-Whitney U).

    Parameters
    ----------
    scores : ndarray of shape (m, n_samples)

    Returns
    -------
    ndarray of shape (m,)
        NaN if the rows of class 1, or all other rows, have no weight.
    """
    positive = (y == 1) * (1.0 if w is None else w)
    negative = (y != 1) * (1.0 if w is None else w)
    pairs = positive.sum() * negative.sum()
    if not pairs:
        return np.full(len(scores), np.nan)
    order = np.argsort(scores, axis=1)
    ordered = np.take_along_axis(scores, order, axis=1)
    is_last = np.ones(scores.shape, dtype=bool)  # whether a score is the last of a tie
    is_last[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
    below = np.cumsum(negative[order], axis=1)
    up_to = np.minimum.accumulate(np.where(is_last, below, np.inf)[:, ::-1], axis=1)[:, ::-1]
    under = np.maximum.accumulate(np.where(is_last, below, 0.0), axis=1)
    twice = (positive[order] * up_to).sum(axis=1) + (positive[order][:, 1:] * under[:, :-1]).sum(axis=1)
    return np.asarray(-0.5 * twice / pairs)


def mean_over_classes(codes: Array, scores: Array, sample_weight: Array | None, weighted: bool) -> float:
    """Return the mean area under the ROC curve of each class against the rest, for the classes that have rows.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
    weighted : bool
        Whether a class counts by the weight of its rows; otherwise all classes count the same.

    Returns
    -------
    float
        NaN if fewer than two classes have rows.
    """
    sizes = np.bincount(codes, sample_weight, scores.shape[1])
    present = np.flatnonzero(sizes)
    areas = [-roc_auc_losses(codes == code, scores[None, :, code], sample_weight)[0] for code in present]
    return float(np.average(areas, weights=sizes[present] if weighted else None))


def mean_over_pairs(codes: Array, scores: Array, sample_weight: Array | None, weighted: bool) -> float:
    """Return the mean area under the ROC curve of the pairs of classes that have rows (Hand and Till, 2001).

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
    weighted : bool
        Whether a pair counts by the number of its rows; otherwise all pairs count the same.

    Returns
    -------
    float
        NaN if fewer than two classes have rows.

    Raises
    ------
    ValueError
        If there are sample weights, as in scikit-learn.
    """
    if sample_weight is not None:
        raise ValueError("sample_weight is not supported for the area under the ROC curve of pairs of classes")
    areas, sizes = [], []
    for a, b in combinations(np.unique(codes), 2):
        rows = (codes == a) | (codes == b)
        both = [-roc_auc_losses(codes[rows] == code, scores[None, rows, code], None)[0] for code in (a, b)]
        areas.append(np.mean(both))
        sizes.append(rows.sum())
    return float(np.average(areas, weights=sizes if weighted else None)) if areas else float("nan")
