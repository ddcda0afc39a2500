"""The cheap models of the landmarks, compared with scikit-learn's models of the same kind."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.metrics import accuracy_score, cohen_kappa_score, roc_auc_score
from sklearn.naive_bayes import CategoricalNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import minmax_scale
from sklearn.tree import DecisionTreeClassifier

from metalearning.cfs import select_subset
from metalearning.landmark_models import encode, naive_bayes, nearest, pruned, tree_scores, truncated
from metalearning.landmarks import measures


def halves(X, y, categorical=False, most_levels=20):
    table = encode(X, np.full(X.shape[1], categorical), most_levels)
    first = np.arange(len(y)) % 2 == 0
    return table.rows(first), np.eye(y.max() + 1)[y[first]], table.rows(~first), first


def test_measures_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=200)
    scores = rng.random((200, 3)) + np.eye(3)[y]
    scores /= scores.sum(axis=1, keepdims=True)
    area, error, kappa = measures(scores, y)
    assert area == pytest.approx(roc_auc_score(y, scores, multi_class="ovr", average="weighted"))
    assert error == pytest.approx(1 - accuracy_score(y, scores.argmax(axis=1)))
    assert kappa == pytest.approx(cohen_kappa_score(y, scores.argmax(axis=1)))


def test_naive_bayes_of_numbers_is_the_gaussian_one():
    X, y = load_wine(return_X_y=True)
    train, targets, held, first = halves(X, y)
    ours = naive_bayes(train, targets, held)
    np.testing.assert_allclose(ours, GaussianNB().fit(X[first], y[first]).predict_proba(X[~first]), atol=0.02)


def test_naive_bayes_of_categories_is_the_categorical_one():
    X, y = load_wine(return_X_y=True)
    X = np.array([np.digitize(column, np.quantile(column, (0.3, 0.6))) for column in X.T]).T
    train, targets, held, first = halves(X.astype(float), y, categorical=True)
    theirs = CategoricalNB(min_categories=3).fit(X[first], y[first]).predict_proba(X[~first])
    np.testing.assert_allclose(naive_bayes(train, targets, held), theirs, atol=0.02)


def test_missing_cells_say_nothing_to_naive_bayes():
    X, y = load_wine(return_X_y=True)
    train, targets, held, _ = halves(np.column_stack([X, np.full(len(y), np.nan)]), y)
    without, _, held_without, _ = halves(X, y)
    np.testing.assert_allclose(naive_bayes(train, targets, held), naive_bayes(without, targets, held_without))


def test_the_nearest_row_is_that_of_scikit_learn_on_the_unit_cube():
    X, y = load_wine(return_X_y=True)
    X = minmax_scale(X)
    train, targets, held, first = halves(X, y)
    train.numeric[:2] = [np.zeros(X.shape[1]), np.ones(X.shape[1])]  # the corners, so that it spans the cube
    theirs = KNeighborsClassifier(1).fit(train.numeric, y[first])
    assert (nearest(train, targets, held).argmax(axis=1) == theirs.predict(X[~first])).all()


def test_rows_that_are_equally_near_share_their_vote():
    X, y = np.zeros((6, 1)), np.array([0, 0, 1, 1, 0, 0])
    train, targets, held, _ = halves(X, y, categorical=True)
    np.testing.assert_allclose(nearest(train, targets, held), np.full((3, 2), (2 / 3, 1 / 3)))


def test_rare_levels_share_one_indicator():
    table = encode(np.array([[0.0], [0], [0], [1], [1], [2], [3], [np.nan]]), np.array([True]), 3)
    np.testing.assert_array_equal(table.indicators.sum(axis=0), [3, 2, 2])
    assert table.indicators[-1].sum() == 0


def tree_on(X, y):
    return DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, random_state=0).fit(X, y)


def test_a_truncated_tree_is_the_tree_of_that_depth():
    X, y = load_breast_cancer(return_X_y=True)
    train, _, held, first = halves(X, y)
    shallow = DecisionTreeClassifier(criterion="entropy", min_samples_leaf=2, max_depth=2, random_state=0)
    shallow.fit(X[first], y[first])
    full = tree_on(train.together(), y[first])
    scores = tree_scores(full, {"cut": truncated(full, 2)}, held, 2)["cut"]
    np.testing.assert_allclose(scores, shallow.predict_proba(X[~first]))


def test_pruning_takes_away_what_was_fitted_to_noise_and_more_with_less_confidence():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    noise = tree_on(X, rng.integers(2, size=400))
    assert len(np.unique(pruned(noise, 1e-3))) < 0.1 * noise.tree_.node_count
    learnable = tree_on(X, (X[:, 0] + 0.5 * rng.normal(size=400) > 0).astype(int))
    sizes = [len(np.unique(pruned(learnable, confidence))) for confidence in (0.25, 1e-3, 1e-5)]
    assert learnable.tree_.node_count > sizes[0] >= sizes[1] >= sizes[2] > 1


def test_the_subset_takes_one_of_two_equal_columns_and_the_column_beside_it():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 6))
    X[:, 1] = X[:, 0]
    y = (X[:, 0] + X[:, 2] > 0).astype(int)
    chosen = select_subset(encode(X, np.zeros(6, dtype=bool), 2), np.eye(2)[y])
    assert chosen[[0, 1]].sum() == 1
    assert chosen[2]


def test_the_subset_of_categories_is_found_like_that_of_numbers():
    rng = np.random.default_rng(0)
    X = rng.integers(3, size=(600, 4)).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = (np.nan_to_num(X[:, 3]) == 1).astype(int)
    table = encode(np.column_stack([rng.normal(size=600), X]), np.array([False, True, True, True, True]), 3)
    chosen = select_subset(table, np.eye(2)[y])
    assert chosen[4]
    assert table.columns(chosen).n_categories == chosen[1:].sum()
