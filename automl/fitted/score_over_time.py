"""The expected score of a fitted estimator if its search had ended earlier, and its gain if it searched longer."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from automl.ensemble.estimate import Estimate
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.further_gain import FurtherGain, forecast_gain
from automl.ensemble.missing import LIMIT, order_of_rows, why_missing
from automl.ensemble.score_curve import CurveRecord, ScoreCurve, score_curve
from automl.errors import InvalidInputError
from automl.plurals import short_number
from automl.task.metric_words import MetricWords
from automl.task.own_objects import check_fitted_scorer


def known_scores_over_time(estimator: SearchGains) -> pd.DataFrame | None:
    """Return `score_over_time_` of a fitted estimator; None where it has none."""
    try:
        table: pd.DataFrame = estimator.score_over_time_
    except (AttributeError, InvalidInputError):
        return None
    return table


def scores_over_measured_seconds(estimator: SearchGains) -> pd.DataFrame | None:
    """Return `score_over_time_` with the measured seconds of all trials; None where there is none.

    The attribute of a repeatable run counts the usual seconds of its trials.
    """
    table = known_scores_over_time(estimator)
    if table is None:
        return None
    measured = sum(result.seconds for result in estimator.history_)
    return table.assign(seconds=table["seconds"] * (measured / table["seconds"].iloc[-1]))


def further_gain_sentence(estimator: FittedModel, seconds: float = 600.0) -> str:
    """Say what a longer search would probably gain; empty where that is not known without slow computations."""
    curve, estimate = (vars(estimator).get(name) for name in ("_score_curve", "_estimate"))
    if not isinstance(curve, ScoreCurve) or not curve.points or not isinstance(estimate, Estimate):
        return ""
    return describe_gain(forecast_gain(curve, seconds), estimate.score, estimator._metric.words)


def describe_gain(more: FurtherGain, score: float, words: MetricWords) -> str:
    """Say in a sentence how much a longer search would improve a score.

    Examples
    --------
    >>> more = FurtherGain(300.0, gain=0.004, low=-0.001, high=0.01)
    >>> print(describe_gain(more, -0.25, MetricWords.of("neg_log_loss")))  # doctest: +NORMALIZE_WHITESPACE
    5 more minutes would probably lower the expected log loss by about 0.004, to 0.246 (80% interval: 0.001 worse to
    0.01 better).
    >>> print(describe_gain(FurtherGain(600.0, 1e-6, -0.001, 0.02), -0.25, MetricWords.of("neg_log_loss")))
    10 more minutes would probably not change the expected log loss (80% interval: 0.001 worse to 0.02 better).
    """
    minutes = f"{more.seconds / 60:.3g} more minutes" if more.seconds != 60 else "1 more minute"
    interval = f"{more.level:.0%} interval: {short_number(-more.low, 2)} worse to {short_number(more.high, 2)} better"
    after = words.text(score + more.gain)
    if after == words.text(score):
        return f"{minutes} would probably not change the expected {words.name} ({interval})."
    verb = "lower" if words.is_loss else "raise"
    gain = short_number(more.gain, 2)
    return f"{minutes} would probably {verb} the expected {words.name} by about {gain}, to {after} ({interval})."


class SearchGains(FittedModel):
    """The expected score over the time of the search, for both estimators."""

    @property
    def score_over_time_(self) -> pd.DataFrame:
        """
        The score to expect on new data if the search had ended earlier.

        The times are about an eighth, a quarter, half and all of the search. For each time, ensembles of the
        configurations that had then finished are chosen on bootstrap samples of the rows and scored on the other rows,
        which are the same for all times. The last score is that of `estimate_`. The first access takes up to a few
        seconds; the result is then kept.

        Returns
        -------
        DataFrame
            One row for each time: ``seconds`` of all trials, added over all workers; ``configurations``, the number
            that had been tried; ``score``, greater is better; ``error``, the standard error of the difference between
            this score and the last one. A time at which no configuration had finished enough folds has no row.

        Raises
        ------
        AttributeError
            If `cv` orders the rows by time, if the search was too short to compare two times, after an interrupt, after
            `slim` or `refit`, if `max_predict_milliseconds` has made the ensemble smaller, or if the model was loaded
            for prediction only.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=4, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> list(reg.score_over_time_)
        ['seconds', 'configurations', 'score', 'error']
        """
        estimator: Any = self  # `FittedAttributes` gives it `estimate_`
        curve = self._known_curve("score_over_time_")
        last = estimator.estimate_.score
        rows = [(p.seconds, p.n_configurations, last - p.gain, p.error) for p in curve.points]
        return pd.DataFrame(rows, columns=["seconds", "configurations", "score", "error"])

    def expected_gain(self, seconds: float = 600.0) -> FurtherGain:
        """
        Forecast how much a longer search would improve the score on new data.

        The forecast continues `score_over_time_`. It is a rough figure: the documentation of the benchmarks shows how
        far such forecasts were from real runs.

        Parameters
        ----------
        seconds : float, default=600.0
            Seconds that the search would take in addition to those of this fit.

        Returns
        -------
        FurtherGain
            Its ``gain`` is the difference of the scores, and at least 0; ``low`` and ``high`` are the ends of its 80 %
            interval.

        Raises
        ------
        AttributeError
            If the estimator has no `score_over_time_`.
        InvalidInputError
            If `seconds` is not a positive number.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=4, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> more = reg.expected_gain(seconds=600)
        >>> more.low <= more.gain <= more.high
        True
        """
        if not (isinstance(seconds, Real) and 0 < seconds < math.inf):
            raise InvalidInputError(f"seconds must be a positive number, not {seconds!r}")
        return forecast_gain(self._known_curve("expected_gain"), float(seconds))

    def _known_curve(self, name: str) -> ScoreCurve:
        """Return the score curve, which is computed at the first call; `name` is the attribute that needs it."""
        check_is_fitted(self, "_ensemble")
        if isinstance(self._score_curve, CurveRecord):
            check_fitted_scorer(self._score_curve.out_of_fold.metric.scorer)
            self._score_curve = score_curve(self._score_curve)
        if self._score_curve is None:
            raise AttributeError(f"there is no {name}: {_why_no_curve(self)}")
        if not self._score_curve.points:
            raise AttributeError(
                f"there is no {name}: the metric is undefined on most samples of the rows; pass more rows to fit"
            )
        return self._score_curve


def _why_no_curve(estimator: FittedModel) -> str:
    order = order_of_rows(estimator)
    if order in ("time", "cv"):
        return (
            f"{order} puts the rows in order, so that scores of different times are of different rows; compare fits "
            "of different budgets on newer rows"
        )
    if vars(estimator).get("_changed_by") == LIMIT:
        return (
            "max_predict_milliseconds has made the ensemble smaller; leave out the limit in fit, and call slim "
            "afterwards"
        )
    return why_missing(estimator, "the search was too short to compare two times; raise time_budget or max_trials")
