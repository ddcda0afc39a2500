"""Fits work with the start method "spawn" and without fork, however the program of the user was started."""

from __future__ import annotations

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
