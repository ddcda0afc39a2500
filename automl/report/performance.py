"""Section 3 of a report: what the model does on rows that its models have not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.estimate import LEVEL
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.missing import order_of_rows, why_left_out, why_missing
from automl.ensemble.score_interval import score_with_interval
from automl.ensemble.threshold import apply_decision
from automl.explain.predictions import Predicted, out_of_fold_rows, quantiles_by_other_rows, with_weight
from automl.fitted.metric_scores import classes_of_scores, recorded_scorers
from automl.fitted.one_target import OneTarget, each_target, layout_of
from automl.report.classification import judge_classes
from automl.report.data import CoverageRow, Interval, Performance
from automl.report.model import ReportedModel
from automl.report.regression import judge_numbers
from automl.report.rows import LabeledTable, predicted_rows, predicted_targets
from automl.report.score_data import MetricScore
from automl.report.verdict import interval
from automl.report.words import all_rounded, clean, metric_words, rounded
from automl.task.metrics import Metric
from automl.task.scored_target import ScoredTarget
from automl.task.scorers import take_rows
from automl.task.scoring import is_raw_loss
from pipelines.quantiles import pinball_losses

Array = NDArray[Any]

_MAX_TARGETS = 8  # with a part of their own


def out_of_fold_performance(estimator: ReportedModel) -> tuple[list[Performance], str]:
    """Return what the ensemble does on out-of-fold rows, for each target, or the reason why that is not known."""
    rows = out_of_fold_rows(estimator)
    if rows is None:
        return [], (
            f"This model holds no out-of-fold predictions: {_why_no_rows(estimator)}. Give a table with known labels "
            "instead: automl report MODEL --test TABLE, or report(path, test=(X, y))."
        )
    has_frontier = vars(estimator).get("_frontier") is not None
    order = "" if has_frontier else order_of_rows(estimator)
    title = "Validation rows" if order == "X_val" else "Out-of-fold rows"
    rows, note = _of_one_table(rows, order), _note(order)
    if estimator._ensemble.targets is not None:
        found = _each_target(estimator, with_weight(rows), "out-of-fold", title, note)
    else:
        found = [_of_one_target(estimator, rows, title, note)]
    return found if has_frontier else [_without_interval(each) for each in found], ""


def _note(order: str) -> str:
    """Return what to know about out-of-fold rows, and those of a fit with an order of its rows."""
    seen = "The choice of the members and the calibration have seen these rows"
    if not order:
        return (
            f"Each row is predicted by models that were not trained on it. {seen}, so that the expected score of the "
            "first section is the more honest figure."
        )
    trained = "that were not trained on it" if order == "X_val" else "that were trained on older rows only"
    return (
        f"Each row is predicted by models of the search {trained}; the models that predict new rows are trained on all "
        f"rows. {seen}."
    )


def _of_one_table(rows: Predicted, order: str) -> Predicted:
    """Return the rows with their numbers in X, or in X_val if only validation rows are predicted."""
    if order != "X_val" or rows.numbers is None or rows.table_rows is None:
        return rows
    return replace(rows, numbers=rows.numbers - rows.table_rows[0])


def _of_one_target(estimator: ReportedModel, rows: Predicted, title: str, note: str) -> Performance:
    record = vars(estimator).get("_frontier")
    metric = estimator._metric if record is None else record.metric
    if rows.sample_weight is not None:
        metric = metric.take(rows.sample_weight > 0)
    weighted = with_weight(rows)
    quantiles = estimator._ensemble.quantiles
    if not quantiles:
        performance = _performance(estimator, weighted, metric, "out-of-fold", title, note)
        return replace(performance, coverage=_coverage(estimator))
    note += " The share of the rows below each quantile is counted with a calibration that comes from other rows."
    performance = _performance(estimator, weighted, metric, "out-of-fold", title, note)
    return replace(performance, coverage=_quantile_rows(estimator, rows))


def _quantile_rows(estimator: Any, rows: Predicted) -> tuple[CoverageRow, ...]:
    """Return coverage and loss of each quantile: those of `quantile_scores_`, which a smaller ensemble lacks."""
    known = vars(estimator).get("_quantile_scores")
    if known is None:
        return _levels(rows, estimator._ensemble.quantiles, quantiles_by_other_rows(estimator, rows))
    levels, scores, _, shares = zip(*known, strict=True)
    return _coverage_rows(levels, shares, [-score for score in scores])


def _without_interval(performance: Performance) -> Performance:
    """Return the results without the interval of the score, where neither groups nor the order of the rows is known."""
    score = performance.score
    return replace(performance, score=None if score is None else replace(score, low=None, high=None))


def scores_by_metric(estimator: ReportedModel) -> tuple[MetricScore, ...]:
    """Return the out-of-fold scores by each metric of `scoring`; none where there is one metric, or no scores."""
    rows = vars(estimator).get("_metric_scores") or []
    if len(rows) < 2:
        return ()
    lower = [False, *map(is_raw_loss, recorded_scorers(estimator))]
    shown = []
    for (name, score, constant), of_class, is_loss in zip(rows, classes_of_scores(estimator), lower, strict=True):
        words = metric_words(name, of_class)
        direction = "lower is better" if is_loss else words.direction
        shown.append(MetricScore(words.title, direction, rounded(words.sign * score), rounded(words.sign * constant)))
    return tuple(shown)


def _why_no_rows(estimator: ReportedModel) -> str:
    if "_frontier" not in vars(estimator):
        return why_left_out(estimator, "its scorer reads the table, and it was saved without rows")
    return why_missing(estimator, "its members have finished no common fold in time")


def _coverage(estimator: ReportedModel, target: str | None = None) -> tuple[CoverageRow, ...]:
    """Return the rows of `coverage_`, or those of one of several targets; none where the model has no intervals."""
    if vars(estimator).get("_conformal") is None:
        return ()
    table = estimator.coverage_
    if target is not None:
        table = table[table["target"] == target].drop(columns="target")
    level, coverage, size = (table.iloc[:, i].tolist() for i in range(3))
    rows = zip(all_rounded(level), all_rounded(coverage, 4), size, strict=True)
    return tuple(CoverageRow(of, share, rounded(value)) for of, share, value in rows)


def test_performance(estimator: ReportedModel, test: LabeledTable) -> list[Performance]:
    """Return what the model does on a table with known labels, for each target."""
    note = "Rows of the given test table. If none of them was used for training, this is the best evidence of all."
    if estimator._ensemble.targets is not None:
        rows = predicted_targets(estimator, test, "test")
        return _each_target(estimator, rows, "test", "Test rows", note)
    rows = predicted_rows(estimator, test, "test")
    metric = estimator._metric
    if metric.reads_table and rows.numbers is not None:
        metric = replace(metric, table=take_rows(test.X, rows.numbers))
    return [_performance(estimator, rows, metric, "test", "Test rows", note)]


def _each_target(estimator: ReportedModel, rows: Predicted, source: str, title: str, note: str) -> list[Performance]:
    """Return what the model does for each of several targets, or for the first of many."""
    blocks, found = layout_of(estimator).blocks(rows.predictions), []
    targets = each_target(estimator)
    if len(targets) > _MAX_TARGETS:
        note += f" The report shows the first {_MAX_TARGETS} of {len(targets)} targets; target_scores_ has all scores."
    for j, own in enumerate(targets[:_MAX_TARGETS]):
        part = replace(rows, y=rows.y[:, j], predictions=blocks[j])
        head = f"Target '{clean(own.name)}', {title[0].lower()}{title[1:]}"
        performance = _performance(own, part, own._metric, f"{source}-{j}", head, note)
        coverage = _coverage(estimator, own.name) if source == "out-of-fold" else ()
        words = metric_words(own._metric.name, own._metric.of_class)
        found.append(replace(performance, coverage=coverage, metric=words))
    return found


def _performance(
    estimator: FittedModel | OneTarget, rows: Predicted, metric: Metric, source: str, title: str, note: str
) -> Performance:
    score = _score(rows, metric, estimator)
    if rows.sample_weight is not None:
        note += (
            " Rows of weight 0 are left out. In all figures and counts below, a row counts with its sample weight, "
            "divided by the mean weight."
        )
    if rows.n_rows < len(rows.y):
        note += " Repeated folds predict a row several times; the counts below are numbers of predictions."
    if estimator._ensemble.n_classes:
        classes = judge_classes(estimator, rows, has_threshold=not isinstance(estimator, OneTarget))
        return Performance(source, title, note, rows.n_rows, score, classification=classes)
    ensemble = estimator._ensemble
    if ensemble.quantiles:
        note += " The errors and the figures are those of the middle quantile."
    result = judge_numbers(replace(rows, predictions=ensemble.values(rows.predictions)))
    levels = _levels(rows, ensemble.quantiles, rows.predictions) if ensemble.quantiles else ()
    return Performance(source, title, note, rows.n_rows, score, regression=result, coverage=levels)


def _levels(rows: Predicted, quantiles: tuple[float, ...], counted: Array) -> tuple[CoverageRow, ...]:
    """Return the coverage of each quantile by the predictions `counted`, and its pinball loss."""
    weight = rows.sample_weight
    inside = np.average(rows.y[:, None] <= counted, axis=0, weights=weight)
    losses = np.average(pinball_losses(rows.y, rows.predictions, quantiles), axis=0, weights=weight)
    return _coverage_rows(quantiles, inside, losses)


def _coverage_rows(levels: Sequence[float], shares: Any, losses: Any) -> tuple[CoverageRow, ...]:
    shown = zip(levels, all_rounded(shares, 4), all_rounded(losses, 4), strict=True)
    return tuple(CoverageRow(*row) for row in shown)


def _score(rows: Predicted, metric: Metric, estimator: FittedModel | OneTarget) -> Interval | None:
    """Return the score of the metric of the search, with a jackknife interval over groups of rows."""
    target = ScoredTarget(rows.y, metric, rows.sample_weight)
    p = apply_decision(rows.predictions, estimator._ensemble.decision_weights, target)
    score, low, high = score_with_interval(target, p, rows.units, random_state=0)
    if not np.isfinite(score):
        return None
    return interval(score, low, high, LEVEL, metric_words(metric.name).sign)
