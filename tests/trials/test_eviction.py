"""Models that no ensemble would choose are removed where they take too much of the disk; their scores stay."""

import pytest
from sklearn.datasets import load_iris

import automl
from automl import AutoMLClassifier
from tests.factories import FAST

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


def test_evicted_configurations_may_run_again_where_no_other_model_is_left(run):
    first = fit(run)
    for id_ in set(first.leaderboard_["id"]) - set(evicted(first)):
        for path in run.glob(f"{id_}-*"):
            path.unlink()
    with pytest.raises(automl.errors.InvalidInputError, match="no finished model yet"):
        automl.load(run)
    assert fit(run).score(X, Y) > 0.8
    assert fit(run).score(X, Y) > 0.8
