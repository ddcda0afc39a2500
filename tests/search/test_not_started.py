"""Trials that are not started, because they would most likely exceed a limit, as users see them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from automl import AutoMLClassifier
from automl.errors import NothingFittedError
from automl.meta.records import add_run
from automl.search.budget import Budget
from automl.search.fleets import FleetBuilder
from automl.search.forecast import RuntimeModel
from automl.search.racing import Racing
from automl.search.trial_limits import Limits
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from meta_db.store import MetaDatabase
from pipelines.component import TableTraits
from pipelines.space import build_space, complete

TOO_SLOW = [{"model": "gaussian_process", "scaling": scaling} for scaling in ("standard", "robust")]
FAST = [{"model": "decision_tree", "model:decision_tree:max_depth": depth} for depth in (2, 3, 4)]


def table(n_rows=3_000):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4))
    return X, (X[:, 0] + 0.3 * rng.normal(size=n_rows) > 0).astype(int)


def classifier(**settings):
    defaults = {
        "include": ["gaussian_process", "decision_tree"],
        "initial_configurations": [*TOO_SLOW, *FAST],
        "time_budget": None,
        "trial_time_limit": 2.0,  # a Gaussian process would take longer
        "n_jobs": 1,
        "cv": 10,
        "random_state": 0,
        "verbose": 0,
    }
    return AutoMLClassifier(**(defaults | settings))


def test_a_trial_that_is_not_started_reaches_callbacks_and_run_directory_and_does_not_count(tmp_path):
    seen = []
    settings = {"max_trials": 3, "store": tmp_path, "callbacks": [lambda result, history: seen.append(result)]}
    clf = classifier(**settings).fit(*table())
    assert clf.stop_reason_ == "max_trials reached"
    assert [r.reason for r in seen] == [r.reason for r in clf.history_]
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == [result.status for result in seen]
    assert [r.trial.configuration.family for r in seen if not r.started] == ["gaussian_process"] * 2
    assert all(r.reason.startswith("not started") for r in seen if not r.started)
    assert {r.trial.configuration.family for r in seen if r.started} == {"decision_tree"}
    assert len({r.trial.configuration for r in seen if r.started}) == 3
    assert RunDirectory(tmp_path).read() == seen == list(clf.history_)
    with MetaDatabase(tmp_path / "results.sqlite", writable=True) as database:
        assert add_run(tmp_path, "table", database) == 3  # only measured results are recorded


@pytest.mark.slow
def test_a_repeated_run_leaves_the_same_trials_out():
    def history():
        return [(r.trial, r.status, r.started) for r in classifier(max_trials=3).fit(*table()).history_]

    assert history() == history()


def test_a_run_in_which_nothing_can_start_ends_with_the_reasons():
    with pytest.raises(NothingFittedError, match=r"timeout: not started: it would take about"):
        classifier(max_trials=10, include=["gaussian_process"], initial_configurations=TOO_SLOW).fit(*table())


def test_a_callback_can_end_the_search_at_a_trial_that_is_not_started():
    def stop(result, history):
        if not result.started:
            raise StopIteration

    with pytest.raises(NothingFittedError):
        classifier(max_trials=3, callbacks=[stop]).fit(*table())


TRAITS = TableTraits("binary", 1_000, 10, 2)


class Listed:
    """A searcher that proposes the configurations of a list."""

    def __init__(self, *configurations):
        self.configurations = configurations

    def suggest(self, history, n):
        return [Trial(c) for c in self.configurations if c not in history.tried][:n]


def racing(searcher, limits, max_trials=3, n_workers=1, fleet_builder=None):
    budget = Budget(None, max_trials=max_trials)
    return Racing(searcher, 2, 10_000, RuntimeModel(TRAITS, 0.75), budget, n_workers, limits, fleet_builder)


def test_a_resumed_run_judges_a_trial_that_was_not_started_by_its_own_limits():
    space = build_space(TRAITS)
    slow, tree = complete(space, {"model": "gaussian_process"}), complete(space, {"model": "decision_tree"})
    searcher, tight = Listed(slow, tree), Limits(seconds=0.1)
    first = RunHistory()
    ((trial,),) = racing(searcher, tight).suggest(first, 1)
    first.append(TrialResult(trial, Status.OK, {0: FoldResult(0.1, 0.01, 0.0)}, 0.01))
    assert [(r.trial.configuration, r.started) for r in first] == [(slow, False), (tree, True)]

    same, wider = RunHistory(), RunHistory()
    racing(searcher, tight).resume(same, first.results)
    assert same.results == first.results
    race = racing(searcher, replace(tight, seconds=100.0))
    race.resume(wider, first.results)
    assert [r.trial.configuration for r in wider] == [tree]
    started = {trial.configuration for (trial,) in race.suggest(wider, 2)}
    assert slow in started


def test_a_configuration_that_ran_later_is_not_a_failure_in_a_third_session():
    space = build_space(TRAITS)
    slow = complete(space, {"model": "gaussian_process"})
    searcher, tight = Listed(slow), Limits(seconds=0.1)
    first = RunHistory()
    racing(searcher, tight).suggest(first, 1)
    finished = TrialResult(Trial(slow), Status.OK, {0: FoldResult(0.1, 0.01, 0.0)}, 0.01)  # under wider limits
    third = RunHistory()
    racing(searcher, tight).resume(third, [*first.results, finished])
    assert third.results == [finished]
    assert third.evaluations[slow].usable


def test_a_fleet_and_the_challengers_after_it_together_keep_to_max_trials():
    space = build_space(TRAITS)
    nets = [complete(space, {"model": "tabm", "model:tabm:width": width}) for width in (64, 96, 128)]
    others = [complete(space, {"model": name}) for name in ("lda", "qda", "decision_tree", "gaussian_nb", "sgd")]
    race = racing(Listed(*nets, *others), Limits(), max_trials=10, n_workers=8, fleet_builder=FleetBuilder(space, 0))
    fleets = race.suggest(RunHistory(), 8, fleet_size=8)
    assert len({trial.configuration for fleet in fleets for trial in fleet}) == 10
