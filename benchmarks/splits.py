"""The folds of all benchmarks, so that figures of different days and people stand on the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SEED = 20261120
N_FOLDS = 5


def fold_numbers(target: pd.Series, task: str) -> NDArray[np.int_]:
    """Fold of each row, shape (n_samples,): dealt out class by class in order of first appearance, or over all rows."""
    values = target.reset_index(drop=True)
    rng = np.random.RandomState(SEED)
    if task == "regression":
        strata = [np.arange(len(values))]
    else:
        strata = [np.flatnonzero(values == label) for label in values.unique()]
    fold = np.empty(len(values), dtype=int)
    dealt = 0
    for rows in strata:
        fold[rng.permutation(rows)] = (np.arange(len(rows)) + dealt) % N_FOLDS
        dealt += len(rows)
    return fold


def split(table: pd.DataFrame, task: str, fold: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training part (shuffled) and test part of one fold."""
    numbers: Any = fold_numbers(table["target"], task)
    return table[numbers != fold].sample(frac=1, random_state=0), table[numbers == fold]
