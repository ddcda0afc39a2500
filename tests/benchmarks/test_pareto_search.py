"""The hypervolume of fronts and the table of `benchmarks.pareto_search`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("optuna")

from benchmarks.pareto_search import front, hypervolume, table

REFERENCE = np.array([1.0, 1.0])


def test_dominated_points_and_points_beyond_the_reference_add_no_area():
    points = np.array([[0.0, 0.5], [0.5, 0.0]])
    more = np.concatenate([points, [[0.6, 0.6], [2.0, -1.0], [0.5, 0.0]]])
    assert hypervolume(points, REFERENCE) == hypervolume(more, REFERENCE) == 0.75
    assert hypervolume(np.array([[1.5, 0.0]]), REFERENCE) == 0


def test_a_front_is_sorted_and_has_each_point_once():
    assert front(np.array([[2.0, 1.0], [1.0, 2.0], [2.0, 1.0], [3.0, 3.0]])).tolist() == [[1.0, 2.0], [2.0, 1.0]]


def test_the_table_counts_the_tasks_on_which_a_searcher_is_no_worse_than_its_peer():
    rows = [("smac", "a", 0.9), ("nsga_ii", "a", 0.5), ("smac", "b", 0.2), ("nsga_ii", "b", 0.4)]
    shares = pd.DataFrame(
        [{"searcher": s, "scenario": "x", "task": t, "seed": 0, "after_10": value} for s, t, value in rows]
    )
    found = table(shares)
    assert found.loc["smac", "no worse after_10"] == "1 of 2"
    assert found.loc["nsga_ii", "tasks"] == 2
