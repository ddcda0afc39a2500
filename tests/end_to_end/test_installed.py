"""The built distributions are complete, and the installed package works in other folders than this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from pathlib import Path

import pytest
from sklearn.datasets import load_iris

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["pipelines", "meta_db", "metalearning"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the files from which the distributions are built."""
    source = tmp_path_factory.mktemp("source")
    for name in ("automl", *NAMES):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    return source


@pytest.fixture(scope="module")
def site(source, tmp_path_factory):
    """A folder into which a wheel of this source is installed, without its dependencies."""
    site = tmp_path_factory.mktemp("site")
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


@pytest.fixture(scope="module")
def distributions(source, tmp_path_factory):
    """The source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.slow
def test_the_distributions_are_complete_and_pass_the_check_of_the_package_index(distributions):
    files = sorted(str(path) for path in distributions.iterdir())
    assert [path.rpartition(".")[2] for path in files] == ["whl", "gz"]
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    with tarfile.open(files[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "automl/py.typed", "meta_db/py.typed"} <= names
    assert any(name.startswith("meta_db/data/") for name in names)


@pytest.fixture(scope="module")
def environment(distributions, tmp_path_factory):
    """A fresh environment with the wheel, and with the libraries of the one that runs this test."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    libraries = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    # A path in a .pth file makes packages importable, but runs no .pth file there: an editable install does not count.
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    wheel = next(distributions.glob("*.whl"))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--ignore-installed", str(wheel)], check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.slow
def test_the_wheel_fits_a_table_in_a_fresh_environment(environment, tmp_path):
    load_iris(as_frame=True).frame.to_csv(tmp_path / "iris.csv", index=False)
    variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    def run(*command):
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    place = run(str(environment / "bin" / "python"), "-c", "import automl; print(automl.__file__)").strip()
    assert Path(place).is_relative_to(environment)
    program = str(environment / "bin" / "automl")
    assert run(program, "--version") == f"automl {version}\n"
    options = ["--target", "target", "--max-trials", "2", "--include", "decision_tree", "--n-jobs", "1"]
    run(program, "fit", "iris.csv", *options, "--out", "model")
    run(program, "predict", "model", "iris.csv", "--out", "answer.csv")
    assert len((tmp_path / "answer.csv").read_text().splitlines()) == 151
