"""The expected score that a fitted estimator would have if its search had ended earlier."""

from __future__ import annotations

from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from automl.ensemble.score_curve import CurveRecord, score_curve
from automl.task.own_objects import check_loaded


class SearchGains:
    """The expected score over the time of the search, for both estimators."""

    _score_curve: Any

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
            `slim` or `refit`, or if the model was loaded for prediction only.

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
        check_is_fitted(self, "_ensemble")
        if isinstance(self._score_curve, CurveRecord):
            check_loaded({"scoring": self._score_curve.out_of_fold.metric.scorer})
            self._score_curve = score_curve(self._score_curve)
        if self._score_curve is None or not self._score_curve.points:
            raise AttributeError(
                "there is no score_over_time_: the search was too short to compare two times, or was interrupted, or "
                "cv orders the rows by time, or the estimator was returned by slim or refit"
            )
        last = estimator.estimate_.score
        rows = [(p.seconds, p.n_configurations, last - p.gain, p.error) for p in self._score_curve.points]
        return pd.DataFrame(rows, columns=["seconds", "configurations", "score", "error"])
