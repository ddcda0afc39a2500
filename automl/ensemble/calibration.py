"""Calibrate the probabilities of an ensemble: the mean of several models is too close to equal probabilities."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from automl.task.ordered_classes import RANKED_PROBABILITY
from automl.task.scored_target import ScoredTarget
from pipelines.row_samples import rows_to_score
from pipelines.weights import relative_weights

Array = NDArray[Any]
# One factor; also a bias for each class; also a matrix, which is drawn towards the factor strongly or weakly.
Form = Literal["temperature", "bias", "strong prior", "matrix"]

FORMS: tuple[Form, ...] = get_args(Form)  # from the most rigid to the most flexible one
_WITH_MATRIX = ("strong prior", "matrix")
_PROPER_SCORES = ("neg_log_loss", "neg_brier_score", "d2_log_loss_score", "d2_brier_score", RANKED_PROBABILITY)
_RANKING_SCORES = ("roc_auc", "average_precision")  # for two classes, an increasing map leaves these scores unchanged
_MIN_PROBABILITY = 1e-6  # smaller probabilities are replaced by this one
# In units of the summed log loss: with 2, entries of matrix and bias have a standard deviation of 1/2.
_PRIOR_STRENGTH: dict[Form, float] = {"temperature": 2.0, "bias": 2.0, "strong prior": 20.0, "matrix": 2.0}
_HALF_WEIGHT_ROWS = 300  # rows at which a map gets half the weight beside the temperature; more if it has more entries
_BAG_SHARPENING = 0.06  # 5 % for a bag of 8 models: benchmarks/README.md
_MAX_CLASSES = 30  # for a full matrix
_MAX_ROWS = 20_000
_MAX_STEPS = 30  # as good as 200 on new rows, and seconds faster for many rows and classes
_FOLDS = ((5_000, 5), (np.inf, 3))  # largest number of rows, and the folds of the test of a form
_NOISE = 1.0  # standard errors by which a form may be worse than the best one


@dataclass(frozen=True)
class Calibration:
    """A linear map of the logarithms of probabilities.

    Attributes
    ----------
    matrix : ndarray of shape (n_classes, n_classes)
    bias : ndarray of shape (n_classes,)
    form : str
        The form that was fitted.
    """

    matrix: Array
    bias: Array
    form: Form = "matrix"

    def __call__(self, probabilities: Array) -> Array:
        """Return the calibrated probabilities, shape (n_samples, n_classes)."""
        return np.asarray(softmax(_logarithms(probabilities) @ self.matrix.T + self.bias, axis=1))

    @property
    def is_increasing(self) -> bool:
        """Whether the map of two classes keeps the order of rows by the probability of the second class."""
        return bool(self.matrix[1, 1] >= self.matrix[0, 1] and self.matrix[0, 0] >= self.matrix[1, 0])


class _Rows(NamedTuple):
    """Rows to fit a map on or to test it with: logarithms of probabilities, class codes, relative weights."""

    logs: Array
    y: Array
    counts: Array  # a row of weight 2 is the same as two rows

    def take(self, rows: Array) -> _Rows:
        return _Rows(self.logs[rows], self.y[rows], self.counts[rows])

    def losses(self, calibration: Calibration | None) -> Array:
        """Return the log loss of each row."""
        scores = self.logs if calibration is None else self.logs @ calibration.matrix.T + calibration.bias
        return np.asarray(-log_softmax(scores, axis=1)[np.arange(len(self.y)), self.y])


def calibrate(
    target: ScoredTarget,
    probabilities: Array,
    random_state: int = 0,
    deadline: float = float("inf"),
    form: Form | None = None,
    models_per_member: float = 1.0,
) -> Calibration | None:
    """Fit a map that makes the probabilities agree with the labels, if it lowers the log loss on other rows.

    The method is Dirichlet calibration (Kull et al., "Beyond temperature scaling", NeurIPS 2019): multinomial logistic
    regression on the logarithms of the probabilities. Its simpler forms are temperature scaling (Guo et al., ICML 2017)
    and temperature scaling with a bias for each class. The prior draws the map towards temperature scaling. As in Platt
    scaling, the labels are smoothed: a share of 1 / n_samples of each label is spread over all classes, so that rows
    without an error do not give probabilities of 1. With few rows the fitted map still overfits; therefore it is
    averaged with temperature scaling, whose single factor hardly overfits.

    The rows are predicted by one fold model each, and new rows by the mean of several fold models, which is nearer to
    equal probabilities. Averaging k models removes the share 1 - 1 / k of their independent noise, so the logarithms
    are multiplied by 1 + 0.06 (1 - 1 / k); benchmarks/calibration_effect.py measured the 0.06.

    With many classes a matrix may fit the few errors of good models, and raise the loss on new rows. Therefore the
    forms are cross-validated on the rows, also no map at all. The most flexible form is chosen that is not worse than
    the best one by more than the standard error. The cross-validation judges the flexible forms too harshly: it fits
    them to fewer rows, and new rows get the mean prediction of several fold models, which is further from the labels.

    Parameters
    ----------
    target : ScoredTarget
        Class codes.
    probabilities : ndarray of shape (n_samples, n_classes)
        Out-of-fold predictions.
    deadline : float
        Time of `time.monotonic`, in seconds. A form whose test would end later is left out. After the deadline, the
        temperature is fitted without a test.
    form : str, optional
        The form to fit without a test.
    models_per_member : float
        Number of fold models whose mean predicts new rows; the mean over the members of an ensemble.

    Returns
    -------
    Calibration or None
        None if the metric scores labels, or ranks more than two classes, or if each map raises the loss.
    """
    n_classes, scorer, y = probabilities.shape[1], target.metric.name, target.y
    if scorer not in _PROPER_SCORES and not (n_classes == 2 and scorer in _RANKING_SCORES):
        return None
    weights = np.ones(len(y)) if target.sample_weight is None else np.asarray(target.sample_weight, dtype=np.float64)
    rows = np.flatnonzero(weights)
    if len(rows) == 0:
        return None
    rng = np.random.default_rng(random_state)
    rows = rows_to_score(rng, rows, _MAX_ROWS, y)
    data = _merge_equal_rows(_Rows(_logarithms(probabilities[rows]), y[rows], relative_weights(weights[rows])))
    if form is None:
        form = "temperature" if time.monotonic() > deadline else _choose_form(data, rng, deadline)
    fitted = None if form is None else _fit(data, form, deadline)
    factor = 1 + _BAG_SHARPENING * (1 - 1 / models_per_member)
    if fitted is None:
        return None if factor == 1 else Calibration(factor * np.eye(n_classes), np.zeros(n_classes), "temperature")
    return Calibration(factor * fitted.matrix, factor * fitted.bias, fitted.form)


def _merge_equal_rows(data: _Rows) -> _Rows:
    """Return each different row once, in ascending order, with the sum of its weights.

    A row of weight 2 is then the same as two equal rows.
    """
    different, numbers = np.unique(np.column_stack([data.logs, data.y]), axis=0, return_inverse=True)
    counts = np.bincount(numbers.ravel(), weights=data.counts)
    return _Rows(np.ascontiguousarray(different[:, :-1]), different[:, -1].astype(data.y.dtype), counts)


def _choose_form(data: _Rows, rng: np.random.Generator, deadline: float) -> Form | None:
    """Return the form that the cross-validation chooses; None for no map."""
    data, folds = _folds(data, rng)
    losses: dict[Form | None, Array] = {None: data.losses(None)}
    for form in FORMS:
        if form in _WITH_MATRIX and data.logs.shape[1] > _MAX_CLASSES:
            break
        found = _validated_losses(data, form, folds, deadline)
        if found is None:
            break
        losses[form] = found
    shares = data.counts / data.counts.sum()
    best = min(losses, key=lambda form: float(shares @ losses[form]))
    for name, own in reversed(losses.items()):
        excess = own - losses[best]
        mean = shares @ excess
        if mean <= _NOISE * np.sqrt(shares @ (excess - mean) ** 2 / data.counts.sum()):
            return name
    return best


def _validated_losses(data: _Rows, form: Form, folds: list[tuple[Array, Array]], deadline: float) -> Array | None:
    """Return the loss of each row by a map that is fitted on other folds; None if the time would not suffice."""
    losses = np.empty(len(data.y))
    for n_done, (train, test) in enumerate(folds):
        start = time.monotonic()
        losses[test] = data.take(test).losses(_fit(data.take(train), form, deadline))
        left = len(folds) - n_done  # this many fits are missing: the other folds, and that on all rows
        if time.monotonic() + left * (time.monotonic() - start) > deadline:
            return None
    return losses


def _folds(data: _Rows, rng: np.random.Generator) -> tuple[_Rows, list[tuple[Array, Array]]]:
    """Split rows with large weights, and return the parts with the folds: pairs of training rows and test rows.

    The folds have similar shares of the classes. The parts of a row are in different folds, as equal rows would be.
    """
    n_folds = next(n for most, n in _FOLDS if data.counts.sum() <= most)
    data = data.take(rng.permutation(len(data.y)))
    n_parts = np.clip(np.rint(data.counts), 1, n_folds).astype(np.intp)
    parts = data.take(np.repeat(np.arange(len(data.y)), n_parts))
    parts = parts._replace(counts=parts.counts / np.repeat(n_parts, n_parts))
    numbers = np.empty(len(parts.y), dtype=np.intp)
    numbers[np.argsort(parts.y, kind="stable")] = np.arange(len(parts.y)) % n_folds
    used = [fold for fold in range(n_folds) if (numbers == fold).any() and (numbers != fold).any()]
    return parts, [(np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)) for fold in used]


def _fit(data: _Rows, form: Form, deadline: float = float("inf")) -> Calibration | None:
    """Return the map of a form, averaged with temperature scaling; None if no usable map is found.

    Parameters
    ----------
    deadline : float
        The fit stops there, and the map found by then is used.
    """
    n_classes, n_rows = data.logs.shape[1], data.counts.sum()
    shares, prior = data.counts / n_rows, _PRIOR_STRENGTH[form] / n_rows
    smoothing, numbers = 1 / n_rows, np.arange(len(data.y))
    n_entries = {"temperature": 0, "bias": n_classes}.get(form, n_classes + n_classes**2)

    def unpack(v: Array) -> Calibration:
        entries = np.zeros(n_classes + n_classes**2)
        entries[:n_entries] = v[1:]
        matrix = v[0] * np.eye(n_classes) + entries[n_classes:].reshape(n_classes, n_classes)
        return Calibration(matrix, entries[:n_classes], form)

    def loss(v: Array) -> tuple[float, Array]:
        candidate = unpack(v)
        scores = data.logs @ candidate.matrix.T if form in _WITH_MATRIX else v[0] * data.logs
        scores += candidate.bias
        scores -= scores.max(axis=1, keepdims=True)
        hits = (1 - smoothing) * scores[numbers, data.y] + smoothing * scores.mean(axis=1)
        errors = np.exp(scores, out=scores)
        sums = errors.sum(axis=1)
        value = shares @ (np.log(sums) - hits) + prior * v[1:] @ v[1:]
        errors *= (shares / sums)[:, None]
        errors -= (smoothing / n_classes * shares)[:, None]
        errors[numbers, data.y] -= (1 - smoothing) * shares
        by_entry = errors.T @ data.logs if form in _WITH_MATRIX else np.empty((0, 0))
        factor = np.trace(by_entry) if form in _WITH_MATRIX else np.vdot(errors, data.logs)
        gradient = np.concatenate([[factor], errors.sum(axis=0), by_entry.ravel()])[: 1 + n_entries]
        gradient[1:] += 2 * prior * v[1:]
        return float(value), gradient

    def stop(_: Array) -> None:
        if time.monotonic() > deadline:
            raise StopIteration  # ends `minimize`, which returns the best map so far

    base = None if form == "temperature" else _fit(data, "temperature", deadline)
    start = np.zeros(1 + n_entries)
    start[0] = 1.0 if base is None else base.matrix[0, 0]
    with np.errstate(all="ignore"):
        fitted = minimize(loss, start, jac=True, method="L-BFGS-B", callback=stop, options={"maxiter": _MAX_STEPS})
    full = unpack(fitted.x)
    if not np.isfinite(fitted.x).all() or fitted.x[0] <= 0 or (n_classes == 2 and not full.is_increasing):
        return None
    if base is None:
        return full
    trust = n_rows / (n_rows + max(_HALF_WEIGHT_ROWS, n_entries))
    return Calibration((1 - trust) * base.matrix + trust * full.matrix, trust * full.bias, form)


def _logarithms(probabilities: Array) -> Array:
    """Return the logarithms of probabilities, which are clipped from below."""
    return np.log(np.clip(probabilities, _MIN_PROBABILITY, 1.0, dtype=np.float64))
