"""Class labels of the user around a classifier of class codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin


class LabelDecoder(ClassifierMixin, BaseEstimator):
    """A fitted classifier of class codes that predicts the labels of the user.

    Parameters
    ----------
    classifier : estimator
        Fitted classifier; its ``classes_`` are positions in `labels`.
    labels : ndarray of shape (n_labels,)
    """

    def __init__(self, classifier: Any, labels: NDArray[Any]):
        self.classifier = classifier
        self.labels = labels

    @property
    def classes_(self) -> NDArray[Any]:
        return np.asarray(self.labels)[np.asarray(self.classifier.classes_, dtype=np.intp)]

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LabelDecoder:
        """Fit the classifier again, on labels.

        Raises
        ------
        ValueError
            If `y` holds a label that is not in `labels`.
        """
        if new := sorted(set(np.asarray(y).tolist()) - set(np.asarray(self.labels).tolist()), key=str):
            raise ValueError(f"y holds {new[0]!r}, which is none of the classes {np.asarray(self.labels).tolist()}")
        codes = np.searchsorted(self.labels, y)
        if sample_weight is None:
            self.classifier.fit(X, codes)
        else:
            self.classifier.fit(X, codes, sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels of shape (n_samples,)."""
        return self.classes_[np.asarray(self.predict_proba(X)).argmax(axis=1)]

    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return probabilities of shape (n_samples, n_classes), with columns in the order of ``classes_``."""
        return np.asarray(self.classifier.predict_proba(X))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.classifier, "classes_")


class TargetsDecoder(ClassifierMixin, BaseEstimator):
    """A fitted classifier of several targets that predicts the labels of the user.

    Parameters
    ----------
    classifier : estimator
        Fitted classifier of class codes, whose probabilities for all targets lie side by side.
    labels : list of ndarray
        Classes of each target.
    """

    def __init__(self, classifier: Any, labels: list[NDArray[Any]]):
        self.classifier = classifier
        self.labels = labels

    @property
    def classes_(self) -> list[NDArray[Any]]:
        return list(self.labels)

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TargetsDecoder:
        """Fit the classifier again, on labels of shape (n_samples, n_targets).

        Raises
        ------
        ValueError
            If `y` holds a label that is not in `labels`.
        """
        columns = np.asarray(y).T
        for column, labels in zip(columns, self.labels, strict=True):
            if new := sorted(set(column.tolist()) - set(np.asarray(labels).tolist()), key=str):
                raise ValueError(f"y holds {new[0]!r}, which is none of the classes {np.asarray(labels).tolist()}")
        codes = np.column_stack([np.searchsorted(labels, y) for y, labels in zip(columns, self.labels, strict=True)])
        self.classifier.fit(X, codes, sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels of shape (n_samples, n_targets)."""
        each = [p.argmax(axis=1) for p in self.predict_proba(X)]
        return np.column_stack([labels[codes] for labels, codes in zip(self.labels, each, strict=True)])

    def predict_proba(self, X: Any) -> list[NDArray[Any]]:
        """Return the probabilities of the classes of each target."""
        p = np.asarray(self.classifier.predict_proba(X))
        return np.split(p, np.cumsum([len(labels) for labels in self.labels])[:-1], axis=1)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.classifier, "classes_")
