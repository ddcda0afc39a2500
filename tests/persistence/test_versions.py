"""A model that one version of Python has saved predicts the same under another version.

The environment variable AUTOML_OTHER_PYTHON names the interpreter of an environment with another version of Python, in
which the dependencies of this project are installed, in the same versions as here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OTHER = os.environ.get("AUTOML_OTHER_PYTHON", "")
VERSION = "import sys; print(f'{sys.version_info.major}.{sys.version_info.minor}')"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not OTHER, reason="AUTOML_OTHER_PYTHON names no interpreter of another version of Python"),
]


def run(python, *arguments):
    """Return what a program prints under an interpreter."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [python, *map(str, arguments)], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["here to there", "there to here"])
def saved(request, tmp_path_factory):
    """The two interpreters, and the folder with the models that the first one has saved."""
    folder = tmp_path_factory.mktemp("saved")
    first, second = (sys.executable, OTHER) if request.param == "here to there" else (OTHER, sys.executable)
    assert run(first, "-c", VERSION) != run(second, "-c", VERSION)
    n_families = json.loads(run(first, "-m", "tests.persistence.versions", "save", folder))["families"]
    assert n_families > 30
    return first, second, folder, n_families


def test_each_model_predicts_the_same_under_another_version_of_python(saved):
    first, second, folder, n_families = saved
    found = json.loads(run(second, "-m", "tests.persistence.versions", "predict", folder))
    assert found["families"] == n_families
    assert found["changed"] == []
    assert found == json.loads(run(first, "-m", "tests.persistence.versions", "predict", folder))


def test_a_run_continues_under_another_version_of_python_unless_its_scorer_is_a_function_of_the_user(saved):
    first, second, folder, _ = saved
    found = json.loads(run(second, "-m", "tests.persistence.versions", "resume", folder))
    assert found["trials"] == 6
    assert f"continue with Python {run(first, '-c', VERSION).strip()}" in found["error"]
