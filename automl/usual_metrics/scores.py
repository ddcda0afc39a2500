"""The usual metrics of stored predictions, with bootstrap intervals (Efron, 1979)."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer

from automl.ensemble.estimate import shows_spread
from automl.errors import InvalidInputError
from automl.fitted.one_target import OneTarget, each_target, layout_of
from automl.plurals import plural
from automl.task.metric_words import MetricWords
from automl.task.metrics import Metric, as_score, loss_or_nan
from automl.task.positive_class import class_in_words, positive_code
from automl.usual_metrics import bootstrap
from pipelines.row_samples import draw_rows

if TYPE_CHECKING:
    from automl.base import BaseAutoML

LEVEL = 0.95
_PERCENTAGE = "neg_mean_absolute_percentage_error"
_SAMPLES = 400
_MOST_ROWS = 5_000  # rows of a sample; on longer tables, the interval is scaled by the root of the number of rows
_SECONDS = 10.0  # for the samples of a metric that is not among the usual ones
_MIN_SAMPLES = 20
_SEED = 0


@dataclass(frozen=True)
class Scored:
    """One metric on the rows of a table.

    Attributes
    ----------
    name : str
        Name of the scorer, without the prefix ``neg_``.
    score, low, high : float
        The value and its interval; errors and losses are positive. The ends are NaN where the rows are too few.
    sign : int
        -1 where the value is the negated score of scikit-learn.
    is_optimized : bool
        Whether the search has optimized this metric.
    level : float
        Level of the interval.
    of_class : str
        The class that the score is about, in words; empty where it is about all classes.
    """

    name: str
    score: float
    low: float
    high: float
    sign: int
    is_optimized: bool
    level: float = LEVEL
    of_class: str = ""


class _Judged(NamedTuple):
    """True values and the answers of a model, in the forms that scorers take.

    Attributes
    ----------
    truth, model : ndarray of shape (n_rows,), estimator
        For the usual scorers: numbers, or class codes, of which 1 is the class of interest of two classes.
    own_truth, own_model : ndarray of shape (n_rows,), estimator
        For the scorer of the search, which may be the user's and know the labels.
    usual : mapping of str to callable
        The usual metrics on bootstrap samples of some of the rows.
    classes : ndarray or None
        The labels in the order of the codes; None for numbers.
    """

    truth: NDArray[Any]
    model: Any
    own_truth: NDArray[Any]
    own_model: Any
    usual: bootstrap.Resampled
    classes: NDArray[Any] | None = None


def evaluate(
    estimator: BaseAutoML | OneTarget,
    y: NDArray[Any],
    answers: Mapping[str, NDArray[Any]],
    tell: Callable[[str], object],
    positive_label: Any = None,
    target: str | None = None,
) -> list[Scored]:
    """Return the metric that the search has optimized, and the other usual metrics of the task type.

    Parameters
    ----------
    estimator : AutoMLClassifier, AutoMLRegressor or OneTarget
        The fitted estimator, of which only the classes and the scorer are used.
    y : ndarray of shape (n_rows,)
        The true labels or values.
    answers : mapping of str to ndarray
        The answers of the methods ``predict``, ``predict_proba`` and ``predict_quantiles``, if the model has them.
    tell : callable
        Gets notes for the user about metrics that are left out.
    positive_label : label, optional
        The class of interest of two classes; the one of the estimator when None.
    target : str, optional
        Name of the target, if there are several.

    Raises
    ------
    InvalidInputError
        If no metric can be computed.
    """
    own_name = str(estimator._metric.name)
    rng, size = np.random.default_rng(_SEED), min(len(y), _MOST_ROWS)
    classes = getattr(estimator, "classes_", None)
    codes = None if classes is None else pd.factorize(y)[0]
    rows = np.arange(len(y)) if size == len(y) else draw_rows(rng, len(y), size, codes)
    weights = bootstrap.draw_weights(rng, _SAMPLES, size)
    if classes is None:
        judged = _judged_numbers(y, answers, rows)
        n_zero = int(np.count_nonzero(judged.truth == 0))
        if n_zero and own_name != _PERCENTAGE:  # it divides by these values
            judged = judged._replace(usual={name: own for name, own in judged.usual.items() if name != _PERCENTAGE})
            where = f"the true value of {target!r}" if target else "the true value"
            words = MetricWords.of(_PERCENTAGE)
            tell(f"left out the {words.name}, because {where} is 0 in {plural(n_zero, 'row')}")
    else:
        label = estimator.positive_label if positive_label is None else positive_label
        judged = _judged_classes(y, answers, rows, np.asarray(classes), label)
    own = estimator.scorer_, judged.own_model, judged.own_truth
    results = []
    with _quiet():
        for name in dict.fromkeys([own_name, *judged.usual]):
            scorer = own if name == own_name else (get_scorer(name), judged.model, judged.truth)
            of_class = estimator._metric.of_class if name == own_name else class_in_words(name, judged.classes, 1)
            score = _score(scorer, np.arange(len(y)))
            if name in judged.usual and not math.isfinite(score):  # a scorer of a loaded model may not have been loaded
                score = _score((get_scorer(name), judged.model, judged.truth), np.arange(len(y)))
            if math.isfinite(score):
                # The search may have optimized a score of another class than the given one.
                is_usual = name in judged.usual and of_class == class_in_words(name, judged.classes, 1)
                drawn = judged.usual[name](weights) if is_usual else _resample(scorer, rows, weights)
                scored = _scored(name, score, drawn, rows, len(y), name == own_name)
                results.append(replace(scored, of_class=of_class))
    if not results:
        raise InvalidInputError("no metric can be computed from these rows")
    if not results[0].is_optimized:
        tell(f"{own_name} cannot be computed from the predictions of these rows")
    return results


def _judged_numbers(y: NDArray[Any], answers: Mapping[str, NDArray[Any]], rows: NDArray[np.intp]) -> _Judged:
    truth, model = np.asarray(y, dtype=np.float64), _StoredRegressor(answers)
    usual = bootstrap.regression(truth[rows], np.asarray(answers["predict"], dtype=np.float64)[rows])
    return _Judged(truth, model, truth, model, usual)


def _judged_classes(
    y: NDArray[Any],
    answers: Mapping[str, NDArray[Any]],
    rows: NDArray[np.intp],
    classes: NDArray[Any],
    positive_label: Any,
) -> _Judged:
    """Return the answers of a classifier for the codes of the classes, and for their labels."""
    is_swapped = len(classes) == 2 and positive_code(classes, positive_label) == 0
    order = -1 if is_swapped else 1
    shown = classes[::order]
    code = {label: number for number, label in enumerate(shown.tolist())}
    truth = np.array([code[label] for label in y.tolist()])
    predicted = np.array([code[label] for label in answers["predict"].tolist()])
    probabilities = answers["predict_proba"][:, ::order]
    # The user's scorer may know the labels; scikit-learn's scorers of one class need the codes 0 and 1.
    model = _StoredClassifier({"predict": predicted, "predict_proba": probabilities}, np.arange(len(classes)))
    usual = bootstrap.classification(truth[rows], predicted[rows], probabilities[rows])
    return _Judged(truth, model, shown[truth], _StoredClassifier(answers, classes), usual, shown)


def evaluate_targets(
    estimator: BaseAutoML, y: pd.DataFrame, predictions: NDArray[Any], tell: Callable[[str], object]
) -> tuple[Scored | None, dict[str, list[Scored]]]:
    """Return the metric that the search has optimized over all targets, and the usual metrics of each target.

    Parameters
    ----------
    y : DataFrame of shape (n_rows, n_targets)
        The true labels or values, with the names of the targets.
    predictions : ndarray of shape (n_rows, n_columns)
        The predictions for the targets, side by side.
    tell : callable
        Gets notes for the user about metrics that are left out.
    """
    codes, each = [], {}
    for own, block in zip(each_target(estimator), layout_of(estimator).blocks(predictions), strict=True):
        values = y[own.name].to_numpy()
        answers = {"predict": block}
        if own.classes_ is not None:
            answers = {"predict": own.classes_[block.argmax(axis=1)], "predict_proba": block}
            numbers = {label: code for code, label in enumerate(own.classes_.tolist())}
            codes.append(np.array([numbers[label] for label in values.tolist()]))
        else:
            codes.append(values)
        each[own.name] = evaluate(own, values, answers, tell, target=own.name)
    return _evaluate_together(estimator._metric, np.column_stack(codes), predictions, tell), each


def _evaluate_together(
    metric: Metric, y: NDArray[Any], predictions: NDArray[Any], tell: Callable[[str], object]
) -> Scored | None:
    """Return the metric of all targets at once; None where it is not defined for these rows."""

    def score(judged: NDArray[Any], table: NDArray[np.intp], true: NDArray[Any]) -> float:
        return as_score(loss_or_nan(metric, true, judged[table[:, 0]]))

    scorer = score, predictions, y
    whole = _score(scorer, np.arange(len(y)))
    if not math.isfinite(whole):
        tell(f"{metric.name} cannot be computed from the predictions of these rows")
        return None
    rng, size = np.random.default_rng(_SEED), min(len(y), _MOST_ROWS)
    rows = np.arange(len(y)) if size == len(y) else draw_rows(rng, len(y), size, y)
    with _quiet():
        drawn = _resample(scorer, rows, bootstrap.draw_weights(rng, _SAMPLES, size))
    return _scored(metric.name, whole, drawn, rows, len(y), is_optimized=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings about scores that are not defined for some rows."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _score(scorer: tuple[Any, Any, NDArray[Any]], rows: NDArray[np.intp]) -> float:
    """Return the score on some rows, NaN where it is not defined for them."""
    score, judged, y = scorer
    try:
        return float(score(judged, rows[:, None], y[rows]))
    except (ValueError, TypeError, IndexError, AttributeError, KeyError):
        return float("nan")  # such as the ROC AUC of rows of one class, or a user's scorer that needs the table


def _resample(
    scorer: tuple[Any, Any, NDArray[Any]], rows: NDArray[np.intp], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the scores of bootstrap samples, of which a slow scorer gets fewer."""
    deadline = time.monotonic() + _SECONDS
    drawn: list[float] = []
    for counts in weights:
        if len(drawn) >= _MIN_SAMPLES and time.monotonic() > deadline:
            break
        drawn.append(_score(scorer, np.repeat(rows, counts.astype(int))))
    return np.array(drawn)


def _scored(
    name: str, score: float, drawn: NDArray[np.float64], rows: NDArray[np.intp], n_rows: int, is_optimized: bool
) -> Scored:
    """Return a score with its interval, from the scores of samples of some of the rows.

    The samples of a long table hold fewer rows, and vary more by the root of the ratio of the numbers of rows.
    """
    known, bounds = drawn[np.isfinite(drawn)], np.array([np.nan, np.nan])
    if len(known) and shows_spread(known, rows, None):
        bounds = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        if len(rows) < n_rows:
            bounds = score + math.sqrt(len(rows) / n_rows) * (bounds - np.median(known))
    sign = -1 if name.startswith("neg_") else 1
    low, high = sorted((sign * bounds).tolist())
    return Scored(name.removeprefix("neg_"), sign * score, low, high, sign, is_optimized)


class _StoredClassifier(ClassifierMixin, BaseEstimator):
    """Answers with stored predictions; its table is one column of row numbers."""

    def __init__(self, answers: Mapping[str, NDArray[Any]], classes: NDArray[Any]):
        self.answers, self.classes_ = answers, classes

    def predict(self, X: NDArray[np.intp]) -> NDArray[Any]:
        return self.answers["predict"][X[:, 0]]

    def predict_proba(self, X: NDArray[np.intp]) -> NDArray[Any]:
        return self.answers["predict_proba"][X[:, 0]]

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _StoredRegressor(RegressorMixin, BaseEstimator):
    """Answers with stored predictions; its table is one column of row numbers."""

    def __init__(self, answers: Mapping[str, NDArray[Any]]):
        self.answers = answers

    def predict(self, X: NDArray[np.intp]) -> NDArray[Any]:
        return self.answers["predict"][X[:, 0]]

    def predict_quantiles(self, X: NDArray[np.intp]) -> NDArray[Any]:
        return self.answers["predict_quantiles"][X[:, 0]]

    def __sklearn_is_fitted__(self) -> bool:
        return True
