"""The regret of searchers is scaled by task, and compared on pairs of task and seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import ConfigurationSpace

from benchmarks.search_regret import KEYS, TRIALS, over_tasks, table, with_regret


@dataclass(frozen=True)
class Line:
    """A scenario whose loss is the only hyperparameter, times the number of the task."""

    name: str = "line"

    def space(self) -> ConfigurationSpace:
        return ConfigurationSpace({"x": (0.0, 1.0)})

    def losses(self, task, configurations):
        return np.array([float(c["x"]) for c in configurations]) * int(task)


def searches(searcher, losses_after_200, loss_before=0.5):
    """Return rows of a file of results; `losses_after_200` has a loss for each (task, seed)."""
    rows = []
    for (task, seed), loss in losses_after_200.items():
        best = {f"best_{n}": loss_before * int(task) for n in TRIALS[:-1]} | {f"best_{TRIALS[-1]}": loss}
        rows.append({"searcher": searcher, "scenario": "line", "task": task, "seed": seed, **best, "cpu_seconds": 1.0})
    return pd.DataFrame(rows)


def test_a_regret_of_0_is_the_best_known_loss_and_1_the_median_of_random_search_after_ten_trials():
    lowest = with_regret(searches("smac", {("1", 0): -1.0, ("2", 0): 0.0}), [Line()])
    assert lowest["best_200"].tolist() == pytest.approx([0.0, 0.0], abs=1e-3)
    median_of_ten = 1 - 0.5**0.1
    as_random = with_regret(searches("smac", {("1", 0): median_of_ten, ("9", 0): 9 * median_of_ten}), [Line()])
    assert as_random["best_200"].tolist() == pytest.approx([1.0, 1.0], abs=0.1)


def test_the_standard_error_is_that_of_the_means_of_tasks():
    index = pd.MultiIndex.from_product([["line"], ["1", "2"], [0, 1]], names=KEYS)
    assert over_tasks(pd.Series([0.0, 0.2, 0.3, 0.5], index=index)) == "+0.250 ± 0.150"


def test_differences_are_those_of_the_pairs_that_both_searchers_have():
    ours = searches("smac", {("1", 0): 0.2, ("1", 1): 9.0, ("2", 0): 0.2})
    other = searches("other", {("1", 0): 0.3, ("2", 0): 0.3, ("3", 0): 7.0})
    shown = table(pd.concat([ours, other]))
    assert shown.loc["other", "pairs"] == 2
    assert shown.loc["other", "difference after 200"] == "+0.100 ± 0.000"
    assert shown.loc["smac", "difference after 200"] == "-"
