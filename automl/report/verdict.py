"""Section 1 of a report: what was done, what the model is worth, and how it compares with simple models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from automl.ensemble.single_scores import SingleScores
from automl.errors import InvalidInputError
from automl.fitted.data_warnings import constant_score
from automl.fitted.score_over_time import describe_gain
from automl.plurals import plural
from automl.report.data import FurtherGainWords, Interval, ReportMetric, SimpleModel, Verdict
from automl.report.model import ReportedModel
from automl.report.words import clean, metric_words, rounded
from automl.trials.candidates import rank
from automl.trials.endings import was_interrupted
from automl.trials.history import RunHistory
from pipelines.catalog import simple_kind
from pipelines.component import task_type

_LONGEST_WARNING = 1_000  # characters; a warning holds names of columns
_FEW_ROWS = 300
_MORE_SECONDS = 600.0
_LITTLE = 0.02  # of the gain over a constant prediction: an ensemble that adds less to a simple model is not needed


def make_verdict(estimator: ReportedModel) -> Verdict:
    """Return the first section for a fitted estimator."""
    words = metric_words(estimator._metric.name, estimator._metric.of_class)
    expected, note = _expected(estimator, words.sign)
    history = vars(estimator).get("history_")
    dummy, rule = constant_score(estimator)
    singles: SingleScores | None = vars(estimator).get("_single_scores")
    best = None if singles is None else rounded(singles.best * words.sign)
    verdict = Verdict(
        task=task_type(estimator._ensemble.n_classes),
        n_classes=estimator._ensemble.n_classes,
        target=None if estimator._target_name is None else clean(estimator._target_name),
        n_rows=int(estimator._reader.n_rows_),
        n_columns=int(estimator.n_features_in_),
        metric=words,
        expected=expected,
        expected_note=note,
        search_best=best,
        search_mean=_search_mean(history, words.sign) if best is None else None,
        dummy=None if dummy is None else rounded(dummy * words.sign),
        dummy_rule=rule,
        simple=_simple(singles, words.sign),
        seconds=rounded(vars(estimator).get("_fit_seconds")),
        training_seconds=None if history is None else rounded(sum(r.seconds for r in history.results)),
        n_configurations=0 if history is None else history.n_run,
        n_failed=0 if history is None else sum(not e.usable and e.started for e in history.evaluations.values()),
        stop_reason=clean(getattr(estimator, "stop_reason_", "")),
        further_gain=_further_gain(estimator, words),
        warnings=(),
        n_targets=estimator.n_outputs_,
    )
    return _with_warnings(verdict, estimator)


def _expected(estimator: ReportedModel, sign: int) -> tuple[Interval | None, str]:
    """Return the estimate of the score on new rows, or the reason why there is none."""
    try:
        estimate = estimator.estimate_
    except (AttributeError, InvalidInputError) as error:
        return None, clean(error)
    if not np.isfinite(estimate.score):
        return None, "the metric is undefined on the out-of-fold rows"
    return interval(estimate.score, estimate.low, estimate.high, estimate.level, sign), ""


def interval(score: float, low: float, high: float, level: float, sign: int) -> Interval:
    """Return an interval with the sign that people read."""
    if sign < 0:
        score, low, high = -score, -high, -low
    value = rounded(score)
    return Interval(0.0 if value is None else value, rounded(low), rounded(high), float(level))


def _further_gain(estimator: ReportedModel, words: ReportMetric) -> FurtherGainWords | None:
    """Return the expected change of the score by ten more minutes; None where there is no forecast."""
    try:
        more, last = estimator.expected_gain(_MORE_SECONDS), estimator.estimate_.score
    except (AttributeError, InvalidInputError):
        return None
    if not np.isfinite(last):
        return None
    change = interval(more.gain, more.low, more.high, more.level, words.sign)
    return FurtherGainWords(more.seconds, change, describe_gain(more, last, estimator._metric.words))


def _search_mean(history: RunHistory | None, sign: int) -> float | None:
    """Return the mean score of the best configuration over its folds, if it has any."""
    board = [] if history is None else rank(history, usable_only=False, most_folds_first=True)
    return rounded(-board[0].mean_loss * sign) if board and board[0].folds else None


def _simple(singles: SingleScores | None, sign: int) -> SimpleModel | None:
    """Return the best configuration of a simple family, if its score on the rows of the expected score is known."""
    score = None if singles is None else rounded(singles.simple * sign)
    if singles is None or score is None:
        return None
    return SimpleModel(singles.simple_family, simple_kind(singles.simple_family), score)


def _with_warnings(verdict: Verdict, estimator: ReportedModel) -> Verdict:
    """Return the verdict with the warnings about the data, and the warnings that follow from the verdict."""
    # A model that was loaded for prediction only has no warnings.
    about_data = [each.message for each in getattr(estimator, "warnings_", ())]
    found = [clean(f"{text[:1].upper()}{text[1:]}.", _LONGEST_WARNING) for text in about_data]
    sign, expected = verdict.metric.sign, verdict.expected
    if expected is not None and estimator.estimate_.note:
        found.append(f"The expected score is {estimator.estimate_.note}.")
    if expected is not None and verdict.dummy is not None:
        gain = sign * (expected.value - verdict.dummy)
        is_simple = all(simple_kind(bag.configuration.family) for bag in estimator._ensemble.bags)
        if verdict.simple is not None and gain > 0 and not is_simple:
            more = sign * (expected.value - verdict.simple.score)
            if more < _LITTLE * gain:
                found.append(
                    f"A single {verdict.simple.kind} ({verdict.simple.family}) is about as good as the ensemble; it is "
                    "easier to explain and faster."
                )
    if verdict.n_rows < _FEW_ROWS:
        found.append(f"The table has only {plural(verdict.n_rows, 'row')}: all scores are uncertain.")
    if was_interrupted(verdict.stop_reason):
        found.append("The search was interrupted, so that the model is the best one until then.")
    if verdict.n_configurations and verdict.n_failed > 0.3 * verdict.n_configurations:
        found.append(
            f"{verdict.n_failed} of {plural(verdict.n_configurations, 'configuration')} failed; the section about "
            "the search lists the reasons."
        )
    curve = vars(estimator).get("_guard_curve")
    if curve is not None and len(curve) and bool(curve["parted"].iloc[-1]):
        found.append("The score on the holdout rows of the guard contradicts the score of the search.")
    unused = [clean(c.name) for c in estimator._reader.columns_ if c.reader is None and c.kind != "drop"]
    if unused:
        shown = ", ".join(repr(name) for name in unused[:5])
        more_names = f" and {len(unused) - 5} more" if len(unused) > 5 else ""
        verb = "column is" if len(unused) == 1 else "columns are"
        found.append(f"{len(unused)} {verb} not used: {shown}{more_names}. The section about the table gives reasons.")
    return replace(verdict, warnings=tuple(found))
