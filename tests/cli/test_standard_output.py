"""Standard output that cannot be written: one clear error, whatever a command prints."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
CLEAR = "automl: standard output cannot be written: No space left on device\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a model and the rows of its training."""
    folder = tmp_path_factory.mktemp("full")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["a", "b"])
    y = np.where(X["a"] > 0, "yes", "no")
    X.assign(y=y).to_csv(folder / "rows.csv", index=False)
    settings = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}
    AutoMLClassifier(include=["gaussian_nb"], **settings).fit(X, y).save(folder / "model")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "predict model rows.csv",
        "score model rows.csv --target y",
        "score model rows.csv --target y --json",
        "leaderboard model",
        "leaderboard model --csv",
        "drift model rows.csv",
        "export model --python",
        "jobs schema",
        "space",
    ],
)
def test_a_full_disk_is_one_clear_error(folder, call, monkeypatch, command):
    monkeypatch.chdir(folder)
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code, _, err = call(*command.split())  # and the end of the block writes nothing more, or it would fail
    assert code == 2
    assert err.endswith(CLEAR)
    assert err.count(CLEAR) == 1


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_one_clear_error_at_the_end_of_the_process(unbuffered):
    """Typer drops the first error of a stream without a buffer."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "automl", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, CLEAR)


def test_a_closed_standard_output_is_one_clear_error(call, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    code, _, err = call("--version")
    assert (code, err) == (2, "automl: standard output cannot be written: not writable\n")


def test_an_error_of_the_system_in_the_work_of_a_command_is_not_one_of_standard_output(call, monkeypatch):
    def fail(*arguments):
        raise OSError("no such device")

    monkeypatch.setattr("pipelines.space.build_space", fail)
    with pytest.raises(OSError, match="no such device"):
        call("space")
