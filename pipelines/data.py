"""A raw table of any kind as one float array: the only place that knows of data frames and dtypes."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from pipelines.columns import CategoryReader, Column, Floats, NumericReader, TextReader
from pipelines.component import TableTraits, TaskType
from pipelines.inference import infer_column, numeric_columns

# scikit-learn's trees work in single precision, where larger numbers are infinite.
LARGEST = 1e37
TEXT_CELLS = 256  # hashed columns of all text columns together


# The output stays an array under any global `set_output`: everything after it works on arrays.
class TableReader(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
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
        ValueError
            If names occur twice, values are infinite, or no column says anything about the rows.
        """
        if self.max_categories < 2 or self.text_features < 1:
            raise ValueError("max_categories must be 2 or more, and text_features 1 or more")
        table, written = as_table(X)
        _check_size(table.shape)
        self._remember_names(X, table)
        self.n_rows_ = int(table.shape[0])
        self.sparse_ = sparse.issparse(table)
        columns = list(self._infer(table, written))
        if not any(column.reader for column in columns):
            raise ValueError(_nothing_left(columns, self.n_rows_))
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
        ValueError
            If a column of training is missing, infinite, or holds something of a wholly different kind.
        """
        check_is_fitted(self, "columns_")
        table, _ = as_table(X)
        _check_size(table.shape)
        table, source = self._match(table)
        if sparse.issparse(table):
            values = self._read_sparse(table)
            return values if self.sparse_ else values.toarray()
        kept = [(column, at) for column, at in zip(self.columns_, source, strict=True) if column.reader]
        out = np.empty((table.shape[0], self.n_features_out_))
        plain = _plain(table)
        numeric = [(c.positions[0], at) for c, at in kept if isinstance(c.reader, NumericReader) and plain[at]]
        if numeric:
            to, at = (list(part) for part in zip(*numeric, strict=True))
            out[:, to] = _block(table, at)
        if len(numeric) < len(kept):
            frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table)
            for column, at in kept:
                if column.reader and not (isinstance(column.reader, NumericReader) and plain[at]):
                    out[:, column.positions] = column.reader.read(_series(frame, at))
        self._check_finite(out)
        np.clip(out, -LARGEST, LARGEST, out=out)
        return sparse.csr_matrix(out) if self.sparse_ else out

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

    def _remember_names(self, X: Any, table: Any) -> None:
        self.named_ = isinstance(table, pd.DataFrame) and not isinstance(X, np.ndarray | list | tuple)
        self.n_features_in_ = int(table.shape[1])
        labels = list(table.columns) if isinstance(table, pd.DataFrame) else list(range(table.shape[1]))
        if len(set(labels)) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise ValueError(f"column name {twice!r} occurs more than once; rename or drop the duplicates")
        self._labels: list[Hashable] = labels
        if hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if self.named_ and all(isinstance(label, str) for label in labels):
            self.feature_names_in_ = np.array(labels, dtype=object)

    def _infer(self, table: Any, written: bool) -> Iterator[Column]:
        """Columns without positions, in the order of the table."""
        if sparse.issparse(table):
            if not np.isfinite(table.data).all():
                raise ValueError("the sparse table holds missing or infinite values; fill them, or pass a dense table")
            yield from (Column(label, "numeric", reader=NumericReader()) for label in self._labels)
            return
        plain = np.flatnonzero(_plain(table))
        block = _block(table, plain)
        self._check_finite(block, [self._labels[i] for i in plain])
        found = dict(zip(plain, numeric_columns([self._labels[i] for i in plain], block), strict=True))
        for i, label in enumerate(self._labels):
            yield (
                found[i]
                if i in found
                else infer_column(label, _series(table, i), self.max_categories, self.text_features, written)
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

    def _match(self, table: Any) -> tuple[Any, list[int]]:
        """The table, and where in it each column of training is."""
        if not (self.named_ and isinstance(table, pd.DataFrame)):
            if table.shape[1] != self.n_features_in_:
                raise ValueError(
                    f"X has {table.shape[1]} features, but {type(self).__name__} is expecting "
                    f"{self.n_features_in_} features as input"
                )
            return table, list(range(self.n_features_in_))
        if list(table.columns) == self._labels:
            return table, list(range(self.n_features_in_))
        missing = [label for label in self._labels if label not in table.columns]
        if missing:
            raise ValueError(_missing_names(missing, [name for name in table.columns if name not in set(self._labels)]))
        if not table.columns.is_unique:
            wanted = table.columns[table.columns.isin(self._labels)]
            if not wanted.is_unique:
                raise ValueError(
                    f"column name {wanted[wanted.duplicated()][0]!r} occurs more than once; keep one of them"
                )
        where = {label: i for i, label in enumerate(table.columns)}
        return table, [where[label] for label in self._labels]

    def _read_sparse(self, table: Any) -> Any:
        if not np.isfinite(table.data).all():
            raise ValueError("the sparse table holds missing or infinite values; fill them, or pass a dense table")
        return table

    def _check_finite(self, values: Floats, labels: list[Hashable] | None = None) -> None:
        if values.size == 0 or np.isfinite(np.sum(values)) or not np.isinf(values).any():
            return
        at = int(np.flatnonzero(np.isinf(values).any(axis=0))[0])
        name = labels[at] if labels is not None else next(c.name for c in self.columns_ if at in c.positions)
        raise ValueError(f"column {name!r} holds infinite values; replace them by missing cells or finite numbers")


def as_table(X: Any) -> tuple[Any, bool]:
    """A DataFrame, a real 2-d ndarray or a CSR matrix, and whether the table came wholly as texts.

    Raises
    ------
    ValueError
        If it has not two dimensions, or holds complex numbers.
    """
    if sparse.issparse(X):
        return sparse.csr_matrix(X, dtype=np.float64, copy=True), False
    if not isinstance(X, pd.DataFrame) and hasattr(X, "to_pandas"):
        X = X.to_pandas()
    if isinstance(X, pd.DataFrame):
        subtypes = [d for d in X.dtypes if isinstance(d, pd.SparseDtype) and d.fill_value == 0]
        if len(subtypes) == X.shape[1] > 0:
            return sparse.csr_matrix(X.sparse.to_coo(), dtype=np.float64), False
        return X, False
    array = _as_array(X)
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {array.ndim}D array instead. Reshape your data: X needs rows and columns"
        )
    if array.dtype.kind in "iufb":
        return array, False
    if array.dtype.kind == "c":
        raise ValueError("Complex data not supported; pass real and imaginary parts as columns")
    written = array.dtype.kind in "USO" and all(isinstance(value, str) for value in array[:1].ravel())
    return pd.DataFrame(array.astype(str) if array.dtype.kind == "S" else array).astype(
        object if array.dtype.kind in "USO" else array.dtype
    ), array.dtype.kind in "US" or written


def _check_size(shape: tuple[int, int]) -> None:
    for count, what in zip(shape, ("sample", "feature"), strict=True):
        if count == 0:
            raise ValueError(f"Found array with 0 {what}(s) (shape={shape}) while a minimum of 1 is required.")


def _as_array(X: Any) -> NDArray[Any]:
    try:
        array = np.asarray(X)
        if array.dtype.kind in "US" and not isinstance(X, np.ndarray):
            # NumPy writes the numbers of mixed rows as texts; keep them as they are.
            array = np.asarray(X, dtype=object)
    except ValueError as error:
        raise ValueError("X is no table: its rows differ in length, or its cells hold lists") from error
    return array


def _plain(table: Any) -> NDArray[np.bool_]:
    """Which columns are NumPy numbers, that need no look at their cells."""
    if isinstance(table, np.ndarray):
        return np.full(table.shape[1], table.dtype.kind in "iuf")
    return np.array([isinstance(d, np.dtype) and d.kind in "iuf" for d in table.dtypes], dtype=bool)


def _block(table: Any, columns: Any) -> Floats:
    if isinstance(table, np.ndarray):
        return table[:, columns].astype(np.float64)
    return table.iloc[:, columns].to_numpy(dtype=np.float64)


def _series(table: Any, position: int) -> pd.Series:
    column = (
        table.iloc[:, position] if isinstance(table, pd.DataFrame) else pd.Series(table[:, position], name=position)
    )
    if isinstance(column.dtype, pd.SparseDtype):
        return pd.Series(np.asarray(column), name=column.name)
    if isinstance(column.dtype, pd.ArrowDtype) and not (
        types.is_numeric_dtype(column.dtype) or types.is_bool_dtype(column.dtype)
    ):
        return pd.Series(column.array.to_numpy(dtype=object, na_value=None), name=column.name, dtype=object)
    return column


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
