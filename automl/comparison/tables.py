"""Which of several estimators is better over many tables: ranks, and the tests that go with them.

The procedure is that of J. Demsar: Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006; called
"Demsar" below.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from automl.comparison.folds import holm
from automl.errors import InvalidInputError


@dataclass(frozen=True)
class TableComparison:
    """How estimators compare over many tables.

    Attributes
    ----------
    ranks : Series
        Mean rank by estimator, best (smallest) first.
    n_tables : int
    alpha : float
        Level of `critical_difference`.
    critical_difference : float
        Mean ranks that are further apart differ significantly (Nemenyi).
    friedman_statistic, friedman_p : float
        Friedman's test that all estimators are alike, corrected for ties; NaN for fewer than three estimators.
    pairs : DataFrame
        One row a pair: ``rank_difference`` (first less second; below 0 the first is better), ``p_nemenyi``, and
        ``p_wilcoxon`` with ``p_holm``, its correction for the number of pairs.
    """

    ranks: pd.Series
    n_tables: int
    alpha: float
    critical_difference: float
    friedman_statistic: float
    friedman_p: float
    pairs: pd.DataFrame

    def groups(self) -> list[list[str]]:
        """Largest sets of neighbours whose mean ranks do not differ significantly, two estimators or more each."""
        names, ranks = list(self.ranks.index), self.ranks.to_numpy()
        ends = np.searchsorted(ranks, ranks + self.critical_difference, side="right")
        starts = [i for i in range(len(names)) if ends[i] - i > 1 and (i == 0 or ends[i] > ends[i - 1])]
        return [names[i : ends[i]] for i in starts]


def compare_over_tables(scores: pd.DataFrame, alpha: float = 0.05) -> TableComparison:
    """Rank estimators on each table and test the mean ranks: Friedman with Nemenyi, and Wilcoxon with Holm.

    Parameters
    ----------
    scores : DataFrame
        Columns `table`, `estimator` and `score`, greater is better; several rows of one table and estimator (its folds)
        are averaged. An estimator that misses a score on a table counts as worse there than any that has all.
    alpha : float, default=0.05
        Level of the critical difference.

    Returns
    -------
    TableComparison
        Its Wilcoxon tests are NaN where tables were judged by different metrics (column `metric`, if there is one):
        they compare sizes of differences, which then have no common unit; ranks do not.

    Raises
    ------
    InvalidInputError
        If columns are missing, a table has several metrics, or there are fewer than two tables or estimators.

    References
    ----------
    Demsar, section 3.2. Differences of 0 count half for either side in Wilcoxon's test, as there.
    """
    table = _mean_scores(scores)
    if not 0 < alpha < 1:
        raise InvalidInputError(f"alpha must lie between 0 and 1; got {alpha!r}")
    values = table.to_numpy()
    n_tables, k = values.shape
    each = stats.rankdata(-values, axis=1)
    ranks = pd.Series(each.mean(axis=0), index=list(table.columns), name="mean_rank").sort_values(kind="stable")
    error = np.sqrt(k * (k + 1) / (6 * n_tables))
    statistic, p = _friedman(each)
    one_metric = "metric" not in scores or scores["metric"].nunique() == 1
    pairs = pd.DataFrame(
        {
            "first": first,
            "second": second,
            "rank_difference": ranks[first] - ranks[second],
            "p_nemenyi": _nemenyi(abs(ranks[first] - ranks[second]) / error, k),
            "p_wilcoxon": _wilcoxon(table[first], table[second]) if one_metric else np.nan,
        }
        for first, second in combinations(ranks.index, 2)
    )
    return TableComparison(
        ranks=ranks,
        n_tables=n_tables,
        alpha=alpha,
        critical_difference=float(stats.studentized_range.ppf(1 - alpha, k, np.inf) / np.sqrt(2) * error),
        friedman_statistic=statistic,
        friedman_p=p,
        pairs=pairs.assign(p_holm=holm(pairs["p_wilcoxon"])),
    )


def _mean_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a table and one column an estimator; minus infinity where an estimator has failed."""
    missing = [name for name in ("table", "estimator", "score") if name not in scores]
    if missing:
        raise InvalidInputError(f"scores has no column {missing[0]!r}; it needs 'table', 'estimator' and 'score'")
    if "metric" in scores:
        several = scores.groupby("table")["metric"].nunique()
        if several.max() > 1:
            raise InvalidInputError(
                f"scores has several metrics for table {several.idxmax()!r}; keep one, as in "
                f"scores[scores.metric == {scores['metric'].iloc[0]!r}]"
            )
    folds = scores.groupby(["table", "estimator"], sort=False)["score"]
    # A mean over the folds that happened to succeed would flatter.
    table = folds.agg(lambda values: values.mean(skipna=False)).unstack()[list(scores["estimator"].unique())]
    if min(table.shape) < 2:
        raise InvalidInputError(
            f"scores holds {table.shape[0]} tables and {table.shape[1]} estimators; two of each are the least"
        )
    return table.fillna(-np.inf)


def _friedman(ranks: NDArray[np.float64]) -> tuple[float, float]:
    if ranks.shape[1] < 3:
        return np.nan, np.nan
    if (ranks == ranks[0, 0]).all():  # all alike on every table
        return 0.0, 1.0
    statistic, p = stats.friedmanchisquare(*ranks.T)
    return float(statistic), float(p)


def _nemenyi(distance: float, k: int) -> float:
    """p value of a difference of mean ranks in units of its standard error; Demsar's q is the range over root 2."""
    return float(min(1.0, stats.studentized_range.sf(distance * np.sqrt(2), k, np.inf)))


def _wilcoxon(first: pd.Series, second: pd.Series) -> float:
    both_failed = np.isinf(first) & np.isinf(second)
    differences = (first - second).mask(both_failed, 0.0).to_numpy()
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="zsplit").pvalue)
