"""Fits and batches work with the start method "spawn" and without fork, however the program of the user was started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What a system without fork lacks, as seen by each process of the program.
WITHOUT_FORK = """
import multiprocessing
import multiprocessing.context
import os
import socket

for module, names in ((os, ("fork", "forkpty", "register_at_fork")), (socket, ("send_fds", "recv_fds"))):
    for name in names:
        delattr(module, name)
spawn = multiprocessing.context._concrete_contexts["spawn"]
multiprocessing.context._concrete_contexts = {"spawn": spawn}
multiprocessing._default_context = multiprocessing.context.DefaultContext(spawn)
"""
PROGRAM = """
import multiprocessing

import numpy as np
from sklearn.datasets import load_iris

from automl import AutoMLClassifier

multiprocessing.set_start_method("spawn", force=True)
SETTINGS = {"time_budget": None, "max_trials": 2, "n_jobs": 2, "verbose": 0, "cv": 2, "include": ["decision_tree"]}
X, y = load_iris(return_X_y=True)


def share_of_right_labels(estimator, X, y):
    return float(np.mean(estimator.predict(X) == y))


clf = AutoMLClassifier(**SETTINGS, scoring=share_of_right_labels).fit(X, y)
print(clf.leaderboard_["status"].tolist(), clf.refit().predict(X).shape)
"""
ANSWER = "['ok', 'ok'] (150,)"


BATCH = """
import multiprocessing

from automl import run_jobs

multiprocessing.set_start_method("spawn", force=True)
IRIS = {"call": "sklearn.datasets:load_iris", "arguments": {"return_X_y": True, "as_frame": True}, "name": "iris"}
TREE = {"time_budget": None, "max_trials": 2, "cv": 2, "include": ["decision_tree"], "scoring": "accuracy"}
summary = run_jobs(
    {
        "results": "results",
        "defaults": {"holdout": 0.3},
        "tables": [IRIS, {"call": "math:sqrt", "name": "no table", "retries": 0}],
        "settings": {"tree": TREE, "dummy": {"estimator": "sklearn.dummy:DummyClassifier"}},
    },
    n_jobs=2,
    verbose=0,
)
print(sorted(summary["state"]), summary["test_score"].max() > 0.8)
"""
COMMAND = """
import multiprocessing
from automl.cli.main import app

multiprocessing.set_start_method("spawn", force=True)
for _ in range(2):
    try:
        app(["jobs", "run", "jobs.yaml", "--n-jobs", "1", "--verbose", "1"])
    except SystemExit as error:
        assert not error.code, error.code
"""
BATCH_ANSWER = "['failed', 'failed', 'finished', 'finished'] True"


def run_program(tmp_path, program, *, way="script", forks=True):
    """Run a program in a fresh interpreter, started in one of the ways; return the lines that it prints."""
    path = [str(ROOT), sysconfig.get_path("purelib")]
    if not forks:
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT_FORK)
        path.insert(0, str(tmp_path / "site"))
        program = 'import os\nassert not hasattr(os, "fork")\n' + program
    script = tmp_path / "program.py"
    script.write_text(program)
    arguments = {"script": [str(script)], "command": ["-c", program], "stdin": ["-"], "interactive": ["-i", "-q"]}[way]
    done = subprocess.run(
        [sys.executable, *arguments],
        input=program if way in ("stdin", "interactive") else None,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["script", "command", "stdin", "interactive"])
def test_a_program_with_spawn_can_fit_however_it_was_started(tmp_path, way):
    assert run_program(tmp_path, PROGRAM, way=way) == [ANSWER]


@pytest.mark.slow
def test_a_system_without_fork_can_fit_and_refit(tmp_path):
    assert run_program(tmp_path, PROGRAM, forks=False) == [ANSWER]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["script", "stdin"])
def test_a_program_with_spawn_can_run_a_batch_however_it_was_started(tmp_path, way):
    assert run_program(tmp_path, BATCH, way=way) == [BATCH_ANSWER]


@pytest.mark.slow
def test_a_system_without_fork_can_run_a_batch(tmp_path):
    assert run_program(tmp_path, BATCH, forks=False) == [BATCH_ANSWER]


@pytest.mark.slow
def test_the_command_runs_a_batch_with_spawn_and_a_second_call_finds_all_jobs_finished(tmp_path):
    batch = {
        "tables": [{"call": "sklearn.datasets:load_iris", "arguments": {"return_X_y": True, "as_frame": True}}],
        "settings": {"tree": {"time_budget": None, "max_trials": 2, "cv": 2, "include": ["decision_tree"]}},
    }
    (tmp_path / "jobs.yaml").write_text(json.dumps(batch))  # JSON is YAML
    assert run_program(tmp_path, COMMAND) == ["1 job: 1 finished"] * 2
