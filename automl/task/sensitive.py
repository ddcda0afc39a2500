"""Groups of rows: the sensitive features of `fit`, and the differences between groups that fairness is measured by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_scalar
from scipy import sparse

from automl.errors import InvalidInputError, check_names
from automl.plurals import plural
from automl.task.table_validation import check_table
from pipelines.table.frames import to_series
from pipelines.table.raw import as_table, column_series

Array = NDArray[Any]

DEMOGRAPHIC_PARITY, EQUALIZED_ODDS = "demographic_parity_difference", "equalized_odds_difference"
DIFFERENCES = (DEMOGRAPHIC_PARITY, EQUALIZED_ODDS)
_MAX_GROUPS = 1_000
FEWEST_ROWS = 30  # of a group; with fewer, the standard error of a share of a half is more than 9 points
_GROUP_PREFIX = "score["
ALL_ROWS, LARGEST_DIFFERENCE = "all rows", "largest difference"  # rows of tables that are no groups


@dataclass(frozen=True)
class SensitiveFeatures:
    """The group of each row by the sensitive features.

    Attributes
    ----------
    codes : ndarray of int32, shape (n_samples,)
        Position of the group of each row in `labels`.
    labels : tuple of str
        The groups.
    name : str
        Name of the features.
    """

    codes: NDArray[np.int32]
    labels: tuple[str, ...]
    name: str

    def take(self, rows: Array) -> Self:
        """Return the groups of some rows."""
        return replace(self, codes=self.codes[rows])


def read_sensitive_features(
    given: Any, X: Any, n_rows: int, sample_weight: Array | None = None, n_validation: int = 0
) -> SensitiveFeatures:
    """Return the groups of all rows from the argument `sensitive_features` of `fit`.

    Parameters
    ----------
    given : array-like of shape (n_samples,) or (n_samples, n_features), mapping, str or int
        The features, or the name of a column of X.
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        All rows, the validation rows included.
    sample_weight : ndarray of shape (n_samples,) or None
        Rows of weight 0 do not make a group.
    n_validation : int
        Number of the validation rows of the user.

    Raises
    ------
    InvalidInputError
        If there is not one value for each row, if there is no such column, or if there are too few or too many groups.
    """
    features = group_series(given, X, "sensitive_features")
    frame = group_frame(features)
    if len(frame) != n_rows:
        of_validation = f", {n_validation:,} of them in X_val" if n_validation else ""
        raise InvalidInputError(
            f"sensitive_features has {plural(len(frame), 'value')}, but fit got {plural(n_rows, 'row')}"
            f"{of_validation}; {_advice(frame, X)}"
        )
    codes, labels = group_codes(frame, "sensitive_features")
    counted = np.unique(codes if sample_weight is None else codes[sample_weight > 0])
    if len(counted) < 2:
        where = "" if len(labels) < 2 else ", apart from rows of weight 0"
        raise InvalidInputError(
            f"sensitive_features has the single group {labels[counted[0]]!r}{where}, so that there is nothing to "
            "compare; leave it out"
        )
    return SensitiveFeatures(codes, tuple(labels), group_name(features))


def sensitive_columns(names: Sequence[str], tables: Sequence[pd.DataFrame], argument: str) -> str | pd.DataFrame:
    """Return the argument `sensitive_features` of `fit` for columns of a file: one name, or several columns.

    Parameters
    ----------
    tables : sequence of DataFrame
        The table, and that with the validation rows if there is one.
    argument : str
        The option or the key that names the columns, for messages.

    Raises
    ------
    InvalidInputError
        If a table has no such column.

    Examples
    --------
    >>> table = pd.DataFrame({"sex": ["f", "m"], "old": [True, False], "income": [1, 2]})
    >>> sensitive_columns(["sex"], [table], "--sensitive-features")
    'sex'
    >>> list(sensitive_columns(["sex", "old"], [table], "--sensitive-features"))
    ['sex', 'old']
    """
    for table in tables:
        labels = list(map(str, table.columns))
        for name in names:
            check_names(argument, name, labels)
    return names[0] if len(names) == 1 else pd.concat([table[[*names]] for table in tables], ignore_index=True)


def _advice(frame: pd.DataFrame, X: Any) -> str:
    """Say what to pass in place of features of a wrong length."""
    columns = list(getattr(X, "columns", ()))
    given = frame.iloc[:, 0].tolist() if frame.shape[1] == 1 and 0 < len(frame) <= len(columns) else []
    if given and all(isinstance(name, str) and name in columns for name in given):
        return f"to compare the groups of these columns, pass X[{given!r}]"
    return "pass one value for each row, or the name of a column of X"


def group_series(groups: Any, X: Any, argument: str) -> Any:
    """Return the groups as they are, or the column of X that they name."""
    if is_scalar(groups) or getattr(groups, "ndim", 1) == 0:
        groups = _column(groups, X, argument)
    return to_series(groups)


def _column(name: Any, X: Any, argument: str) -> Any:
    """Return a column of X by its name, or by its number where the columns have no names.

    Raises
    ------
    InvalidInputError
        If there is no X, or no such column.
    """
    if X is None:
        raise InvalidInputError(
            f"{argument} is {name!r}, but there is no X from which to take a column; pass the group of each row of the "
            "table that fit got, for example table['sex']"
        )
    table = as_table(check_table(X))
    if name not in table.labels:
        raise InvalidInputError(
            f"{argument}: X has no column {name!r}; pass the group of each row, or the name of a column of X"
        )
    at = table.labels.index(name)
    if sparse.issparse(table.values):
        return pd.Series(table.values[:, [at]].toarray().ravel(), name=name)
    return column_series(table.values, at)


def group_frame(groups: Any) -> pd.DataFrame:
    """Return the features of groups as columns."""
    return pd.DataFrame(groups if not isinstance(groups, Mapping) else dict(groups))


def group_codes(frame: pd.DataFrame, argument: str) -> tuple[NDArray[np.int32], list[str]]:
    """Return the number of the group of each row, and the labels of the groups: one for each combination of values.

    The groups are in the order of numbers where all labels are numbers, else in the order of texts. The number 1 and
    the text "1" are two groups, as a missing value and the text "missing" are.

    Raises
    ------
    InvalidInputError
        If there are no columns or too many groups.

    Examples
    --------
    >>> group_codes(pd.DataFrame({"sex": ["m", "f", None, "m"]}), "groups")
    (array([1, 0, 2, 1], dtype=int32), ['f', 'm', 'missing'])
    """
    if not frame.shape[1]:
        raise InvalidInputError(f"{argument} has no columns; pass one column or more, or leave it out")
    columns = [_value_codes(frame.iloc[:, k]) for k in range(frame.shape[1])]
    table = pd.DataFrame({k: codes for k, (codes, _) in enumerate(columns)})
    found = table.drop_duplicates()
    if len(found) > _MAX_GROUPS:
        raise InvalidInputError(
            f"{argument} has {len(found):,} different values; pass a column of few categories, or cut numbers into "
            "ranges with pandas.cut"
        )
    rows = [[columns[k][1][code] for k, code in enumerate(row)] for row in found.itertuples(index=False)]
    labels = _unique_labels(rows)
    ordered = _sorted_labels(labels)
    places = np.array([ordered.index(label) for label in labels], dtype=np.int32)
    return places[table.groupby([*table], sort=False).ngroup().to_numpy()], ordered


def _value_codes(column: pd.Series) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the number of the value of each row, and the values; the last one is None, for missing values."""
    values = column.astype(object)
    try:
        codes, found = pd.factorize(values)
    except TypeError:  # lists and the like
        codes, found = pd.factorize(values.where(column.notna()).astype(str).where(column.notna()))
    return np.where(codes < 0, len(found), codes), [*found, None]


def _unique_labels(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return a text for each combination of values; equal texts, and the reserved ones, are told apart by quotes."""
    labels = [", ".join(map(_short, row)) for row in rows]
    uses = Counter([*labels, ALL_ROWS, LARGEST_DIFFERENCE])
    exact = [", ".join(map(_exact, row)) if uses[label] > 1 else label for row, label in zip(rows, labels, strict=True)]
    seen = Counter[str]()
    for place, label in enumerate(exact):
        seen[label] += 1
        if seen[label] > 1:
            exact[place] = f"{label} ({seen[label]})"
    return exact


def _short(value: Any) -> str:
    """Return a value as a label; six digits of a number with a fraction are enough."""
    if value is None:
        return "missing"
    if isinstance(value, float | np.floating) and not float(value).is_integer():
        return str(float(f"{value:.6g}"))
    return str(value)


def _exact(value: Any) -> str:
    return repr(value) if isinstance(value, str) else "missing" if value is None else str(value)


def _sorted_labels(labels: Iterable[str]) -> list[str]:
    """Return the different labels in the order of numbers where all are numbers, else in the order of texts."""
    unique = sorted(set(labels))
    try:
        return sorted(unique, key=float)
    except ValueError:
        return unique


def group_column(label: str) -> str:
    """Return the name of the column of `leaderboard_` with the score of a group.

    Examples
    --------
    >>> group_column("female")
    'score[female]'
    """
    return f"{_GROUP_PREFIX}{label}]"


def is_group_column(name: str) -> bool:
    """Return whether a name is that of a column with the score of a group."""
    return name.startswith(_GROUP_PREFIX)


def group_name(groups: Any) -> str:
    """Return the name of groups: those of their columns, or "group"."""
    names = [getattr(groups, "name", None)] if not hasattr(groups, "columns") else list(groups.columns)
    return ", ".join(str(name) for name in names if name is not None) or "group"


def fairness_differences(
    y: Array, predicted: Array, groups: Array, sample_weight: Array | None = None
) -> dict[str, float]:
    """Return the largest differences between groups of rows, by the names of `DIFFERENCES`.

    The demographic parity difference is that of the shares of rows which are predicted as positive. The equalized odds
    difference is the larger one of the differences of true positive rates and of false positive rates. Both are 0 for
    equal groups and 1 at most, and do not depend on which of the two classes is the positive one (Agarwal et al., 2018,
    "A reductions approach to fair classification", section 2; the names are those of fairlearn). A group without such
    rows does not count.

    Parameters
    ----------
    y, predicted : ndarray of int, shape (n_samples,)
        Codes of two classes.
    groups : ndarray of int, shape (n_samples,)

    Examples
    --------
    >>> y, groups = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    >>> fairness_differences(y, np.array([0, 1, 1, 1]), groups)
    {'demographic_parity_difference': 0.5, 'equalized_odds_difference': 1.0}
    """
    return differences_of_counts(group_counts(y, predicted, groups, sample_weight))


def group_counts(
    y: Array, predicted: Array, groups: Array, sample_weight: Array | None = None, n_groups: int = 0
) -> NDArray[np.float64]:
    """Return the weighted number of rows of each group by class and predicted class, shape (n_groups, 2, 2).

    Counts of several folds can be added, which differences cannot: where folds are small, the largest difference of a
    fold is mostly chance.

    Parameters
    ----------
    n_groups : int
        The least number of groups; groups without rows have counts of 0.

    Examples
    --------
    >>> group_counts(np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([0, 0, 0])).tolist()
    [[[1.0, 0.0], [1.0, 1.0]]]
    """
    cells = 4 * groups.astype(np.intp) + 2 * (y == 1) + (predicted == 1)
    n_cells = 4 * max(n_groups, int(groups.max(initial=-1)) + 1)
    return np.bincount(cells, sample_weight, n_cells).astype(np.float64).reshape(-1, 2, 2)


def differences_of_counts(counts: NDArray[np.float64]) -> dict[str, float]:
    """Return the differences of `fairness_differences` from counts of shape (n_groups, 2, 2), see `group_counts`."""

    def spread(cells: NDArray[np.float64]) -> float:
        """Return the largest difference of the shares of positive predictions; `cells` has shape (n_groups, 2)."""
        totals = cells.sum(axis=1)
        known = totals > 0
        return float(np.ptp(cells[known, 1] / totals[known])) if known.any() else 0.0

    return {
        DEMOGRAPHIC_PARITY: spread(counts.sum(axis=1)),
        EQUALIZED_ODDS: max(spread(counts[:, code]) for code in (0, 1)),
    }


def check_score_names(names: Iterable[str], features: SensitiveFeatures | None) -> None:
    """Check that no scorer of the user has the name of a value that is recorded for the groups.

    Raises
    ------
    InvalidInputError
        If one has.
    """
    if features is None:
        return
    taken = {*DIFFERENCES, *map(group_column, features.labels)}
    if wrong := sorted(taken.intersection(names)):
        raise InvalidInputError(
            f"scoring: {wrong[0]!r} is a column of leaderboard_ with sensitive_features; give the scorer another name"
        )


def take_sensitive(features: SensitiveFeatures | None, rows: Array) -> SensitiveFeatures | None:
    """Return the groups of some rows; None without sensitive features."""
    return None if features is None else features.take(rows)
