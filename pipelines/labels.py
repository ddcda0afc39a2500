"""Class labels of the user around a classifier of class codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin


def _places(y: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Return the places of the values of a target among the labels, and the labels that predictions will have.

    Estimators of scikit-learn that hold a classifier, such as `VotingClassifier`, fit it on the places of the sorted
    labels. Such a classifier then predicts places.

    Raises
    ------
    ValueError
        If the target holds a value that is neither a label nor, as all its values, a place.
    """
    labels, places = np.asarray(labels), np.arange(len(labels))
    values = set(y.tolist())
    if not (new := sorted(values - set(labels.tolist()), key=str)):
        return np.searchsorted(labels, y), labels
    if values <= set(places.tolist()):
        return y.astype(np.intp), places
    raise ValueError(f"y holds {new[0]!r}, which is none of the classes {labels.tolist()}")


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
        labels = getattr(self, "labels_", self.labels)
        return np.asarray(labels)[np.asarray(self.classifier.classes_, dtype=np.intp)]

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LabelDecoder:
        """Fit the classifier again, on labels or on their places."""
        codes, self.labels_ = _places(np.asarray(y), self.labels)
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
        return list(getattr(self, "labels_", self.labels))

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TargetsDecoder:
        """Fit the classifier again, on labels of shape (n_samples, n_targets), or on their places."""
        each = [_places(column, labels) for column, labels in zip(np.asarray(y).T, self.labels, strict=True)]
        self.labels_ = [labels for _, labels in each]
        self.classifier.fit(X, np.column_stack([codes for codes, _ in each]), sample_weight=sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return labels of shape (n_samples, n_targets)."""
        each = [p.argmax(axis=1) for p in self.predict_proba(X)]
        return np.column_stack([labels[codes] for labels, codes in zip(self.classes_, each, strict=True)])

    def predict_proba(self, X: Any) -> list[NDArray[Any]]:
        """Return the probabilities of the classes of each target."""
        p = np.asarray(self.classifier.predict_proba(X))
        return np.split(p, np.cumsum([len(labels) for labels in self.classes_])[:-1], axis=1)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.classifier, "classes_")
