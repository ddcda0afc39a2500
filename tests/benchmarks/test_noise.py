"""Tests of what the benchmarks of wrong labels and of wrong numbers share."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks import label_noise, noise, target_noise
from benchmarks.requirements import MissingRequirementError


@pytest.fixture
def data(tmp_path):
    (tmp_path / "index.csv").write_text("name,task\nclasses,binary\n")
    return tmp_path


@pytest.mark.parametrize("benchmark", [label_noise, target_noise])
@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"tables": "classes", "families": "realmpl"}, "there is no family 'realmpl' to measure"),
        ({"tables": "clases", "families": "lightgbm"}, "there is no table 'clases' in the index"),
    ],
)
def test_an_unknown_name_is_one_error_before_the_first_fit(data, benchmark, names, message):
    with pytest.raises(MissingRequirementError, match=message):
        benchmark.main(data, data / "out.csv", **names)
    assert not (data / "out.csv").exists()


def test_a_family_is_measured_with_each_of_its_options():
    pairs = noise.contenders("b,automl", {"a": ["plain"], "b": ["plain", "robust"]})
    assert pairs == [("b", "plain"), ("b", "robust"), ("automl", "plain"), ("automl", "noisy_labels")]


def test_cells_of_the_file_are_not_measured_again(tmp_path, capsys):
    def measure(name, share, family, option):
        return {"score": 1.0}

    columns, out = ["dataset", "share", "family", "option", "score"], tmp_path / "out.csv"
    noise.measure_cells(out, columns, (["t"], "0", [("a", "plain")]), measure, "score")
    noise.measure_cells(out, columns, (["t"], "0,0.1", [("a", "plain")]), measure, "score")
    assert pd.read_csv(out).to_numpy().tolist() == [["t", 0.0, "a", "plain", 1.0], ["t", 0.1, "a", "plain", 1.0]]
    assert capsys.readouterr().err.splitlines() == ["t 0.0 a plain: score 1.000", "t 0.1 a plain: score 1.000"]


def test_scores_are_compared_with_those_without_the_option():
    rows = [("t", 0.1, "a", "plain", 0.5), ("t", 0.1, "a", "robust", 0.7), ("u", 0.1, "a", "robust", 0.9)]
    found = noise.beside_plain(
        pd.DataFrame(rows, columns=["dataset", "share", "family", "option", "score"]), "option", ["score"]
    )
    assert found[["option", "score", "score_plain"]].to_numpy().tolist() == [["plain", 0.5, 0.5], ["robust", 0.7, 0.5]]


def test_equal_scores_are_no_win():
    assert noise.count_wins(pd.Series([2, 1, 3]), pd.Series([1, 1, 4])) == "1 of 2"
