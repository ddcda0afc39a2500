"""Select an ensemble greedily on out-of-fold predictions, with safeguards against overfitting to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from automl.ensemble.calibration import Calibration
from automl.ensemble.prediction import PredictionPlan
from automl.ensemble.quantile_shift import QuantileShift
from automl.ensemble.scored_rows import find_units
from automl.ensemble.target_calibration import TargetsCalibration
from automl.ensemble.thrift import remove_costly
from automl.errors import NothingFittedError
from automl.task.class_scorers import roc_auc_losses
from automl.task.metrics import PredictionRange, clip_predictions
from automl.task.ordered_classes import KAPPA, KappaDecision, median_codes
from automl.task.scored_target import ScoredTarget
from automl.task.task import ALL_ROWS, Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import candidate_sets, rank
from automl.trials.finished import FinishedTrials
from automl.trials.history import Evaluation
from pipelines.configuration import Configuration
from pipelines.quantiles import middle, uncrossed
from pipelines.row_samples import draw_rows
from pipelines.targets import TargetLayout

Array = NDArray[Any]

_SHRINKAGE_ROWS = 100.0  # rows at which the greedy weights and equal weights count the same
_BAGS = 8
_BAG_ROWS = 5_000  # for tables with fewer rows, the weights of several bags of rows are averaged
_SMALLEST_WEIGHT = 0.02
_NEARLY = 1.1  # ratio of the errors of two ensembles on the same rows, the better of which has been chosen by them
_SORTED_AT_ONCE = 1_000_000  # number of scores, which bounds the memory
_REMOVAL_SECONDS = 0.2  # for the removal of members that do not pay, also after the deadline
_MAX_ROWS = 20_000  # more rows do not change the weights, but metrics that sort take longer


@dataclass
class FoldBag:
    """The fold models of one configuration; their prediction is the mean.

    Attributes
    ----------
    folds : tuple of int
        Number of the fold of each model, `ALL_ROWS` for a model of all rows beside them; empty where models of all rows
        alone predict.
    """

    configuration: Configuration
    weight: float
    models: list[Pipeline]
    folds: tuple[int, ...] = ()

    @property
    def scored_folds(self) -> tuple[int, ...]:
        """The folds of the models, without the number of a model of all rows, which has no scored rows."""
        return tuple(fold for fold in self.folds if fold != ALL_ROWS)

    @property
    def typical_model(self) -> Pipeline:
        """The first model whose training no time limit has cut, because a cut one may be far worse; else the first."""
        return next((model for model in self.models if not getattr(model[-1], "cut_", False)), self.models[0])


@dataclass
class Ensemble:
    """The weighted mean of bags of fold models.

    Attributes
    ----------
    n_threads : int or None
        Largest number of models that predict at the same time; None for all cores of the machine that predicts.
    decision_weights : ndarray of shape (n_classes,) or None
        Factors of the probabilities for the choice of a label; None for the most probable label.
    decision_is_own : bool
        Whether the user has set `decision_weights`, so that a smaller ensemble keeps them.
    calibration : Calibration, TargetsCalibration or None
        Map that is applied to the mean probabilities.
    prediction_range : tuple or None
        Smallest and largest prediction; see `Metric.prediction_range`.
    targets : TargetLayout or None
        The layout of the predictions for several targets; None for one target.
    quantiles : tuple of float
        Levels of the predicted quantiles; empty for other tasks.
    quantile_shift : QuantileShift or None
        Calibration of the quantiles.
    ranks : tuple of int
        Rank of each of ordered classes, whose median is predicted; empty for other classes.
    kappa : KappaDecision or None
        The decision for the score kappa of ordered classes, in place of the median.
    """

    bags: list[FoldBag]
    n_classes: int
    n_threads: int | None = 1
    decision_weights: Array | None = None
    decision_is_own: bool = False
    calibration: Calibration | TargetsCalibration | None = None
    prediction_range: PredictionRange | None = None
    targets: TargetLayout | None = None
    quantiles: tuple[float, ...] = ()
    quantile_shift: QuantileShift | None = None
    ranks: tuple[int, ...] = ()
    kappa: KappaDecision | None = None

    @classmethod
    def of_task(cls, bags: list[FoldBag], task: Task, n_threads: int | None = 1) -> Self:
        """Return the ensemble of some bags for a task, without calibration and decision rule."""
        traits, metric = task.traits, task.metric
        return cls(
            bags,
            traits.n_classes,
            n_threads,
            prediction_range=metric.prediction_range,
            targets=traits.targets,
            quantiles=traits.quantiles,
            ranks=metric.ranks if metric.decides_by_rank else (),
            kappa=KappaDecision() if metric.fast == KAPPA else None,
        )

    @property
    def n_columns(self) -> int:
        """Number of columns of the predictions; 0 for a number of one target."""
        if self.quantiles:
            return len(self.quantiles)
        return self.n_classes if self.targets is None else self.targets.n_columns

    def predict(self, X: Any) -> Array:
        """Return probabilities of shape (n_samples, n_classes), or values of shape (n_samples,) for regression.

        The predictions for several targets, and those of quantiles, have the shape (n_samples, n_columns).

        Parameters
        ----------
        X : ndarray or CSR matrix of shape (n_samples, n_features)
            Output of the table reader.
        """
        weights = [bag.weight / len(bag.models) for bag in self.bags for _ in bag.models]
        each = self.plan().predict(X, self.n_threads)
        return self.finish(sum(weight * p.astype(np.float64) for weight, p in zip(weights, each, strict=True)))

    def finish(self, mean: Any) -> Array:
        """Return the predictions for the weighted mean of the members' predictions: calibrated and clipped."""
        mean = np.asarray(mean)
        if self.targets is not None and self.n_classes:
            mean = self.targets.normalize(mean)
            return mean if self.calibration is None else self.calibration(mean)
        if self.n_classes:
            mean = mean / mean.sum(axis=1, keepdims=True)
            mean = mean if self.calibration is None else self.calibration(mean)
        elif self.quantiles:
            return uncrossed(mean) if self.quantile_shift is None else self.quantile_shift(mean)
        return clip_predictions(mean, self.prediction_range)

    def values(self, predictions: Array) -> Array:
        """Return one value for each row where the predictions are quantiles: the middle one; else the predictions."""
        return middle(predictions, self.quantiles) if self.quantiles else predictions

    def plan(self) -> PredictionPlan:
        """Return the plan of the prediction, which is made at the first call and whenever the models have changed."""
        models = [bag.models for bag in self.bags]
        known, plan = self.__dict__.get("_plan", (None, None))
        if plan is None or known != [[id(model) for model in each] for each in models]:
            plan = PredictionPlan(models, self.n_columns)
            self.__dict__["_plan"] = [[id(model) for model in each] for each in models], plan
        return plan

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_plan"}

    def decide(self, probabilities: Array) -> Array:
        """Return the predicted class codes for probabilities of shape (n_samples, n_columns)."""
        if self.targets is not None:
            return self.targets.codes(probabilities)
        if self.kappa is not None:
            return self.kappa.codes(probabilities, self.ranks)
        if self.ranks:
            return median_codes(probabilities, self.ranks)
        weights = 1.0 if self.decision_weights is None else self.decision_weights
        return np.asarray((probabilities * weights).argmax(axis=1))

    @property
    def models_per_member(self) -> float:
        """Number of fold models of a member, the mean over the members by their weights.

        A model of all rows counts only where a member has no fold model.
        """
        weights = [bag.weight for bag in self.bags]
        counts = [len(bag.scored_folds) or len(bag.models) for bag in self.bags]
        return float(np.average(counts, weights=weights))

    @property
    def weights(self) -> dict[Configuration, float]:
        """Weight of each configuration; they sum to 1."""
        return {bag.configuration: bag.weight for bag in self.bags}


@dataclass(frozen=True)
class Member:
    """A chosen configuration and its weight; the weights of all members sum to 1."""

    evaluation: Evaluation
    weight: float

    @property
    def configuration(self) -> Configuration:
        """The configuration."""
        return self.evaluation.configuration


CostFunction = Callable[[Evaluation], float]
CandidateSets = Sequence[tuple[int, list[Evaluation]]]


def select_members(trials: FinishedTrials, size: int, seconds: float, cost: CostFunction | None = None) -> list[Member]:
    """Select the members of the best ensemble that can be built from the trials of a run.

    Parameters
    ----------
    size : int
        Rounds of greedy selection; 1 picks the single best configuration.
    seconds : float
        Time that the selection may take.
    cost : callable or None
        The cost of a prediction by an evaluation, in any unit. Members that do not pay for it are removed.

    Raises
    ------
    NothingFittedError
        If no configuration has finished a fold.
    """
    deadline = time.monotonic() + seconds
    history, task = trials.history, trials.task
    sets = candidate_sets(history, task)
    members = choose_members(sets, trials.artifacts, task, size, deadline, trials.random_state, cost)
    if members:
        return members
    # Parallel trials may have finished a later fold before the first; then the best configuration is chosen alone.
    finished = rank(history) or [e for e in history.evaluations.values() if e.folds]
    if not finished:
        raise NothingFittedError("no configuration has finished a fold, so there is no model to choose")
    return [Member(finished[0], 1.0)]


def choose_members(
    sets: CandidateSets,
    artifacts: Artifacts,
    task: Task,
    size: int,
    deadline: float,
    random_state: int,
    cost: CostFunction | None = None,
) -> list[Member]:
    """Return the members of the best ensemble from sets of candidates; none if all ensembles have an undefined loss.

    Where the best ensemble has configurations that lack folds, few rows have chosen it. The ensemble of the first set,
    which has the most folds, is then nearly as good as it seems, or better. So the weights are the mean of the two,
    unless the first one is much worse.

    Parameters
    ----------
    sets : sequence of (int, list of Evaluation)
        From `candidate_sets`.
    deadline : float
        Time of `time.monotonic`, in seconds.
    cost : callable or None
        As for `select_members`.
    """
    shared = sum(len(task.folds[f][1]) for f in range(sets[-1][0])) if sets else 0
    found: list[tuple[float, list[Member]]] = []  # for each set the loss on the shared rows, and the members
    for n_folds, candidates in sets:
        if time.monotonic() + 3 * task.metric.seconds > deadline:  # a slow scorer; the best configuration is known
            break
        rows = task.scored_rows(range(n_folds))
        stacked = np.stack([artifacts.out_of_fold(e.configuration, range(n_folds)) for e in candidates])
        target = task.scored(rows)
        weights = select_weights(stacked, target, size, random_state, deadline)
        loss = task.scored(rows[:shared]).loss(np.tensordot(weights, stacked[:, :shared], 1))
        if loss < min((loss for loss, _ in found), default=float("inf")):
            if cost is not None and np.count_nonzero(weights) > 1:
                costs = [cost(e) for e in candidates]
                latest = max(deadline, time.monotonic() + _REMOVAL_SECONDS)
                units = find_units(task, rows)
                weights = remove_costly(stacked, weights, costs, target, random_state, latest, units)
            members = [Member(e, float(w)) for e, w in zip(candidates, weights, strict=True) if w > 0]
            found.append((loss, members))
        if time.monotonic() > deadline:
            break
    if not found:
        return []
    (first_loss, first), (best_loss, best) = found[0], found[-1]
    first_error, best_error = task.metric.best + first_loss, task.metric.best + best_loss
    is_close = np.isfinite(best_error) and first_error <= _NEARLY * best_error
    return _mean_of(best, first) if size > 1 and is_close and first is not best else best


def _mean_of(one: Sequence[Member], other: Sequence[Member]) -> list[Member]:
    """Return the members of two ensembles with the means of their weights."""
    weights: dict[Configuration, float] = {}
    for member in (*one, *other):
        weights[member.configuration] = weights.get(member.configuration, 0.0) + member.weight / 2
    evaluations = {member.configuration: member.evaluation for member in (*one, *other)}
    return [Member(evaluations[configuration], weight) for configuration, weight in weights.items()]


def predicting_folds(evaluation: Evaluation, task: Task) -> list[int]:
    """Return the folds of a configuration whose models predict for new rows: all finished folds, in general.

    In the order of time it is the newest fold alone, because models of older folds have not seen the newest rows.
    """
    folds = sorted(evaluation.folds)
    return folds[:1] if task.in_time_order else folds


def out_of_fold(trials: FinishedTrials, bags: Sequence[FoldBag]) -> tuple[NDArray[np.intp], Array]:
    """Return the rows of the folds that all members have finished, and the out-of-fold predictions for these rows."""
    history, artifacts, task = trials.history, trials.artifacts, trials.task
    finished = [set(history.evaluations[bag.configuration].folds) for bag in bags]
    folds = sorted(set.intersection(*finished))
    rows = task.scored_rows(folds)
    each = [bag.weight * artifacts.out_of_fold(bag.configuration, folds) for bag in bags]
    return rows, np.asarray(sum(each))


def select_weights(
    predictions: Array, target: ScoredTarget, size: int, random_state: int = 0, deadline: float = float("inf")
) -> Array:
    """Return the weights of the candidates, which sum to 1.

    The method is greedy selection with replacement (Caruana et al., 2004). On small tables its weights are averaged
    over bags of rows (Caruana et al., 2006). Then they are shrunk towards equal weights of the chosen candidates.

    Parameters
    ----------
    predictions : ndarray of shape (n_candidates, n_samples, n_classes) or (n_candidates, n_samples)
        Out-of-fold predictions, best candidate first.
    deadline : float
        Time of `time.monotonic`, in seconds; no bag of rows starts later.

    Returns
    -------
    ndarray of shape (n_candidates,)
    """
    if target.sample_weight is not None and not target.sample_weight.all():
        rows = target.counted_rows  # a random part of all rows could have only rows of weight 0
        predictions, target = predictions[:, rows], target.take(rows)
    n_candidates, n_rows = predictions.shape[:2]
    if n_candidates == 1 or size == 1:
        return np.eye(n_candidates)[0]
    rng = np.random.default_rng(random_state)
    subsets = [np.arange(n_rows)]
    if n_rows > _MAX_ROWS:
        subsets = [np.sort(draw_rows(rng, n_rows, _MAX_ROWS, target.y))]
    elif n_rows < _BAG_ROWS:
        subsets = [np.sort(draw_rows(rng, n_rows, max(2, int(0.8 * n_rows)), target.y)) for _ in range(_BAGS)]
    bags: list[Array] = []
    for rows in subsets:
        if bags and time.monotonic() > deadline:
            break
        bags.append(greedy_weights(predictions[:, rows], target.take(rows), size, deadline))
    return shrink_weights(np.mean(bags, axis=0), n_rows)


def shrink_weights(weights: Array, n_rows: int) -> Array:
    """Drop the smallest weights, and move the others towards equal weights; fewer rows move them further."""
    kept = np.where(weights < min(_SMALLEST_WEIGHT, weights.max()), 0.0, weights)
    kept = kept / kept.sum()
    equal = (kept > 0) / np.count_nonzero(kept)
    shrink = _SHRINKAGE_ROWS / (_SHRINKAGE_ROWS + n_rows)
    return (1 - shrink) * kept + shrink * equal


def greedy_weights(predictions: Array, target: ScoredTarget, size: int, deadline: float = float("inf")) -> Array:
    """Return the weights after the best round of greedy selection.

    Among candidates with the same loss, chosen candidates come first, then the earlier one.
    """
    losses_with = _loss_function(predictions, target, deadline)
    counts = np.zeros(len(predictions), dtype=int)
    total = np.zeros(predictions.shape[1:])
    best_loss, best_counts = float("inf"), counts
    for done in range(size):
        losses = np.nan_to_num(losses_with(total, done), nan=np.inf)
        if done and time.monotonic() > deadline:  # the last losses may be missing
            break
        lowest = losses.min()
        ties = np.flatnonzero(losses <= lowest + 1e-9 * abs(lowest))
        pick = max(ties, key=lambda i: (counts[i] > 0, -i))
        counts = counts.copy()
        counts[pick] += 1
        total = total + predictions[pick]
        if lowest < best_loss:
            best_loss, best_counts = lowest, counts
    if best_counts.sum() == 0:
        best_counts = np.eye(len(predictions), dtype=int)[0]
    return best_counts / best_counts.sum()


def _loss_function(
    predictions: Array, target: ScoredTarget, deadline: float
) -> Callable[[Array, int], Sequence[float] | Array]:
    """Return a function that gives the loss with each candidate added, shape (n_candidates,).

    Its arguments are the sum of the predictions chosen so far and their number. After the deadline, a scorer without a
    fast loss is called for the first candidate only; the other losses are infinite.
    """
    y, w, fast = target.y, target.sample_weight, target.metric.fast
    if fast == "neg_log_loss":
        own = predictions[:, np.arange(len(y)), y].astype(np.float64)

        def log_losses(total: Array, done: int) -> Array:
            mean = (total[np.arange(len(y)), y] + own) / (done + 1)
            return -np.average(np.log(np.clip(mean, 1e-15, 1.0)), axis=1, weights=w)

        return log_losses
    if fast in ("neg_root_mean_squared_error", "neg_mean_squared_error"):

        def squared(total: Array, done: int) -> Array:
            return np.average(((total + predictions) / (done + 1) - y) ** 2, axis=1, weights=w)

        return squared

    if fast == "roc_auc":

        def roc_aucs(total: Array, done: int) -> Array:
            return np.concatenate([roc_auc_losses(y, total[:, 1] + part[..., 1], w) for part in parts])

        parts = np.array_split(predictions, 1 + len(predictions) * len(y) // _SORTED_AT_ONCE)
        return roc_aucs

    def general(total: Array, done: int) -> list[float]:
        losses = [float("inf")] * len(predictions)
        for i, p in enumerate(predictions):
            if i == 0 or time.monotonic() < deadline:
                losses[i] = target.loss((total + p) / (done + 1))
        return losses

    return general
