"""The ranking of configurations, and the configurations that an ensemble may choose."""

from __future__ import annotations

import pytest

from automl.trials.candidates import candidate_sets, max_candidates, max_per_family, rank
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from tests.factories import make_task, tree

DEEP, MIDDLE, FLAT = tree(9), tree(5), tree(2)


def result(configuration, losses, status=Status.OK):
    folds = {fold: FoldResult(loss, 0.1, 0.0) for fold, loss in losses.items()}
    trial = Trial(configuration, tuple(losses) or (0,))
    return TrialResult(trial, status, folds, 0.1, reason="" if status is Status.OK else "RuntimeError")


def configurations(evaluations):
    return [e.configuration for e in evaluations]


def test_a_failed_configuration_is_ranked_only_if_all_are_asked_for():
    history = RunHistory([result(DEEP, {}, Status.CRASH), result(FLAT, {0: 0.5})])
    assert configurations(rank(history)) == [FLAT]
    assert configurations(rank(history, usable_only=False)) == [FLAT, DEEP]


def test_a_configuration_that_failed_on_a_later_fold_is_not_usable():
    history = RunHistory([result(FLAT, {0: 0.1}), result(FLAT, {}, Status.CRASH), result(DEEP, {0: 0.2})])
    assert configurations(rank(history)) == [DEEP]
    assert not history.evaluations[FLAT].usable


@pytest.mark.parametrize("limit", [Status.TIMEOUT, Status.MEMORY])
def test_a_limit_on_a_later_fold_keeps_the_finished_folds_and_starts_no_further_fold(limit):
    history = RunHistory([result(FLAT, {0: 0.1}), result(FLAT, {}, limit), result(DEEP, {0: 0.2})])
    assert configurations(rank(history)) == [FLAT, DEEP]
    assert not history.evaluations[FLAT].extendable


def test_a_fold_that_is_easy_for_all_gives_no_advantage():
    """FLAT has finished only the easy fold 0; DEEP is better on this fold and has finished the hard fold 1 as well."""
    history = RunHistory([result(DEEP, {0: 0.1, 1: 0.5}), result(FLAT, {0: 0.2})])
    assert configurations(rank(history)) == [DEEP, FLAT]


def test_most_folds_first_puts_a_lucky_first_fold_behind_complete_configurations():
    history = RunHistory([result(DEEP, {0: 0.3, 1: 0.3}), result(FLAT, {0: 0.1})])
    assert configurations(rank(history)) == [FLAT, DEEP]
    assert configurations(rank(history, most_folds_first=True)) == [DEEP, FLAT]


def test_longer_tables_get_more_candidates():
    assert max_candidates(100) < max_candidates(1_000) < max_candidates(20_000)
    assert max_per_family(100) < max_per_family(5_000) < max_per_family(20_000)


@pytest.mark.parametrize("widen", [1, 3])
def test_one_family_cannot_fill_the_candidates(widen):
    task = make_task()
    everything = dict.fromkeys(range(len(task.folds)), 0.1)
    history = RunHistory([result(tree(depth), everything) for depth in range(1, 11)])
    ((n_folds, chosen),) = candidate_sets(history, task, widen)
    assert n_folds == len(task.folds)
    assert len(chosen) == min(10, widen * max_per_family(task.traits.n_rows))


def test_a_candidate_set_with_fewer_folds_contains_unfinished_configurations():
    task = make_task(cv=3)
    history = RunHistory([result(DEEP, {0: 0.3, 1: 0.3, 2: 0.3}), result(MIDDLE, {0: 0.1, 1: 0.1})])
    sets = [(n, set(configurations(chosen))) for n, chosen in candidate_sets(history, task)]
    assert sets == [(3, {DEEP}), (2, {DEEP, MIDDLE})]


@pytest.mark.parametrize(("loss", "is_candidate"), [(0.06, True), (0.29, False)], ids=["a fifth", "a little lower"])
def test_a_configuration_on_few_folds_is_a_candidate_if_it_is_far_ahead(loss, is_candidate):
    task = make_task(cv=8)
    slow = {fold: 0.3 + 0.02 * (fold % 3) for fold in range(8)}
    history = RunHistory([result(DEEP, slow), result(MIDDLE, {0: loss, 1: loss})])
    sets = candidate_sets(history, task)
    assert (MIDDLE in configurations(sets[-1][1])) == is_candidate
    assert sets[0] == (8, [history.evaluations[DEEP]])
