"""Searches on learning curves are compared at equal simulated seconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import ConfigurationSpace

from automl.search.catalog import make_searcher
from benchmarks.fidelity_regret import BUDGETS, PLAN, Simulation, mean, median, table, with_regret


@dataclass(frozen=True)
class Curves:
    """A scenario in which an epoch takes a second, and the loss falls towards the only hyperparameter."""

    name: str = "curves"

    def space(self) -> ConfigurationSpace:
        return ConfigurationSpace({"x": (0.0, 1.0)})

    def outputs(self, task, configurations):
        return np.array([[c["epoch"], 0.0, c["x"] + 1 / c["epoch"]] for c in configurations])


def simulation(searcher, restart=False):
    return Simulation(Curves(), "1", make_searcher(searcher, Curves().space(), 0, plan=PLAN), restart)


@pytest.mark.parametrize(("restart", "seconds"), [(False, 27 * 2 + 9 * 4 + 3 * 11 + 35), (True, 54 + 54 + 51 + 52)])
def test_a_promoted_training_continues_or_begins_anew(restart, seconds):
    search = simulation("successive_halving", restart)
    for _ in range(27 + 9 + 3 + 1):
        assert search.step(1e9)
    assert search.elapsed == seconds


def test_a_trial_that_ends_after_the_budget_does_not_count():
    search = simulation("random")
    assert [search.step(110.0) for _ in range(3)] == [True, True, False]
    assert (search.n_trials, search.elapsed) == (2, 104.0)


def test_an_incumbent_is_judged_by_its_loss_after_all_epochs():
    search = simulation("hyperband")
    search.step(1e9)
    after_two_epochs = search._best[1]
    assert search.final_loss == pytest.approx(after_two_epochs - 1 / 2 + 1 / 52)


def test_the_table_has_the_pairs_of_task_and_seed_that_all_searchers_have():
    losses = {f"loss_{budget}": 0.5 for budget in BUDGETS}
    about = {"scenario": "curves", "restart": False, "lowest": 0.0, "start": 1.0, "n_trials": 9, **losses}
    rows = [{"searcher": s, "task": t, "seed": 0, **about} for s, t in (("a", "1"), ("b", "1"), ("a", "2"))]
    shown = table(with_regret(pd.DataFrame(rows)), mean)
    assert shown["searches"].tolist() == [1, 1]
    assert shown.loc["a", "5 trainings"] == "0.500"
    assert table(with_regret(pd.DataFrame(rows)), median).loc["b", "30 trainings"] == "0.500"
