"""Turn any scikit-learn scorer into a loss on stored predictions, with fast code for the common scorers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import get_scorer

from automl.errors import InvalidInputError
from automl.task.class_scorers import (
    CLASS_MEANS,
    NAMES,
    AllClassesScorer,
    mean_over_classes,
    mean_over_pairs,
    roc_auc_losses,
)
from automl.task.metric_words import MetricWords
from automl.task.ordered_classes import KAPPA, RANKED_PROBABILITY, OrderedScorer, ordered_loss
from automl.task.ordered_classes import NAMES as ORDERED_NAMES
from automl.task.positive_class import CodedScorer, class_in_words, on_positive_class, positive_code
from automl.task.scorers import StoredClassifier, StoredRegressor, TableProbe, take_rows
from pipelines.quantiles import pinball_loss

Array = NDArray[Any]
PredictionRange = tuple[float, float] | tuple[tuple[float, ...], tuple[float, ...]]
Loss = Callable[[Array, Array, Array | None], float]


def _log_loss(y: Array, p: Array, w: Array | None) -> float:
    true = np.clip(p[np.arange(len(y)), y], 1e-15, 1.0)
    return float(np.average(-np.log(true), weights=w))


def _roc_auc_loss(y: Array, p: Array, w: Array | None) -> float:
    return float(roc_auc_losses(y, (p[:, 1] if p.ndim == 2 else p)[None], w)[0])


def _class_mean_loss(name: str) -> Loss:
    """Return the loss of a multiclass area under the ROC curve by the name of its scorer."""
    mean = mean_over_pairs if "_ovo" in name else mean_over_classes
    return lambda y, p, w: -mean(y, p, w, name.endswith("_weighted"))


def _average_precision_loss(y: Array, p: Array, w: Array | None, positive: int = 1) -> float:
    order = np.argsort(-p[:, positive])
    last = np.flatnonzero(np.diff(p[order, positive], append=np.inf))  # the last row of each tie
    weight = np.ones(len(y)) if w is None else w
    found = np.cumsum((weight * (y == positive))[order])[last]
    precision = _ratio(found, np.cumsum(weight[order])[last])
    return -float((np.diff(found, prepend=0.0) * precision).sum() / found[-1]) if found[-1] else 0.0


def _accuracy_loss(y: Array, p: Array, w: Array | None) -> float:
    return -float(np.average(p.argmax(axis=1) == y, weights=w))


def _ratio(part: Array, whole: Array) -> Array:
    """Return the quotients, with 0 for 0 / 0 as in scikit-learn's scores of labels."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _class_weights(y: Array, p: Array, w: Array | None) -> tuple[Array, Array, Array]:
    """Return, by class, the weight of its rows, of the rows predicted as the class, and of the rows in both sets."""
    predicted, n_classes = p.argmax(axis=1), p.shape[1]
    weight = np.ones(len(y)) if w is None else w
    correct = y == predicted
    return (
        np.bincount(y, weight, n_classes),
        np.bincount(predicted, weight, n_classes),
        np.bincount(y[correct], weight[correct], n_classes),
    )


def _balanced_accuracy_loss(y: Array, p: Array, w: Array | None) -> float:
    true, _, both = _class_weights(y, p, w)
    return -float(_ratio(both, true)[true > 0].mean())


def _f1_by_class(y: Array, p: Array, w: Array | None) -> tuple[Array, Array, Array]:
    """Return F1 by class, and the weights of the true and of the predicted classes."""
    true, predicted, both = _class_weights(y, p, w)
    return _ratio(2 * both, true + predicted), true, predicted


def _f1_loss(y: Array, p: Array, w: Array | None, positive: int = 1) -> float:
    return -float(_f1_by_class(y, p, w)[0][positive])


def _f1_macro_loss(y: Array, p: Array, w: Array | None) -> float:
    f1, true, predicted = _f1_by_class(y, p, w)
    return -float(f1[true + predicted > 0].mean())


def _f1_weighted_loss(y: Array, p: Array, w: Array | None) -> float:
    f1, true, _ = _f1_by_class(y, p, w)
    return -float(np.average(f1, weights=true))


def _precision_loss(y: Array, p: Array, w: Array | None, positive: int = 1) -> float:
    _, predicted, both = _class_weights(y, p, w)
    return -float(_ratio(both, predicted)[positive])


def _recall_loss(y: Array, p: Array, w: Array | None, positive: int = 1) -> float:
    true, _, both = _class_weights(y, p, w)
    return -float(_ratio(both, true)[positive])


def _squared(y: Array, p: Array, w: Array | None) -> float:
    return float(np.average((y - p) ** 2, weights=w))


def _rmse(y: Array, p: Array, w: Array | None) -> float:
    return float(np.sqrt(_squared(y, p, w)))


def _mae(y: Array, p: Array, w: Array | None) -> float:
    return float(np.average(np.abs(y - p), weights=w))


def _r2_loss(y: Array, p: Array, w: Array | None) -> float:
    if len(y) < 2:
        return float("nan")
    error, spread = _squared(y, p, w), _squared(y, np.average(y, weights=w), w)
    return error / spread - 1 if spread else -float(error == 0)  # as in scikit-learn


FAST: dict[str, Loss] = {
    "neg_log_loss": _log_loss,
    "roc_auc": _roc_auc_loss,
    "accuracy": _accuracy_loss,
    "balanced_accuracy": _balanced_accuracy_loss,
    "f1_macro": _f1_macro_loss,
    "f1_weighted": _f1_weighted_loss,
    "neg_mean_squared_error": _squared,
    "neg_root_mean_squared_error": _rmse,
    "neg_mean_absolute_error": _mae,
    "r2": _r2_loss,
    **{name: _class_mean_loss(name) for name in CLASS_MEANS},
}
# The losses of one of two classes, whose code is the last argument.
FAST_OF_ONE_CLASS: dict[str, Callable[[Array, Array, Array | None, int], float]] = {
    "f1": _f1_loss,
    "precision": _precision_loss,
    "recall": _recall_loss,
    "average_precision": _average_precision_loss,
}
PINBALL = "neg_mean_pinball_loss"  # the metric of a task of quantiles
_UNBOUNDED = ("positive_likelihood_ratio", "mutual_info_score")  # scorers of scikit-learn whose scores may exceed 1
# The first words of scorers of scikit-learn whose scores are never below 0.
_NEVER_NEGATIVE = (
    "accuracy", "average_precision", "balanced_accuracy", "completeness", "f1", "fowlkes_mallows", "homogeneity",
    "jaccard", "mutual_info", "normalized_mutual_info", "positive_likelihood_ratio", "precision", "rand_score",
    "recall", "roc_auc", "top_k_accuracy", "v_measure",
)  # fmt: skip
_WORST = {"matthews_corrcoef": -1.0, KAPPA: -1.0}
ALIASES = {"log_loss": "neg_log_loss", "rmse": "neg_root_mean_squared_error", "mae": "neg_mean_absolute_error"}


@dataclass(frozen=True)
class Metric:
    """A scorer as a loss (the negated score) on stored predictions.

    Attributes
    ----------
    name : str
        Name of the scorer, for display.
    scorer : callable
        ``scorer(estimator, X, y)``, greater is better.
    classes : ndarray or None
        Labels in the order of the probability columns; None for regression.
    fast : str or None
        Name of the equal loss in `FAST` or `FAST_OF_ONE_CLASS`, which is used instead of the scorer; None if there is
        no such loss.
    best, worst : float
        The highest and the lowest possible score; infinite where there is none, or where it is not known.
    positive : int
        Code of the class of interest, for scorers of one of two classes.
    reads_table : bool
        Whether the scorer reads the rows of the table, beside the predictions for them.
    table : DataFrame, ndarray or sparse matrix, optional
        The rows of the target, in the form in which the user gave them, if the scorer reads them.
    prediction_range : tuple of float, or of a tuple of float for several targets, optional
        Smallest and largest prediction for which the scorer has a value; None if it has a value everywhere. For several
        targets of numbers, it holds the smallest predictions and the largest predictions of all targets.
    seconds : float
        Seconds of one call for all rows; 0 where they were not measured.
    losses, target_transforms : tuple of str
        Losses that models of a regression are trained with, and transforms of the target, the best one first; see
        `TableTraits`.
    quantiles : tuple of float
        Levels of the quantiles that are predicted; empty for other tasks.
    ranks : tuple of int
        Rank of each class of a target with an order, for all scores; empty for other targets.
    """

    name: str
    scorer: Any
    classes: Array | None = None
    fast: str | None = None
    best: float = float("inf")
    positive: int = 1
    reads_table: bool = False
    table: Any = None
    prediction_range: PredictionRange | None = None
    seconds: float = field(default=0.0, compare=False)
    losses: tuple[str, ...] = ("squared_error",)
    target_transforms: tuple[str, ...] = ("none",)
    quantiles: tuple[float, ...] = ()
    ranks: tuple[int, ...] = ()
    worst: float = float("-inf")

    @property
    def of_class(self) -> str:
        """The class that the score is about, in words; empty where it is about all classes."""
        return class_in_words(self.name, self.classes, self.positive)

    @property
    def words(self) -> MetricWords:
        """The metric as people read it."""
        return MetricWords.of(self.name, self.of_class)

    @property
    def decides_by_rank(self) -> bool:
        """Whether the ranks of ordered classes decide which label is the best one, and not its probability alone."""
        return self.fast in ORDERED_NAMES

    @property
    def is_mean_over_classes(self) -> bool:
        """Whether the score is a mean over the classes of the scored rows."""
        return isinstance(self.scorer, AllClassesScorer) and self.name in CLASS_MEANS

    def clip(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends of an interval of the score, within the range of the metric; ends that are NaN stay."""
        return max(low, self.worst), min(high, self.best)

    def take(self, rows: Array) -> Metric:
        """Return the metric for some rows of its target; rows are numbers or a mask."""
        if self.table is None:
            return self
        numbers = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(self, table=take_rows(self.table, numbers))

    def without_table(self) -> Metric:
        """Return the metric without the rows of the table."""
        return self if self.table is None else replace(self, table=None)

    def loss(self, y: Array, predictions: Array, sample_weight: Array | None = None) -> float:
        """Return the loss of predictions for an encoded target.

        Parameters
        ----------
        y : ndarray of shape (n_samples,)
            Class codes, or floats for regression.
        predictions : ndarray of shape (n_samples, n_classes) or (n_samples,)
            Probabilities, or predicted values; quantiles have the shape (n_samples, n_quantiles).
        sample_weight : ndarray of shape (n_samples,), optional

        Returns
        -------
        float
            NaN if the metric is undefined on these rows.

        Raises
        ------
        ValueError
            If the scorer reads the table, and the metric does not have the rows of `y`; see `take`.
        """
        if self.fast is not None:
            if sample_weight is not None and not sample_weight.any():
                return float("nan")
            if self.quantiles:
                return pinball_loss(y, predictions, self.quantiles, sample_weight)
            if self.fast in ORDERED_NAMES:
                return ordered_loss(self.fast, y, predictions, sample_weight, self.ranks)
            if self.fast in FAST_OF_ONE_CLASS:
                return FAST_OF_ONE_CLASS[self.fast](y, predictions, sample_weight, self.positive)
            return FAST[self.fast](y, predictions, sample_weight)
        if self.reads_table and (self.table is None or self.table.shape[0] != len(y)):
            raise ValueError(f"scoring {self.name!r} reads the rows of the table, which are not at hand here")
        return self._call(y, predictions, sample_weight, np.zeros((len(y), 1)) if self.table is None else self.table)

    def needs_table(self, y: Array, predictions: Array, sample_weight: Array | None) -> bool:
        """Return whether the scorer reads the table, or has no value without it.

        Scorers of `make_scorer` only pass the table on to the model. Any other callable is tried once.
        """
        known = isinstance(self.scorer, CodedScorer | AllClassesScorer) or hasattr(self.scorer, "_score_func")
        if self.fast is not None or known:
            return False
        probe = TableProbe()
        with warnings.catch_warnings(action="ignore"):
            try:
                loss = self._call(y, predictions, sample_weight, probe)
            except Exception:  # noqa: BLE001  the scorer is the user's code
                return True
        return not np.isfinite(loss) or TableProbe.was_read(probe)

    def _call(self, y: Array, predictions: Array, sample_weight: Array | None, table: Any) -> float:
        known = table if self.reads_table else None  # other scorers ask for all rows
        if self.classes is None:
            model, target = StoredRegressor(predictions, table=known), y
        else:
            model, target = StoredClassifier(predictions, self.classes, known), self.classes[y]
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        return -float(self.scorer(model, table, target, **weight))


def clip_predictions(predictions: Array, prediction_range: PredictionRange | None) -> Array:
    """Return predictions within `Metric.prediction_range`; probabilities of a row still sum to 1."""
    if prediction_range is None:
        return predictions
    clipped = np.clip(predictions, *prediction_range)
    several = isinstance(prediction_range[0], tuple)  # targets of numbers
    return clipped / clipped.sum(axis=1, keepdims=True) if clipped.ndim == 2 and not several else clipped


def as_score(loss: float) -> float:
    """Return the score of a loss, which is its negative; that of 0 has no sign, so that no text shows -0."""
    return 0.0 - loss


def loss_or_nan(metric: Metric, y: Array, predictions: Array, sample_weight: Array | None = None) -> float:
    """Return the loss of predictions for some rows; NaN, without a warning, if the metric is undefined there."""
    # scikit-learn warns of labels that are never predicted. Fast losses do not warn, and the filter would take as long
    # as they do.
    with nullcontext() if metric.fast else warnings.catch_warnings(action="ignore"):
        try:
            return metric.loss(y, predictions, sample_weight)
        except Exception:  # noqa: BLE001  a class may be missing, and a user's scorer may raise anything
            return float("nan")


def default_scoring(task: str) -> str:
    """Return the name of the default scorer of a task type."""
    return {"binary": "roc_auc", "multiclass": "neg_log_loss", "regression": "neg_root_mean_squared_error"}[task]


def make_metric(scoring: Any, task: str, classes: Array | None, positive_label: Any = None) -> Metric:
    """Return the metric for the name of a scorer, a scorer object, or None (the default of the task type).

    Parameters
    ----------
    positive_label : label, optional
        The class of interest of two classes, see `positive_code`.

    Raises
    ------
    ValueError
        If the name is not one of scikit-learn's, or if `positive_label` is none of two classes.
    """
    positive = 1 if classes is None else positive_code(classes, positive_label)
    scoring = default_scoring(task) if scoring is None else scoring
    if not isinstance(scoring, str):
        name = getattr(scoring, "__name__", str(scoring))
        scorer = scoring if classes is None else on_positive_class(scoring, classes, positive_label)
        return Metric(name, scorer, classes, positive=positive)
    name = ALIASES.get(scoring, scoring)
    best = 0.0 if name.startswith("neg_") else float("inf") if name in _UNBOUNDED else 1.0
    fast = name in FAST or (name in FAST_OF_ONE_CLASS and task == "binary")
    if name in CLASS_MEANS:  # for two classes, these scorers take the probability of the second class
        fast = task == "multiclass"
    scorer = named_scorer(name, classes, positive_label)
    worst = 0.0 if name.startswith(_NEVER_NEGATIVE) else _WORST.get(name, float("-inf"))
    return Metric(name, scorer, classes, name if fast else None, best, positive, worst=worst)


def ordered_metric(name: str | None, classes: Array, ranks: tuple[int, ...]) -> Metric:
    """Return a metric of ordered classes by its name; None means the ranked probability score.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels.
    ranks : tuple of int
        Rank of each class.

    Raises
    ------
    InvalidInputError
        If the classes have no order.
    """
    name = RANKED_PROBABILITY if name is None else name
    if not ranks:
        raise InvalidInputError(
            f"scoring={name!r} is for ordered classes; pass y as an ordered categorical of three classes or more, such "
            'as y.astype(pandas.CategoricalDtype(["low", "middle", "high"], ordered=True))'
        )
    scorer = OrderedScorer(name, tuple(classes[np.argsort(ranks)].tolist()))
    best, worst = 1.0 if name == KAPPA else 0.0, _WORST.get(name, float("-inf"))
    return Metric(name, scorer, classes, name, best, ranks=ranks, worst=worst)


def named_scorer(name: str, classes: Array | None, positive_label: Any = None) -> Any:
    """Return a scorer of scikit-learn by its name.

    Scorers of one of two classes take the class of `positive_code`. With more classes, scorers of probabilities have
    a value also for rows that lack a class.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,) or None
        Labels in ascending order; None for regression.
    positive_label : label, optional
        The class of interest of two classes.

    Raises
    ------
    ValueError
        If there is no such scorer, or if `positive_label` is none of two classes.
    """
    scorer = get_scorer(name)
    if classes is None:
        return scorer
    positive = positive_code(classes, positive_label)
    if name in NAMES and (len(classes) > 2 or name == "neg_log_loss"):
        return AllClassesScorer(name, classes)
    if len(classes) != 2 or (1 in classes.tolist() and positive == positive_code(classes)):
        return scorer
    return CodedScorer(scorer, classes if positive == 1 else classes[::-1])


def try_metric(metric: Metric, y: Array, predictions: Array, sample_weight: Array | None = None) -> str:
    """Say why a metric is undefined on some rows; return an empty string if it is defined.

    Parameters
    ----------
    predictions : ndarray
        Predictions for these rows, for example from `arbitrary_predictions`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            loss = metric.loss(y, predictions, sample_weight)
        except Exception as error:  # noqa: BLE001  a scorer may be the user's code and raise anything
            return f"{type(error).__name__}: {error}"
    return "" if np.isfinite(loss) else f"it is {-loss}"


def arbitrary_predictions(y: Array, n_classes: int, random_state: int = 0) -> Array:
    """Make random predictions with the shape and range of real predictions, to test whether a metric is defined.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class codes, or floats. Of several targets, it has the shape (n_samples, n_targets).
    n_classes : int
        0 for regression.
    """
    if y.ndim == 2:
        each = [arbitrary_predictions(own, n_classes and int(own.max()) + 1, random_state) for own in y.T]
        return np.column_stack(each)
    rng = np.random.default_rng(random_state)
    if n_classes:
        return rng.dirichlet(np.ones(n_classes), len(y))
    # The predictions are inside the range of y, because some metrics allow a target of zero but no prediction of zero.
    return 0.5 * rng.permutation(y) + 0.5 * y.mean()
