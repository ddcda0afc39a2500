"""Models that no ensemble would choose are removed where they take too much of the disk; their scores stay."""

import shutil
from types import SimpleNamespace

import pytest
from sklearn.datasets import load_iris

import automl
from automl import AutoMLClassifier
from automl.trials.artifacts import Artifacts
from automl.trials.eviction import ModelEviction
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from tests.factories import FAST, make_task, tree

X, Y = load_iris(return_X_y=True)
REASON = "its models were removed to free disk space"


def fit(folder, **settings):
    return AutoMLClassifier(**FAST | {"include": ["decision_tree"], "max_trials": 6, "store": folder} | settings).fit(
        X, Y
    )


def no_trial(result, history):
    raise AssertionError(f"trained again: {result.trial.configuration.id}")


def evicted(model):
    board = model.leaderboard_.set_index("id")
    return board[board["reason"] == REASON]["score"].to_dict()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.trials.eviction._SHARE", 1e-9)
    return tmp_path / "run"


def test_a_resumed_run_keeps_evicted_configurations_and_trains_none_of_them_again(run):
    first = fit(run)
    assert 0 < len(evicted(first)) < 6
    again = fit(run, callbacks=[no_trial])
    assert evicted(again) == evicted(first)
    assert len(again.history_.results) == len(first.history_.results)
    more = fit(run).more(max_trials=1)
    assert len(more.leaderboard_) == 7
    assert evicted(more).items() >= evicted(first).items()


def test_predictions_count_towards_the_limit_and_only_those_for_scored_rows_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=40_000))  # the limit is 12,000
    artifacts, task, history = Artifacts(tmp_path), make_task(), RunHistory()
    eviction = ModelEviction(artifacts, task)
    for number in range(1, 13):
        for path_of, size in (
            (artifacts.model_path, 100),
            (artifacts.predictions_path, 400),
            (artifacts.holdout_path, 600),
        ):
            path_of(tree(number), 0).write_bytes(bytes(size))
        history.append(TrialResult(Trial(tree(number)), Status.OK, {0: FoldResult(number / 100, 0.1, 0.1)}, 0.1))
        eviction.add(history.results[-1], history)
    removed = [number for number in range(1, 13) if not history.evaluations[tree(number)].usable]
    assert removed == [6, 7, 8, 9, 10, 11]  # the worst ones, when 12,100 bytes were there
    for number in range(1, 13):
        kept = [path.name.removeprefix(f"{tree(number).id}-0") for path in artifacts.paths(tree(number), 0)]
        assert kept == ([".npy"] if number in removed else [".model", ".npy", ".free.npy"])


def test_a_loaded_run_shows_evicted_configurations(run):
    first = fit(run)
    loaded = automl.load(run)
    assert evicted(loaded) == evicted(first)
    assert (loaded.predict(X) == first.predict(X)).all()


def test_half_a_line_of_a_killed_run_loses_no_other_eviction(run):
    first = evicted(fit(run, max_trials=5))
    with (run / "evicted.txt").open("a") as file:
        file.write("0123")
    second = evicted(fit(run, max_trials=8))
    assert len(second) > len(first)
    assert evicted(fit(run, max_trials=8, callbacks=[no_trial])) == second


@pytest.mark.slow
def test_evicted_configurations_may_run_again_where_no_other_model_is_left(run):
    first = fit(run)
    for id_ in set(first.leaderboard_["id"]) - set(evicted(first)):
        for path in run.glob(f"{id_}-*"):
            path.unlink()
    with pytest.raises(automl.errors.InvalidInputError, match="no finished model yet"):
        automl.load(run)
    assert fit(run).score(X, Y) > 0.8
    assert fit(run).score(X, Y) > 0.8
