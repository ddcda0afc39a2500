"""The folds that all trials of a run share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv

from automl.errors import InvalidInputError

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]  # training rows, scored rows


def default_n_splits(n_rows: int) -> int:
    """Eight folds where bags are cheap, five where a whole bag is dear, eight again where one fold is all there is.

    On large tables folds run one at a time, so the first of them is a holdout: a smaller part leaves more to train on.
    """
    return 5 if 10_000 < n_rows <= 50_000 else 8


def make_folds(
    y: NDArray[Any],
    is_classification: bool,
    *,
    cv: Any = None,
    groups: NDArray[Any] | None = None,
    X: Any = None,
    random_state: int = 0,
) -> tuple[Fold, ...]:
    """Folds as (training rows, scored rows).

    By default rows of each class (or of each stretch of the sorted target) are dealt out evenly, so that a class with
    fewer rows than folds never has all of them in one fold.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class codes, or floats.
    cv : int, splitter or iterable of (train, test), optional
    groups : ndarray of shape (n_samples,), optional
        Rows of one group are never on both sides of a fold.

    Raises
    ------
    InvalidInputError
        If there are fewer groups than folds, or `cv` gives no usable fold.
    """
    n_splits = cv if isinstance(cv, int) else default_n_splits(len(y))
    if cv is None and is_classification and len(counts := np.bincount(y)) == 2:
        # The ROC AUC of a fold without one of the classes is undefined.
        n_splits = max(2, min(n_splits, int(counts.min())))
    if not (cv is None or isinstance(cv, int)):
        splitter = check_cv(cv, y, classifier=is_classification)
        folds = [(np.asarray(a, dtype=np.intp), np.asarray(b, dtype=np.intp)) for a, b in splitter.split(X, y, groups)]
        if not folds or any(len(a) == 0 or len(b) == 0 for a, b in folds):
            raise InvalidInputError("cv gives an empty fold; pass a splitter whose folds all hold rows")
        return tuple(folds)
    if groups is not None:
        n_groups = len(np.unique(groups))
        if n_groups < 2:
            raise InvalidInputError("groups holds a single group; at least 2 are needed to keep groups apart")
        maker = StratifiedGroupKFold if is_classification else GroupKFold
        by_group = maker(min(n_splits, n_groups), shuffle=True, random_state=random_state)
        return tuple(by_group.split(np.zeros(len(y)), y, groups))
    fold = deal(y, is_classification, min(n_splits, len(y)), np.random.default_rng(random_state))
    return tuple((np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(min(n_splits, len(y))))


def deal(y: NDArray[Any], is_classification: bool, n_splits: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Fold number of each row, shape (n_samples,): stratified by class, or by rank of a continuous target."""
    if is_classification:
        strata = [rng.permutation(np.flatnonzero(y == code)) for code in np.unique(y)]
    else:
        order = np.lexsort((rng.random(len(y)), y))
        strata = [rng.permutation(order[i : i + n_splits]) for i in range(0, len(y), n_splits)]
    fold = np.empty(len(y), dtype=np.intp)
    fold[np.concatenate(strata)] = np.arange(len(y)) % n_splits
    return fold
