"""The selection of columns by their scores on a sample of the rows."""

import numpy as np
import pytest

from pipelines.steps.selection import MAX_ROWS, ScoreSelector


def shifted(n, n_rare):
    """Return a table whose last column is far larger in the rows of a rare class."""
    X = np.random.default_rng(0).normal(size=(n, 20))
    y = np.zeros(n, dtype=int)
    y[:n_rare] = 1
    X[y == 1, 19] += 8
    return X, y


@pytest.mark.parametrize("score", ["f_test", "trees"])
def test_the_column_of_a_rare_class_is_kept(score):
    X, y = shifted(100_000, 12)
    n_seeds = 8 if score == "f_test" else 3
    masks = [ScoreSelector(score, 0.25, True, seed).fit(X, y).get_support() for seed in range(n_seeds)]
    assert all(mask[19] for mask in masks)


def test_a_regression_is_scored_on_the_same_rows_as_ever():
    X, _ = shifted(2 * MAX_ROWS, 0)
    y = X[:, 3] + np.random.default_rng(1).normal(size=len(X))
    rows = np.random.default_rng(4).choice(len(X), MAX_ROWS, replace=False)
    for score in ("f_test", "trees"):
        selector, small = (ScoreSelector(score, 0.5, False, 4) for _ in range(2))
        assert np.array_equal(selector.fit(X, y).mask_, small.fit(X[rows], y[rows]).mask_)
