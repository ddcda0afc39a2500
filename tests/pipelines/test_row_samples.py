"""Samples of rows: no class is missing, and nothing changes where none would be."""

import tracemalloc

import numpy as np
import pytest

from pipelines.row_samples import draw_rows, rows_to_score, spaced_rows, spread_classes


def rare(n, *counts):
    """Return classes of `n` rows, of which the last ones are of rare classes with these numbers of rows."""
    y = np.zeros(n, dtype=int)
    y[n - sum(counts) :] = np.repeat(np.arange(1, len(counts) + 1), counts)
    return y


@pytest.mark.parametrize("y", [None, np.arange(900.0), np.arange(900) % 3])
def test_a_sample_of_a_regression_or_of_balanced_classes_is_that_of_the_generator(y):
    plain = np.random.default_rng(0).choice(900, 300, replace=False)
    assert np.array_equal(draw_rows(np.random.default_rng(0), 900, 300, y), plain)
    order = np.random.default_rng(0).permutation(900)
    codes = None if y is None or y.dtype.kind == "f" else y
    assert np.array_equal(spread_classes(order, codes, [(300, 5), (200, 2)]), order)


def test_a_rare_class_gets_rows_and_no_row_is_drawn_twice():
    y = rare(20_000, 12, 300)
    for seed in range(5):
        rng, plain = np.random.default_rng(seed), np.random.default_rng(seed)
        rows = draw_rows(rng, 20_000, 3_000, y, 50)
        assert len(np.unique(rows)) == 3_000
        counts = np.bincount(y[rows])
        assert counts[1] == 12
        assert counts[2] >= 50
        assert len(np.intersect1d(rows, plain.choice(20_000, 3_000, replace=False))) > 2_900
        assert rng.random() == plain.random()
    some = np.arange(0, 20_000, 2)
    assert set(draw_rows(rng, some, 3_000, y)) <= set(some)


def test_the_shares_of_the_classes_stay_in_rows_to_score():
    y = rare(50_000, 3)
    for seed in range(5):
        rows = rows_to_score(np.random.default_rng(seed), np.arange(50_000), 2_000, y)
        assert len(rows) == 2_000
        assert (y[rows] == 1).sum() == 1
        assert (np.diff(rows) > 0).all()
    assert len(rows_to_score(np.random.default_rng(0), np.arange(10), 20, y)) == 10


def test_spaced_rows_give_way_to_rows_of_a_class_that_lacks_rows():
    y = np.zeros(100_000, dtype=int)
    even = np.linspace(0, 99_999, 5_000).astype(int)
    assert np.array_equal(spaced_rows(np.arange(100_000), 5_000, y), even)
    y[100:112] = 1
    rows = spaced_rows(np.arange(100_000), 5_000, y)
    assert len(rows) == 5_000
    assert set(range(100, 112)) <= set(rows)
    assert len(np.setdiff1d(rows, even)) < 13
    assert (np.diff(rows) > 0).all()


def test_two_parts_share_the_rows_of_a_rare_class():
    y = rare(10_000, 11, 1)
    for seed in range(5):
        order = spread_classes(np.random.default_rng(seed).permutation(10_000), y, [(1_000, 5), (2_000, 1)])
        assert sorted(order) == list(range(10_000))
        first, second = order[:1_000], order[1_000:3_000]
        assert (y[first] == 1).sum() >= 5
        assert (y[second] == 1).sum() >= 1
        assert (y[order[:3_000]] == 2).sum() == 1


def test_rare_classes_of_each_target_get_rows_without_filling_the_sample():
    y = np.column_stack([rare(5_000, 4), np.roll(rare(5_000, 4), 100)])
    rows = draw_rows(np.random.default_rng(0), 5_000, 500, y)
    assert (y[rows].sum(axis=0) >= 1).all()
    many = np.arange(5_000) // 2
    assert len(np.unique(many[draw_rows(np.random.default_rng(0), 5_000, 500, many, 50)])) <= 500


@pytest.mark.parametrize("y", [np.arange(1_000_000) % 3, rare(1_000_000, 1)])
def test_a_sample_of_a_large_table_needs_little_memory(y):
    n = 20_000
    tracemalloc.start()
    rows = draw_rows(np.random.default_rng(0), len(y), n, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * len(y)
    plain = np.random.default_rng(0).choice(len(y), n, replace=False)
    lacking = set(np.unique(y)) - set(y[plain])
    assert set(y[np.setdiff1d(rows, plain)]) == lacking
    assert set(y[rows]) == set(y)


@pytest.mark.parametrize("labels", [[-1, 5, 10**12], ["no", "yes", "maybe"], [True, False, True]])
def test_labels_of_any_kind_stand_for_classes(labels):
    codes = rare(5_000, 3, 2)
    y = np.array(labels)[codes]
    for seed in range(5):
        assert set(y[draw_rows(np.random.default_rng(seed), 5_000, 300, y)]) == set(labels)
        order = spread_classes(np.random.default_rng(seed).permutation(5_000), y, [(300, 1)])
        assert set(y[order[:300]]) == set(labels)


@pytest.mark.parametrize("n", [3_500, 10_000])
def test_the_first_part_has_the_only_row_of_a_class_and_two_rows_are_shared(n):
    parts = [(3_000, 50), (1_000, 1)]
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(n)
        y = rare(n, 1, 2)
        spread = spread_classes(order, y, parts)
        assert sorted(spread) == list(range(n))
        first, second = y[spread[:3_000]], y[spread[3_000:4_000]]
        assert (first == 1).sum() == 1
        assert (first == 2).sum() == (second == 2).sum() == 1
