"""Ranks of estimators over many tables, and the tests that go with them.

The procedure is that of J. Demsar: Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006. The
comments here call this paper "Demsar".
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
    """Ranks of estimators over many tables, and tests of their differences.

    `compare_over_tables` returns this object. Each parameter is an attribute of the same name.

    Parameters
    ----------
    ranks : Series
        Mean rank of each estimator, the best (smallest) first.
    n_tables : int
        Number of tables.
    alpha : float
        Significance level of `critical_difference`.
    critical_difference : float
        Two mean ranks differ significantly if their difference is greater (Nemenyi's test).
    friedman_statistic : float
        Statistic of Friedman's test that all estimators are equivalent, corrected for ties; NaN if there are fewer than
        three estimators.
    friedman_p : float
        The p value of Friedman's test; NaN if there are fewer than three estimators.
    pairs : DataFrame
        One row for each pair of estimators. The columns are ``first`` and ``second`` (names), ``rank_difference`` (mean
        rank of first minus second; negative if the first is better), ``p_nemenyi``, ``p_wilcoxon``, and ``p_holm`` (p
        value of Wilcoxon's test, corrected for the number of pairs by Holm's method).

    See Also
    --------
    compare_over_tables : Makes the comparison.
    critical_difference_plot : Draws the mean ranks.

    Examples
    --------
    >>> import pandas as pd
    >>> scores = pd.DataFrame({"table": [1, 1, 2, 2], "estimator": ["a", "b"] * 2, "score": [0.9, 0.8, 0.7, 0.6]})
    >>> comparison = compare_over_tables(scores)
    >>> comparison.n_tables, round(comparison.critical_difference, 2)
    (2, 1.39)
    """

    ranks: pd.Series
    n_tables: int
    alpha: float
    critical_difference: float
    friedman_statistic: float
    friedman_p: float
    pairs: pd.DataFrame

    def groups(self) -> list[list[str]]:
        """Return the largest sets of estimators with neighboring ranks that do not differ significantly.

        A set has two estimators or more. An estimator may be in several sets, or in none.

        Returns
        -------
        list of list of str
            The names in each set, in the order of `ranks`.

        Examples
        --------
        >>> import pandas as pd
        >>> scores = pd.DataFrame({"table": [1, 1, 2, 2], "estimator": ["a", "b"] * 2, "score": [0.9, 0.8, 0.7, 0.6]})
        >>> compare_over_tables(scores).groups()
        [['a', 'b']]
        """
        names, ranks = list(self.ranks.index), self.ranks.to_numpy()
        ends = np.searchsorted(ranks, ranks + self.critical_difference, side="right")
        starts = [i for i in range(len(names)) if ends[i] - i > 1 and (i == 0 or ends[i] > ends[i - 1])]
        return [names[i : ends[i]] for i in starts]


def compare_over_tables(scores: pd.DataFrame, alpha: float = 0.05) -> TableComparison:
    """Rank estimators on each table, and test the differences of their mean ranks and scores.

    The tests are Friedman's test of all estimators with Nemenyi's test of pairs of mean ranks, and Wilcoxon's
    signed-ranks test of pairs of scores with Holm's correction [1]_.

    Parameters
    ----------
    scores : DataFrame
        The columns `table`, `estimator` and `score`; a greater score is better. Several rows of one table and estimator
        (its folds) are averaged. If an estimator lacks a score on a table (NaN), it ranks below all estimators that
        have all their scores there. A column `metric` is optional; a table may have only one metric.
    alpha : float, default=0.05
        Significance level of the critical difference.

    Returns
    -------
    TableComparison
        Ranks, tests and the critical difference. The p values of Wilcoxon's test are NaN if different tables have
        different metrics, because this test compares sizes of differences, which then have no common unit.

    Raises
    ------
    InvalidInputError
        If a column is missing, if a table has several metrics, if there are fewer than two tables or estimators, or if
        `alpha` is not between 0 and 1.

    See Also
    --------
    nested_cross_validate : Makes the scores of one table.
    critical_difference_plot : Draws the mean ranks.

    Notes
    -----
    In Wilcoxon's test a difference of 0 counts half for each side.

    References
    ----------
    .. [1] J. Demsar: Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006, sections 3.1.3
       (Wilcoxon) and 3.2.2 (Friedman, Nemenyi, Holm).

    Examples
    --------
    >>> import pandas as pd
    >>> scores = pd.DataFrame({"table": [1, 1, 2, 2], "estimator": ["a", "b"] * 2, "score": [0.9, 0.8, 0.7, 0.6]})
    >>> comparison = compare_over_tables(scores)
    >>> comparison.ranks.to_dict()
    {'a': 1.0, 'b': 2.0}
    >>> comparison.pairs[["first", "second", "rank_difference"]]
      first second  rank_difference
    0     a      b             -1.0
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
    """Return one row for each table and one column for each estimator; minus infinity where a score is missing."""
    missing = [name for name in ("table", "estimator", "score") if name not in scores]
    if missing:
        raise InvalidInputError(f"scores has no column {missing[0]!r}; it needs 'table', 'estimator' and 'score'")
    if "metric" in scores:
        several = scores.groupby("table")["metric"].nunique()
        if several.max() > 1:
            raise InvalidInputError(
                f"scores has several metrics for table {several.idxmax()!r}; keep one of them, for example "
                f"scores[scores.metric == {scores['metric'].iloc[0]!r}]"
            )
    folds = scores.groupby(["table", "estimator"], sort=False)["score"]
    # A mean over the folds that did not fail would be too optimistic.
    table = folds.agg(lambda values: values.mean(skipna=False)).unstack()[list(scores["estimator"].unique())]
    if min(table.shape) < 2:
        raise InvalidInputError(
            f"scores holds {table.shape[0]} tables and {table.shape[1]} estimators; at least two of each are needed"
        )
    return table.fillna(-np.inf)


def _friedman(ranks: NDArray[np.float64]) -> tuple[float, float]:
    if ranks.shape[1] < 3:
        return np.nan, np.nan
    if (ranks == ranks[0, 0]).all():  # all estimators have the same score on every table
        return 0.0, 1.0
    statistic, p = stats.friedmanchisquare(*ranks.T)
    return float(statistic), float(p)


def _nemenyi(distance: float, k: int) -> float:
    """Return the p value of a difference of mean ranks in standard errors; Demsar's q is the range over root 2."""
    return float(min(1.0, stats.studentized_range.sf(distance * np.sqrt(2), k, np.inf)))


def _wilcoxon(first: pd.Series, second: pd.Series) -> float:
    both_failed = np.isinf(first) & np.isinf(second)
    differences = (first - second).mask(both_failed, 0.0).to_numpy()
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="zsplit").pvalue)
