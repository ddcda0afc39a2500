"""The positive class: the one of two classes that scorers of one class and the decision threshold are about."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if

from automl.errors import unknown_label

Array = NDArray[Any]

_OF_ONE_CLASS = ("average_precision", "f1", "jaccard", "precision", "recall")  # names of scorers


def positive_code(classes: Array, positive_label: Any = None) -> int:
    """Return the code of the positive class, for scorers of one class and the decision threshold.

    Without a label it is 1 (the second class) for more than two classes. For two classes it is the class that
    scikit-learn's scorers take: the label 1, or the second class if no label is 1.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels in ascending order.

    Raises
    ------
    ValueError
        If there is a label, but there are not two classes, or the label is none of them.

    Examples
    --------
    >>> positive_code(np.array(["bad", "good"])), positive_code(np.array(["bad", "good"]), "bad")
    (1, 0)
    """
    labels = classes.tolist()
    if positive_label is None:
        return labels.index(1) if len(labels) == 2 and 1 in labels else 1
    if len(labels) != 2:
        raise ValueError(f"positive_label={positive_label!r} needs two classes, but y has {len(labels)}; leave it out")
    if positive_label not in labels:
        listed = " and ".join(map(repr, labels))
        raise ValueError(f"positive_label={positive_label!r} is no class of y; the classes are {listed}")
    return int(labels.index(positive_label))


def class_in_words(scorer: str, classes: Array | None, positive: int) -> str:
    """Name the class that a score is about, for a scorer of one of two classes by its name; empty for other scorers.

    Examples
    --------
    >>> class_in_words("f1", np.array(["bad", "good"]), 0), class_in_words("roc_auc", np.array([0, 1]), 1)
    ("class 'bad'", '')
    """
    if scorer not in _OF_ONE_CLASS or classes is None or len(classes) != 2:
        return ""
    return f"class {classes.tolist()[positive]!r}"


def on_positive_class(scorer: Any, classes: Array, positive_label: Any) -> Any:
    """Return a scorer object with `positive_label` as its class of interest.

    The scorer stays as it is if there is no label, if it is not about one class, or if it names its class itself.
    """
    if positive_label is None or not _takes_positive_label(scorer):
        return scorer
    return CodedScorer(scorer, classes if positive_code(classes, positive_label) == 1 else classes[::-1])


class _CodedClassifier(ClassifierMixin, BaseEstimator):
    """A fitted classifier that predicts 1 for the positive class, the second in `classes`, and 0 for the other one."""

    def __init__(self, estimator: Any, classes: Array):
        self.estimator, self.classes = estimator, classes
        self.classes_ = np.arange(2)
        self._reversed = bool(classes[0] > classes[1])  # columns of probabilities are in ascending order of the labels

    def predict(self, X: Any) -> Array:
        return _codes(self.estimator.predict(X), self.classes)

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        probabilities = np.asarray(self.estimator.predict_proba(X))
        return probabilities[:, ::-1] if self._reversed else probabilities

    @available_if(lambda self: hasattr(self.estimator, "decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> Array:
        values = np.asarray(self.estimator.decision_function(X))
        return -values if self._reversed else values


@dataclass(frozen=True)
class CodedScorer:
    """A scorer that gets the codes 0 and 1 instead of two labels; the positive class is the second in `classes`."""

    scorer: Any
    classes: Array

    def __call__(self, estimator: Any, X: Any, y: Any, **weight: Any) -> float:
        return float(self.scorer(_CodedClassifier(estimator, self.classes), X, _codes(y, self.classes), **weight))

    def _accept_sample_weight(self) -> bool:  # scikit-learn calls this for one of several scorers
        return bool(self.scorer._accept_sample_weight())


def _codes(labels: Any, classes: Array) -> Array:
    values = np.asarray(labels)
    first, second = (values == label for label in classes)
    if not (first | second).all():
        raise unknown_label("y", values[~(first | second)].tolist()[0], sorted(classes.tolist()))
    return np.asarray(second, dtype=np.intp)


def _takes_positive_label(scorer: Any) -> bool:
    """Return whether a scorer of scikit-learn's `make_scorer` is about one class that it does not name itself."""
    function, given = getattr(scorer, "_score_func", None), getattr(scorer, "_kwargs", {})
    return function is not None and "pos_label" in signature(function).parameters and "pos_label" not in given
