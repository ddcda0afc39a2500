"""The command ``automl space --full``, and the options of ``automl fit`` that change the space."""

from __future__ import annotations

import json

import pytest
from sklearn.datasets import load_diabetes


@pytest.mark.slow
def test_the_full_space_in_words_and_as_json(call):
    code, shown, _ = call("space", "--full", "--task", "regression")
    assert code == 0
    lines = shown.splitlines()
    assert lines[0] == "steps"
    assert any(
        line.startswith("  lightgbm:num_leaves") and "whole numbers 2 to 200, logarithmic" in line for line in lines
    )
    assert any("only if kernel_svm:kernel = poly" in line for line in lines)
    assert len([line for line in lines if line == "model kernel_svm"]) == 1  # one group for each component
    code, shown, _ = call("space", "--full", "--json")
    names = {row["name"]: row for row in json.loads(shown)}
    assert names["model:xgboost:learning_rate"]["low"] == 0.005
    assert names["model"]["kind"] == "step"


@pytest.mark.slow
def test_the_short_list_names_the_step_of_several_targets(call):
    code, shown, _ = call("space", "--task", "regression")
    assert code == 0
    lines = shown.splitlines()
    heading = lines.index("steps that only a table with several targets has:")
    assert lines[heading + 1] == "  multi_output: joint, independent, chain"
    code, shown, _ = call("space", "--json")
    assert list(json.loads(shown)["steps_of_several_targets"]) == ["multi_output"]


@pytest.mark.slow
def test_fit_takes_changes_of_the_space_and_names_a_wrong_one(call, tmp_path):
    load_diabetes(as_frame=True).frame.to_csv(tmp_path / "train.csv", index=False)
    train = ["fit", tmp_path / "train.csv", "--target", "target", "--out", tmp_path / "model", "--verbose", "0"]
    code, _, errors = call(*train, "--space", "xgboost:learning_rate=0,1")
    assert code == 2
    assert "'xgboost:learning_rate' must be above 0 and at most 1; its range is 0.005 to 0.3; got 0" in errors
    code, _, errors = call(*train, "--monotonic", "agee=1")
    assert code == 2
    assert "monotonic: 'agee' is unknown; did you mean 'age'" in errors
