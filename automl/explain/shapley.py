"""SHAP values of raw columns for the whole estimator, by sampling of orders of the columns.

A SHAP value is the mean change of the prediction when the cell of a column is known, over all orders in which the cells
become known; cells that are not known come from a background row (Lundberg and Lee, 2017, "A unified approach to
interpreting model predictions", with the interventional expectation). Each background row gets random orders of its
own, each order is also taken in reverse (Castro, Gómez and Tejada, 2009, "Polynomial calculation of the Shapley value
based on sampling"; Mitchell et al., 2022, "Sampling permutations for Shapley value estimation"). So the values add up
to the difference between the prediction and the mean prediction of the background rows, for any number of samples.

If a row differs from the background rows in so many columns that only a few orders could be walked through column by
column, more orders are walked through in longer stretches, as `bisection` describes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.selection import Ensemble
from automl.errors import InvalidInputError
from automl.explain.bisection import Places, changes_along
from automl.explain.explanation import Explanation
from automl.explain.parts import (
    check_count,
    check_seed,
    column_names,
    column_positions,
    predict_shown,
    require_rows,
    rows_per_call,
)
from automl.refit.rows import TrainingRows
from automl.task.table_validation import as_array, check_table, check_width
from automl.task.unread_cells import read_noting, warn_of_unread
from pipelines.table.cells import UnreadCells

Array = NDArray[Any]

BACKGROUND_ROWS = 100
_LEAST_PAIRS = 16  # of an order and its reverse; with fewer of them, single columns get large errors
_LEAST_PLACES = 64  # of an order and its reverse together; fewer of them would not find the columns with effects
_MOST_PAIRS = 8  # for each background row; further ones change little
_PLANNED_ROWS = 20  # whose columns are compared with the background rows to plan the number of orders


def explain(
    estimator: FittedModel, X: Any, background: Any = None, max_evaluations: int = 4_000, random_state: int | None = 0
) -> Explanation:
    """Return the SHAP values of the rows of a table; see `Explanations.explain`."""
    max_evaluations, seed = check_count("max_evaluations", max_evaluations), check_seed(random_state)
    X = check_table(X)
    check_width(X, estimator.n_features_in_, type(estimator).__name__)
    rng = np.random.default_rng(seed)
    rows, unread = read_noting(estimator._reader, X)
    known, more = _background_of(estimator, background, rng)
    # One warning for both tables: of a column of which both have such cells, it names those of the explained rows.
    warn_of_unread(list({cells.column: cells for cells in (*more, *unread)}.values()))
    layout = _Layout.of(column_positions(estimator), rows.shape[1])
    n_pairs, column_by_column = _plan(rows, known, layout, max_evaluations)
    known = known[: min(n_pairs, known.shape[0])]
    ensemble: Ensemble = estimator._ensemble
    at_rows, at_known = predict_shown(ensemble, rows), predict_shown(ensemble, known)
    values = np.zeros((rows.shape[0], layout.n_columns, *at_rows.shape[1:]))
    for i in range(rows.shape[0]):
        ends = _Ends(_dense(rows[i : i + 1])[0], at_rows[i], known, at_known)
        if column_by_column:
            total = _walk_columns(ensemble, ends, layout, n_pairs, rng)
        else:
            total = _walk_stretches(ensemble, ends, layout, n_pairs, max_evaluations, rng)
        values[i, layout.used] = total / (2 * n_pairs)
    names = column_names(estimator)
    found = Explanation(values, at_known.mean(axis=0), at_rows, _cells(X, names))
    if ensemble.targets is not None:
        return replace(
            found, classes=list(estimator.classes_) if ensemble.n_classes else None, targets=ensemble.targets
        )
    classes = np.asarray(estimator.classes_) if estimator._is_classifier else None
    positive = estimator._positive_code() if classes is not None and len(classes) == 2 else None
    return replace(found, classes=classes, positive=positive)


@dataclass(frozen=True)
class _Layout:
    """The features of each raw column that the models see.

    Attributes
    ----------
    used : ndarray of int of shape (n_used,)
        Numbers of the raw columns that have features.
    owner : ndarray of int of shape (n_features,)
        Place in `used` of the column of each feature.
    starts : ndarray of int of shape (n_used,)
        First feature of each used column; the features of a column are neighbors.
    """

    n_columns: int
    used: NDArray[np.intp]
    owner: NDArray[np.intp]
    starts: NDArray[np.intp]

    @staticmethod
    def of(positions: Sequence[tuple[int, ...]], n_features: int) -> _Layout:
        used = np.array([i for i, at in enumerate(positions) if at], dtype=np.intp)
        owner = np.zeros(n_features, dtype=np.intp)
        for place, i in enumerate(used):
            owner[list(positions[i])] = place
        return _Layout(len(positions), used, owner, np.flatnonzero(np.diff(owner, prepend=-1)))

    def differing(self, x: Array, b: Array) -> NDArray[np.intp]:
        """Return the places of the columns in which a row and a background row differ."""
        differs = (x != b) & ~(np.isnan(x) & np.isnan(b))
        return np.unique(self.owner[differs])


def _background_of(estimator: FittedModel, background: Any, rng: np.random.Generator) -> tuple[Any, list[UnreadCells]]:
    """Return the background rows in random order, as the table reader reads them, and its cells that it cannot read."""
    if background is not None:
        table, unread = read_noting(estimator._reader, check_table(background))
        return table[rng.permutation(table.shape[0])[:BACKGROUND_ROWS]], unread
    try:
        rows: TrainingRows = require_rows(estimator)
    except InvalidInputError as error:
        reason = str(error).split("; pass ")[0]
        raise InvalidInputError(f"{reason}; pass background: a table with typical rows") from None
    weight = rows.sample_weight
    share = None if weight is None else weight / weight.sum()
    n = min(BACKGROUND_ROWS, len(rows.y) if weight is None else int(np.count_nonzero(weight)))
    return rows.X[rng.choice(len(rows.y), n, replace=False, p=share)], []


def _dense(rows: Any) -> Array:
    return np.asarray(rows.toarray() if sparse.issparse(rows) else rows)


def _plan(rows: Any, known: Any, layout: _Layout, max_evaluations: int) -> tuple[int, bool]:
    """Return the number of orders for each row, and whether they are walked through column by column.

    Each order is also taken in reverse. The number is a multiple of the number of background rows, or less than this
    number.
    """
    some, others = _dense(rows[:_PLANNED_ROWS]), _dense(known[:_PLANNED_ROWS])
    n_differing = np.mean([[len(layout.differing(x, b)) for b in others] for x in some])
    n_pairs, n_known = int(max_evaluations / (2 * max(1.0, float(n_differing) - 1))), int(known.shape[0])
    least = min(_LEAST_PAIRS, max(1, max_evaluations // _LEAST_PLACES))
    column_by_column = n_pairs >= least
    n_pairs = max(n_pairs, least)
    return n_pairs if n_pairs < n_known else n_known * min(_MOST_PAIRS, n_pairs // n_known), column_by_column


@dataclass(frozen=True)
class _Ends:
    """An explained row, the background rows, and their predictions: the ends of each order."""

    x: Array
    at_row: Array
    known: Any
    at_known: Array

    def path(self, k: int, layout: _Layout, rng: np.random.Generator) -> _Path:
        """Return a random order of the columns in which the row differs from the background row whose turn it is."""
        number = k % self.known.shape[0]
        b = self.known[number : number + 1]
        return _Path(self.at_known[number], b, rng.permutation(layout.differing(self.x, _dense(b)[0])), layout)


@dataclass(frozen=True)
class _Path:
    """An order in which the columns of a background row get the cells of the explained row."""

    at_b: Array
    b: Any
    order: NDArray[np.intp]
    layout: _Layout

    def table(self, x: Array, places: Places, complements: Places) -> Any:
        """Return mixed rows: with the explained cells of so many first columns, then with those of all but so many."""
        owner, n = self.layout.owner, len(self.order)
        rank = np.full(len(self.layout.used), -1)
        rank[self.order] = np.arange(n)
        features = np.flatnonzero(rank[owner] >= 0)
        ranks = rank[owner[features]][None]
        b = _dense(self.b)[0]
        own = np.concatenate([ranks < places[:, None], ranks >= complements[:, None]])
        mixed = np.where(own, x[features], b[features])
        if not sparse.issparse(self.b):
            table = np.tile(b, (len(mixed), 1))
            table[:, features] = mixed
            return table
        table = sparse.lil_matrix((len(mixed), len(b)))
        rest = np.setdiff1d(np.flatnonzero(b), features)
        table[:, features] = mixed
        if len(rest):
            table[:, rest] = np.tile(b[rest], (len(mixed), 1))
        return table.tocsr()


def _walk_columns(ensemble: Ensemble, ends: _Ends, layout: _Layout, n_pairs: int, rng: np.random.Generator) -> Array:
    """Return the sums of the changes at each used column, shape (n_used,) or (n_used, n_classes)."""
    x, at_row = ends.x, ends.at_row
    total = np.zeros((len(layout.used), *at_row.shape))
    for batch in _batches(ends, layout, n_pairs, rng):
        places = [np.arange(1, len(path.order)) for path in batch]
        outputs = _predict_tables(
            ensemble, [path.table(x, at, at) for path, at in zip(batch, places, strict=True) if len(at)], at_row
        )
        start = 0
        for path, at in zip(batch, places, strict=True):
            n = len(at)
            first, second = outputs[start : start + n], outputs[start + n : start + 2 * n]
            start += 2 * n
            if len(path.order):
                # The second outputs are those of the complements: all but the first 1, 2, ... columns of the order.
                total[path.order] += np.diff(np.concatenate([path.at_b[None], first, at_row[None]]), axis=0)
                total[path.order] -= np.diff(np.concatenate([at_row[None], second, path.at_b[None]]), axis=0)
    return total


def _walk_stretches(
    ensemble: Ensemble,
    ends: _Ends,
    layout: _Layout,
    n_pairs: int,
    max_evaluations: int,
    rng: np.random.Generator,
) -> Array:
    """Return the same sums as `_walk_columns`, from at most `max_evaluations` predictions."""
    x, at_row = ends.x, ends.at_row
    total = np.zeros((len(layout.used), *at_row.shape))
    paths = [path for path in (ends.path(k, layout, rng) for k in range(n_pairs)) if len(path.order)]

    def predict(places: list[Places]) -> list[Array]:
        pairs = zip(paths, places[::2], places[1::2], strict=True)
        tables = [path.table(x, first, second) for path, first, second in pairs if len(first) + len(second)]
        return np.split(_predict_tables(ensemble, tables, at_row), np.cumsum([len(each) for each in places])[:-1])

    if paths:
        # The second order of a pair is the reverse one: all columns but the first 1, 2, ... of the first order.
        lengths = [len(path.order) for path in paths for _ in range(2)]
        both_ends = [end for path in paths for end in ((path.at_b, at_row), (at_row, path.at_b))]
        found = changes_along(lengths, both_ends, predict, max_evaluations)
        for path, forward, backward in zip(paths, found[::2], found[1::2], strict=True):
            total[path.order] += forward - backward
    return total


def _predict_tables(ensemble: Ensemble, tables: Sequence[Any], at_row: Array) -> Array:
    return predict_shown(ensemble, _stack(tables)) if tables else np.empty((0, *at_row.shape))


def _stack(tables: Sequence[Any]) -> Any:
    return sparse.vstack(tables).tocsr() if sparse.issparse(tables[0]) else np.concatenate(tables)


def _batches(ends: _Ends, layout: _Layout, n_pairs: int, rng: np.random.Generator) -> Iterator[list[_Path]]:
    """Yield the orders for one row in lists whose mixed rows are predicted in one call."""
    limit = rows_per_call(len(ends.x))
    batch: list[_Path] = []
    n_rows = 0
    for k in range(n_pairs):
        path = ends.path(k, layout, rng)
        if batch and n_rows + 2 * len(path.order) > limit:
            yield batch
            batch, n_rows = [], 0
        batch.append(path)
        n_rows += 2 * len(path.order)
    yield batch


def _cells(X: Any, names: Sequence[Any]) -> pd.DataFrame:
    """Return the cells of the explained rows, with the columns in the order of the training table."""
    if isinstance(X, pd.DataFrame):
        known = set(X.columns)
        return X[list(names)] if all(name in known for name in names) else X.set_axis(list(names), axis=1)
    return pd.DataFrame(_dense(X) if sparse.issparse(X) else as_array(X), columns=pd.Index(list(names), dtype=object))
