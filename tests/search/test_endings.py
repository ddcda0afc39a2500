"""The words for why a search ended."""

from __future__ import annotations

import time

import pytest

from automl.search.budget import Budget
from automl.search.endings import budget_ending
from automl.search.processors import ProcessorBudget
from automl.trials.history import RunHistory
from automl.trials.trial import Status, Trial, TrialResult
from tests.factories import tree


def used(seconds):
    return [TrialResult(Trial(tree()), Status.OK, {}, seconds, processor_seconds=seconds)]


@pytest.mark.parametrize(("seconds", "ending"), [(5.0, "nothing left to try"), (28.0, "max_processor_seconds spent")])
def test_a_later_session_has_spent_its_budget_only_if_it_has_used_its_own_processor_seconds(seconds, ending):
    budget = Budget(None, processors=ProcessorBudget(330.0))
    budget.resume(used(300.0))
    budget.end(used(seconds))
    assert budget_ending(budget, budget, RunHistory()) == ending


@pytest.mark.parametrize(("seconds", "ending"), [(50, "nothing left to try"), (290, "time budget spent")])
def test_a_later_session_has_spent_its_budget_only_if_it_has_used_its_own_seconds(seconds, ending):
    budget = Budget(3_300.0, started=time.monotonic() - 3_000 - seconds, earlier=3_000.0)
    assert budget_ending(budget, budget, RunHistory()) == ending
