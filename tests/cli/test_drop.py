"""Tests of ``automl drop``: a search proposes no more trials of a family, until the user wants it back."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest
from sklearn.datasets import load_iris

from automl import AutoMLClassifier
from automl.search.baselines import RandomSearcher
from automl.trials.run_directory import RunDirectory
from automl.trials.run_reader import RunReader
from automl.watch.run_view import view_run
from automl.watch.terminal import run_line
from pipelines.component import TableTraits
from pipelines.space import build_space
from tests.factories import FAST

X, Y = load_iris(return_X_y=True)
SETTINGS = FAST | {"include": ["decision_tree", "lda"], "max_trials": 6}


def families(clf, first=0):
    """Return the families of the trials from a number on, in the order in which they ended."""
    return {result.trial.configuration.family for result in clf.history_.results[first:] if result.started}


def drop_after_first_trial(folder):
    def callback(result, history):
        if len(history.results) == 1:
            RunDirectory(folder).drop_families([result.trial.configuration.family])

    return callback


@pytest.fixture(scope="module")
def dropped(tmp_path_factory):
    """Return a fitted model of a run that has dropped the family of its first trial, and this family."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    clf = AutoMLClassifier(**SETTINGS, store=folder, callbacks=[drop_after_first_trial(folder)]).fit(X, Y)
    return clf, clf.history_.results[0].trial.configuration.family


def test_a_running_search_proposes_no_more_trials_of_a_dropped_family(dropped):
    clf, family = dropped
    other = ({"decision_tree", "lda"} - {family}).pop()
    assert families(clf, first=1) == {other}
    assert len(clf.leaderboard_) == 6


@pytest.mark.slow
def test_a_resumed_run_keeps_it_until_the_user_wants_the_family_back(dropped, call):
    clf, family = dropped
    n_before = len(clf.history_)
    clf.set_params(callbacks=()).more(max_trials=2)
    assert family not in families(clf, first=n_before)
    assert f"without {family}" in run_line(view_run(RunReader(clf.store), "run"))
    code, out, err = call("drop", clf.store, "--family", family, "--undo")
    assert (code, err) == (0, "")
    assert out.strip() == f"the next session of the run in '{clf.store}' proposes trials of all families"
    n_before = len(clf.history_)
    clf.more(max_trials=6)
    assert family in families(clf, first=n_before)


def test_a_family_that_the_search_does_not_have_is_an_error(dropped, call):
    code, _, err = call("drop", dropped[0].store, "--family", "catboost")
    assert code == 2
    assert "has no catboost; its families are decision_tree, lda" in err


def test_undo_of_a_family_that_is_not_dropped_is_an_error(tmp_path, dropped, call):
    run = shutil.copytree(dropped[0].store, tmp_path / "run")
    RunDirectory(run).restore_families(RunDirectory(run).dropped_families())
    code, _, err = call("drop", run, "--family", "lda", "--undo")
    assert (code, "lda is not dropped in" in err, "no family is dropped" in err) == (2, True, True)


def test_families_that_are_dropped_at_the_same_time_are_all_dropped(tmp_path):
    families = [f"family_{number}" for number in range(12)]
    with ThreadPoolExecutor(len(families)) as threads:
        list(threads.map(lambda family: RunDirectory(tmp_path).drop_families([family]), families))
    assert RunDirectory(tmp_path).dropped_families() == tuple(sorted(families))


@pytest.mark.slow
def test_a_searcher_of_the_user_is_held_to_it(tmp_path):
    folder = tmp_path / "run"
    space = build_space(TableTraits("multiclass", 150, 4, 3), ["decision_tree", "lda"])
    settings = SETTINGS | {"searcher": RandomSearcher(space, seed=0), "store": folder}
    clf = AutoMLClassifier(**settings, callbacks=[drop_after_first_trial(folder)]).fit(X, Y)
    family = clf.history_.results[0].trial.configuration.family
    assert family not in families(clf, first=1)
    assert len(clf.history_) > 1


def test_an_unknown_family_and_a_folder_without_a_run_are_errors(dropped, call, tmp_path):
    code, _, err = call("drop", dropped[0].store, "--family", "nearest_neighbors")
    assert code == 2
    assert "--family: 'nearest_neighbors' is unknown; did you mean 'k_nearest_neighbors'" in err
    code, _, err = call("drop", tmp_path, "--family", "lda")
    assert code == 2
    assert "holds no run" in err


def test_predict_takes_the_folder_of_a_run(dropped, call, tmp_path):
    pd.DataFrame(X[:3]).to_csv(tmp_path / "rows.csv", index=False)
    code, out, err = call("predict", dropped[0].store, tmp_path / "rows.csv")
    assert code == 0
    assert out.split() == ["prediction", "0", "0", "0"]
    assert f"'{dropped[0].store}': max_trials reached; the model is made of" in err
