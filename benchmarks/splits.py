"""Deal the rows of a table to the folds that all benchmarks use, so that all figures are about the same rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

SEED = 20261120
N_FOLDS = 5


def fold_numbers(target: pd.Series, task: str) -> NDArray[np.int_]:
    """Return the fold of each row, shape (n_samples,).

    The rows of each class are dealt to the folds in turn, in the order in which the classes first appear. For
    regression all rows are dealt together.
    """
    values = target.reset_index(drop=True)
    rng = np.random.RandomState(SEED)
    if task == "regression":
        strata = [np.arange(len(values))]
    else:
        strata = [np.flatnonzero(values == label) for label in values.unique()]
    fold = np.empty(len(values), dtype=int)
    n_dealt = 0
    for rows in strata:
        fold[rng.permutation(rows)] = (np.arange(len(rows)) + n_dealt) % N_FOLDS
        n_dealt += len(rows)
    return fold


def split(table: pd.DataFrame, task: str, fold: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the shuffled training part and the test part of one fold."""
    in_test = fold_numbers(table["target"], task) == fold
    return table[~in_test].sample(frac=1, random_state=0), table[in_test]
