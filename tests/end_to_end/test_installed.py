"""The installed package works beside folders that have the names of our packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_iris

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["pipelines", "meta_db", "metalearning"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder into which a wheel of this source is installed, without its dependencies."""
    source, site = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    for name in ("automl", *NAMES):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return site


@pytest.fixture
def project(tmp_path):
    """A user's folder with a table, and with packages of the same names as ours."""
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the package of the user was imported')\n")
    load_iris(as_frame=True).frame.to_csv(tmp_path / "iris.csv", index=False)
    return tmp_path


def run(site, project, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_the_command_of_a_wheel_fits_in_a_folder_with_packages_of_our_names(site, project):
    options = ["--target", "target", "--max-trials", "2", "--include", "decision_tree", "--n-jobs", "1"]
    done = run(site, project, str(site / "bin" / "automl"), "fit", "iris.csv", *options, "--out", "model")
    assert done.returncode == 0, done.stderr
    done = run(site, project, str(site / "bin" / "automl"), "predict", "model", "iris.csv", "--out", "answer.csv")
    assert done.returncode == 0, done.stderr
    assert len((project / "answer.csv").read_text().splitlines()) == 151


@pytest.mark.slow
def test_a_script_beside_packages_of_our_names_gets_one_error_that_names_the_folder(site, project):
    (project / "script.py").write_text("import automl\nautoml.AutoMLClassifier()\n")
    done = run(site, project, "script.py")
    assert done.returncode == 1
    assert "ImportError" in done.stderr.splitlines()[-1]
    assert str(project) in done.stderr.splitlines()[-1]
