"""The corrected paired test of two models on the folds of one table.

Scores of resampled folds are not independent, because the folds share training rows. The ordinary paired t-test
therefore finds differences where there are none. The test here widens the variance of the mean difference by the
correlation between folds. This correlation is taken to be the share of rows that a fold holds out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


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
