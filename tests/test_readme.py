"""The README keeps its word: its snippets run as written, and its table names every parameter."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from automl import AutoMLClassifier, AutoMLRegressor

TEXT = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_snippets_run_as_written_in_fewer_seconds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL))
    assert code.count("time_budget=60") == 2
    names: dict[str, object] = {}
    exec(code.replace("time_budget=60", "time_budget=60, max_trials=2, n_jobs=2"), names)
    assert len(names["clf"].leaderboard_) == 2
    assert (tmp_path / "model" / "about.json").exists()


@pytest.mark.parametrize("estimator", [AutoMLClassifier, AutoMLRegressor])
def test_the_table_names_every_parameter_and_its_default(estimator):
    rows = dict(re.findall(r"^\| (`[a-z_`, ]+`) \| ([^|]+) \|", TEXT, flags=re.MULTILINE))
    listed = {name: default for cell, default in rows.items() for name in re.findall(r"[a-z_]+", cell)}
    parameters = inspect.signature(estimator).parameters
    assert set(listed) >= set(parameters)
    for name in ("time_budget", "n_jobs", "max_trials", "ensemble_size", "store", "verbose", "include", "exclude"):
        assert listed[name] == str(parameters[name].default)
