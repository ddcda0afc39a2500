"""Section 6 of a report: how the best score grew, what became of each family, and the best configurations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from automl.fitted.score_over_time import scores_over_measured_seconds
from automl.plurals import plural
from automl.report.data import (
    Axis,
    Failure,
    FamilyRow,
    Line,
    ReportMetric,
    SearchSection,
    TracePoint,
)
from automl.report.model import ReportedModel
from automl.report.search_data import ExpectedPoint, WorkerRow
from automl.report.words import all_rounded, clean, metric_words, number, rounded
from automl.trials.candidates import rank
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial_costs import WorkerSeconds, cut_fits_text, worker_seconds
from pipelines.catalog import CATALOG
from pipelines.configuration import Configuration

_LINES = 100
_POINTS = 2_000  # of the trace
_REASONS = 5  # of one family
_MAX_LEVELS = 30  # of an axis
_NO_WEIGHTS: Mapping[Configuration, float] = MappingProxyType({})


def make_search_section(estimator: ReportedModel) -> SearchSection | None:
    """Return the section about the search; None if the model was loaded without it."""
    history: RunHistory | None = vars(estimator).get("history_")
    if history is None:
        return None
    words = metric_words(estimator._metric.name, estimator._metric.of_class)
    return describe_search(history, words, estimator._ensemble.weights, _expected(estimator, words.sign))


def _expected(estimator: ReportedModel, sign: int) -> tuple[ExpectedPoint, ...]:
    """Return the expected score over the seconds of training; empty where it is not known."""
    table = scores_over_measured_seconds(estimator)
    if table is None:
        return ()
    pairs = zip(table["seconds"], table["score"] * sign, strict=True)
    return tuple(
        ExpectedPoint(float(f"{at:.4g}"), value) for at, score in pairs if (value := rounded(score)) is not None
    )


def describe_search(
    history: RunHistory,
    metric: ReportMetric,
    weights: Mapping[Configuration, float] = _NO_WEIGHTS,
    expected: tuple[ExpectedPoint, ...] = (),
) -> SearchSection:
    """Return the section about a search, which may still run.

    Parameters
    ----------
    weights : mapping of Configuration to float
        The weights in the ensemble; empty while the search runs.
    expected : tuple of ExpectedPoint
        The expected score over time; empty while the search runs.
    """
    sign = metric.sign
    lines, axes = _parallel(history, sign, weights)
    started = [e for e in history.evaluations.values() if e.started]
    note = (
        f"{plural(len(history.results), 'trial')} on {plural(len(started), 'configuration')}. A trial trains one "
        "configuration on some folds; a configuration that cannot win gets no further folds."
    )
    spent = worker_seconds(history, weights)
    return SearchSection(
        note=f"{note} {cut_fits_text(spent)}".strip(),
        outcomes=_outcomes(history),
        trace=_trace(history, sign),
        expected=expected,
        families=_families(history, sign, weights),
        axes=axes,
        lines=lines,
        workers=tuple(map(_worker_row, spent)),
    )


def _worker_row(row: WorkerSeconds) -> WorkerRow:
    in_ensemble, dropped, thrown_away = (
        float(f"{value:.4g}") for value in (row.in_ensemble, row.dropped, row.thrown_away)
    )
    return WorkerRow(row.family, in_ensemble, dropped, thrown_away, row.n_fits, row.n_cut)


def _outcomes(history: RunHistory) -> tuple[tuple[str, int], ...]:
    """Return the numbers of trials by the way in which they ended, the most frequent first."""
    words = {"ok": "finished", "timeout": "cut at the time limit", "memory": "cut at the memory limit"}
    words |= {"crash": "raised an error or died", "invalid": "gave predictions that cannot be used"}
    counts = Counter(
        words[result.status.value] if result.started else f"not started ({result.status.value} was likely)"
        for result in history.results
    )
    return tuple(counts.most_common())


def _trace(history: RunHistory, sign: int) -> tuple[TracePoint, ...]:
    """Return one point for each trial with a finished fold.

    A configuration counts with its mean loss over its finished folds, adjusted for the difficulty of these folds. The
    best score may fall when a further fold shows that the leading configuration was lucky.
    """
    effects = history.fold_effects()
    center = float(np.mean(list(effects.values()))) if effects else 0.0
    losses: dict[Any, list[float]] = {}
    complete: dict[Any, float] = {}  # the mean losses of the configurations with the most folds
    most, seconds, points = 1, 0.0, []
    for i, result in enumerate(history.results, start=1):
        seconds += result.seconds
        if result.trial.fidelity < 1:
            continue
        configuration = result.trial.configuration
        own = losses.setdefault(configuration, [])
        own += [center + r.loss - effects.get(fold, center) for fold, r in result.folds.items()]
        if not result.folds:
            continue
        mean = float(np.mean(own))
        if len(own) > most:
            most, complete = len(own), {}
        if len(own) == most and np.isfinite(mean):
            complete[configuration] = mean
        lowest = min(complete.values(), default=np.nan)
        score, leading = rounded(-mean * sign), rounded(-lowest * sign)
        if score is not None and leading is not None:
            points.append(TracePoint(i, float(f"{seconds:.4g}"), configuration.family, score, leading))
    if len(points) > _POINTS:
        kept = np.unique(np.linspace(0, len(points) - 1, _POINTS).astype(int))
        points = [points[i] for i in kept]
    return tuple(points)


def _families(history: RunHistory, sign: int, weights: Any) -> tuple[FamilyRow, ...]:
    """Return one row for each family, the family with the best configuration first."""
    ranked = rank(history, usable_only=False, most_folds_first=True)
    by_family: dict[str, list[Evaluation]] = {}
    for e in ranked:
        by_family.setdefault(e.configuration.family, []).append(e)
    failures: dict[str, Counter[tuple[str, str]]] = {}
    for result in history.results:
        if result.reason:
            counted = failures.setdefault(result.trial.configuration.family, Counter())
            counted[result.status.value, clean(result.reason)] += 1
    rows = []
    for family, evaluations in by_family.items():
        first = evaluations[0]
        listed = failures.get(family, Counter()).most_common(_REASONS)
        rows.append(
            FamilyRow(
                family=family,
                n_configurations=len(evaluations),
                n_failed=sum(not e.usable for e in evaluations),
                best=rounded(-first.mean_loss * sign) if first.folds else None,
                seconds=float(f"{sum(e.seconds for e in evaluations):.4g}"),
                weight=float(f"{sum(weights.get(e.configuration, 0.0) for e in evaluations):.4g}"),
                failures=tuple(Failure(status, reason, n) for (status, reason), n in listed),
            )
        )
    return tuple(rows)


def _parallel(history: RunHistory, sign: int, weights: Any) -> tuple[tuple[Line, ...], tuple[Axis, ...]]:
    """Return the best configurations and the axes of their parallel coordinates."""
    best = [e for e in rank(history, usable_only=False, most_folds_first=True) if e.folds][:_LINES]
    best = [e for e in best if np.isfinite(e.mean_loss)]
    if len(best) < 2:
        return (), ()
    axes, positions, texts = [], [], []
    for step in ("model", *(name for name in CATALOG if name != "model")):
        values = [str(e.configuration.get(step, "none")) for e in best]
        if step == "model" or len(set(values)) > 1:
            axis, own = _category_axis("family" if step == "model" else step, values)
            axes.append(axis)
            positions.append(own)
            texts.append(values)
    numbers: tuple[tuple[str, Callable[[Evaluation], float], bool], ...] = (
        ("folds", lambda e: float(len(e.folds)), False),
        ("seconds per fold", lambda e: max(e.fold_seconds, 1e-4), True),
        ("score", lambda e: -e.mean_loss * sign, False),
    )
    for name, value_of, is_log in numbers:
        found = [value_of(e) for e in best]
        if name == "score" or len(set(found)) > 1:
            axis, own = _number_axis(name, found, is_log, flipped=name == "score" and sign < 0)
            axes.append(axis)
            positions.append(own)
            texts.append([number(value) for value in found])
    lines = tuple(
        Line(
            id=e.configuration.id,
            family=e.configuration.family,
            score=float(f"{-e.mean_loss * sign:.6g}"),
            weight=float(f"{weights.get(e.configuration, 0.0):.4g}"),
            positions=all_rounded([own[i] for own in positions], 3),
            values=tuple(own[i] for own in texts),
        )
        for i, e in enumerate(best)
    )
    return lines, tuple(axes)


def _category_axis(name: str, values: Sequence[str]) -> tuple[Axis, list[float]]:
    levels = sorted(set(values))
    if len(levels) > _MAX_LEVELS:
        levels = [level for level, _ in Counter(values).most_common(_MAX_LEVELS)]
    place = {level: (i + 0.5) / len(levels) for i, level in enumerate(levels)}
    return Axis(name, "", "", tuple(levels)), [place.get(value, 0.0) for value in values]


def _number_axis(name: str, values: Sequence[float], is_log: bool, flipped: bool) -> tuple[Axis, list[float]]:
    """Return an axis of numbers; the best scores are always at the high end."""
    low, high = min(values), max(values)
    scaled = np.log(values) if is_log else np.asarray(values)
    width = scaled.max() - scaled.min()
    share = (scaled - scaled.min()) / width if width else np.full(len(values), 0.5)
    if flipped:
        low, high, share = high, low, 1 - share
    return Axis(name, number(low), number(high)), [float(value) for value in share]
