"""Figures of a regressor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl.explain.predictions import drawn_rows
from automl.plots.axes import BLUE, GRAY, ORANGE, check_kind, clean, new_axes
from automl.refit.model import ModelWithRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]

_BINS = 15  # of the running quantiles
_FEWEST_ROWS = 60  # for running quantiles
_QUANTILES = (0.1, 0.5, 0.9)


def residuals(
    estimator: ModelWithRows, X: Any = None, y: Any = None, sample_weight: Any = None, ax: Axes | None = None
) -> Axes:
    """
    Draw the error of each row against its prediction.

    An error is the prediction minus the true value; of quantiles, the prediction is the middle one. The lines are the
    running median and the range of 80 % of the rows: a median away from 0 shows a bias, and a range that widens shows
    predictions that are less exact.

    Parameters
    ----------
    estimator : AutoMLRegressor
        A fitted regressor.
    X : DataFrame, ndarray or sparse matrix, optional
        Rows to predict; by default, out-of-fold predictions are shown.
    y : array-like of shape (n_samples,), optional
        The target of `X`.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows of `X`; they are the areas of the points.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidInputError
        If the estimator is a classifier, or if there are no rows.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.residuals(reg).get_ylabel()
    'prediction - true value'
    """
    check_kind(estimator, classifier=False)
    scored = drawn_rows(estimator, X, y, sample_weight)
    predictions, w = estimator._ensemble.values(scored.predictions), scored.sample_weight
    error = predictions - scored.y
    ax = new_axes(ax)
    many = len(error) > 1_000
    size = 9 if many else 16
    area = size if w is None else size * w / w.mean()
    ax.scatter(predictions, error, s=area, color=BLUE, alpha=0.25 if many else 0.45, linewidths=0)
    ax.axhline(0, color=GRAY, linewidth=1)
    if len(error) >= _FEWEST_ROWS:
        place, (low, median, high) = _running_quantiles(predictions, error)
        ax.plot(place, median, color=ORANGE, linewidth=2, label="running median")
        ax.fill_between(place, low, high, color=ORANGE, alpha=0.18, linewidth=0, label="80 % of the rows")
        ax.legend(frameon=False, fontsize="small")
    ax.set(xlabel="prediction", ylabel="prediction - true value")
    ax.set_title(f"Residuals ({scored.source})", fontsize="medium")
    clean(ax)
    return ax


def _running_quantiles(at: Array, values: Array) -> tuple[Array, Array]:
    """Return the places of bins with equal numbers of rows, and the quantiles of the values in each bin."""
    order = np.array_split(np.argsort(at, kind="stable"), min(_BINS, max(3, len(at) // 20)))
    return np.array([at[rows].mean() for rows in order]), np.array(
        [np.quantile(values[rows], _QUANTILES) for rows in order]
    ).T
