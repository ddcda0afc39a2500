"""The folder for a container: it holds what the model needs, and nothing else."""

import base64
import csv
import hashlib
import io
import json
import subprocess
import sys
import venv
import zipfile

import httpx
import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from automl import AutoMLRegressor, load
from automl.errors import InvalidInputError
from automl.serving.package import write_package
from tests.serving.conftest import as_json, running_server

MODEL_LIBRARIES = {"torch", "catboost", "xgboost", "lightgbm", "openml", "pyarrow"}


def names_of(requirements):
    return {line.split("==")[0] for line in requirements.splitlines()}


@pytest.fixture(scope="module")
def package(model_folder, estimator, tmp_path_factory):
    out = tmp_path_factory.mktemp("package") / "image"
    write_package(model_folder, estimator, out)
    return out


def test_the_requirements_are_pinned_and_leave_out_the_libraries_of_other_models(package):
    text = (package / "requirements.txt").read_text()
    assert all("==" in line for line in text.splitlines())
    assert names_of(text) >= {"scikit-learn", "numpy", "pandas", "fastapi", "uvicorn", "prometheus-client", "starlette"}
    assert names_of(text) & (MODEL_LIBRARIES | {"cash-automl", "pytest", "ray", "optuna"}) == set()


def test_the_wheel_holds_the_packages_and_a_correct_record(package):
    (path,) = package.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        (record,) = (name for name in wheel.namelist() if name.endswith(".dist-info/RECORD"))
        lines = {name: digest for name, digest, _ in csv.reader(io.StringIO(wheel.read(record).decode()))}
        assert set(lines) == set(wheel.namelist())
        for name in ("automl/__init__.py", "automl/py.typed", "pipelines/space.py", "meta_db/data/meta.sqlite"):
            digest = base64.urlsafe_b64encode(hashlib.sha256(wheel.read(name)).digest()).rstrip(b"=").decode()
            assert lines[name] == f"sha256={digest}"
        assert not any("__pycache__" in name or name.startswith("tests") for name in lines)


def test_the_image_runs_as_a_user_without_rights_and_checks_its_health(package):
    lines = (package / "Dockerfile").read_text().splitlines()
    assert lines[0] == f"FROM python:{sys.version_info.major}.{sys.version_info.minor}-slim"
    assert "USER automl" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert "libgomp" not in "".join(lines)


def test_the_request_in_the_readme_gets_an_answer(package, client):
    command = next(line for line in (package / "README.md").read_text().splitlines() if line.startswith("curl"))
    body = command.partition("-d '")[2].removesuffix("'")
    assert client.post("/predict", json=json.loads(body)).status_code == 200


def test_the_model_in_the_folder_predicts_and_holds_no_training_rows(estimator, rows, tmp_path):
    estimator.save(tmp_path / "model", rows=True)
    write_package(tmp_path / "model", estimator, tmp_path / "image")
    names = {path.name for path in (tmp_path / "image" / "model").rglob("*")}
    assert {path.name for path in (tmp_path / "model").rglob("*")} - names == {"rows.npz", "search.zip"}
    loaded = load(tmp_path / "image" / "model", for_prediction=True)
    assert loaded.predict(rows).tolist() == estimator.predict(rows).tolist()


@pytest.mark.slow
def test_the_model_of_a_run_directory_is_packaged_without_the_files_of_the_run(tmp_path):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    settings = {"time_budget": None, "max_trials": 1, "include": ["decision_tree"], "n_jobs": 1, "cv": 2, "verbose": 0}
    reg = AutoMLRegressor(**settings, store=tmp_path / "run").fit(X, y)
    write_package(tmp_path / "run", load(tmp_path / "run"), tmp_path / "image")
    held = {path.name for path in (tmp_path / "image" / "model").iterdir()}
    assert held & {"table.npy", "task.zip", "run.json", "history.jsonl", "search.zip", "rows.npz"} == set()
    assert not (tmp_path / "image" / "saved").exists()
    np.testing.assert_allclose(load(tmp_path / "image" / "model", for_prediction=True).predict(X), reg.predict(X))


def test_a_folder_of_an_earlier_package_is_replaced_and_others_are_refused(package, model_folder, estimator, tmp_path):
    write_package(model_folder, estimator, package)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInputError, match="is not a folder of 'automl package'; name another path"):
        write_package(model_folder, estimator, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.slow
def test_a_model_of_lightgbm_gets_lightgbm_and_openmp(rows, tmp_path):
    fast = {"include": ["lightgbm"], "time_budget": None, "max_trials": 1, "cv": 2, "n_jobs": 1, "verbose": 0}
    reg = AutoMLRegressor(**fast, random_state=0).fit(rows, rows["age"] * 1.0)
    reg.save(tmp_path / "model")
    write_package(tmp_path / "model", reg, tmp_path / "image")
    text = (tmp_path / "image" / "requirements.txt").read_text()
    assert names_of(text) & MODEL_LIBRARIES == {"lightgbm"}
    assert "libgomp1" in (tmp_path / "image" / "Dockerfile").read_text()


@pytest.mark.slow
def test_a_fresh_environment_of_the_folder_has_only_what_the_model_needs_and_predicts(
    package, estimator, rows, tmp_path, monkeypatch
):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    (wheel,) = package.glob("*.whl")
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "-q", "-r", package / "requirements.txt"], check=True)
    subprocess.run([*pip, "install", "-q", "--no-deps", wheel], check=True)
    listed = subprocess.run([*pip, "list", "--format=json"], check=True, capture_output=True).stdout
    installed = {entry["name"].lower().replace("_", "-") for entry in json.loads(listed)}
    wanted = names_of((package / "requirements.txt").read_text())
    assert installed - {"pip", "setuptools", "wheel"} == wanted | {"cash-automl"}
    with running_server(package / "model", python=python) as (_, address, _log):
        answer = httpx.post(f"{address}/predict", json=as_json(rows), timeout=60)
    assert answer.json()["predictions"] == estimator.predict(rows).tolist()
