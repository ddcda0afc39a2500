"""Paired tests of estimators on the outer folds of one table.

Scores of resampled folds are not independent, because the folds share training rows. The ordinary paired t-test
therefore finds differences where there are none. Both tests here widen the variance of the mean difference by the
correlation between folds. This correlation is taken to be the share of rows that a fold holds out.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from automl.errors import InvalidInputError
from automl.paired_test import correlated_posterior

_ROPE_SHARE = 0.01  # of the mean absolute score: too small a difference to prefer one model to another

PAIR_COLUMNS = [
    "metric",
    "first",
    "second",
    "folds",
    "difference",
    "t",
    "p",
    "p_holm",
    "rope",
    "first_better",
    "equivalent",
    "second_better",
]


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Correct p values for their number by Holm's step-down procedure.

    Parameters
    ----------
    p : array-like of shape (n_tests,)
        Missing values (NaN) do not count.

    Returns
    -------
    ndarray of shape (n_tests,)
        Corrected p values; NaN where the p value is missing.

    References
    ----------
    S. Holm: A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    values = np.asarray(p, dtype=float)
    corrected = np.full(values.shape, np.nan)
    present = np.flatnonzero(~np.isnan(values))
    order = present[np.argsort(values[present], kind="stable")]
    steps = values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected


def compare_folds(scores: pd.DataFrame, rope: float | Mapping[str, float] | None = None) -> pd.DataFrame:
    """Compare each pair of estimators on the outer folds of one table.

    Parameters
    ----------
    scores : DataFrame
        Columns `estimator`, `fold`, `metric`, `score` (greater is better), `n_train` and `n_test`, as in
        `NestedResult.scores`.
    rope : float or dict of float, optional
        Two estimators count as equivalent if their difference is at most `rope`, in units of the metric. A dict gives
        one number for each metric by its name. The default is 1 % of the metric's mean absolute score.

    Returns
    -------
    DataFrame
        One row for each metric and pair: ``difference`` of the means (first minus second), ``t`` and ``p`` of the
        corrected resampled t-test, ``p_holm`` corrected for the number of pairs of the metric, and the probabilities
        ``first_better``, ``equivalent``, ``second_better`` of the Bayesian correlated t-test. ``folds`` is the number
        of folds on which both estimators have a score; with fewer than two there is no test, and the values are NaN.

    Raises
    ------
    InvalidInputError
        If `rope` is negative, is not a number, or has no entry for a metric.
    """
    parts = []
    for metric, rows in scores.groupby("metric", sort=False):
        width = _rope(rope, str(metric), rows["score"])
        # pivot sorts; estimators keep the order in which the user named them.
        table = rows.pivot(index="fold", columns="estimator", values="score")[list(rows["estimator"].unique())]
        sizes = rows.drop_duplicates("fold").set_index("fold")
        share = sizes["n_test"] / (sizes["n_test"] + sizes["n_train"])
        pairs = [_compare_pair(table, share, pair, width) for pair in combinations(table.columns, 2)]
        part = pd.DataFrame(pairs, columns=[name for name in PAIR_COLUMNS if name not in ("metric", "p_holm")])
        parts.append(part.assign(metric=metric, p_holm=holm(part["p"])))
    return pd.concat(parts, ignore_index=True)[PAIR_COLUMNS]


def _compare_pair(table: pd.DataFrame, share: pd.Series, pair: tuple[Any, Any], rope: float) -> dict[str, Any]:
    differences = (table[pair[0]] - table[pair[1]]).dropna()
    row = {"first": pair[0], "second": pair[1], "folds": len(differences), "rope": rope}
    if len(differences) < 2:
        return row
    posterior = correlated_posterior(differences, float(share[differences.index].mean()))
    first, equivalent, second = posterior.probabilities(rope)
    return row | {
        "difference": posterior.mean,
        "t": posterior.t,
        "p": posterior.p,
        "first_better": first,
        "equivalent": equivalent,
        "second_better": second,
    }


def _rope(rope: float | Mapping[str, float] | None, metric: str, scores: pd.Series) -> float:
    if rope is None:
        return _ROPE_SHARE * float(scores.abs().mean())
    if isinstance(rope, Mapping):
        if metric not in rope:
            raise InvalidInputError(f"rope has no entry for {metric!r}; give one for each metric, or a single number")
        rope = rope[metric]
    if not isinstance(rope, Real) or not np.isfinite(rope) or rope < 0:
        raise InvalidInputError(f"rope must be a number of 0 or more in units of the metric; got {rope!r}")
    return float(rope)
