"""Searchers that choose the fidelity, in real fits: stored runs, the ensemble, the leaderboard, saved models."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

from automl import AutoMLClassifier, load
from automl.ensemble.score_curve import _seconds
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial_costs import Fate, trial_costs

X, Y = load_digits(return_X_y=True)
SETTINGS = {
    "searcher": "hyperband",
    "time_budget": None,
    "max_trials": 11,
    "n_jobs": 1,
    "random_state": 0,
    "include": ["lda", "gaussian_nb", "decision_tree"],
    "initial_configurations": "default",
    "verbose": 0,
}


def trials(history):
    return [(r.trial.configuration.id, r.trial.folds, r.trial.fidelity) for r in history]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The run directory of a fit that was stopped in the first bracket, and its trials."""
    store = tmp_path_factory.mktemp("runs") / "stopped"

    def stop(result, history):
        if sum(r.trial.fidelity == 1 for r in history) == 2:
            raise StopIteration

    clf = AutoMLClassifier(**SETTINGS, store=store, callbacks=[stop]).fit(X, Y)
    return store, trials(clf.history_)


@pytest.fixture(scope="module")
def resumed(stopped):
    return AutoMLClassifier(**SETTINGS, store=stopped[0]).fit(X, Y)


@pytest.mark.slow
def test_a_run_that_was_stopped_in_a_bracket_goes_on_as_if_it_had_not_been_stopped(stopped, resumed):
    whole = AutoMLClassifier(**SETTINGS).fit(X, Y)
    assert len(stopped[1]) < len(trials(whole.history_))
    assert trials(resumed.history_) == trials(whole.history_)
    np.testing.assert_array_equal(resumed.predict_proba(X[:20]), whole.predict_proba(X[:20]))


def test_low_fidelities_come_first_and_the_best_get_all_folds(resumed):
    shares = [r.trial.fidelity for r in resumed.history_]
    assert shares[:9] == pytest.approx([1 / 3] * 9)
    assert set(shares[9:]) == {1.0}
    assert max(len(e.folds) for e in resumed.history_.evaluations.values()) == resumed.n_splits_


def test_trials_on_a_part_of_the_rows_train_on_this_part_and_keep_no_models(stopped, resumed):
    low = [r for r in resumed.history_ if r.trial.fidelity < 1]
    rows = [fold.info["training_rows"] for result in low for fold in result.folds.values()]
    assert rows
    assert max(rows) <= len(Y) / 3
    only_low = {e.configuration.id for e in resumed.history_.evaluations.values() if not e.folds}
    assert only_low
    assert not only_low & {path.name.split("-")[0] for path in stopped[0].glob("*.model")}


def test_configurations_without_a_fold_on_all_rows_have_no_score_and_no_weight(resumed):
    board = resumed.leaderboard_
    low = board[board["fidelity"] < 1]
    assert len(low)
    assert low["score"].isna().all()
    assert (low["weight"] == 0).all()
    assert low["reason"].str.startswith("tried on 0.33 of the training rows only: score ").all()


def test_costs_count_trials_on_a_part_of_the_rows_as_dropped(resumed):
    full = [r for r in resumed.history_ if r.trial.fidelity == 1 and r.started]
    members = set(resumed.leaderboard_.query("weight > 0")["id"])
    n_used = sum(len(r.folds) for r in full if r.trial.configuration.id in members)
    costs = trial_costs(resumed.history_, {c: 1.0 for c in resumed.history_.evaluations if c.id in members})
    assert sum(own.n_fits for own in costs if own.fate is Fate.IN_ENSEMBLE) == n_used


def test_a_repeatable_run_counts_a_part_of_the_rows_as_a_part_of_a_fold(resumed):
    history, known = resumed.history_, RunHistory(resumed.history_.results, cost_of=lambda configuration: 9.0)
    assert [_seconds(r, known) for r in history] == [9.0 * r.trial.fidelity * len(r.folds) for r in history]
    assert min(_seconds(r, known) / len(r.folds) for r in history if r.folds) == pytest.approx(3.0)


def test_the_stored_run_names_the_fidelity_and_a_run_without_it_can_be_read(stopped, tmp_path):
    lines = [json.loads(line) for line in (stopped[0] / "history.jsonl").read_text().splitlines()]
    assert {line.get("fidelity") for line in lines} == {1 / 3, None}
    (tmp_path / "run.json").write_text((stopped[0] / "run.json").read_text())
    without = [json.dumps({name: line[name] for name in line if name != "fidelity"}) for line in lines]
    (tmp_path / "history.jsonl").write_text("\n".join(without) + "\n")
    assert {r.trial.fidelity for r in RunDirectory(tmp_path).read()} == {1.0}


@pytest.mark.slow
def test_a_saved_model_keeps_the_fidelities(resumed, tmp_path):
    resumed.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.leaderboard_["fidelity"].tolist() == resumed.leaderboard_["fidelity"].tolist()
    assert trials(loaded.history_) == trials(resumed.history_)


def test_another_searcher_continues_the_run(stopped, tmp_path):
    store = shutil.copytree(stopped[0], tmp_path / "run")
    smac = AutoMLClassifier(**{**SETTINGS, "searcher": "smac", "max_trials": 12}, store=store).fit(X, Y)
    known = stopped[1]
    assert trials(smac.history_)[: len(known)] == known
    assert {fidelity for _, _, fidelity in trials(smac.history_)[len(known) :]} == {1.0}
