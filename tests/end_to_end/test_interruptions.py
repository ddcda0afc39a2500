"""Tests of interrupted runs; most run in a separate process."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, load
from automl.run.conclusion import record_of
from automl.task.task import ALL_ROWS
from tests.factories import FAST, interrupt_once

# There is no `if __name__ == "__main__":` on purpose: worker processes must not run the script of the user again.
SCRIPT = """
import sys
from sklearn.datasets import load_breast_cancer
from automl import AutoMLClassifier

def report(result, history):
    print("trial", len(history.results), flush=True)

X, y = load_breast_cancer(return_X_y=True)
clf = AutoMLClassifier(time_budget={budget}, n_jobs=2, verbose=0, random_state=0, callbacks=[report], store={store!r})
clf.fit(X, y)
print("done", clf.stop_reason_, len(clf.leaderboard_), clf.score(X, y), flush=True)
"""


def _start(tmp_path: Path, budget: float, store: str | None = None) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(budget=budget, store=store)))
    return subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def _wait_for_trials(process: subprocess.Popen[str], n: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"trial {n}"):
            return
    raise AssertionError(process.stderr.read() if process.stderr else "")


@pytest.mark.slow
def test_ctrl_c_returns_the_best_model_so_far(tmp_path):
    process = _start(tmp_path, budget=120)
    _wait_for_trials(process, 3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    words = out.splitlines()[-1].split()
    assert words[:2] == ["done", "interrupted"]
    assert float(words[3]) > 0.9


SLOW = """
import os, time
from sklearn.datasets import load_breast_cancer
from automl import AutoMLClassifier

PARENT = os.getpid()

def slow(estimator, X, y):
    if os.getpid() != PARENT:
        time.sleep(100)
    return 0.5

X, y = load_breast_cancer(return_X_y=True)
print("trial 0", flush=True)
AutoMLClassifier(time_budget=120, n_jobs=1, verbose=0, scoring=slow, include=["decision_tree"]).fit(X, y)
"""


@pytest.mark.slow
@pytest.mark.alone
def test_ctrl_c_before_the_first_result_raises_keyboard_interrupt(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SLOW)
    process = subprocess.Popen([sys.executable, str(script)], stdout=-1, stderr=-1, text=True, start_new_session=True)
    _wait_for_trials(process, 0)
    time.sleep(8)  # the search has begun
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert err.splitlines()[-1] == "KeyboardInterrupt"


def test_ctrl_c_while_workers_start_prints_no_traceback(tmp_path):
    load_breast_cancer(as_frame=True).frame.to_csv(tmp_path / "table.csv", index=False)
    command = [sys.executable, "-m", "automl", "fit", "table.csv", "--target", "target", "--include", "lda"]
    place = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(command, cwd=tmp_path, env=place, stderr=-1, text=True, start_new_session=True)
    assert process.stderr is not None
    while "classification of 'target'" not in process.stderr.readline():  # the last message before workers start
        assert process.poll() is None
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_ctrl_c_while_the_ensemble_is_built_returns_the_best_model():
    parent, done = os.getpid(), []

    def scorer(estimator, X, y):
        if os.getpid() == parent and len(done) == 3:
            done.append("interrupted once")
            raise KeyboardInterrupt
        return float(np.mean(estimator.predict(X) == y))

    X, y = load_breast_cancer(return_X_y=True)
    settings = {**FAST, "max_trials": 3, "callbacks": [lambda result, history: done.append(result)]}
    clf = AutoMLClassifier(scoring=scorer, **settings).fit(X, y)
    assert done[-1] == "interrupted once"
    assert clf.stop_reason_ == "interrupted"
    assert sorted(clf.leaderboard_["weight"]) == [0, 0, 1]


class Idle:
    """A callback of scikit-learn that does nothing."""

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None):
        pass


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt


@pytest.mark.parametrize("is_interrupted", [False, True])
def test_models_beside_those_of_the_folds_are_not_trained_after_ctrl_c_in_the_search(is_interrupted, monkeypatch):
    monkeypatch.setattr("automl.task.task._MANY_ROWS", 100)
    X, y = load_breast_cancer(return_X_y=True)
    callbacks = [interrupt] if is_interrupted else []
    clf = AutoMLClassifier(**FAST | {"max_trials": 1, "callbacks": callbacks}).fit(X, y)
    assert (clf.stop_reason_ == "interrupted") is is_interrupted
    assert all((ALL_ROWS in bag.folds) is not is_interrupted for bag in clf._ensemble.bags)


@pytest.mark.parametrize("is_whole", [True, False])
def test_ctrl_c_in_the_last_training_keeps_the_models_of_all_rows_of_earlier_sessions(is_whole, monkeypatch, tmp_path):
    monkeypatch.setattr("automl.refit.members._is_whole", lambda *_: is_whole)
    X, y = load_breast_cancer(return_X_y=True)
    clf = AutoMLClassifier(**FAST | {"max_trials": 1, "store": tmp_path / "run"}).fit(X, y, time=np.arange(len(y)))
    monkeypatch.setattr("automl.run.all_rows.train_at_last", interrupt)
    more = clf.more(max_trials=1)
    first = clf._ensemble.bags[0].configuration
    for model in (more, load(tmp_path / "run")):
        assert [not bag.folds for bag in model._ensemble.bags if bag.configuration == first] == [True]


@pytest.mark.parametrize(
    ("step", "lost"),
    [
        ("automl.run.conclusion.collect", "the model has no estimate_"),
        ("automl.run.all_rows.members_in_time", "predict with the models of their folds"),
        ("automl.run.run.with_stored_models", "stored models of all rows do not predict"),
        ("automl.run.conclusion.collect_frontier", "the model has no frontier_"),
        ("automl.ensemble.slimming.within_limit", "was not made smaller for max_predict_milliseconds"),
        ("automl.guard.out_of_fold", "guard_curve_ lacks the row of the ensemble"),
        ("automl.run.conclusion.collect_predictions", "the model has no out_of_fold_predictions_"),
        ("automl.run.conclusion.collect_curve", "the model has no score_over_time_"),
        ("automl.ensemble.out_of_fold_scores.collect_scores", "the model predicts no intervals and no sets"),
        ("automl.run.conclusion.scores_of_frontier", "the model predicts no intervals and no sets"),
        ("automl.trials.artifacts.Artifacts.remove_working_folder", "temporary files of the run may be left"),
        ("automl.checks.data_checks.check_leak", "no column was compared with the ensemble"),
        ("automl.fitting.score_metrics", "the model has no metric_scores_"),
        ("automl.expected_score.estimate_score_before", "estimate_ is computed when it is read"),
        (
            "automl.run.conclusion.score_singles",
            "the expected score is not compared with those of single configurations",
        ),
        ("automl.run.conclusion.singles_of_frontier", "is not compared with those of single configurations"),
        ("automl.fitting.EnergyMeter.finish", "the energy of costs_ is estimated"),
        ("tests.end_to_end.test_interruptions.Idle.on_fit_task_end", "a callback has not ended its work"),
    ],
)
def test_ctrl_c_in_any_step_after_the_ensemble_was_built_returns_it(step, lost, monkeypatch, caplog, tmp_path):
    built = []

    def remember(outcome, ensemble, deadline):
        built.append(ensemble)
        return record_of(outcome, ensemble, deadline)

    def interrupt(*args, **kwargs):
        if built and not done:
            done.append("interrupted once")
            raise KeyboardInterrupt
        return own(*args, **kwargs)

    done, own = [], resolve_name(step)
    monkeypatch.setattr("automl.run.conclusion.record_of", remember)
    monkeypatch.setattr(step, interrupt)
    if "all_rows" in step:  # large tables only get models of all rows
        monkeypatch.setattr("automl.task.task._MANY_ROWS", 100)
    X, y = load_breast_cancer(return_X_y=True)
    limit = 1e-4 if "limit" in step or "of_frontier" in step else None
    settings = {**FAST, "max_trials": 2, "include": ["decision_tree"], "verbose": int("_score" in step)}
    clf = AutoMLClassifier(**settings, max_predict_milliseconds=limit, store=tmp_path, guard=0.2).set_callbacks(Idle())
    with caplog.at_level(logging.WARNING, logger="automl"), warnings.catch_warnings(action="ignore"):
        clf.fit(X, y)
    assert done
    found = [r.getMessage() for r in caplog.records if "interrupted" in r.getMessage()]
    assert len(found) == 1
    assert lost in found[0]
    assert clf.predict(X).shape == y.shape


def test_ctrl_c_in_the_comparison_of_a_model_of_the_newest_rows_with_a_constant_returns_it(monkeypatch, caplog):
    done = interrupt_once(monkeypatch, "automl.task.dummy.dummy_score")
    X, y = load_breast_cancer(return_X_y=True)
    settings = FAST | {"max_trials": 1, "include": ["decision_tree"], "cv": TimeSeriesSplit(3)}
    clf = AutoMLClassifier(**settings).fit(X, y)
    assert done
    assert "interrupted: the model is not compared with a constant" in caplog.text
    assert clf.costs_["seconds"].sum() > 0


@pytest.mark.slow
def test_a_run_without_a_seed_resumes_in_its_run_directory(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    settings = {**FAST, "random_state": None, "store": tmp_path}
    first = AutoMLClassifier(**{**settings, "max_trials": 1}).fit(X, y)
    second = AutoMLClassifier(**settings).fit(X, y)
    assert second.history_.results[0].trial == first.history_.results[0].trial
    assert len(second.leaderboard_) == settings["max_trials"]


def test_a_resumed_run_does_not_use_families_that_it_excludes(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    settings = {**FAST, "max_trials": 2, "store": tmp_path}
    both = [{"model": "decision_tree"}, {"model": "logistic_regression"}]
    first = AutoMLClassifier(**settings, initial_configurations=both).fit(X, y)
    assert set(first.leaderboard_["family"]) == {"decision_tree", "logistic_regression"}
    second = AutoMLClassifier(**{**settings, "include": ["decision_tree"]}).fit(X, y)
    assert set(second.leaderboard_["family"]) == {"decision_tree"}


@pytest.mark.slow
def test_models_that_cannot_be_chosen_are_removed_from_a_small_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.trials.eviction._SHARE", 1e-9)
    X, y = load_breast_cancer(return_X_y=True)
    settings = {**FAST, "include": ["decision_tree"], "store": tmp_path / "run"}
    first = AutoMLClassifier(**{**settings, "max_trials": 8}).fit(X, y)
    removed = first.leaderboard_.set_index("id").query("reason.str.contains('disk')")
    assert 0 < len(removed) < 8
    assert (removed["weight"] == 0).all()
    left = {path.name.split("-")[0] for path in (tmp_path / "run").glob("*.model")}
    assert left == set(first.leaderboard_["id"]) - set(removed.index)
    second = AutoMLClassifier(**{**settings, "max_trials": 12}).fit(X, y)
    assert second.score(X, y) > 0.9


@pytest.mark.slow
def test_a_killed_run_resumes_with_all_its_finished_trials(tmp_path):
    store = tmp_path / "store"
    process = _start(tmp_path, budget=120, store=str(store))
    _wait_for_trials(process, 5)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    lines = (store / "history.jsonl").read_text().splitlines()
    finished = [json.loads(line) for line in lines]
    assert len(finished) >= 4
    X, y = load_breast_cancer(return_X_y=True)
    elapsed = finished[-1]["elapsed"]
    clf = AutoMLClassifier(time_budget=elapsed + 6, n_jobs=2, verbose=0, random_state=0, store=store)
    start = time.monotonic()
    clf.fit(X, y)
    assert time.monotonic() - start < 10  # the seconds of the first run count
    kept = clf.history_.results[: len(finished)]
    assert [dict(r.trial.configuration) for r in kept] == [line["configuration"] for line in finished]
    assert len(clf.history_.results) > len(finished)
    assert np.mean(clf.predict(X) == y) > 0.9


@pytest.mark.slow
def test_no_process_outlives_a_killed_run(tmp_path):
    process = _start(tmp_path, budget=120)
    _wait_for_trials(process, 2)
    process.kill()
    process.wait()
    for _ in range(100):
        left = subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True, text=True).stdout.split()
        if not left:
            break
        time.sleep(0.2)
    assert not left


@pytest.mark.slow
def test_a_run_directory_of_another_table_is_refused(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    settings = {"max_trials": 1, "time_budget": None, "verbose": 0, "random_state": 0, "include": ["random_forest"]}
    AutoMLClassifier(**settings, store=tmp_path / "run").fit(X, y)
    again = AutoMLClassifier(**settings, store=tmp_path / "run")
    with pytest.raises(ValueError, match="other data"):
        again.fit(X[:300], y[:300])
    with pytest.raises(ValueError, match="other data"):
        again.fit(X, y, sample_weight=np.arange(len(y)) + 1.0)
    with pytest.raises(ValueError, match="other data"):
        again.set_params(scoring="accuracy").fit(X, y)


def test_a_run_directory_of_another_sparse_table_is_refused(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    table = sparse.csr_matrix(np.median(X, axis=0) < X).astype(float)
    settings = {**FAST, "max_trials": 1, "store": tmp_path}
    AutoMLClassifier(**settings).fit(table, y)
    with pytest.raises(ValueError, match="other data"):
        AutoMLClassifier(**settings).fit(table[:, ::-1], y)


def test_a_resumed_run_without_seconds_left_still_gives_a_model(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    common = {"n_jobs": 1, "verbose": 0, "random_state": 0, "store": tmp_path, "include": ["logistic_regression"]}
    first = AutoMLClassifier(time_budget=60, max_trials=1, **common).fit(X, y)
    second = AutoMLClassifier(time_budget=0.1, **common).fit(X, y)
    assert list(second.leaderboard_["id"]) == list(first.leaderboard_["id"])
