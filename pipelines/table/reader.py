"""A raw table of any kind as one float array: the only place that knows of data frames and dtypes."""

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
from pipelines.table.raw import RawTable, as_table, block, finite_csr, plain, series

TEXT_CELLS = 256  # hashed columns of all text columns together


# The output stays an array under any global `set_output`: everything after it works on arrays.
class TableReader(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Turns a table as people have it into one float64 array, the same way for every later table.

    ========== =========================================================================================
    kind       output
    ========== =========================================================================================
    numeric    one column as it is; durations in seconds; texts that write numbers are parsed
    boolean    one column of 0 and 1
    category   one column of codes 0, 1, ...; levels that training did not have are missing
    date       year, month, day, weekday, hour (what varies of them) and days since the first date
    text       hashed n-grams, length in characters and in words
    constant   dropped: one value everywhere, or no value at all
    identifier dropped: a name or number of each row
    ========== =========================================================================================

    Missing cells are NaN. Which dtype holds the values does not matter after `fit`: 1, 1.0 and "1" are the same
    category, and a column of numbers may come as texts. A sparse table becomes a CSR matrix of the same columns.
    Categories written as whole numbers in an integer column count as numeric; give them the dtype category to say
    otherwise. The table is never changed.

    Parameters
    ----------
    max_categories : int, default=1000
        Levels of a category column beyond so many (the rarest) share one code, with which unseen levels go, too.
    text_features : int, default=64
        Hashed columns of each text column; fewer where rows are few or text columns are many.

    Attributes
    ----------
    columns_ : list of Column
        What became of each column of the table, in its order.
    categorical_ : tuple of int
        Positions of the category columns in the output.
    cardinalities_ : tuple of int
        Number of codes of each of them.
    n_features_in_, n_features_out_ : int
    feature_names_in_ : ndarray of str
        Only where all columns had names that are strings.

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
        """Learn each column's kind, levels and first date.

        Raises
        ------
        TableError
            If names occur twice, values are infinite, or no column says anything about the rows.
        """
        if self.max_categories < 2 or self.text_features < 1:
            raise ValueError("max_categories must be 2 or more, and text_features 1 or more")
        table = as_table(X)
        self._remember_names(table)
        self.n_rows_ = int(table.values.shape[0])
        self.sparse_ = sparse.issparse(table.values)
        columns = list(self._infer(table.values, table.written))
        if not any(column.reader for column in columns):
            raise TableError(_nothing_left(columns, self.n_rows_))
        self._place(columns)
        return self

    def transform(self, X: Any) -> Any:
        """The table as numbers.

        Returns
        -------
        ndarray or CSR matrix of shape (n_samples, n_features_out_)
            Always new memory.

        Raises
        ------
        TableError
            If a column of training is missing, infinite, or holds something of a wholly different kind.
        """
        check_is_fitted(self, "columns_")
        raw = as_table(X)
        source, table = self._match(raw), raw.values
        if sparse.issparse(table):
            if self.sparse_:
                return table if source == list(range(table.shape[1])) else table[:, source]
            table = table.toarray()
        kept = [(column, i) for column, i in zip(self.columns_, source, strict=True) if column.reader]
        numbers = plain(table)
        fast = [(c.positions[0], i) for c, i in kept if isinstance(c.reader, NumericReader) and numbers[i]]
        out = np.empty((table.shape[0], self.n_features_out_))
        if fast:
            out[:, [position for position, _ in fast]] = block(table, [i for _, i in fast])
        for column, i in kept:
            if column.reader and not (isinstance(column.reader, NumericReader) and numbers[i]):
                out[:, column.positions] = column.reader.read(series(table, i))
        self._check_finite(out)
        np.clip(out, -LARGEST, LARGEST, out=out)
        return finite_csr(out) if self.sparse_ else out

    def traits(
        self, task: TaskType, n_classes: int = 0, weighted: bool = False, n_rows: int | None = None
    ) -> TableTraits:
        """What the search space needs to know of the table read in `fit`."""
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
        """Names of the output columns: the column's own, with a suffix where it became several."""
        check_is_fitted(self, "columns_")
        names = [
            f"{column.name if isinstance(column.name, str) or self.named_ else f'x{column.name}'}{part}"
            for column in self.columns_
            if column.reader
            for part in column.reader.parts
        ]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """Accepts texts, categories, missing cells and sparse tables."""
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
            twice = next(label for label in labels if labels.count(label) > 1)
            raise TableError(f"column name {twice!r} occurs more than once; rename or drop the duplicates")
        self.named_ = table.named
        self.n_features_in_ = len(labels)
        self._labels: list[Hashable] = labels
        self.__dict__.pop("feature_names_in_", None)
        if table.named and all(isinstance(label, str) for label in labels):
            self.feature_names_in_ = np.array(labels, dtype=object)

    def _infer(self, table: Any, written: bool) -> Iterator[Column]:
        """Columns without positions, in the order of the table."""
        if sparse.issparse(table):
            yield from (Column(label, "numeric", reader=NumericReader()) for label in self._labels)
            return
        numbers = np.flatnonzero(plain(table)).tolist()
        labels = [self._labels[i] for i in numbers]
        values = block(table, numbers)
        self._check_finite(values, labels)
        found = dict(zip(numbers, numeric_columns(labels, values), strict=True))
        for i, label in enumerate(self._labels):
            yield (
                found[i]
                if i in found
                else infer_column(label, series(table, i), self.max_categories, self.text_features, written)
            )

    def _place(self, columns: list[Column]) -> None:
        """Give each column its positions in the output."""
        columns = _thin_texts(columns, self.n_rows_)
        placed, at = [], 0
        for column in columns:
            width = len(column.reader.parts) if column.reader else 0
            placed.append(replace(column, positions=tuple(range(at, at + width))))
            at += width
        self.columns_ = placed
        self.n_features_out_ = at
        categories = [(c.positions[0], c.reader) for c in placed if isinstance(c.reader, CategoryReader)]
        self.categorical_ = tuple(position for position, _ in categories)
        self.cardinalities_ = tuple(reader.cardinality for _, reader in categories)

    def _match(self, table: RawTable) -> list[int]:
        """Where in `table` each column of training is: by name where both have names, else by position."""
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
            twice = [label for label in self._labels if table.labels.count(label) > 1]
            if twice:
                raise TableError(f"column name {twice[0]!r} occurs more than once; keep one of them")
        return [where[label] for label in self._labels]

    def _check_finite(self, values: Floats, labels: list[Hashable] | None = None) -> None:
        if values.size == 0 or np.isfinite(np.sum(values)) or not np.isinf(values).any():
            return
        at = int(np.flatnonzero(np.isinf(values).any(axis=0))[0])
        name = labels[at] if labels is not None else next(c.name for c in self.columns_ if at in c.positions)
        raise TableError(f"column {name!r} holds infinite values; replace them by missing cells or finite numbers")


def _thin_texts(columns: list[Column], n_rows: int) -> list[Column]:
    """Fewer hashed columns where rows are few or text columns are many, so that they do not drown the others."""
    texts = [column.reader for column in columns if isinstance(column.reader, TextReader)]
    most = max(8, min(TEXT_CELLS // max(1, len(texts)), n_rows // 20))
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
    return f"no column says anything about the rows ({reasons}); pass at least one column whose values differ"


def _missing_names(missing: list[Hashable], unseen: list[Hashable]) -> str:
    """The message in the words of scikit-learn, which its estimator checks look for."""
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
