"""A run directory is locked, checked and resumed on one clock."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier
from automl.errors import InvalidInputError
from automl.progress.display import Progress
from tests.factories import FAST

X, Y = load_breast_cancer(return_X_y=True)


def fit(folder, **settings):
    return AutoMLClassifier(**FAST | settings, store=folder).fit(X, Y)


def stop(result, history):
    raise StopIteration


def with_elapsed(folder, seconds):
    """Make the first session look as if it had used so many seconds."""
    path = folder / "history.jsonl"
    lines = [json.loads(line) | {"elapsed": seconds} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_resumed_run_whose_seconds_are_spent_says_so(tmp_path):
    fit(tmp_path, max_trials=None, time_budget=20, callbacks=[stop])
    with_elapsed(tmp_path, 19.9)
    assert fit(tmp_path, max_trials=None, time_budget=20).stop_reason_ == "time budget spent"


def test_a_resumed_run_shows_the_seconds_of_all_sessions(tmp_path, monkeypatch):
    fit(tmp_path, max_trials=None, time_budget=600, callbacks=[stop])
    with_elapsed(tmp_path, 500)
    shown = []
    monkeypatch.setattr(Progress, "update", lambda self, trials, best, family, elapsed: shown.append(elapsed))
    fit(tmp_path, max_trials=None, time_budget=600, callbacks=[stop], verbose=1)
    assert 500 < shown[-1] < 600
    last = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[-1])
    assert 500 < last["elapsed"] < 600


def test_a_second_fit_in_the_same_folder_is_refused_while_the_first_runs(tmp_path):
    refused = []

    def try_at_the_same_time(result, history):
        thread = threading.Thread(target=lambda: refused.append(_error_of(tmp_path)))
        thread.start()
        thread.join()

    fit(tmp_path, max_trials=2, callbacks=[try_at_the_same_time])
    assert all("in use by another fit" in error for error in refused)
    assert len(refused) >= 2
    assert len(fit(tmp_path, max_trials=3).leaderboard_) == 3  # the lock ends with the fit


def _error_of(folder):
    try:
        fit(folder)
    except InvalidInputError as error:
        return str(error)
    return ""


@pytest.mark.slow
def test_the_lock_ends_with_a_killed_process(tmp_path):
    code = """
import os, sys
from sklearn.datasets import load_breast_cancer
from automl import AutoMLClassifier
from tests.factories import FAST
X, y = load_breast_cancer(return_X_y=True)
AutoMLClassifier(**FAST | {"callbacks": [lambda *_: os.kill(os.getpid(), 9)]}, store=sys.argv[1]).fit(X, y)
"""
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert len(fit(tmp_path).leaderboard_) == FAST["max_trials"]


def _foreign(folder):
    (folder / "thesis.txt").write_text("precious")


def _half_a_run(folder):
    (folder / "run.json").write_text('{"fingerprint": "ab')


def _another_program(folder):
    (folder / "run.json").write_text('["no", "run"]')


def _without_format(folder):
    (folder / "run.json").write_text('{"fingerprint": "0123456789abcdef", "metric": "roc_auc", "seed": 0}')


def _of_the_future(folder):
    (folder / "run.json").write_text('{"format": 99, "fingerprint": "0123456789abcdef", "seed": 0}')


def _without_a_whole_seed(folder):
    (folder / "run.json").write_text('{"format": 2, "fingerprint": "0123456789abcdef", "seed": null}')


def _lock_that_is_a_folder(folder):
    (folder / ".lock").mkdir()


def _damaged_history(folder):
    fit(folder, max_trials=1)
    (folder / "history.jsonl").write_text('{"folds": [0]}\n')


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_foreign, "holds 'thesis.txt' and is not the folder of a run"),
        (_half_a_run, "run.json cannot be read"),
        (_another_program, "damaged or of another program"),
        (_without_format, "older version of cash-automl.*cannot be resumed"),
        (_of_the_future, "newer version of cash-automl"),
        (_without_a_whole_seed, "damaged or of another program"),
        (_lock_that_is_a_folder, "cannot be locked"),
        (_damaged_history, "line 1 of history.jsonl is damaged"),
    ],
)
def test_a_folder_that_cannot_be_resumed_gives_one_error_and_stays_as_it_is(tmp_path, make, message):
    make(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.suffix in {".txt", ".json", ".jsonl"}}
    with pytest.raises(InvalidInputError, match=message):
        fit(tmp_path)
    assert {path: path.read_bytes() for path in before} == before


def share_of_right_labels(estimator, X, y):
    return float(np.mean(estimator.predict(X) == y))


def test_a_resumed_run_of_an_earlier_version_names_the_class_of_its_score(tmp_path):
    fit(tmp_path, max_trials=1, scoring="f1")
    about = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({k: v for k, v in about.items() if k != "metric_class"}))
    fit(tmp_path, max_trials=1, scoring="f1")
    assert json.loads((tmp_path / "run.json").read_text()) == about


def test_a_run_of_another_version_of_python_is_refused_with_the_reason(tmp_path):
    settings = {"max_trials": 1, "include": ["decision_tree"], "scoring": share_of_right_labels}
    fit(tmp_path, **settings)
    about = json.loads((tmp_path / "run.json").read_text())
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert about["python"] == here
    other = about | {"python": "3.9", "fingerprint": "0123456789abcdef"}  # the compiled code of the scorer is in it
    (tmp_path / "run.json").write_text(json.dumps(other))
    with pytest.raises(
        InvalidInputError, match=rf"sensitive features \(it was made with Python 3\.9, and Python {here} compiles"
    ):
        fit(tmp_path, **settings)


def test_a_folder_on_a_file_system_without_locks_is_used(tmp_path, monkeypatch):
    def no_locks(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    assert len(fit(tmp_path, max_trials=1).leaderboard_) == 1


@pytest.mark.parametrize("pattern", ["*.model", "*-*.npy"])
def test_a_configuration_that_has_lost_its_files_runs_again(tmp_path, pattern):
    first = fit(tmp_path, max_trials=2)
    for path in tmp_path.glob(pattern):
        path.unlink()
    again = fit(tmp_path, max_trials=2)
    np.testing.assert_array_equal(again.predict_proba(X), first.predict_proba(X))


@pytest.mark.parametrize("rest", [b'{"configuration": {"mod', b"\xff\xfe"])
def test_half_a_line_of_a_killed_run_is_left_out(tmp_path, rest):
    first = fit(tmp_path, max_trials=2)
    path = tmp_path / "history.jsonl"
    path.write_bytes(path.read_bytes() + rest)
    again = fit(tmp_path, max_trials=3)
    assert list(again.history_)[: len(first.history_)] == list(first.history_)
    assert np.isfinite(again.predict_proba(X)).all()
