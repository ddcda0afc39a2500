"""Paired tests of estimators on the outer folds of one table.

Scores of resampled folds are not independent, because the folds share training rows. The ordinary paired t-test
therefore finds differences where there are none. Both tests here widen the variance of the mean difference by the
correlation between folds. This correlation is taken to be the share of rows that a fold holds out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from automl.errors import InvalidInputError

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


@dataclass(frozen=True)
class Posterior:
    """Posterior distribution of the mean difference between two estimators: a Student t distribution.

    Attributes
    ----------
    mean : float
        Mean difference, first minus second.
    scale : float
        Corrected standard error of the mean; 0 if all differences are equal.
    degrees : int
        Degrees of freedom: the number of folds minus 1.
    """

    mean: float
    scale: float
    degrees: int

    @property
    def t(self) -> float:
        """Statistic of the corrected t-test; if all differences are equal, it is infinite, or NaN if they are 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.divide(self.mean, self.scale))

    @property
    def p(self) -> float:
        """Two-sided p value of the corrected t-test."""
        return 1.0 if self.mean == 0 else float(2 * stats.t.sf(abs(self.t), self.degrees))

    def probabilities(self, rope: float) -> tuple[float, float, float]:
        """Return the probabilities that the first is better, that both are equivalent, and that the second is better.

        Parameters
        ----------
        rope : float
            Half the width of the region of practical equivalence, in units of the score.
        """
        if self.scale == 0:
            return float(self.mean > rope), float(abs(self.mean) <= rope), float(self.mean < -rope)
        first = float(stats.t.sf(rope, self.degrees, self.mean, self.scale))
        second = float(stats.t.cdf(-rope, self.degrees, self.mean, self.scale))
        return first, max(0.0, 1.0 - first - second), second


def correlated_posterior(differences: ArrayLike, test_share: float) -> Posterior:
    """Return the posterior distribution of the mean difference, given the differences on correlated folds.

    This is the Bayesian correlated t-test with the matching prior [2]_. Its tail probabilities are the p values of the
    corrected resampled t-test [1]_. The variance of the mean is (1/J + rho/(1 - rho)) times the variance of the
    differences, where J is the number of folds and each fold holds out the share rho of the rows. Hence rho/(1 - rho)
    is the number of scored rows for each training row.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Score of the first minus score of the second for each fold, repetitions included; two folds or more.
    test_share : float
        Share of the rows that a fold holds out, between 0 and 1; 0 gives the ordinary paired t-test.

    Returns
    -------
    Posterior
        A Student t distribution.

    References
    ----------
    .. [1] C. Nadeau, Y. Bengio: Inference for the generalization error. Machine Learning 52, 2003, section 3.
    .. [2] A. Benavoli, G. Corani, J. Demsar, M. Zaffalon: Time for a change: a tutorial for comparing multiple
       classifiers through Bayesian analysis. JMLR 18(77), 2017, section 3.

    Examples
    --------
    >>> round(correlated_posterior([0.02, 0.01, 0.03, 0.02, 0.01], test_share=0.2).p, 3)
    0.033
    """
    values = np.asarray(differences, dtype=float)
    tiny = 1e-12 * np.abs(values).max()  # rounding of equal differences must not count as spread
    variance = 0.0 if np.ptp(values) <= tiny else float(np.var(values, ddof=1))
    scale = np.sqrt((1 / len(values) + test_share / (1 - test_share)) * variance)
    return Posterior(float(values.mean()), float(scale), len(values) - 1)


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
