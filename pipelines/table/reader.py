"""Reading of a raw table of any kind into one float array. No other step handles data frames and dtypes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from pipelines.component import LARGEST, TableTraits, TaskType
from pipelines.table.cells import Floats, TableError, UnreadCells, find_unread
from pipelines.table.column_types import KINDS, Rules, infer_column, numeric_columns
from pipelines.table.columns import CategoryReader, Column, NumericReader
from pipelines.table.raw import RawTable, as_table, column_series, finite_csr, is_numeric, numeric_block
from pipelines.table.similar_names import may_be_renamed, similar_names
from pipelines.table.texts import CharacterReader, TextCategoryReader, TextReader

_PARSED = frozenset({"number", "boolean", "date", "time"})  # kinds whose cells may be texts that cannot be read
MAX_TEXT_FEATURES = 256  # hashed columns and components of all text columns together, where each has more than 8


@dataclass(frozen=True)
class TableLayout:
    """The state of a fitted reader: labels and dtypes of the training table, and the description of each column."""

    labels: tuple[Hashable, ...]
    named: bool
    sparse: bool
    dtypes: tuple[str, ...]
    columns: tuple[Column, ...]


# The output is an array under any global `set_output`, because all later steps work on arrays.
class TableReader(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Converts a raw table into one float64 array, and later tables in the same way.

    ========== =========================================================================================
    kind       output
    ========== =========================================================================================
    number     one column as it is; durations in seconds; texts that hold numbers are parsed
    boolean    one column of 0 and 1
    category   one column of codes 0, 1, ...; levels without training rows are missing; beside it, where there are many
               levels that are texts, their length and components of their n-grams of characters
    date       year, month, day, weekday, hour (only parts that vary) and days since the first date
    time       hour of the day, with its sine and cosine
    text       hashed n-grams of words, or components of the n-grams of characters; lengths
    constant   dropped: the same value in all rows, or no value at all
    identifier dropped: a name or a number that is different in each row
    drop       dropped, because the user wants that
    ========== =========================================================================================

    Missing cells are NaN. After `fit` the dtype of a column does not matter: 1, 1.0 and "1" are the same category, and
    a column of numbers may hold texts. A sparse table becomes a CSR matrix of the same columns. An integer column
    counts as a number; a user who means categories gives the column the dtype category, or uses the parameter
    `columns`. The table is never changed.

    Parameters
    ----------
    max_categories : int, default=1000
        Largest number of codes of a category column. The rarest further levels share the last code, and so do levels
        without training rows.
    text_features : int, default=64
        Hashed columns or components of each text column; fewer where there are few rows or many text columns.
    columns : mapping, optional
        Kinds of some columns, by name, or by position where the columns have no names: "number", "category", "text",
        "date", "time" or "drop". The other columns get their kinds from the table.
    layout : TableLayout, optional
        State of another reader, as `TableReader.fixed` passes it on. Then `fit` learns nothing from the rows: kinds,
        levels and the order of the output are those of the layout.

    Attributes
    ----------
    columns_ : list of Column
        Description of each column of the table, in the order of the table.
    labels_ : tuple of hashable
        Names of the columns, or their positions if the table has no names.
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
    [('age', 'number'), ('city', 'category'), ('year', 'constant')]
    """

    def __init__(
        self,
        max_categories: int = 1000,
        text_features: int = 64,
        columns: Mapping[Any, str] | None = None,
        layout: TableLayout | None = None,
    ):
        self.max_categories = max_categories
        self.text_features = text_features
        self.columns = columns
        self.layout = layout

    def fit(self, X: Any, y: Any = None) -> TableReader:
        """Learn the kind, the levels and the first date of each column.

        Raises
        ------
        TableError
            If a name occurs twice, a value is infinite, no column can be used, or `columns` names a column or a kind
            that does not exist or does not fit.
        """
        if self.max_categories < 2 or self.text_features < 1:
            raise ValueError("max_categories must be 2 or more, and text_features 1 or more")
        table = as_table(X)
        self.n_rows_ = int(table.values.shape[0])
        if self.layout is not None:
            self._remember_names(list(self.layout.labels), self.layout.named)
            self.sparse_, self.dtypes_ = self.layout.sparse, list(self.layout.dtypes)
            self.match_columns(table)
            self._place(list(self.layout.columns))
            return self
        self._remember_names(table.labels, table.named)
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
        return self.transform_noting(X)[0]

    def transform_noting(self, X: Any) -> tuple[Any, list[UnreadCells]]:
        """Return what `transform` returns, and the cells that could not be read, for each column that has some."""
        check_is_fitted(self, "columns_")
        raw = as_table(X)
        source, table = self.match_columns(raw), raw.values
        if sparse.issparse(table):
            if self.sparse_:
                kept = [i for column, i in zip(self.columns_, source, strict=True) if column.reader]
                return table if kept == list(range(table.shape[1])) else table[:, kept], []
            table = table.toarray()
        sources, is_number = np.asarray(source, dtype=np.intp), is_numeric(table)
        at, positions = self._numbers
        fast = is_number[sources[at]]
        out = np.empty((table.shape[0], self.n_features_out_))
        if fast.any():
            values = numeric_block(table, sources[at[fast]])
            if values.shape[1] == out.shape[1]:
                out = values
            else:
                out[:, positions[fast]] = values
        unread: list[UnreadCells] = []
        for i in sorted((*self._others, *at[~fast].tolist())):
            column = self.columns_[i]
            cells = column_series(table, source[i])
            values = column.reader.read(cells)
            out[:, column.positions] = values
            if column.kind in _PARSED:
                unread += _unread_cells(column, cells, values)
        self._check_finite(out)
        np.clip(out, -LARGEST, LARGEST, out=out)
        return finite_csr(out) if self.sparse_ else out, unread

    def fixed(self) -> TableReader:
        """Return a fitted reader that reads all tables as this one does, also after `clone` and another `fit`."""
        check_is_fitted(self, "columns_")
        dtypes = tuple(self.dtypes_)
        layout = TableLayout(tuple(self._labels), self.named_, self.sparse_, dtypes, tuple(self.columns_))
        reader = TableReader(self.max_categories, self.text_features, self.columns, layout)
        reader.__dict__.update({name: value for name, value in self.__dict__.items() if name not in vars(reader)})
        return reader

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

    @property
    def labels_(self) -> tuple[Hashable, ...]:
        """The names of the columns of the training table, or their positions if it has no names."""
        return tuple(self._labels)

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

    def _remember_names(self, labels: list[Hashable], named: bool) -> None:
        if len(set(labels)) < len(labels):
            duplicate = next(label for label, count in Counter(labels).items() if count > 1)
            raise TableError(f"column name {duplicate!r} occurs more than once; rename or drop the duplicates")
        self.named_ = named
        self.n_features_in_ = len(labels)
        self._labels: list[Hashable] = labels
        self.__dict__.pop("feature_names_in_", None)
        if named and all(isinstance(label, str) for label in labels):
            self.feature_names_in_ = np.array(labels, dtype=object)

    def _infer_columns(self, table: Any, all_text: bool) -> Iterator[Column]:
        """Yield the columns without their positions, in the order of the table."""
        wanted = self._wanted_kinds()
        if sparse.issparse(table):
            for label in self._labels:
                if wanted.get(label, "number") not in ("number", "drop"):
                    raise TableError(
                        f"columns: column {label!r} of a sparse table cannot be read as {wanted[label]!r}; pass a "
                        "dense table, or leave out this column"
                    )
                dropped = wanted.get(label) == "drop"
                yield (
                    Column(label, "drop", reason="set by the argument columns")
                    if dropped
                    else Column(label, "number", reason="a sparse table holds numbers", reader=NumericReader())
                )
            return
        inspected = [label not in wanted for label in self._labels] if wanted else True
        numbers = np.flatnonzero(is_numeric(table) & inspected)
        labels = [self._labels[i] for i in numbers]
        values = numeric_block(table, numbers)
        self._check_finite(values, labels)
        found = dict(zip(numbers.tolist(), numeric_columns(labels, values), strict=True))
        rules = Rules(self.max_categories, self.text_features, all_text)
        for i, label in enumerate(self._labels):
            yield (found[i] if i in found else infer_column(label, column_series(table, i), rules, wanted.get(label)))

    def _wanted_kinds(self) -> dict[Any, str]:
        """Return the kinds that the user asks for.

        Raises
        ------
        TableError
            If a column or a kind does not exist.
        """
        wanted = dict(self.columns or {})
        known = set(self._labels)
        for label, kind in wanted.items():
            if kind not in KINDS:
                raise TableError(
                    f"columns: {kind!r}, for column {label!r}, is no kind; choose from {', '.join(map(repr, KINDS))}"
                )
            if label not in known:
                close, shown = similar_names(label, self._labels), ", ".join(map(repr, self._labels[:5]))
                hint = f"its columns are {shown}{', ...' if self._labels[5:] else ''}"
                if not self.named_:
                    hint = f"X has no names; use positions from 0 to {len(self._labels) - 1}"
                elif close:
                    hint = f"did you mean {' or '.join(map(repr, close))}?"
                raise TableError(f"columns: X has no column {label!r}; {hint}")
        return wanted

    def _assign_positions(self, columns: list[Column]) -> None:
        """Set the positions of each column in the output."""
        columns = _limit_text_features(columns, self.n_rows_)
        placed, at = [], 0
        for column in columns:
            width = len(column.reader.suffixes) if column.reader else 0
            placed.append(replace(column, positions=tuple(range(at, at + width))) if width else column)
            at += width
        self._place(placed)

    def _place(self, placed: list[Column]) -> None:
        """Set the attributes that follow from columns with positions."""
        self.columns_ = placed
        self.n_features_out_ = sum(len(column.positions) for column in placed)
        used = [i for i, column in enumerate(placed) if column.reader]
        fast = [i for i in used if isinstance(placed[i].reader, NumericReader)]
        self._numbers = (
            np.array(fast, dtype=np.intp),
            np.array([placed[i].positions[0] for i in fast], dtype=np.intp),
        )
        self._others = [i for i in used if not isinstance(placed[i].reader, NumericReader)]
        categories = [(c.positions[0], c.reader) for c in placed if isinstance(c.reader, CategoryReader)]
        self.categorical_ = tuple(position for position, _ in categories)
        self.cardinalities_ = tuple(reader.cardinality for _, reader in categories)

    def match_columns(self, table: RawTable) -> list[int]:
        """Return the position of each training column in `table`: by name where both have names, else by position."""
        if not (self.named_ and table.named):
            if len(table.labels) != self.n_features_in_:
                raise TableError(
                    f"X has {len(table.labels)} features, but {type(self).__name__} is expecting "
                    f"{self.n_features_in_} features as input"
                )
            return list(range(self.n_features_in_))
        if table.labels == self._labels:
            return list(range(self.n_features_in_))
        where = {label: i for i, label in enumerate(table.labels)}
        missing = [label for label in self._labels if label not in where]
        if missing:
            known = set(self._labels)
            raise TableError(_missing_names(missing, [label for label in where if label not in known]))
        if len(where) < len(table.labels):
            counts = Counter(table.labels)
            duplicates = [label for label in self._labels if counts[label] > 1]
            if duplicates:
                raise TableError(f"column name {duplicates[0]!r} occurs more than once; keep one of them")
        return [where[label] for label in self._labels]

    def _check_finite(self, values: Floats, labels: list[Hashable] | None = None) -> None:
        if values.size == 0 or np.isfinite(np.sum(values)) or not np.isinf(values).any():
            return
        at = int(np.flatnonzero(np.isinf(values).any(axis=0))[0])
        name = labels[at] if labels is not None else next(c.name for c in self.columns_ if at in c.positions)
        raise TableError(f"column {name!r} holds infinite values; replace them by missing cells or finite numbers")


def _unread_cells(column: Column, cells: pd.Series, values: Floats) -> Iterator[UnreadCells]:
    """Yield the cells that could not be read, if there are any."""
    is_lost = np.isnan(values[:, 0])
    if is_lost.any():
        unread, example = find_unread(cells, is_lost)
        if example:
            n_cells, row = int(unread.sum()), int(np.argmax(unread))
            yield UnreadCells(column.name, column.kind, n_cells, len(cells), row, example)


def _limit_text_features(columns: list[Column], n_rows: int) -> list[Column]:
    """Return the columns with fewer hashed columns and components where there are few rows or many text columns."""
    kinds = TextReader | CharacterReader | TextCategoryReader
    n_texts = sum(isinstance(column.reader, kinds) for column in columns)
    most = max(8, min(MAX_TEXT_FEATURES // max(1, n_texts), n_rows // 20))
    return [replace(c, reader=c.reader.limited(most)) if isinstance(c.reader, kinds) else c for c in columns]


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
    renamed = may_be_renamed(missing, unseen)
    hint = f", or rename columns: {renamed}" if renamed else ""
    return "\n".join([*parts, f"Add the missing columns ({first}{', ...' if missing[3:] else ''}) to X{hint}.", ""])
