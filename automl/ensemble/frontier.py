"""The trade-off between the score of an ensemble and the time and memory of its predictions.

Smaller ensembles are made of the members of the fitted one, and of a few cheap candidates beside it. Their scores come
from stored out-of-fold predictions, and their times from measured times of single fold models, so that no model is
fitted again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.ensemble.cost import PredictionCost, prediction_cost
from automl.ensemble.estimate import LEVEL, OF_SMALLER_ENSEMBLE, Estimate
from automl.ensemble.finishing import finished
from automl.ensemble.loading import ModelLoader
from automl.ensemble.objectives import pareto_candidates
from automl.ensemble.prediction import PredictionPlan
from automl.ensemble.score_interval import score_with_interval
from automl.ensemble.scored_rows import sample_scored
from automl.ensemble.selection import Ensemble, FoldBag, Member
from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.search.scalarization import is_nondominated, is_unbeaten, spread
from automl.task.metrics import Metric
from automl.task.scored_target import ScoredTarget
from automl.task.sensitive import DIFFERENCES, fairness_differences
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import candidate_sets
from automl.trials.finished import FinishedTrials
from automl.trials.history import Evaluation
from pipelines.catalog import get_component
from pipelines.configuration import Configuration

Array = NDArray[Any]

_MAX_ROWS = 4_000
_MAX_EXTRAS = 3  # candidates that are not in the ensemble
_MAX_EXTRA_BYTES = 2**22  # of all models of such a candidate
_MAX_ENTRIES = 10
_INTERVAL_SECONDS = 30.0  # after which no further interval is computed; only a slow scorer of the user needs as long
_MANY = 10_000  # rows of a large table


@dataclass(frozen=True)
class FrontierRecord:
    """What the frontier is computed from; small enough to stay in the fitted estimator.

    Attributes
    ----------
    bags : list of FoldBag
        Candidates that are not in the ensemble; the members of the ensemble come before them in all other attributes.
    weights : ndarray of shape (n_configurations,)
        Weights in the ensemble; 0 for the other candidates.
    predictions : ndarray of shape (n_configurations, n_rows, n_classes) or (n_configurations, n_rows)
        Out-of-fold predictions.
    one_row, per_row : ndarray of shape (n_configurations,)
        Milliseconds of one fold model for a single row, and for each further row.
    megabytes : ndarray of shape (n_configurations,)
        Size of one fold model on the disk.
    first_megabytes : ndarray of shape (n_configurations,) or None
        Size of the first model, which may be one of all rows; None in models of earlier versions.
    overhead : float
        Milliseconds of the table reader for a single row.
    rows : ndarray of shape (n_rows,) or None
        Numbers of the rows in the table of `fit`; None where a guard has holdout rows.
    folds, units : ndarray of int, shape (n_rows,), or None
        The fold that scored each row, and the group of the row or the row itself; None in models of earlier versions.
    groups : ndarray of int, shape (n_rows,), or None
        The group of each row by the sensitive features, where differences between groups are objectives.
    differences : tuple of str
        Names of these objectives.
    """

    bags: list[FoldBag]
    weights: Array
    predictions: Array
    y: Array
    sample_weight: Array | None
    metric: Metric
    random_state: int
    one_row: Array
    per_row: Array
    megabytes: Array
    overhead: float = 0.0
    rows: NDArray[np.intp] | None = None
    folds: NDArray[np.int32] | None = None
    units: NDArray[np.int32] | None = None
    groups: NDArray[np.int32] | None = None
    differences: tuple[str, ...] = ()
    first_megabytes: Array | None = None

    def sizes(self, n_models: NDArray[np.intp]) -> Array:
        """Return the size of so many models of each configuration in MB, shape (n_configurations,)."""
        first = self.megabytes if self.first_megabytes is None else self.first_megabytes
        return np.where(n_models > 0, first + (n_models - 1) * self.megabytes, 0.0)

    @property
    def target(self) -> ScoredTarget:
        """The target of the rows."""
        return ScoredTarget(self.y, self.metric, self.sample_weight)

    def score_of(self, number: int) -> float:
        """Return the score of a configuration; NaN if the metric is undefined on the rows."""
        return self.target.score(self.predictions[number].astype(np.float64))


@dataclass(frozen=True)
class Entry:
    """One ensemble of the frontier: weights and numbers of fold models of the configurations of a record."""

    weights: Array
    n_models: NDArray[np.intp]
    score: float
    low: float
    high: float
    milliseconds: float
    microseconds_per_row: float
    megabytes: float
    members: str = field(default="", compare=False)
    differences: tuple[float, ...] = ()

    @property
    def costs(self) -> tuple[float, ...]:
        """What is minimized along the frontier."""
        return (-self.score, self.milliseconds, self.megabytes, *self.differences)


def collect_frontier(
    trials: FinishedTrials, ensemble: Ensemble, loader: ModelLoader, deadline: float = float("inf")
) -> FrontierRecord | None:
    """Read the predictions and measure the times of the members and of a few other candidates.

    The candidates are cheap ones, or the Pareto front of the search where it had several objectives.

    Returns
    -------
    FrontierRecord or None
        None if the members have no finished fold in common.
    """
    history, artifacts, task = trials.history, trials.artifacts, trials.task
    members = [history.evaluations[bag.configuration] for bag in ensemble.bags]
    folds = sorted(set.intersection(*(set(e.folds) for e in members)))
    if not folds:
        return None
    rows = task.scored_rows(folds)
    kept = sample_scored(task, rows, _MAX_ROWS, np.random.default_rng(trials.random_state))
    y, weight = task.y[rows[kept]], task.weights(rows[kept])

    def read(e: Evaluation) -> Array:
        return artifacts.out_of_fold(e.configuration, folds)[kept]

    known = [read(e) for e in members]
    extras: list[tuple[Evaluation, Array]] = []
    others = pareto_candidates(history, task, ensemble, folds) if task.objectives else None
    for e in _cheap_candidates(trials, ensemble, folds)[:_MAX_EXTRAS] if others is None else others:
        if time.monotonic() < deadline:
            extras.append((e, read(e)))
    measured = not history.repeats
    bags = [loader.load([Member(e, 1.0)], deadline)[0] for e, _ in extras]
    everything = [*ensemble.bags, *bags]
    costs = [prediction_cost(history.evaluations[bag.configuration], 1, task, measured) for bag in everything]
    one_row = [_measure(bag, task, cost, measured, deadline) for bag, cost in zip(everything, costs, strict=True)]
    return FrontierRecord(
        bags=[replace(bag, weight=0.0) for bag in bags],
        weights=np.array([bag.weight for bag in ensemble.bags] + [0.0] * len(bags)),
        predictions=np.stack([*known, *(p for _, p in extras)]),
        y=y,
        sample_weight=weight,
        metric=task.metric.take(rows[kept]),
        random_state=trials.random_state,
        one_row=np.array(one_row),
        per_row=np.array([cost.per_row for cost in costs]),
        megabytes=np.array([_bytes(artifacts, history.evaluations[b.configuration]) / 2**20 for b in everything]),
        first_megabytes=np.array([artifacts.model_bytes(b.configuration, b.folds[0]) / 2**20 for b in everything]),
        rows=rows[kept] if task.holdout is None else None,
        folds=np.concatenate([np.full(len(task.folds[f][1]), f, dtype=np.int32) for f in folds])[kept],
        units=(rows if task.groups is None else task.groups[rows])[kept].astype(np.int32),
        groups=None if task.sensitive is None else task.sensitive.codes[rows[kept]],
        differences=tuple(name for name in task.objectives if name in DIFFERENCES),
    )


def _cheap_candidates(trials: FinishedTrials, ensemble: Ensemble, folds: Sequence[int]) -> list[Evaluation]:
    """Return candidates that alone take less time than each member, and have the lowest losses at their time."""
    history, task = trials.history, trials.task
    costs = {e.configuration: prediction_cost(e, len(e.folds), task, False) for e in history.evaluations.values()}
    cheapest = min(costs[bag.configuration].one_row for bag in ensemble.bags)
    libraries = {name for bag in ensemble.bags for name in _imports(bag.configuration)}  # no other one is imported
    chosen = []
    for _, candidates in candidate_sets(history, task)[:1]:
        for e in candidates:
            own = costs[e.configuration].one_row
            n_bytes = _bytes(trials.artifacts, e) * len(e.folds)
            possible = set(folds) <= set(e.folds) and _imports(e.configuration) <= libraries
            if own < cheapest and possible and n_bytes <= _MAX_EXTRA_BYTES:
                chosen.append(e)
                cheapest = own
    return chosen


def _imports(configuration: Configuration) -> set[str]:
    return set(get_component("model", configuration.family).imports)


def _bytes(artifacts: Artifacts, evaluation: Evaluation) -> float:
    """Return the mean size of the fold models of a configuration."""
    return float(np.mean([artifacts.model_bytes(evaluation.configuration, fold) for fold in evaluation.folds]))


def _measure(bag: FoldBag, task: Task, cost: PredictionCost, measured: bool, deadline: float) -> float:
    """Return the milliseconds of one fold model for a single row; the usual ones of the family if not `measured`."""
    if time.monotonic() > deadline or not measured:
        return cost.one_row
    plan, row, best = PredictionPlan([bag.models], task.traits.n_columns), task.X[:1], float("inf")
    for _ in range(4):  # the first one prepares libraries
        started = time.perf_counter()
        plan.predict(row)
        best = min(best, time.perf_counter() - started)
    return 1_000 * best / len(bag.models)


def find_entries(
    record: FrontierRecord, ensemble: Ensemble, deadline: float = float("inf"), intervals: bool = True
) -> list[Entry]:
    """Return the ensembles along the Pareto front of score and time of a single row, the best score first.

    From the whole ensemble the member is removed, again and again, whose removal costs the least score for the time
    that it saves. Each of these ensembles, and each configuration alone, also comes with one fold model for each
    member: out-of-fold predictions are predictions of single fold models, so that they say what to expect of it. An
    ensemble stays only if no other one has a better score in less time and memory.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds. After it the scorer is not called: entries without a score have a score
        of minus infinity, and only the fastest of them stays.
    intervals : bool
        Whether to compute the ends of the intervals, which takes twenty calls of the scorer for each entry; they are
        NaN otherwise.
    """
    counts = np.array([len(bag.models) for bag in [*ensemble.bags, *record.bags]])
    sets = [record.weights]
    while np.count_nonzero(sets[-1]) > 1:
        sets.append(_without_one(record, sets[-1], counts, deadline))
    sets += [row for row in np.eye(len(counts)) if not any(np.array_equal(row, known) for known in sets)]
    families = [bag.configuration.family for bag in [*ensemble.bags, *record.bags]]
    intervals_end = min(deadline, time.monotonic() + _INTERVAL_SECONDS) if intervals else float("-inf")
    if record.differences:  # mixtures have differences between those of the ensemble and of a single configuration
        sets += [(record.weights + other) / 2 for other in np.eye(len(counts))[len(ensemble.bags) :]]
    scored = [(w, _scores(record, w, deadline, intervals_end), _differences(record, ensemble, w)) for w in sets]
    whole = [_entry(record, w, np.where(w > 0, counts, 0), scores, gaps, families) for w, scores, gaps in scored]
    single = [_entry(record, w, (w > 0).astype(np.intp), scores, gaps, families) for w, scores, gaps in scored]
    entries = _front(whole) + [e for e in _front(single) if not any(_same(e, other) for other in whole)]
    # Of the same score, both stay: with all fold models an ensemble is in truth a little better than with one of each.
    unbeaten = is_unbeaten(np.array([e.costs for e in entries]))
    entries = sorted(compress(entries, unbeaten), key=lambda e: (-e.score, -e.milliseconds))
    return spread(entries, np.array([e.costs for e in entries]), _MAX_ENTRIES)


def _same(first: Entry, second: Entry) -> bool:
    return np.array_equal(first.weights, second.weights) and np.array_equal(first.n_models, second.n_models)


def _without_one(record: FrontierRecord, weights: Array, counts: NDArray[np.intp], deadline: float) -> Array:
    """Return the weights without the member that pays least for its time; after the deadline, without the slowest."""
    members = np.flatnonzero(weights).tolist()
    saved = {i: max(float(counts[i] * record.one_row[i]), 1e-9) for i in members}
    whole = record.target.loss(_mean(record, weights)) if time.monotonic() < deadline else 0.0
    prices = {}
    for i in members:
        if time.monotonic() > deadline:
            prices = {j: -saved[j] for j in members}
            break
        prices[i] = (record.target.loss(_mean(record, _removed(weights, i))) - whole) / saved[i]
    return _removed(weights, min(prices, key=lambda i: (prices[i], i)))


def _removed(weights: Array, i: int) -> Array:
    smaller = weights.copy()
    smaller[i] = 0.0
    return smaller / smaller.sum()


def _mean(record: FrontierRecord, weights: Array) -> Array:
    return np.tensordot(weights, record.predictions, 1)


def _scores(
    record: FrontierRecord, weights: Array, deadline: float, intervals_end: float
) -> tuple[float, float, float]:
    """Return the score of an ensemble, and the ends of its interval."""
    if time.monotonic() > deadline:
        return float("-inf"), float("nan"), float("nan")
    p = _mean(record, weights)
    return score_with_interval(record.target, p, record.units, record.random_state, intervals_end)


def _entry(
    record: FrontierRecord,
    weights: Array,
    n_models: NDArray[np.intp],
    scores: tuple[float, float, float],
    differences: tuple[float, ...],
    families: Sequence[str],
) -> Entry:
    names = [
        f"{families[i]} ({weights[i]:.2f}, {plural(n_models[i], 'model')})" for i in np.flatnonzero(weights).tolist()
    ]
    return Entry(
        weights=weights,
        n_models=n_models,
        score=scores[0],
        low=scores[1],
        high=scores[2],
        milliseconds=record.overhead + float(n_models @ record.one_row),
        microseconds_per_row=1_000 * float(n_models @ (record.one_row / _MANY + record.per_row)),
        megabytes=float(record.sizes(n_models).sum()),
        members=", ".join(names),
        differences=differences,
    )


def _differences(record: FrontierRecord, ensemble: Ensemble, weights: Array) -> tuple[float, ...]:
    """Return the differences between groups that are objectives, with the decision rule of the whole ensemble."""
    if not record.differences or record.groups is None:
        return ()
    predicted = ensemble.decide(ensemble.finish(_mean(record, weights)))
    found = fairness_differences(record.y, predicted, record.groups, record.sample_weight)
    return tuple(found[name] for name in record.differences)


def _front(entries: list[Entry]) -> list[Entry]:
    """Return the entries that no other one dominates."""
    return list(compress(entries, is_nondominated(np.array([e.costs for e in entries]))))


def frontier_table(record: FrontierRecord, ensemble: Ensemble) -> pd.DataFrame:
    """Return the entries as a table."""
    names = ["score", "low", "high", "milliseconds", "microseconds_per_row", "megabytes"]
    rows = [
        {name: getattr(e, name) for name in names}
        | dict(zip(record.differences, e.differences, strict=True))
        | {"members": e.members}
        for e in find_entries(record, ensemble)
    ]
    return pd.DataFrame(rows, columns=[*names, *record.differences, "members"])


def choose_entry(
    entries: Sequence[Entry], milliseconds: float | None, megabytes: float | None, max_loss: float | None
) -> Entry:
    """Return the entry with the best score within the limits, or with `max_loss` alone the one that takes least time.

    Raises
    ------
    InvalidInputError
        If no entry is within the limits; the message names the nearest values that are possible.
    """
    best = entries[0].score
    fitting = [
        e
        for e in entries
        if (milliseconds is None or e.milliseconds <= milliseconds)
        and (megabytes is None or e.megabytes <= megabytes)
        and (max_loss is None or e.score >= best - max_loss)
    ]
    if not fitting:
        raise InvalidInputError(
            f"no smaller ensemble is within {_limits(milliseconds, megabytes, max_loss)}; "
            + _nearest(entries, best, milliseconds, megabytes, max_loss)
        )
    if milliseconds is None and megabytes is None:
        return min(fitting, key=lambda e: (e.milliseconds, -e.score))
    return max(fitting, key=lambda e: (e.score, e.n_models.sum()))


def _limits(milliseconds: float | None, megabytes: float | None, max_loss: float | None) -> str:
    named = (("milliseconds", milliseconds), ("megabytes", megabytes), ("max_loss", max_loss))
    return " and ".join(f"{name}={value:g}" for name, value in named if value is not None)


def _nearest(
    entries: Sequence[Entry], best: float, milliseconds: float | None, megabytes: float | None, max_loss: float | None
) -> str:
    """Return the values that the limits would need to have."""
    allowed = [e for e in entries if max_loss is None or e.score >= best - max_loss]
    found = []
    if milliseconds is not None:
        within = [e for e in allowed if megabytes is None or e.megabytes <= megabytes] or allowed
        found.append(f"milliseconds={_up(min(e.milliseconds for e in within)):g}")
    if megabytes is not None:
        within = [e for e in allowed if milliseconds is None or e.milliseconds <= milliseconds] or allowed
        found.append(f"megabytes={_up(min(e.megabytes for e in within)):g}")
    lists = "the attribute frontier_, or 'automl slim MODEL' in a shell, lists all"
    return f"the nearest possible limit is {' or '.join(found)}; {lists}"


def _up(value: float) -> float:
    """Return a number of three digits that is not below a value."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(value)) - 2)
    return float(np.ceil(value / unit) * unit)


def smaller_ensemble(
    record: FrontierRecord, ensemble: Ensemble, entry: Entry, deadline: float = float("inf")
) -> Ensemble:
    """Return the ensemble of an entry, with a calibration and a decision rule for it; see `finished`."""
    bags = [
        FoldBag(bag.configuration, float(weight), bag.models[:n], bag.folds[:n])
        for bag, weight, n in zip([*ensemble.bags, *record.bags], entry.weights, entry.n_models, strict=True)
        if weight > 0
    ]
    smaller, p = replace(ensemble, bags=bags), _mean(record, entry.weights)
    return finished(smaller, record.target, p, record.random_state, deadline)


def smaller_record(record: FrontierRecord, entry: Entry) -> FrontierRecord:
    """Return the record of a smaller ensemble, which holds its members only."""
    chosen = np.flatnonzero(entry.weights)
    names = ("predictions", "one_row", "per_row", "megabytes", "first_megabytes")
    arrays = {name: value[chosen] for name in names if (value := getattr(record, name)) is not None}
    return replace(record, bags=[], weights=entry.weights[chosen], **arrays)


def kept_fold_bags(larger: Sequence[FoldBag], smaller: Ensemble) -> list[FoldBag] | None:
    """Return one fold model of each member of a smaller ensemble, which explanations need.

    Parameters
    ----------
    larger : sequence of FoldBag
        All configurations that a smaller ensemble may be made of, with their fold models.

    Returns
    -------
    list of FoldBag or None
        None where each member of the smaller ensemble has a fold model itself, or where one has none left.
    """
    known = {bag.configuration: bag for bag in larger}
    sources = [(member.weight, known[member.configuration]) for member in smaller.bags]
    if all(bag.scored_folds for bag in smaller.bags) or not all(bag.scored_folds for _, bag in sources):
        return None
    return [
        FoldBag(bag.configuration, weight, [bag.models[bag.folds.index(fold)]], (fold,))
        for weight, bag in sources
        for fold in bag.scored_folds[:1]
    ]


def entry_estimate(entry: Entry) -> Estimate:
    """Return the score to expect of an entry."""
    return Estimate(entry.score, entry.low, entry.high, LEVEL, OF_SMALLER_ENSEMBLE)


def record_estimate(record: FrontierRecord, deadline: float = float("inf")) -> Estimate:
    """Return the score to expect of the ensemble of a record; not finite if the scorer was not called in time."""
    return Estimate(*_scores(record, record.weights, deadline, deadline), LEVEL, OF_SMALLER_ENSEMBLE)
