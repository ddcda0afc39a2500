"""The examples of the first pages run as written, and docs/parameters.md names every parameter and its default."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier, AutoMLRegressor
from automl.jobs.spec import read_batch

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_STEPS = (ROOT / "docs" / "first_steps.md").read_text(encoding="utf-8")
PARAMETERS = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
ATTRIBUTES = (ROOT / "docs" / "attributes.md").read_text(encoding="utf-8")


def run_blocks(page, names, fast):
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL))
    assert "time_budget=60" in code
    exec(code.replace("time_budget=60", f"time_budget=60, {fast}"), names)
    return names


def test_the_first_steps_run_as_written_in_fewer_seconds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run_blocks(
        FIRST_STEPS, {}, "max_trials=2, n_jobs=1, include=['decision_tree', 'logistic_regression', 'ridge']"
    )
    assert len(names["clf"].leaderboard_) == 2
    assert (tmp_path / "model" / "manifest.json").exists()


@pytest.mark.slow
def test_the_lines_of_the_readme_run_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    names = {"X_train": X[:400], "y_train": y[:400], "X_test": X[400:], "y_test": y[400:]}
    run_blocks(README, names, "max_trials=2, n_jobs=2")
    assert (tmp_path / "report.html").exists()


def test_the_readme_fits_on_one_screen_and_its_picture_is_small():
    assert len(README.splitlines()) <= 60
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)  # with a text for those who do not see them
    assert len(pictures) == 1
    assert (ROOT / pictures[0]).stat().st_size < 200_000


def test_the_yaml_example_describes_a_batch_of_jobs(tmp_path):
    text = re.search(r"```yaml\n(.*?)```", FIRST_STEPS, flags=re.DOTALL)[1]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.csv").write_text("x,class\n1,a\n2,b\n")
    (tmp_path / "jobs.yaml").write_text(text)
    assert len(read_batch(tmp_path / "jobs.yaml").jobs) == 4  # two tables, two settings


@pytest.mark.parametrize("estimator", [AutoMLClassifier, AutoMLRegressor])
def test_the_table_names_every_parameter_and_its_default(estimator):
    rows = dict(re.findall(r"^\| (`[a-z_`, ]+`) \| ([^|]+) \|", PARAMETERS, flags=re.MULTILINE))
    listed = {name: default for cell, default in rows.items() for name in re.findall(r"[a-z_]+", cell)}
    parameters = inspect.signature(estimator).parameters
    of_the_other = {"quantiles"} if estimator is AutoMLClassifier else {"positive_label"}
    assert set(listed) == set(parameters) | of_the_other
    for name in ("time_budget", "n_jobs", "max_trials", "ensemble_size", "store", "verbose", "include", "exclude"):
        assert listed[name] == str(parameters[name].default)


@pytest.mark.parametrize("page", [FIRST_STEPS, ATTRIBUTES], ids=["first_steps", "attributes"])
def test_the_pages_name_every_attribute_of_a_fitted_estimator(page):
    properties = {name for name in dir(AutoMLClassifier) if name.endswith("_") and not name.startswith("_")}
    assert len(properties) > 5
    assert {name for name in properties if f"`{name}`" not in page} == set()


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{name}.md" for name in ("first_steps", "parameters", "attributes"))]
)
def test_no_cell_of_a_table_holds_a_paragraph(page):
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("|") and len(line) > 120] == []
