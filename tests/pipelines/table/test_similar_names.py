"""Proposals of similar names are useful, and cheap also in wide tables."""

from __future__ import annotations

import pytest

from pipelines.table import similar_names
from pipelines.table.similar_names import may_be_renamed


@pytest.fixture
def compared(monkeypatch):
    """Return a list that gets the number of names of each comparison."""
    counts, original = [], similar_names.get_close_matches

    def counted(word, possibilities, n):
        counts.append(len(possibilities))
        return original(word, possibilities, n)

    monkeypatch.setattr(similar_names, "get_close_matches", counted)
    return counts


def test_at_most_three_renamed_columns_are_searched_and_shown(compared):
    missing, unseen = [f"feature_{i}" for i in range(10)], [f"Feature_{i}" for i in range(10)]
    assert may_be_renamed(missing, unseen) == ", ".join(f"'Feature_{i}' may be 'feature_{i}'" for i in range(3))
    assert compared == [10, 10, 10]


@pytest.mark.parametrize(("n_missing", "n_unseen"), [(20_000, 20_000), (20_000, 1), (1, 20_000)])
def test_the_comparisons_of_long_lists_of_names_are_bounded(compared, n_missing, n_unseen):
    others = [f"column {i} of another table" for i in range(n_unseen)]
    assert may_be_renamed([f"x{i}" for i in range(n_missing)], others) == ""
    assert sum(compared) <= 20_000


def test_one_missing_column_is_found_in_a_wide_table():
    assert may_be_renamed(["price"], [*(f"x{i}" for i in range(10_000)), "Price "]) == "'Price ' may be 'price'"
