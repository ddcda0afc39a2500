"""Reading of a raw table of any kind into one float array. No other step handles data frames and dtypes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from pipelines.component import LARGEST, TableTraits, TaskType
from pipelines.table.column_types import infer_column, numeric_columns
from pipelines.table.columns import CategoryReader, Column, Floats, NumericReader, TableError, TextReader
from pipelines.table.raw import RawTable, as_table, column_series, finite_csr, is_numeric, numeric_block

MAX_TEXT_FEATURES = 256  # hashed columns of all text columns together


# The output is an array under any global `set_output`, because all later steps work on arrays.
class TableReader(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Converts a raw table into one float64 array, and later tables in the same way.

    ========== =========================================================================================
    kind       output
    ========== =========================================================================================
    numeric    one column as it is; durations in seconds; texts that hold numbers are parsed
    boolean    one column of 0 and 1
    category   one column of codes 0, 1, ...; levels without training rows are missing
    date       year, month, day, weekday, hour (only parts that vary) and days since the first date
    text       hashed n-grams, length in characters and in words
    constant   dropped: the same value in all rows, or no value at all
    identifier dropped: a name or a number that is different in each row
    ========== =========================================================================================

    Missing cells are NaN. After `fit` the dtype of a column does not matter: 1, 1.0 and "1" are the same category, and
    a column of numbers may hold texts. A sparse table becomes a CSR matrix of the same columns. An integer column
    counts as numeric; a user who means categories gives the column the dtype category. The table is never changed.

    Parameters
    ----------
    max_categories : int, default=1000
        Largest number of codes of a category column. The rarest further levels share the last code, and so do levels
        without training rows.
    text_features : int, default=64
        Hashed columns of each text column; fewer where there are few rows or many text columns.

    Attributes
    ----------
    columns_ : list of Column
        Description of each column of the table, in the order of the table.
    dtypes_ : list of str
        Name of the data type of each column of the table, in the order of the table.
    categorical_ : tuple of int
        Positions of the category columns in the output.
    cardinalities_ : tuple of int
        Number of codes of each category column.
    n_features_in_, n_features_out_ : int
    feature_names_in_ : ndarray of str
        Names of the columns; only where all names are strings.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [31, None, 58], "city": ["Rome", "Oslo", None], "year": [2024, 2024, 2024]})
    >>> reader = TableReader().fit(table)
    >>> reader.transform(table)
    array([[31.,  1.],
           [nan,  0.],
           [58., nan]])
    >>> [(column.name, column.kind) for column in reader.columns_]
    [('age', 'numeric'), ('city', 'category'), ('year', 'constant')]
    """

    def __init__(self, max_categories: int = 1000, text_features: int = 64):
        self.max_categories = max_categories
        self.text_features = text_features

    def fit(self, X: Any, y: Any = None) -> TableReader:
        """Learn the kind, the levels and the first date of each column.

        Raises
        ------
        TableError
            If a name occurs twice, a value is infinite, or no column can be used.
        """
        if self.max_categories < 2 or self.text_features < 1:
            raise ValueError("max_categories must be 2 or more, and text_features 1 or more")
        table = as_table(X)
        self._remember_names(table)
        self.n_rows_ = int(table.values.shape[0])
        self.sparse_ = sparse.issparse(table.values)
        kinds = [table.values.dtype] * self.n_features_in_ if hasattr(table.values, "dtype") else table.values.dtypes
        self.dtypes_ = [str(kind) for kind in kinds]
        columns = list(self._infer_columns(table.values, table.all_text))
        if not any(column.reader for column in columns):
            raise TableError(_nothing_left(columns, self.n_rows_))
        self._assign_positions(columns)
        return self

    def transform(self, X: Any) -> Any:
        """Return the table as numbers.

        Returns
        -------
        ndarray or CSR matrix of shape (n_samples, n_features_out_)
            The array never shares memory with the table.

        Raises
        ------
        TableError
            If a column of training is missing, holds infinite values, or holds values of another kind.
        """
        check_is_fitted(self, "columns_")
        raw = as_table(X)
        source, table = self._match_columns(raw), raw.values
        if sparse.issparse(table):
            if self.sparse_:
                return table if source == list(range(table.shape[1])) else table[:, source]
            table = table.toarray()
        kept = [(column, i) for column, i in zip(self.columns_, source, strict=True) if column.reader]
        numbers = is_numeric(table)
        fast = [(c.positions[0], i) for c, i in kept if isinstance(c.reader, NumericReader) and numbers[i]]
        out = np.empty((table.shape[0], self.n_features_out_))
        if fast:
            out[:, [position for position, _ in fast]] = numeric_block(table, [i for _, i in fast])
        for column, i in kept:
            if column.reader and not (isinstance(column.reader, NumericReader) and numbers[i]):
                out[:, column.positions] = column.reader.read(column_series(table, i))
        self._check_finite(out)
        np.clip(out, -LARGEST, LARGEST, out=out)
        return finite_csr(out) if self.sparse_ else out

    def traits(
        self, task: TaskType, n_classes: int = 0, weighted: bool = False, n_rows: int | None = None
    ) -> TableTraits:
        """Return the traits of the table that `fit` has read, which the search space depends on."""
        check_is_fitted(self, "columns_")
        return TableTraits(
            task=task,
            n_rows=self.n_rows_ if n_rows is None else n_rows,
            n_features=self.n_features_out_,
            n_classes=n_classes,
            categorical=self.categorical_,
            cardinalities=self.cardinalities_,
            has_missing=any(column.missing for column in self.columns_),
            sparse=self.sparse_,
            weighted=weighted,
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the output columns; a column with several output columns gets suffixes."""
        check_is_fitted(self, "columns_")
        names = [
            f"{column.name if isinstance(column.name, str) or self.named_ else f'x{column.name}'}{suffix}"
            for column in self.columns_
            if column.reader
            for suffix in column.reader.suffixes
        ]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Return tags that allow texts, categories, missing cells and sparse tables."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _remember_names(self, table: RawTable) -> None:
        labels = table.labels
        if len(set(labels)) < len(labels):
            duplicate = next(label for label in labels if labels.count(label) > 1)
            raise TableError(f"column name {duplicate!r} occurs more than once; rename or drop the duplicates")
        self.named_ = table.named
        self.n_features_in_ = len(labels)
        self._labels: list[Hashable] = labels
        self.__dict__.pop("feature_names_in_", None)
        if table.named and all(isinstance(label, str) for label in labels):
            self.feature_names_in_ = np.array(labels, dtype=object)

    def _infer_columns(self, table: Any, all_text: bool) -> Iterator[Column]:
        """Yield the columns without their positions, in the order of the table."""
        if sparse.issparse(table):
            yield from (Column(label, "numeric", reader=NumericReader()) for label in self._labels)
            return
        numbers = np.flatnonzero(is_numeric(table)).tolist()
        labels = [self._labels[i] for i in numbers]
        values = numeric_block(table, numbers)
        self._check_finite(values, labels)
        found = dict(zip(numbers, numeric_columns(labels, values), strict=True))
        for i, label in enumerate(self._labels):
            yield (
                found[i]
                if i in found
                else infer_column(label, column_series(table, i), self.max_categories, self.text_features, all_text)
            )

    def _assign_positions(self, columns: list[Column]) -> None:
        """Set the positions of each column in the output."""
        columns = _limit_text_features(columns, self.n_rows_)
        placed, at = [], 0
        for column in columns:
            width = len(column.reader.suffixes) if column.reader else 0
            placed.append(replace(column, positions=tuple(range(at, at + width))))
            at += width
        self.columns_ = placed
        self.n_features_out_ = at
        categories = [(c.positions[0], c.reader) for c in placed if isinstance(c.reader, CategoryReader)]
        self.categorical_ = tuple(position for position, _ in categories)
        self.cardinalities_ = tuple(reader.cardinality for _, reader in categories)

    def _match_columns(self, table: RawTable) -> list[int]:
        """Return the position of each training column in `table`: by name where both have names, else by position."""
        if not (self.named_ and table.named):
            if len(table.labels) != self.n_features_in_:
                raise TableError(
                    f"X has {len(table.labels)} features, but {type(self).__name__} is expecting "
                    f"{self.n_features_in_} features as input"
                )
            return list(range(self.n_features_in_))
        where = {label: i for i, label in enumerate(table.labels)}
        missing = [label for label in self._labels if label not in where]
        if missing:
            known = set(self._labels)
            raise TableError(_missing_names(missing, [label for label in where if label not in known]))
        if len(where) < len(table.labels):
            duplicates = [label for label in self._labels if table.labels.count(label) > 1]
            if duplicates:
                raise TableError(f"column name {duplicates[0]!r} occurs more than once; keep one of them")
        return [where[label] for label in self._labels]

    def _check_finite(self, values: Floats, labels: list[Hashable] | None = None) -> None:
        if values.size == 0 or np.isfinite(np.sum(values)) or not np.isinf(values).any():
            return
        at = int(np.flatnonzero(np.isinf(values).any(axis=0))[0])
        name = labels[at] if labels is not None else next(c.name for c in self.columns_ if at in c.positions)
        raise TableError(f"column {name!r} holds infinite values; replace them by missing cells or finite numbers")


def _limit_text_features(columns: list[Column], n_rows: int) -> list[Column]:
    """Return the columns with fewer hashed columns where there are few rows or many text columns."""
    texts = [column.reader for column in columns if isinstance(column.reader, TextReader)]
    most = max(8, min(MAX_TEXT_FEATURES // max(1, len(texts)), n_rows // 20))
    return [
        replace(c, reader=replace(c.reader, n_features=min(c.reader.n_features, most)))
        if isinstance(c.reader, TextReader)
        else c
        for c in columns
    ]


def _nothing_left(columns: list[Column], n_rows: int) -> str:
    if n_rows == 1:
        return "no column can be used with n_samples=1: each has a single value; pass more rows"
    reasons = "; ".join(f"{column.name!r}: {column.reason}" for column in columns[:5])
    return f"no column can be used ({reasons}); pass at least one column whose values differ"


def _missing_names(missing: list[Hashable], unseen: list[Hashable]) -> str:
    """Return the message in the words of scikit-learn, which its estimator checks look for."""
    parts = ["The feature names should match those that were passed during fit."]
    for title, names in (("unseen at fit time", unseen), ("seen at fit time, yet now missing", missing)):
        if names:
            shown = sorted(map(str, names))
            parts += [
                f"Feature names {title}:",
                *(f"- {name}" for name in shown[:5]),
                *(["- ..."] if shown[5:] else []),
            ]
    first = ", ".join(repr(name) for name in missing[:3])
    return "\n".join([*parts, f"Add the missing columns ({first}{', ...' if missing[3:] else ''}) to X.", ""])
