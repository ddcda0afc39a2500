"""Racing decides which configuration gets the next fold."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from automl.search.budget import Budget
from automl.search.endings import why_nothing
from automl.search.fleets import FleetBuilder
from automl.search.forecast import MemoryModel, RuntimeModel
from automl.search.processors import ProcessorBudget
from automl.search.racing import Racing
from automl.search.trial_limits import Limits
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

TRAITS = TableTraits("binary", 1_000, 10, 2)
NO_LIMITS = Limits()


def candidate(family: str, number: int = 0) -> Configuration:
    return Configuration({"model": family, "number": number})


class Listed:
    """A searcher that proposes the configurations of a list."""

    def __init__(self, *configurations: Configuration):
        self.configurations = configurations

    def suggest(self, history, n):
        return [Trial(c) for c in self.configurations if c not in history.tried][:n]


def result(configuration, losses, seconds=0.1, reason=""):
    folds = {fold: FoldResult(loss, seconds, 0.0) for fold, loss in losses.items()}
    status = Status.CRASH if reason else Status.OK
    trial = Trial(configuration, tuple(losses) or (0,))
    return TrialResult(trial, status, folds, seconds * len(folds), reason=reason)


def racing(searcher, budget, n_rows=1_000, n_folds=4, n_workers=2, limits=NO_LIMITS, fleet_builder=None):
    runtime = RuntimeModel(TRAITS, 0.75)
    return Racing(searcher, n_folds, n_rows, runtime, budget, n_workers, limits, fleet_builder)


FOREST, TREE, RIDGE = candidate("random_forest"), candidate("decision_tree"), candidate("lda")


def test_the_first_trial_is_a_challenger_on_the_first_fold():
    ((trial,),) = racing(Listed(FOREST), Budget(60), n_rows=2_000).suggest(RunHistory(), 1)
    assert trial.configuration == FOREST
    assert trial.folds == (0,)


def test_a_request_for_no_trial_ranks_nothing():
    def rank_all(history):
        raise AssertionError("the objectives of all configurations are computed")

    history = RunHistory([result(FOREST, {0: 0.1})])
    race = Racing(Listed(TREE), 4, 1_000, RuntimeModel(TRAITS, 0.75), Budget(60), further=rank_all)
    assert [race.suggest(history, n) for n in (0, -1)] == [[], []]
    with pytest.raises(AssertionError, match="the objectives"):
        race.suggest(history, 1)


def test_the_first_model_is_not_of_a_family_that_the_user_has_dropped():
    class CheapFirst(Listed):
        chooses_fidelity = True

    def cheap(configuration, loss):
        trial = Trial(configuration, (0,), fidelity=0.5)
        return TrialResult(trial, Status.OK, {0: FoldResult(loss, 0.1, 0.0)}, 0.1)

    history = RunHistory([cheap(RIDGE, 0.1), cheap(TREE, 0.2)])
    runtime, budget = RuntimeModel(TRAITS, 0.75), Budget(None)
    first = [
        Racing(CheapFirst(), 4, 1_000, runtime, budget, dropped=lambda dropped=dropped: dropped).first_model(history)
        for dropped in (["lda"], ["lda", "decision_tree"])
    ]
    assert first == [Trial(TREE, (0,)), None]


def test_many_idle_workers_get_different_trials_at_once():
    known = [candidate(family, number) for family in ("random_forest", "lda") for number in range(30)]
    history = RunHistory([result(c, {0: 0.1 + c["number"]}) for c in known[::3]])
    fleets = racing(Listed(*known), Budget(60), n_rows=2_000, n_workers=50).suggest(history, 45)
    trials = [trial for (trial,) in fleets]
    assert len(trials) == 45
    assert len({(trial.configuration, fold) for trial in trials for fold in trial.folds}) == sum(
        len(trial.folds) for trial in trials
    )
    assert list(history.running) == trials


def test_networks_of_one_shape_come_as_a_fleet_where_workers_train_fleets():
    space = build_space(TRAITS)
    net, wrapped = (
        complete(space, {"model": "tabm", "calibration": calibration}) for calibration in ("none", "sigmoid")
    )
    searcher, fleet_builder = Listed(net, wrapped, FOREST), FleetBuilder(space, seed=0)
    history = RunHistory()
    first, *others = racing(searcher, Budget(60), n_rows=2_000, fleet_builder=fleet_builder).suggest(
        history, 3, fleet_size=8
    )
    assert [trial.configuration for trial in first[:1]] == [net]
    assert len(first) == 8
    assert len({trial.configuration for trial in first}) == 8
    rates = {f"model:tabm:{name}" for name in ("learning_rate", "weight_decay", "dropout", "label_smoothing")}
    for trial in first[1:]:
        assert {name for name in net if trial.configuration[name] != net[name]} <= rates
        assert trial.folds == first[0].folds
    assert [len(fleet) for fleet in others] == [1, 1]
    race = racing(searcher, Budget(60), n_rows=2_000, fleet_builder=fleet_builder)
    assert race.time_limit(first) == pytest.approx(4 * race.time_limit(first[:1]))
    # A device trains one fleet at a time, and a fleet never exceeds the number of trials that are left.
    another = Listed(complete(space, {"model": "tabm", "model:tabm:width": 64}))
    assert len(racing(another, Budget(60), fleet_builder=fleet_builder).suggest(history, 1, fleet_size=8)[0]) == 1
    assert (
        len(racing(another, Budget(None, max_trials=3), fleet_builder=fleet_builder).suggest(RunHistory(), 1, 8)[0])
        == 3
    )


def test_a_challenger_begins_with_several_folds_where_rows_are_few_and_fits_are_fast():
    def n_first_folds(n_rows: int, budget: float = 60, family: str = "lda") -> int:
        race = racing(Listed(candidate(family)), Budget(budget), n_rows=n_rows, n_folds=8)
        return len(race.suggest(RunHistory(), 1)[0][0].folds)

    assert [n_first_folds(250), n_first_folds(800), n_first_folds(5_000)] == [8, 4, 1]
    assert n_first_folds(250, budget=0.5) < 8


def test_the_best_configuration_is_intensified_when_there_is_no_challenger():
    history = RunHistory([result(FOREST, {0: 0.3}), result(TREE, {0: 0.2})])
    ((trial,),) = racing(Listed(), Budget(60)).suggest(history, 1)
    assert trial.configuration == TREE
    assert 0 not in trial.folds
    assert trial.folds[0] == 1


@pytest.mark.parametrize(("earlier", "tries_new_ones"), [(0.0, False), (300.0, True)])
def test_a_later_session_tries_new_configurations_although_most_seconds_of_the_run_are_used(earlier, tries_new_ones):
    history = RunHistory([result(TREE, dict.fromkeys(range(4), 0.2))])
    budget = Budget(330.0, started=time.monotonic() - 310, earlier=earlier)
    trials = racing(Listed(FOREST), budget).suggest(history, 1)
    assert bool(trials) is tries_new_ones


@pytest.mark.parametrize("is_later", [False, True])
def test_a_later_session_tries_new_configurations_until_its_own_processor_seconds_end(is_later):
    history = RunHistory([result(TREE, dict.fromkeys(range(4), 0.2))])
    processors = ProcessorBudget(330.0)
    used = [TrialResult(Trial(TREE), Status.OK, {}, seconds, processor_seconds=seconds) for seconds in (300.0, 20.0)]
    (processors.resume if is_later else processors.end)(used[:1])
    processors.end(used[1:])
    trials = racing(Listed(FOREST), Budget(None, processors=processors)).suggest(history, 1)
    assert bool(trials) is is_later


def test_max_trials_is_the_number_of_configurations_that_run():
    history = RunHistory()
    race = racing(Listed(*(candidate("lda", i) for i in range(60))), Budget(None, max_trials=40), n_rows=500)
    while trials := race.suggest(history, 1):
        history.append(result(trials[0][0].configuration, dict.fromkeys(trials[0][0].folds, 0.1)))
    assert len(history.evaluations) == 40


def test_a_fold_that_runs_is_not_suggested_again():
    history = RunHistory([result(TREE, {0: 0.2})])
    race = racing(Listed(), Budget(None, max_trials=1))
    first = race.suggest(history, 1)[0][0]
    history.start(first)
    second = race.suggest(history, 1)[0][0]
    assert not set(first.folds) & set(second.folds)


def test_short_fits_run_several_folds_in_one_trial_and_long_fits_do_not():
    short = RunHistory([result(TREE, {0: 0.2}, seconds=0.01)])
    long = RunHistory([result(TREE, {0: 0.2}, seconds=5.0)])
    assert len(racing(Listed(), Budget(60)).suggest(short, 1)[0][0].folds) == 3
    assert len(racing(Listed(), Budget(60)).suggest(long, 1)[0][0].folds) == 1


def test_a_configuration_whose_mean_is_worse_than_the_incumbents_worst_fold_is_dropped():
    incumbent = result(FOREST, {0: 0.1, 1: 0.2, 2: 0.15, 3: 0.12})
    hopeless, hopeful = result(TREE, {0: 0.3}), result(RIDGE, {0: 0.15})
    names = [
        e.configuration for e in racing(Listed(), Budget(60)).finalists(RunHistory([incumbent, hopeless, hopeful]))
    ]
    assert names == [FOREST, RIDGE]


def test_a_hard_first_fold_drops_no_configuration_that_has_run_on_it_alone():
    incumbent = result(FOREST, {0: 0.2, 1: 0.1, 2: 0.11, 3: 0.12})
    hopeless, hopeful = result(TREE, {0: 0.35}), result(RIDGE, {0: 0.22})
    race = racing(Listed(), Budget(60))
    found = [e.configuration for e in race.finalists(RunHistory([incumbent, hopeless, hopeful]))]
    assert found == [FOREST, RIDGE]


def test_easy_folds_of_the_incumbent_drop_no_configuration_with_the_same_folds():
    losses = [0.10, 0.11, 0.12, *[0.30] * 7]
    complete = result(RIDGE, {fold: loss + 0.02 for fold, loss in enumerate(losses)})
    leaders = [result(c, {fold: losses[fold] - 0.01 for fold in range(3)}) for c in (FOREST, TREE)]
    found = [e.configuration for e in racing(Listed(), Budget(60)).finalists(RunHistory([complete, *leaders]))]
    assert {FOREST, TREE} <= set(found)


def test_another_family_goes_before_a_slightly_better_configuration_of_the_leading_family():
    same_family, other = candidate("random_forest", 1), candidate("lda")
    history = RunHistory([result(FOREST, {0: 0.10}), result(same_family, {0: 0.101}), result(other, {0: 0.102})])
    assert [e.configuration for e in racing(Listed(), Budget(60)).finalists(history)] == [FOREST, other, same_family]


def test_configurations_beyond_the_limit_of_their_family_get_no_further_fold():
    forests = [candidate("random_forest", i) for i in range(6)]
    history = RunHistory([result(f, {0: 0.1 + 0.01 * i}) for i, f in enumerate(forests)] + [result(TREE, {0: 0.16})])
    found = [e.configuration for e in racing(Listed(), Budget(60), n_rows=500).finalists(history)]
    assert set(found) == {forests[0], forests[1], TREE}


def test_a_nearly_finished_configuration_goes_before_one_that_has_begun():
    begun, nearly = result(TREE, {0: 0.100}), result(FOREST, {0: 0.101, 1: 0.2, 2: 0.2})
    finalists = racing(Listed(), Budget(60)).finalists(RunHistory([begun, nearly]))
    assert [e.configuration for e in finalists] == [FOREST, TREE]


def test_a_trial_that_cannot_end_within_the_budget_is_not_started():
    history = RunHistory([result(TREE, {0: 0.2}, seconds=100.0)])
    assert racing(Listed(), Budget(10)).suggest(history, 1) == []


def test_a_model_that_can_stop_early_gets_the_last_seconds():
    boosting = candidate("lightgbm")
    for configuration, seconds in ((TREE, 8.0), (boosting, 20.0)):
        history = RunHistory([result(configuration, {0: 0.2}, seconds=seconds)])
        assert racing(Listed(), Budget(10)).suggest(history, 1) == []
    history = RunHistory([result(boosting, {0: 0.2}, seconds=8.0)])
    ((trial,),) = racing(Listed(), Budget(10)).suggest(history, 1)
    assert trial.configuration == boosting


def test_a_long_fit_is_not_intensified_before_challengers_have_had_their_share():
    long = RunHistory([result(TREE, {0: 0.2}, seconds=10.0)])
    ((trial,),) = racing(Listed(FOREST), Budget(60), n_rows=2_000).suggest(long, 1)
    assert trial.configuration == FOREST
    others = [result(candidate("tabm", i), {0: 0.3}, seconds=10.0) for i in range(2)]
    short = RunHistory([*others, result(RIDGE, {0: 0.1}, seconds=0.1)])
    ((trial,),) = racing(Listed(FOREST), Budget(60), n_rows=2_000).suggest(short, 1)
    assert trial.configuration == RIDGE


def test_three_results_are_compared_before_one_configuration_gets_further_folds():
    known = [
        result(candidate("tabm"), {0: 0.3}, seconds=20.0),
        result(RIDGE, {0: 0.2}),
        result(TREE, {0: 0.25}),
    ]
    for n_known, expected in ((2, FOREST), (3, RIDGE)):
        history = RunHistory(known[:n_known])
        ((trial,),) = racing(Listed(FOREST), Budget(60), n_rows=2_000).suggest(history, 1)
        assert trial.configuration == expected


def test_there_are_no_challengers_after_max_trials():
    history = RunHistory([result(TREE, dict.fromkeys(range(4), 0.2))])
    assert racing(Listed(FOREST), Budget(None, max_trials=1)).suggest(history, 1) == []


@pytest.mark.parametrize("n_rows", [200, 100_000])
def test_a_trial_never_gets_more_than_a_third_of_the_budget_or_than_the_user_allows(n_rows):
    budget = Budget(60)
    free = racing(Listed(), budget, n_rows=n_rows).time_limit([Trial(TREE)])
    assert free <= 20
    limited = racing(Listed(), budget, n_rows=n_rows, limits=Limits(seconds=0.5)).time_limit([Trial(TREE)])
    assert limited == 0.5


def test_longer_tables_get_longer_fits():
    budget = Budget(60)
    limits = [racing(Listed(), budget, n_rows=n).time_limit([Trial(TREE)]) for n in (500, 5_000, 50_000)]
    assert np.all(np.diff(limits) > 0)


def test_models_that_need_longer_to_converge_get_longer_fits_on_small_tables():
    budget = Budget(60.0)
    network, process = Configuration({"model": "tabm"}), Configuration({"model": "gaussian_process"})

    def limit(configuration, n_rows):
        return racing(Listed(), budget, n_rows=n_rows).time_limit([Trial(configuration)])

    for slow in (network, process):
        assert limit(slow, 1_000) > 1.5 * limit(TREE, 1_000)
        assert limit(slow, 50_000) == pytest.approx(limit(TREE, 50_000), rel=0.01)


def test_forests_get_shorter_fits_on_long_tables_alone():
    def limit(family, n_rows):
        return racing(Listed(), Budget(60.0), n_rows=n_rows).time_limit([Trial(candidate(family))])

    assert limit("extra_trees", 100_000) == pytest.approx(0.5 * limit("lightgbm", 100_000), rel=0.2)
    assert limit("extra_trees", 1_000) == pytest.approx(limit("lightgbm", 1_000))


def test_a_challenger_that_exceeds_its_seconds_is_not_started_and_enters_the_history():
    slow = candidate("lda")  # does not stop by itself
    history = RunHistory([result(candidate("lda", 1), {0: 0.2}, seconds=5.0)])
    race = racing(Listed(slow, FOREST), Budget(600), n_rows=2_000, limits=Limits(seconds=2.0))
    started = {trial.configuration for (trial,) in race.suggest(history, 3)}
    assert FOREST in started
    assert slow not in started
    noted = history.evaluations[slow]
    assert (noted.status, noted.folds) == (Status.TIMEOUT, {})
    assert noted.reason == "not started: it would take about 5.0 s, the limit is 2.0 s"
    assert race.suggest(history, 1) or history.running  # and the search continues


def test_slow_fits_of_other_families_do_not_keep_a_family_from_its_first_fit():
    forest, linear = candidate("lightgbm"), candidate("lda")
    history = RunHistory([result(forest, {0: 0.2}, seconds=500.0)])  # many times its guess
    race = racing(Listed(linear), Budget(600), n_rows=2_000, limits=Limits(seconds=2.0))
    assert linear in {trial.configuration for (trial,) in race.suggest(history, 2)}


def test_a_challenger_that_exceeds_the_memory_is_not_started_and_enters_the_history():
    traits = TableTraits("binary", 2_000_000, 100, 2)
    wide = candidate("lda")
    limits = Limits(memory=1_000.0, memory_model=MemoryModel(traits, 0.75))
    history = RunHistory()
    assert racing(Listed(wide), Budget(60), n_rows=2_000_000, limits=limits).suggest(history, 1) == []
    assert history.evaluations[wide].status is Status.MEMORY
    assert "not started" in history.evaluations[wide].reason
    assert racing(Listed(wide), Budget(60), limits=replace(limits, memory=1e6)).suggest(RunHistory(), 1)


def test_the_error_of_a_search_without_enough_memory_names_the_argument():
    traits = TableTraits("binary", 2_000_000, 100, 2)
    limits, history = Limits(memory=0.0, memory_model=MemoryModel(traits, 0.75)), RunHistory()
    racing(Listed(candidate("lda")), Budget(60), n_rows=2_000_000, limits=limits).suggest(history, 1)
    assert "use a larger memory_limit" in why_nothing(history, Budget(60))
    history.append(TrialResult(Trial(TREE), Status.CRASH, {}, 0.1, reason="other"))
    assert "memory_limit" not in why_nothing(history, Budget(60))


def test_measured_memory_of_a_family_corrects_its_forecast():
    traits = TableTraits("binary", 100_000, 100, 2)
    memory_model = MemoryModel(traits, 0.75)
    before = memory_model.predict(TREE, RunHistory())
    took = {0: FoldResult(0.3, 0.1, 0.0, {"memory": 3 * before})}
    known = candidate("decision_tree", 1)
    history = RunHistory([TrialResult(Trial(known), Status.OK, took, 0.1)])
    assert memory_model.predict(TREE, history) == pytest.approx(3 * before)
    assert memory_model.predict(known, history) == pytest.approx(3 * before)


def test_a_run_that_repeats_does_not_use_measured_memory():
    memory_model = MemoryModel(TableTraits("binary", 100_000, 100, 2), 0.75)
    known, guesses = candidate("decision_tree", 1), [memory_model.guess(c) for c in (TREE, candidate("lda"))]
    took = {0: FoldResult(0.3, 0.1, 0.0, {"memory": 3_000.0})}
    history = RunHistory([TrialResult(Trial(known), Status.OK, took, 0.1)], cost_of=lambda configuration: 1.0)
    assert [memory_model.predict(c, history) for c in (TREE, candidate("lda"))] == guesses
    assert memory_model.predict(known, history) == memory_model.guess(known)
