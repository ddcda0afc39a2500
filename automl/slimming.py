"""The method `slim` of a fitted estimator."""

from __future__ import annotations

from typing import Self

from sklearn.utils.validation import check_is_fitted

from automl.ensemble.slimming import slim


class Slimming:
    """Smaller ensembles of the models that are already fitted."""

    def slim(
        self, milliseconds: float | None = None, megabytes: float | None = None, max_loss: float | None = None
    ) -> Self:
        """
        Return a fitted copy whose ensemble is smaller: the best entry of `frontier_` within the limits.

        The copy has a calibration of its own, and a decision threshold of its own unless you have set
        `decision_threshold_`. No model is fitted again.

        Parameters
        ----------
        milliseconds : float, optional
            The longest time for a single row.
        megabytes : float, optional
            The largest size of the models on the disk.
        max_loss : float, optional
            The most that the score may fall below the best score of `frontier_`. Without another limit, the ensemble
            that takes the least time is returned.

        Returns
        -------
        Self
            A new estimator; this one stays as it is.

        Raises
        ------
        InvalidInputError
            If no entry is within the limits; the message names the nearest limits that are possible.
        AttributeError
            If the model has no frontier: see `frontier_`.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from automl import AutoMLRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=2, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
        >>> small = reg.slim(max_loss=5)
        >>> small.predict(X).shape
        (442,)
        """
        check_is_fitted(self, "_ensemble")
        return slim(self, milliseconds, megabytes, max_loss)
