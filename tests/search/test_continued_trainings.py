"""Searches whose promoted trials go on with their trainings: stops, workers, costs, and what stays on the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import ShuffleSplit

from automl import AutoMLClassifier
from automl.testing import make_task, tree
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory
from automl.trials.leaderboard import make_leaderboard
from automl.trials.training_states import TrainingStates
from automl.trials.trial import CONTINUED, ITERATIONS, FoldResult, Status, Trial, TrialResult
from automl.trials.trial_costs import Fate, trial_costs

X, Y = load_digits(return_X_y=True)
SETTINGS = {
    "searcher": "successive_halving",
    "time_budget": None,
    "max_trials": 3,
    "cv": ShuffleSplit(1, test_size=0.12, random_state=0),  # one fold of more than 1,500 training rows
    "n_jobs": 1,
    "random_state": 0,
    "include": ["extra_trees"],
    "initial_configurations": "default",
    "verbose": 0,
}


def trials(history):
    return [(r.trial.configuration.id, r.trial.folds, r.trial.fidelity) for r in history]


def finished(trial, **info):
    return TrialResult(trial, Status.OK, {0: FoldResult(0.5, 1.0, 0.1, info)}, 1.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A fit, the numbers of its trainings on the disk, and its run directory as a kill would have left it."""
    store = tmp_path_factory.mktemp("runs") / "whole"
    killed, seen = store.with_name("killed"), []

    def look(result, history):
        seen.append(len(Artifacts(store).training_paths()))
        if len(history) == 2:
            shutil.copytree(store, killed)

    return AutoMLClassifier(**SETTINGS, store=store, callbacks=[look]).fit(X, Y), seen, killed


@pytest.fixture(scope="module")
def resumed(whole):
    return AutoMLClassifier(**SETTINGS, store=whole[2]).fit(X, Y)


@pytest.mark.slow
def test_trials_leave_trainings_until_a_promotion_or_the_end_of_the_search(whole):
    clf, seen, _ = whole
    assert [r.trial.fidelity for r in clf.history_] == pytest.approx([1 / 3] * 3 + [1] * 3)
    assert seen == [1, 2, 3, 2, 1, 0]
    assert Artifacts(Path(clf.store)).training_paths() == []


@pytest.mark.slow
def test_a_killed_search_goes_on_with_its_trainings_as_if_it_had_not_been_killed(whole, resumed):
    clf, _, _ = whole
    assert trials(resumed.history_) == trials(clf.history_)
    promoted = [result for result in resumed.history_ if result.trial.fidelity == 1]
    assert [result.folds[0].info.get(CONTINUED) for result in promoted] == [True] * 3
    np.testing.assert_array_equal(resumed.predict_proba(X[:20]), clf.predict_proba(X[:20]))


@pytest.mark.parametrize(("info", "words"), [({ITERATIONS: 0.5}, "with 0.5 of the iterations"), ({}, "on 0.5 of the")])
def test_the_leaderboard_says_of_what_a_configuration_had_a_part(info, words):
    board = make_leaderboard(RunHistory([finished(Trial(tree(), fidelity=0.5), **info)]), {}, [100])
    assert board["reason"].tolist()[0].startswith(f"tried {words}")


def test_the_first_part_of_a_training_counts_as_work_for_the_ensemble(resumed):
    history = resumed.history_
    members = set(resumed.leaderboard_.query("weight > 0")["id"])
    (used,) = [c for c in trial_costs(history, weights(history, members)) if c.fate is Fate.IN_ENSEMBLE]
    fits = [r for r in history if r.trial.configuration.id in members for _ in r.folds]
    assert any(r.trial.fidelity < 1 for r in fits)
    begun = {(r.trial.configuration.id, fold) for r in fits for fold in r.folds}
    assert used.n_fits == len(begun)  # the parts of a training are one fit


def weights(history, members):
    return {c: 1.0 for c in history.evaluations if c.id in members}


def test_a_training_that_goes_on_counts_with_its_rest_only(resumed):
    known = [e for e in resumed.history_.evaluations.values() if e.folds and e.low_fidelity]
    for e in known:
        assert e.trainings(Trial(e.configuration, (0, 1))) == pytest.approx(1 + 2 / 3)
        assert e.low_fidelity_seconds == 0
    assert known


@pytest.mark.slow
def test_another_worker_can_go_on_with_a_training():
    alone = AutoMLClassifier(**SETTINGS).fit(X, Y)
    several = AutoMLClassifier(**{**SETTINGS, "n_jobs": 2}).fit(X, Y)
    for clf in (alone, several):
        assert any(CONTINUED in fold.info for result in clf.history_ for fold in result.folds.values())
    losses = [
        {(r.trial.configuration.id, r.trial.fidelity): r.folds[0].loss for r in clf.history_ if 0 in r.folds}
        for clf in (alone, several)
    ]
    common = set(losses[0]) & set(losses[1])
    assert {fidelity for _, fidelity in common} == {1 / 3, 1.0}
    np.testing.assert_allclose([losses[0][key] for key in common], [losses[1][key] for key in common])


def test_the_oldest_trainings_are_removed_where_all_of_them_take_too_much_of_the_disk(tmp_path):
    make_task(n_rows=60).save(tmp_path)
    artifacts, history = Artifacts(tmp_path), RunHistory()
    states = TrainingStates(artifacts, max_bytes=250)
    for depth in (1, 2, 3):
        trial = Trial(tree(depth), fidelity=0.5)
        artifacts.training_path(trial.configuration, 0).write_bytes(b"x" * 100)
        history.append(finished(trial))
        states.add(history.results[-1], history)
    left = {path.name.split("-")[0] for path in artifacts.training_paths()}
    assert left == {tree(2).id, tree(3).id}


def test_trainings_of_an_earlier_session_count_as_the_oldest(tmp_path):
    artifacts, history = Artifacts(tmp_path), RunHistory()
    for age, depth in ((20, 2), (10, 1)):
        path = artifacts.training_path(tree(depth), 0)
        path.write_bytes(b"x" * 100)
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    states = TrainingStates(artifacts, max_bytes=250)
    trial = Trial(tree(3), fidelity=0.5)
    artifacts.training_path(trial.configuration, 0).write_bytes(b"x" * 100)
    history.append(finished(trial))
    states.add(history.results[-1], history)
    assert {path.name.split("-")[0] for path in artifacts.training_paths()} == {tree(1).id, tree(3).id}
