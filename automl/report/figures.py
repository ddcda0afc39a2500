"""The figures of a report, one function each. Figures hold no text of the user: names are in the page around them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from automl.report.data import (
    CalibrationBin,
    Curve,
    Dependence,
    FrontierPoint,
    MemberRow,
    RegressionResult,
    ReportMetric,
    TracePoint,
)
from automl.report.search_data import ExpectedPoint
from automl.report.svg import INK, MUTED, SERIES, SURFACE, Drawing, draw, new_axes, style
from automl.report.words import number, percent

_MAX_TRIALS = 400  # dots of the trace
_MAX_MEMBERS = 12


def draw_trace(trace: Sequence[TracePoint], metric: ReportMetric, expected: Sequence[ExpectedPoint] = ()) -> Drawing:
    """Draw the best score after each trial, the scores of single trials, and the expected score over time."""
    with style():
        figure, axes = new_axes()
        seconds, best = [p.seconds for p in trace], [p.best for p in trace]
        step = max(1, len(trace) // _MAX_TRIALS)
        shown = trace[::step]
        axes.plot(
            [p.seconds for p in shown], [p.score for p in shown], "o", color=MUTED, markersize=3, alpha=0.5, mew=0
        )
        axes.plot(seconds, best, drawstyle="steps-post", color=SERIES[0])
        ahead = [p.score for p in expected]
        axes.plot([p.seconds for p in expected], ahead, "o-", color=SERIES[1], markersize=4)
        scores = sorted([p.score for p in trace] + ahead)
        worst, top = (scores[0], scores[-1]) if metric.sign > 0 else (scores[-1], scores[0])
        # Scores of very bad configurations would press all others together.
        middle = scores[len(scores) // 4] if metric.sign > 0 else scores[-1 - len(scores) // 4]
        limit = middle - 1.5 * (top - middle)
        worst = max(worst, limit) if metric.sign > 0 else min(worst, limit)
        if worst != top:
            low, high = sorted((worst, top))
            axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        axes.set(xlabel="seconds of training, added over all workers", ylabel=metric.title)
        low, high = axes.get_ylim()
        points = [
            (axes, p.seconds, p.score, f"trial {p.trial}, {p.family}: {number(p.score)}; best {number(p.best)}")
            for p in shown
            if low <= p.score <= high
        ]
        points += [
            (axes, p.seconds, p.score, f"expected on new rows after {number(p.seconds)} s: {number(p.score)}")
            for p in expected
            if low <= p.score <= high
        ]
        return draw(figure, "trace", points)


def draw_dependence(dependence: Dependence, name: str) -> Drawing:
    """Draw the mean prediction over the values of one column, and the predictions for single rows."""
    with style():
        from matplotlib import dates

        figure, axes = new_axes()
        is_date = dependence.kind == "date"
        at = np.array(dependence.values, dtype="datetime64[s]" if is_date else float)
        places = np.asarray(dates.date2num(at)) if is_date else at  # type: ignore[no-untyped-call]
        if is_date:
            axes.xaxis_date()
            axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=8))  # type: ignore[no-untyped-call]
        for row in dependence.rows:
            axes.plot(places, row, color=MUTED, linewidth=0.6, alpha=0.4)
        axes.plot(places, dependence.mean, color=SERIES[0], linewidth=2.4)
        points = []
        for value, place, mean in zip(dependence.values, places.tolist(), dependence.mean, strict=True):
            text = value[:10] if isinstance(value, str) else number(value)
            points.append((axes, place, mean, f"{text}: {number(mean)}"))
        return draw(figure, name, points)


def draw_roc(curves: Sequence[Curve], name: str) -> Drawing:
    """Draw the share of true positives over the share of false positives."""
    with style():
        figure, axes = new_axes()
        axes.plot([0, 1], [0, 1], ":", color=MUTED, linewidth=1)
        points = []
        for color, curve in zip(SERIES, curves, strict=False):
            axes.plot(curve.x, curve.y, color=color)
            points += [
                (axes, x, y, f"finds {percent(y)}, with {percent(x)} of the others as false alarms")
                for x, y in list(zip(curve.x, curve.y, strict=True))[::2]
            ]
        axes.set(xlabel="false alarms (share of the other rows)", ylabel="found (share of the class)")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        return draw(figure, name, points)


def draw_precision_recall(curves: Sequence[Curve], name: str) -> Drawing:
    """Draw precision over recall."""
    with style():
        figure, axes = new_axes()
        points = []
        for color, curve in zip(SERIES, curves, strict=False):
            axes.plot(curve.x, curve.y, color=color)
            points += [
                (axes, x, y, f"recall {percent(x)}, precision {percent(y)}")
                for x, y in list(zip(curve.x, curve.y, strict=True))[::2]
            ]
        axes.set(xlabel="recall (share of the class that is found)", ylabel="precision")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
        return draw(figure, name, points)


def draw_calibration(bins: Sequence[CalibrationBin], name: str) -> Drawing:
    """Draw observed shares over predicted probabilities, with the numbers of rows below."""
    with style():
        figure, axes = new_axes()
        axes.remove()
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        axes.plot([0, 1], [0, 1], ":", color=MUTED, linewidth=1)
        x, y = [b.predicted for b in bins], [b.observed for b in bins]
        errors = [[b.observed - b.low for b in bins], [b.high - b.observed for b in bins]]
        axes.errorbar(x, y, yerr=errors, fmt="o-", color=SERIES[0], markersize=4, elinewidth=1)
        axes.set(ylabel="observed share", ylim=(-0.02, 1.02), xlim=(-0.01, 1.01))
        below.bar(x, [b.n_rows for b in bins], width=0.05, color=SERIES[0])
        below.set(xlabel="predicted probability", ylabel="rows")
        below.locator_params(axis="y", nbins=2)
        points = [
            (axes, b.predicted, b.observed, f"{b.n_rows:,} rows: predicted {percent(b.predicted)}, observed "
             f"{percent(b.observed)} ({percent(b.low)} to {percent(b.high)})")
            for b in bins
        ]  # fmt: skip
        return draw(figure, name, points)


def draw_predictions(result: RegressionResult, name: str) -> Drawing:
    """Draw predictions over true values."""
    with style():
        figure, axes = new_axes()
        low, high = (end(end(result.truth), end(result.prediction)) for end in (min, max))
        axes.plot([low, high], [low, high], ":", color=MUTED, linewidth=1)
        alpha = 0.7 if len(result.truth) < 200 else 0.4
        axes.plot(result.truth, result.prediction, "o", color=SERIES[0], markersize=3.5, alpha=alpha, mew=0)
        axes.set(xlabel="true value", ylabel="prediction")
        pairs = list(zip(result.truth, result.prediction, strict=True))
        points = [(axes, y, p, f"true {number(y)}, predicted {number(p)}") for y, p in pairs[:300]]
        return draw(figure, name, points)


def draw_residuals(result: RegressionResult, name: str) -> Drawing:
    """Draw the histogram of the errors."""
    with style():
        figure, axes = new_axes()
        axes.stairs(result.histogram, result.edges, fill=True, color=SERIES[0], alpha=0.85)
        axes.axvline(0, color=INK, linewidth=1)
        axes.set(xlabel="error (prediction minus true value)", ylabel="rows")
        axes.grid(False, axis="x")
        points = [
            (axes, (a + b) / 2, n, f"{n:,} rows with an error from {number(a)} to {number(b)}")
            for n, a, b in zip(result.histogram, result.edges, result.edges[1:], strict=False)
        ]
        return draw(figure, name, points)


def draw_frontier(frontier: Sequence[FrontierPoint], metric: ReportMetric) -> Drawing:
    """Draw the score of smaller ensembles over their time for a single row."""
    from matplotlib.ticker import LogLocator

    with style():
        figure, axes = new_axes()
        for p in frontier:
            if p.low is not None and p.high is not None:
                axes.plot([p.milliseconds] * 2, [p.low, p.high], color=MUTED, linewidth=1)
        axes.plot(
            [p.milliseconds for p in frontier], [p.score for p in frontier], "o", color=SERIES[0],
            markersize=6, mec=SURFACE, mew=1,
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set(xlabel="milliseconds for a single row", ylabel=metric.title)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(lambda value, _: number(value, 3))
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        points = [(axes, p.milliseconds, p.score, _frontier_text(p)) for p in frontier]
        return draw(figure, "frontier", points)


def _frontier_text(point: FrontierPoint) -> str:
    times = f"{number(point.milliseconds, 3)} ms, {number(point.megabytes, 3)} MB"
    return f"{number(point.score)}, {times}: {point.members}"


def draw_folds(members: Sequence[MemberRow], metric: ReportMetric) -> Drawing:
    """Draw the scores of each member on the folds, and their mean."""
    shown = [m for m in members if m.fold_scores][:_MAX_MEMBERS]
    with style():
        figure, axes = new_axes(1.1 + 0.32 * len(shown))
        points = []
        for place, member in enumerate(shown):
            scores = [score for _, score in member.fold_scores]
            axes.plot(scores, [place] * len(scores), "o", color=SERIES[0], markersize=4.5, alpha=0.7, mew=0)
            mean = sum(scores) / len(scores)
            axes.plot([mean, mean], [place - 0.3, place + 0.3], color=INK, linewidth=2)
            points += [
                (axes, score, place, f"{member.family}, fold {fold}: {number(score)}")
                for fold, score in member.fold_scores
            ]
        axes.set_yticks(range(len(shown)), [f"{m.family} {m.weight:.2f}" for m in shown])
        axes.set(xlabel=f"{metric.title} on each fold; the line is the mean", ylim=(len(shown) - 0.5, -0.5))
        return draw(figure, "folds", points)
