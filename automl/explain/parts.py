"""The rows on which a fitted estimator is examined, each part with models that were not trained on it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.selection import Ensemble, FoldBag
from automl.errors import InvalidInputError, unknown_label
from automl.refit.rows import TrainingRows, get_rows
from automl.task.metrics import Metric
from automl.task.own_objects import check_fitted_scorer
from automl.task.scored_target import ScoredTarget
from automl.task.several_targets import encode_targets
from automl.task.table_validation import as_array, check_table
from automl.task.unread_cells import read_rows
from automl.task.validation import as_numbers, check_groups, check_score_weight, read_target
from pipelines.row_samples import draw_rows, rows_to_score

Array = NDArray[Any]

_WHOLE = 1 - 1e-9  # share of the weights of an ensemble that counts as all of its members
_CALL_ROWS, _CALL_CELLS = 8_000, 2**24  # the most that the models predict in one call


@dataclass(frozen=True)
class Part:
    """Some rows, and an ensemble of models that were not trained on them.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        Output of the table reader.
    y : ndarray of shape (n_samples,)
        Class codes, or floats.
    groups : ndarray of shape (n_samples,), optional
        Codes of the groups.
    """

    ensemble: Ensemble
    metric: Metric
    X: Any
    y: Array
    sample_weight: Array | None = None
    groups: Array | None = None

    @property
    def target(self) -> ScoredTarget:
        """The target of the rows."""
        return ScoredTarget(self.y, self.metric, self.sample_weight)

    def take(self, rows: Array) -> Part:
        """Return the part with some of its rows."""
        target, groups = self.target.take(rows), None if self.groups is None else self.groups[rows]
        return Part(self.ensemble, target.metric, self.X[rows], target.y, target.sample_weight, groups)


def out_of_fold_parts(estimator: FittedModel, max_rows: int, random_state: int) -> tuple[list[Part], float]:
    """Return one part for each fold: its scored rows, and the models of the members on this fold.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    max_rows : int
        Largest number of rows of all parts together; rows are drawn at random, whole groups at a time.

    Returns
    -------
    parts : list of Part
    test_share : float
        Share of the rows that a fold scores.

    Raises
    ------
    InvalidInputError
        If the rows or the fold models are not there; the message asks for X and y.
    """
    rows = require_rows(estimator)
    metric: Metric = estimator._metric
    if metric.reads_table:
        raise InvalidInputError(
            f"scoring {metric.name!r} reads the table, which the model does not keep; pass X and y: rows on which the "
            "model was not trained"
        )
    check_fitted_scorer(metric.scorer)
    bags = vars(estimator).get("_fold_bags") or estimator._ensemble.bags
    bags = [replace(bag, folds=_folds_of(bag, rows)) for bag in bags]
    covered = {fold: sum(bag.weight for bag in bags if fold in bag.folds) for bag in bags for fold in bag.scored_folds}
    covered = {fold: weight for fold, weight in covered.items() if fold < len(rows.test_rows)}
    if not covered:
        raise InvalidInputError(
            "the model does not know which rows each of its models was trained on, because an earlier version has "
            "saved it or its fold models are gone; pass X and y: rows on which the model was not trained"
        )
    folds = sorted(fold for fold, weight in covered.items() if weight >= _WHOLE * max(covered.values()))
    rng = np.random.default_rng(random_state)
    total = sum(len(rows.test_rows[fold]) for fold in folds)
    parts = []
    for fold in folds:
        chosen = _draw(rows.test_rows[fold], rows, max_rows / total, rng)
        parts.append(
            Part(
                _ensemble_of_fold(estimator._ensemble, bags, fold),
                metric,
                np.asarray(rows.X[chosen]) if isinstance(rows.X, np.ndarray) else rows.X[chosen],
                rows.y[chosen],
                None if rows.sample_weight is None else rows.sample_weight[chosen],
                None if rows.groups is None else rows.groups[chosen],
            )
        )
    return parts, 1 - float(np.mean([rows.train_shares[fold] for fold in folds]))


def _ensemble_of_fold(ensemble: Ensemble, bags: Sequence[FoldBag], fold: int) -> Ensemble:
    """Return the ensemble of the models of one fold; members without such a model are left out."""
    members = [bag for bag in bags if fold in bag.folds]
    total = sum(bag.weight for bag in members)
    return replace(
        ensemble,
        bags=[
            FoldBag(bag.configuration, bag.weight / total, [bag.models[bag.folds.index(fold)]], (fold,))
            for bag in members
        ],
    )


def require_rows(estimator: FittedModel) -> TrainingRows:
    """Return the training rows that an estimator has kept.

    Raises
    ------
    InvalidInputError
        If it has none; the message asks for X and y.
    """
    try:
        return get_rows(vars(estimator).get("_rows"))
    except InvalidInputError as error:
        reason = str(error).split("; pass ")[0]
        raise InvalidInputError(f"{reason}; pass X and y: rows on which the model was not trained") from None


def _folds_of(bag: FoldBag, rows: TrainingRows) -> tuple[int, ...]:
    """Return the folds of the models of a bag; earlier versions have not kept them, but a full bag has all folds."""
    if bag.folds or len(bag.models) != len(rows.test_rows) or len(bag.models) < 2:
        return bag.folds
    return tuple(range(len(bag.models)))


def _draw(test: Array, rows: TrainingRows, share: float, rng: np.random.Generator) -> Array:
    """Return a share of the scored rows of a fold, without rows of weight 0 and with whole groups."""
    if rows.sample_weight is not None:
        test = test[rows.sample_weight[test] > 0]
    n_wanted = max(1, round(share * len(test)))
    if n_wanted >= len(test):
        return test
    if rows.groups is None:
        return np.sort(draw_rows(rng, test, n_wanted, rows.y))
    groups = rows.groups[test]
    order = rng.permutation(np.unique(groups))
    sizes = np.cumsum([np.count_nonzero(groups == group) for group in order])
    return test[np.isin(groups, order[: 1 + np.searchsorted(sizes, n_wanted)])]


def new_part(
    estimator: FittedModel, X: Any, y: Any, sample_weight: Any, groups: Any, max_rows: int, random_state: int
) -> Part:
    """Return rows of the user as one part, with the whole ensemble.

    Raises
    ------
    InvalidInputError
        If the table or the target does not suit the model.
    """
    metric: Metric = estimator._metric
    check_fitted_scorer(metric.scorer)
    target = encode_target(estimator, y, X)
    weight = check_score_weight(sample_weight, len(target))
    codes = check_groups(groups, len(target))
    X = check_table(X)
    table = read_rows(estimator._reader, X)
    kept = np.arange(len(target)) if weight is None else np.flatnonzero(weight > 0)
    kept = rows_to_score(np.random.default_rng(random_state), kept, max_rows, target)
    if metric.reads_table:
        metric = replace(metric, table=X if hasattr(X, "shape") else as_array(X)).take(kept)
    return Part(
        estimator._ensemble,
        metric,
        table[kept],
        target[kept],
        None if weight is None else weight[kept],
        None if codes is None else codes[kept],
    )


def encode_target(estimator: FittedModel, y: Any, X: Any) -> Array:
    """Return a target of the user as class codes or floats.

    Raises
    ------
    InvalidInputError
        If `y` is missing, or holds a class that the model does not know.
    """
    if y is None:
        raise InvalidInputError("X is given without y; pass both")
    layout = estimator._ensemble.targets
    if layout is not None:
        return encode_targets(y, X, estimator.classes_ if estimator._is_classifier else None, layout)
    values = read_target(y, X)
    if not estimator._is_classifier:
        return as_numbers(values)
    classes = np.asarray(estimator.classes_)
    codes = {label: code for code, label in enumerate(classes.tolist())}
    found = [codes.get(label, -1) for label in values.tolist()]
    if -1 in found:
        raise unknown_label("y", values.tolist()[found.index(-1)], classes.tolist())
    return np.array(found, dtype=np.int64)


def column_positions(estimator: FittedModel) -> list[tuple[int, ...]]:
    """Return the positions of each raw column in the output of the table reader; no position for an unused column."""
    return [tuple(column.positions) for column in estimator._reader.columns_]


def column_names(estimator: FittedModel) -> list[Any]:
    """Return the names of the raw columns, or their positions where they have no names."""
    return [column.name for column in estimator._reader.columns_]


def column_number(estimator: FittedModel, column: Any) -> int:
    """Return the number of a raw column by its name.

    Raises
    ------
    AutoMLError
        If there is no such column.
    """
    names = column_names(estimator)
    if column in names:
        return names.index(column)
    shown = ", ".join(map(repr, names[:5])) + (", ..." if names[5:] else "")
    raise InvalidInputError(f"the table has no column {column!r}; its columns are {shown}")


def rows_per_call(n_columns: int) -> int:
    """Return how many changed rows of so many columns are predicted in one call; more would take too much memory."""
    return min(_CALL_ROWS, _CALL_CELLS // n_columns)


def predict_quietly(ensemble: Ensemble, X: Any) -> Array:
    """Return the predictions of an ensemble; libraries do not warn of rows that exist only for an explanation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ensemble.predict(X)


def predict_shown(ensemble: Ensemble, X: Any) -> Array:
    """Return the predictions that an explanation shows: those of `predict_quietly`, or the middle one of quantiles."""
    return ensemble.values(predict_quietly(ensemble, X))


def check_seed(random_state: Any) -> int:
    """Return a seed for an explanation.

    Raises
    ------
    InvalidInputError
        If it is not a whole number or None.
    """
    if random_state is None:
        return 0
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer):
        raise InvalidInputError(f"random_state must be a whole number or None; got {random_state!r}")
    return int(random_state) % 2**31


def check_count(name: str, value: Any) -> int:
    """Return a number of repeats or rows.

    Raises
    ------
    InvalidInputError
        If it is not a whole number of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InvalidInputError(f"{name} must be a whole number of at least 1; got {value!r}")
    return int(value)
