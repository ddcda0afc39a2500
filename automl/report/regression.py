"""The errors of predicted numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.explain.predictions import Predicted
from automl.report.data import RegressionResult, WorstRow
from automl.report.words import all_rounded, rounded
from pipelines.quantiles import lowest_loss_quantiles

_QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
_POINTS = 1_000  # rows in the figure
_WORST = 10
_BINS = 30


def judge_numbers(rows: Predicted) -> RegressionResult:
    """Return the quality of predicted numbers."""
    y, p = rows.y.astype(np.float64), rows.predictions
    error, weight = p - y, rows.relative_weight
    size = np.abs(error)
    shown = np.arange(len(y))
    if len(y) > _POINTS:
        shown = np.sort(np.random.default_rng(0).choice(len(y), _POINTS, replace=False))
    limit = float(np.quantile(size, 0.99)) or float(size.max()) or 1.0
    counts, edges = np.histogram(np.clip(error, -limit, limit), bins=_BINS, range=(-limit, limit), weights=weight)
    spread = float(weight @ (y - np.average(y, weights=weight)) ** 2)
    worst = np.argsort(-size, kind="stable")[:_WORST]
    return RegressionResult(
        mean_absolute_error=float(f"{np.average(size, weights=weight):.6g}"),
        root_mean_squared_error=float(f"{np.sqrt(np.average(error**2, weights=weight)):.6g}"),
        r2=rounded(1 - weight @ error**2 / spread) if spread else None,
        error_quantiles=tuple(zip(_QUANTILES, all_rounded(_quantiles(size, rows.sample_weight), 6), strict=True)),
        truth=all_rounded(y[shown], 5),
        prediction=all_rounded(p[shown], 5),
        histogram=tuple(round(n) for n in counts),
        edges=all_rounded(edges, 5),
        worst=tuple(
            WorstRow(None if rows.numbers is None else int(rows.numbers[i]), *all_rounded((y[i], p[i], error[i])))
            for i in worst
        ),
    )


def _quantiles(size: NDArray[Any], weight: NDArray[Any] | None) -> NDArray[Any]:
    """Return the quantiles of the sizes of errors."""
    return np.quantile(size, _QUANTILES) if weight is None else lowest_loss_quantiles(size, _QUANTILES, weight)
