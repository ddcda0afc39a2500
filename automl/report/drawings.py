"""The parts of a page that are computed from the content of a report: figures, scales and small graphics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from automl.report import figures
from automl.report.data import ClassificationResult, Performance, ReportData, SearchSection, Verdict
from automl.task.metrics import PINBALL

_AXIS_TOP, _AXIS_HEIGHT, _MARGIN = 46.0, 300.0, 90.0
_SPACING = 118.0
_BAR_HEIGHT = 18.0


@dataclass(frozen=True)
class Mark:
    """A value on the scale of scores; `at` is its place in percent, from the worst to the best value."""

    kind: str
    label: str
    value: float
    note: str
    at: float


def make_drawings(data: ReportData) -> dict[str, Any]:
    """Return the figures of a report by name; those of predictions are grouped by the source of their rows."""
    drawings: dict[str, Any] = {p.source: _performance_figures(p) for p in data.performances}
    metric = data.verdict.metric
    drawings["folds"] = drawings["frontier"] = drawings["trace"] = None
    if any(m.fold_scores for m in data.ensemble.members):
        drawings["folds"] = figures.draw_folds(data.ensemble.members, metric)
    if len(data.ensemble.frontier) > 1:
        drawings["frontier"] = figures.draw_frontier(data.ensemble.frontier, metric)
    if data.search is not None and len(data.search.trace) > 1:
        drawings["trace"] = figures.draw_trace(data.search.trace, metric, data.search.expected)
    dependence = () if data.importance is None else data.importance.dependence
    drawings["dependence"] = [
        None if d.kind == "level" else figures.draw_dependence(d, f"dependence-{i}") for i, d in enumerate(dependence)
    ]
    return drawings


def _performance_figures(performance: Performance) -> dict[str, Any]:
    name, c, r = performance.source, performance.classification, performance.regression
    if c is not None:
        return {
            "roc": figures.draw_roc(c.roc, f"{name}-roc") if c.roc else None,
            "precision_recall": figures.draw_precision_recall(c.precision_recall, f"{name}-pr")
            if c.precision_recall
            else None,
            "calibration": figures.draw_calibration(c.calibration, f"{name}-calibration") if c.calibration else None,
        }
    if r is not None:
        return {
            "predictions": figures.draw_predictions(r, f"{name}-predictions"),
            "residuals": figures.draw_residuals(r, f"{name}-residuals"),
        }
    return {}


def score_marks(verdict: Verdict) -> tuple[list[Mark], tuple[float, float] | None]:
    """Return the values on the scale of scores, and start and width of the interval of the expected score."""
    found = []
    if verdict.expected is not None:
        note = "on new rows; the figure to quote"
        found.append(("expected", "Expected score of the ensemble", verdict.expected.value, note))
    if verdict.search_best is not None:
        note = "optimistic, because it is the best of many" if verdict.n_configurations > 1 else "the only one"
        found.append(("search", "Best configuration of the search", verdict.search_best, note))
    if verdict.simple is not None:
        kind, family = verdict.simple.kind, verdict.simple.family
        note = kind if kind == family.replace("_", " ") else f"{kind}, {family}"
        found.append(("simple", "Best single simple model", verdict.simple.score, note))
    if verdict.dummy is not None:
        found.append(("dummy", "Constant prediction", verdict.dummy, verdict.dummy_rule))
    if len(found) < 2:
        return [], None
    sign = verdict.metric.sign
    values = [sign * value for _, _, value, _ in found]
    ends = []
    if verdict.expected is not None and verdict.expected.low is not None and verdict.expected.high is not None:
        ends = sorted((sign * verdict.expected.low, sign * verdict.expected.high))
    low, high = min(values + ends), max(values + ends)
    if not low < high:
        return [], None

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    marks = [Mark(kind, label, value, note, place(sign * value)) for kind, label, value, note in found]
    return marks, (place(ends[0]), round(place(ends[1]) - place(ends[0]), 2)) if ends else None


def task_words(verdict: Verdict) -> str:
    """Return the task in words.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> task_words(SimpleNamespace(task="multiclass", n_classes=7, n_targets=1))
    'choose one of 7 classes'
    """
    n_targets = verdict.n_targets
    if n_targets > 1:
        return f"predict {n_targets} {'numbers' if verdict.task == 'regression' else 'classes'} for each row"
    if verdict.task == "regression":
        return f"predict {'quantiles of ' if verdict.metric.name == PINBALL else ''}a number (regression)"
    return f"choose one of {verdict.n_classes} classes"


def bar_path(heights: Sequence[float]) -> str:
    """Return the path of a small histogram.

    Examples
    --------
    >>> bar_path([1.0, 0.5])
    'M0 20V2h5V20zM6 20V11h5V20z'
    """
    return "".join(f"M{6 * i} 20V{20 - max(1.0 if h else 0.0, _BAR_HEIGHT * h):g}h5V20z" for i, h in enumerate(heights))


@dataclass(frozen=True)
class Cell:
    """A cell of a confusion matrix; `share` is that of the rows of the true class."""

    count: int
    share: float


def confusion_matrix(result: ClassificationResult) -> list[list[Cell]]:
    """Return the confusion matrix, true classes down."""
    k = len(result.labels)
    counts = [[0] * k for _ in range(k)]
    for true, predicted, n in result.confusion:
        counts[true][predicted] = n
    return [[Cell(n, round(n / max(1, sum(row)), 3)) for n in row] for row in counts]


def mistakes(confusion: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return the pairs of different classes with the most rows."""
    return [pair for pair in confusion if pair[0] != pair[1]][:30]


def threshold_place(result: ClassificationResult) -> int:
    """Return the number of the threshold in the sweep that the model uses."""
    if result.sweep is None or result.threshold is None:
        return 0
    wanted = result.threshold
    return min(range(len(result.sweep.thresholds)), key=lambda i: abs(_thresholds(result)[i] - wanted))


def _thresholds(result: ClassificationResult) -> tuple[float, ...]:
    return () if result.sweep is None else result.sweep.thresholds


@dataclass(frozen=True)
class Level:
    """A value of a category on an axis, and its place."""

    text: str
    y: float


@dataclass(frozen=True)
class PlacedAxis:
    """An axis of the parallel coordinates, with the place of its line and the texts beside it."""

    name: str
    x: float
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Run:
    """A configuration as a line over the axes."""

    path: str
    is_member: bool
    color: int


@dataclass(frozen=True)
class ParallelPlot:
    """The parallel coordinates of the best configurations."""

    width: float
    height: float
    top: float
    length: float
    axes: tuple[PlacedAxis, ...]
    runs: tuple[Run, ...]


def parallel_plot(search: SearchSection) -> ParallelPlot:
    """Return the places of the axes and lines; the color of a line is that of its family, the most frequent first."""
    xs = [_MARGIN + _SPACING * i for i in range(len(search.axes))]
    axes = []
    for x, axis in zip(xs, search.axes, strict=True):
        texts = axis.levels or (axis.low, axis.high)
        places = [(i + 0.5) / len(texts) for i in range(len(texts))] if axis.levels else [0.0, 1.0]
        levels = tuple(Level(text, round(_y(at), 1)) for text, at in zip(texts, places, strict=True))
        axes.append(PlacedAxis(axis.name, x, levels))
    counts: dict[str, int] = {}
    for line in search.lines:
        counts[line.family] = counts.get(line.family, 0) + 1
    families = sorted(counts, key=lambda family: -counts[family])
    runs = []
    for number, line in enumerate(search.lines):
        # Lines with equal categories are drawn beside each other.
        shift = (number % 11 - 5) * 0.006
        heights = [at + shift if axis.levels else at for at, axis in zip(line.positions, search.axes, strict=True)]
        path = "M" + "L".join(f"{x:g} {_y(at):.1f}" for x, at in zip(xs, heights, strict=True))
        runs.append(Run(path, line.weight > 0, min(families.index(line.family), 5) + 1))
    width = xs[-1] + _MARGIN
    return ParallelPlot(width, _AXIS_TOP + _AXIS_HEIGHT + 24, _AXIS_TOP, _AXIS_HEIGHT, tuple(axes), tuple(runs))


def _y(position: float) -> float:
    return _AXIS_TOP + (1 - position) * _AXIS_HEIGHT
