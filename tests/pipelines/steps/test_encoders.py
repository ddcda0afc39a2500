from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import TargetEncoder

from pipelines.steps.encoders import FrequencyEncoder, TargetMeanEncoder


def test_frequencies_are_shares_of_the_training_rows():
    encoder = FrequencyEncoder().fit(np.array([[0.0], [0.0], [1.0], [np.nan]]))
    assert encoder.transform(np.array([[0.0], [1.0], [np.nan], [7.0]])).ravel().tolist() == [0.5, 0.25, 0.25, 0.0]


@pytest.mark.parametrize(("kind", "classification"), [("binary", True), ("multiclass", True), ("continuous", False)])
def test_target_means_agree_with_scikit_learn_on_new_rows_and_are_out_of_fold_on_training_rows(kind, classification):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 30, (300, 2)).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = {"binary": rng.integers(0, 2, 300), "multiclass": rng.integers(0, 4, 300), "continuous": rng.normal(size=300)}
    encoder = TargetMeanEncoder(5.0, classification)
    inside = encoder.fit_transform(X, y[kind])
    new = np.array([[3.0, np.nan], [99.0, 0.0]])
    expected = TargetEncoder(target_type=kind, smooth=5.0).fit(X, y[kind]).transform(new)
    assert encoder.transform(new) == pytest.approx(expected)
    assert inside.shape[1] == expected.shape[1]
    own = TargetMeanEncoder(5.0, classification).fit(X, y[kind]).transform(X)
    target = (y[kind] == 0) if kind == "multiclass" else y[kind]
    assert np.corrcoef(own[:, 0], target)[0, 1] > 0.2
    assert abs(np.corrcoef(inside[:, 0], target)[0, 1]) < 0.15


def test_target_means_accept_two_rows_per_class_and_rows_of_two_classes():
    X = np.arange(60.0)[:, None] % 5
    thirty = TargetMeanEncoder().fit_transform(X, np.arange(60) % 30)
    assert thirty.shape == (60, 30)
    assert thirty.sum(axis=1) == pytest.approx(1)
    two = TargetMeanEncoder().fit_transform(X, np.where(X[:, 0] == 0, 7, 3))
    assert two.shape == (60, 1)
    assert two[X[:, 0] == 0].min() > two[X[:, 0] != 0].max()


@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_target_means_of_repeated_rows_are_weighted_means_without_the_copies_of_a_row(n_classes):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 5, 80), np.arange(80)]).astype(float)
    y = rng.integers(0, n_classes, 80) if n_classes else rng.normal(size=80)
    counts = rng.integers(1, 6, 80)
    rows, first = np.repeat(np.arange(80), counts), np.cumsum(counts) - counts
    encoder = TargetMeanEncoder(5.0, n_classes > 0)
    inside = encoder.fit_transform(X[rows], y[rows], row_numbers=rows)
    expected = TargetMeanEncoder(5.0, n_classes > 0).fit(X[rows], y[rows])
    np.testing.assert_array_equal(encoder.transform(X), expected.transform(X))
    np.testing.assert_array_equal(inside[first][rows], inside)
    # The second column has a level for each row, about which the other rows say nothing: all rows of a fold are equal.
    assert len(np.unique(inside[:, -1])) <= encoder.n_splits


def test_target_means_of_rows_without_copies_do_not_depend_on_their_numbers():
    X = np.arange(60.0)[:, None] % 5
    y = np.random.default_rng(0).normal(size=60)
    numbered = TargetMeanEncoder(classification=False).fit_transform(X, y, row_numbers=np.arange(60))
    np.testing.assert_array_equal(numbered, TargetMeanEncoder(classification=False).fit_transform(X, y))


def test_copies_of_a_single_row_are_encoded_by_its_target():
    encoded = TargetMeanEncoder(classification=False).fit_transform([[1.0]] * 3, [2.0] * 3, row_numbers=[0] * 3)
    assert encoded.tolist() == [[2.0]] * 3


@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_target_means_of_weighted_rows_are_weighted_means(n_classes):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (90, 1)).astype(float)
    y = rng.integers(0, n_classes, 90) if n_classes else rng.normal(size=90)
    weight = rng.exponential(size=90)
    encoder = TargetMeanEncoder(5.0, n_classes > 0)
    inside = encoder.fit_transform(X, y, row_weights=weight)
    target = (y == 3) if n_classes == 4 else y
    for level in range(3):
        own = X[:, 0] == level
        mean = ((weight * target)[own].sum() + 5 * np.average(target, weights=weight)) / (weight[own].sum() + 5)
        np.testing.assert_allclose(encoder.transform(X)[own, -1], mean)
        assert len(np.unique(inside[own, -1])) == encoder.n_splits
