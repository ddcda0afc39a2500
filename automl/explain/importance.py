"""Permutation importance of the raw columns, on rows that the models have not seen.

The importance of a column is the loss of score when its cells are exchanged between rows (Breiman, 2001, "Random
forests", section 10; Fisher, Rudin and Dominici, 2019, for any model). All output columns of the table reader that come
from one raw column are permuted together.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse, special

from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.jackknife import draw_groups, jackknife_error
from automl.ensemble.threshold import judges_labels, one_hot_labels
from automl.errors import AutoMLError, InvalidInputError, warn_user
from automl.explain.correlation import most_correlated
from automl.explain.parts import (
    Part,
    check_count,
    check_seed,
    column_names,
    column_positions,
    new_part,
    out_of_fold_parts,
    predict_quietly,
    rows_per_call,
)
from automl.paired_test import correlated_posterior
from automl.plurals import plural
from automl.task.target_metrics import TargetsScorer
from automl.task.validation import is_number
from pipelines.row_samples import draw_rows

logger = logging.getLogger(__name__)

Array = NDArray[Any]
Columns = Sequence[tuple[int, ...]]

MAX_ROWS = 4_000
LEVEL = 0.95
_FEWEST_ROWS = 500  # to which a short time may reduce the rows
_FEWEST_FOLDS = 3  # for an interval from the folds; with fewer folds, it comes from groups of rows
_GROUPS = 20  # of rows, of which the jackknife leaves out one at a time
_KEY = "_importance"  # in the ensemble, where the importance is kept


def importance(
    estimator: FittedModel,
    n_repeats: int = 5,
    random_state: int | None = 0,
    X: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    groups: Any = None,
    seconds: float | None = 60.0,
) -> pd.DataFrame:
    """Return the importance of each raw column; see `Explanations.importance`."""
    started = time.monotonic()
    n_repeats, seed = check_count("n_repeats", n_repeats), check_seed(random_state)
    if seconds is not None and (not is_number(seconds) or not seconds > 0):
        raise InvalidInputError(f"seconds must be a positive number or None; got {seconds!r}")
    if X is None:
        if any(given is not None for given in (y, sample_weight, groups)):
            raise InvalidInputError("importance has no X; pass the table with its target, or neither")
        parts, test_share = out_of_fold_parts(estimator, MAX_ROWS, seed)
    else:
        parts, test_share = [new_part(estimator, X, y, sample_weight, groups, MAX_ROWS, seed)], 0.0
    columns = column_positions(estimator)
    scored = [_ScoredPart(part, len(parts) < _FEWEST_FOLDS, seed) for part in parts]
    scored = [part for part in scored if np.isfinite(part.losses[0])]
    if not scored:
        raise InvalidInputError(
            f"{estimator._metric.name} is undefined on the rows of each fold; pass X and y with more rows"
        )
    deadline = float("inf") if seconds is None else started + float(seconds)
    n_repeats = _shorten(scored, columns, n_repeats, deadline, seed)
    gains = _permute(scored, columns, n_repeats, deadline, seed)
    table = _as_table(estimator, gains, scored, test_share)
    X_all = sparse.vstack([p.part.X for p in scored]) if sparse.issparse(scored[0].part.X) else None
    X_all = np.concatenate([p.part.X for p in scored]) if X_all is None else X_all.tocsr()
    output = np.concatenate([p.predictions for p in scored])
    partner, correlation = most_correlated(X_all, columns, estimator._reader, output, table["importance"].to_numpy())
    names = column_names(estimator)
    table["correlated_with"] = pd.Series([None if i < 0 else names[i] for i in partner], dtype=object)
    table["correlation"] = correlation
    order = np.argsort(-np.nan_to_num(table["importance"].to_numpy(), nan=-np.inf), kind="stable")
    table = table.iloc[order].reset_index(drop=True)
    table.attrs["metric"] = estimator._metric.name
    table.attrs["n_rows"] = X_all.shape[0]
    return table


def feature_importances(estimator: FittedModel) -> Array:
    """Return the importances in the order of the columns, shape (n_features,); they are computed once.

    Raises
    ------
    AttributeError
        If the rows are not there.
    """
    held = vars(estimator._ensemble)  # an ensemble never changes: whatever changes a model makes another ensemble
    if _KEY not in held:
        try:
            table = importance(estimator)
        except AutoMLError as error:
            message = f"there is no feature_importances_: {error}; importance(X=X, y=y) takes such rows"
            raise AttributeError(message) from error
        values = dict(zip(table["name"], table["importance"], strict=True))
        held[_KEY] = np.nan_to_num(np.array([values[name] for name in column_names(estimator)], dtype=np.float64))
    return np.array(held[_KEY])


class _ScoredPart:
    """A part with its predictions and losses: on all rows, if wanted without each group of rows, and for each target.

    Attributes
    ----------
    losses : ndarray of shape (1 + n_groups + n_targets,)
        See `score`.
    n_targets : int
        The number of several targets with a loss of their own; 0 otherwise.
    """

    def __init__(self, part: Part, grouped: bool, seed: int):
        started = time.monotonic()
        self.part = part
        self.predictions = predict_quietly(part.ensemble, part.X)
        self.seconds_per_row = (time.monotonic() - started) / max(1, len(part.y))
        self._decides = part.ensemble.decision_weights is not None and judges_labels(part.target, self.predictions)
        units = np.arange(len(part.y)) if part.groups is None else part.groups
        self._left_out = draw_groups(units, _GROUPS, np.random.default_rng(seed)) if grouped else None
        scorer = part.metric.scorer
        self._scorer = scorer if isinstance(scorer, TargetsScorer) else None
        self.n_targets = 0 if self._scorer is None else len(self._scorer.each)
        self.losses = self.score(self.predictions)

    def score(self, predictions: Array) -> Array:
        """Return the loss on all rows, then without each group of rows, then that of each of several targets."""
        part, target = self.part, self.part.target
        if self._decides:
            predictions = one_hot_labels(predictions, np.asarray(part.ensemble.decision_weights))
        losses = [target.loss(predictions)]
        if self._left_out is not None:
            for group in range(_GROUPS):
                at = np.flatnonzero(self._left_out != group)
                if len(at) in (0, len(part.y)):  # there are fewer groups, and nothing is left out, or all rows
                    losses.append(np.nan)
                    continue
                losses.append(target.take(at).loss(predictions[at]))
        if self._scorer is not None:
            losses += self._scorer.target_losses(part.y, predictions, part.sample_weight).tolist()
        return np.array(losses)

    def reduce(self, share: float, rng: np.random.Generator, seed: int) -> _ScoredPart:
        """Return a part with a share of the rows."""
        part = self.part
        rows = np.sort(draw_rows(rng, len(part.y), max(1, round(share * len(part.y))), part.y))
        return _ScoredPart(part.take(rows), self._left_out is not None, seed)


def _shorten(scored: list[_ScoredPart], columns: Columns, n_repeats: int, deadline: float, seed: int) -> int:
    """Return the number of repeats, and reduce the rows in place, so that all columns can be permuted in time."""
    per_repeat = sum(p.seconds_per_row * len(p.part.y) for p in scored) * sum(1 for at in columns if at)
    left = max(0.0, deadline - time.monotonic())
    if n_repeats * per_repeat <= left:
        return n_repeats
    n_repeats = max(1, int(left / per_repeat))
    n_rows = sum(len(p.part.y) for p in scored)
    share = max(left / per_repeat, _FEWEST_ROWS / n_rows)
    if share < 1:
        rng = np.random.default_rng(seed)
        scored[:] = [part.reduce(share, rng, seed) for part in scored]
    logger.info("importance: %s on %d rows", plural(n_repeats, "repeat"), sum(len(p.part.y) for p in scored))
    return n_repeats


def _permute(scored: list[_ScoredPart], columns: Columns, n_repeats: int, deadline: float, seed: int) -> Array:
    """Return the losses of score, shape (n_columns, n_repeats, n_parts, n_losses); NaN where the time was short."""
    gains = np.full((len(columns), n_repeats, len(scored), len(scored[0].losses)), np.nan)
    unused = [i for i, at in enumerate(columns) if not at]
    gains[unused] = 0.0
    order = _most_promising_first(scored, columns)
    for repeat in range(n_repeats):
        for start in _batches(scored, len(order)):
            if time.monotonic() > deadline and (repeat or start.start):
                return gains
            chosen = order[start]
            for k, part in enumerate(scored):
                rng = np.random.default_rng((seed, repeat, k))
                shuffles = rng.permutation(len(part.part.y))
                outputs = _predict_permuted(part.part, [columns[i] for i in chosen], shuffles)
                for i, output in zip(chosen, outputs, strict=True):
                    gains[i, repeat, k] = part.score(output) - part.losses
    return gains


def _batches(scored: list[_ScoredPart], n_columns: int) -> Iterator[slice]:
    """Yield slices of the columns that are predicted in one call."""
    n_rows = max(len(part.part.y) for part in scored)
    width = scored[0].part.X.shape[1]
    size = max(1, rows_per_call(width) // n_rows)
    for start in range(0, n_columns, size):
        yield slice(start, start + size)


def _predict_permuted(part: Part, columns: Columns, shuffle: Array) -> list[Array]:
    """Return the predictions after a permutation of the rows of each column alone."""
    tables = [permuted(part.X, positions, shuffle) for positions in columns]
    stacked = sparse.vstack(tables).tocsr() if sparse.issparse(part.X) else np.concatenate(tables)
    return np.split(predict_quietly(part.ensemble, stacked), len(columns))


def permuted(X: Any, positions: Sequence[int], shuffle: Array) -> Any:
    """Return a copy of a table in which the rows of some columns are permuted together.

    >>> permuted(np.array([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]), [1], np.array([2, 0, 1])).tolist()
    [[1.0, 6.0], [2.0, 4.0], [3.0, 5.0]]
    """
    at = list(positions)
    if not sparse.issparse(X):
        table = np.array(X)
        table[:, at] = X[np.ix_(shuffle, np.asarray(at, dtype=np.intp))]
        return table
    table = X.tocsc(copy=True)
    place = np.empty(len(shuffle), dtype=table.indices.dtype)
    place[shuffle] = np.arange(len(shuffle))
    for i in at:
        table.indices[table.indptr[i] : table.indptr[i + 1]] = place[
            table.indices[table.indptr[i] : table.indptr[i + 1]]
        ]
    table.has_sorted_indices = False
    return table.tocsr()


def _most_promising_first(scored: list[_ScoredPart], columns: Columns) -> list[int]:
    """Return the used columns; the ones that go with the predictions come first, for a time that is too short."""
    used = [i for i, at in enumerate(columns) if at]
    X, output = scored[0].part.X, scored[0].predictions
    if output.ndim == 2:
        output = output[:, output.var(axis=0).argmax()]
    center = output - output.mean()
    if sparse.issparse(X):
        strength = np.abs(np.asarray(X.T @ center).ravel())
    else:
        filled = np.where(np.isnan(X), np.nanmean(np.where(np.isnan(X).all(axis=0), 0.0, X), axis=0), X)
        spread = filled.std(axis=0)
        strength = np.abs((filled - filled.mean(axis=0)).T @ center) / np.where(spread > 0, spread, np.inf)
    return sorted(used, key=lambda i: -max(strength[at] for at in columns[i]))


def _as_table(estimator: FittedModel, gains: Array, scored: list[_ScoredPart], test_share: float) -> pd.DataFrame:
    """Return the table with importance and interval of each column, in the order of the columns."""
    missed = np.asarray(np.isnan(gains[:, 0, :, 0]).all(axis=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns that were not reached
        means = np.nanmean(gains, axis=1)  # over the repeats: (n_columns, n_parts, n_losses)
        center = np.nanmean(means[:, :, 0], axis=1)
        n_own = means.shape[2] - scored[0].n_targets
        by_target = np.nanmean(means[:, :, n_own:], axis=1)
    interval = _from_folds if len(scored) >= _FEWEST_FOLDS else _from_groups
    half = np.array([interval(own, test_share) for own in means[:, :, :n_own]])
    if missed.any():
        warn_user(
            f"the time was too short for {missed.sum()} of {plural(len(missed), 'column')}, whose importance is NaN; "
            "pass a larger number of seconds"
        )
    names = pd.Series(column_names(estimator), dtype=object)
    table = pd.DataFrame({"name": names, "importance": center, "low": center - half, "high": center + half})
    layout = estimator._ensemble.targets
    targets = layout.names if layout is not None and n_own < means.shape[2] else ()
    for name, own in zip(targets, by_target.T, strict=True):
        table[of_target(name)] = own
    return table


def of_target(name: str) -> str:
    """Return the name of the column with the importances for one of several targets."""
    return f"importance_{name}"


def _from_folds(gains: Array, test_share: float) -> float:
    """Return half the width of the interval from the spread over the folds, whose models share training rows."""
    known = gains[np.isfinite(gains[:, 0]), 0]
    if len(known) < 2:
        return float("nan")
    posterior = correlated_posterior(known, test_share)
    return float(special.stdtrit(posterior.degrees, (1 + LEVEL) / 2)) * posterior.scale


def _from_groups(gains: Array, test_share: float) -> float:
    """Return half the width of the interval from a jackknife over groups of rows, for few folds."""
    left_out = gains[:, 1:]
    errors = []
    for own in left_out:
        known = own[np.isfinite(own)]
        errors.append(float("nan") if len(known) < 2 else jackknife_error(known) ** 2)
    return float(special.ndtri((1 + LEVEL) / 2) * np.sqrt(np.sum(errors)) / len(errors))
