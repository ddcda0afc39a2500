"""Test the harness from end to end on two generated tables."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from benchmarks import analyze, honest_estimate, run
from benchmarks.result_file import append_row, missing_cells
from benchmarks.splits import fold_numbers, split


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(150, 3)), columns=["a", "b [x]", "c"])
    X["c"] = pd.Categorical(np.where(X["c"] > 0, "high", "low"))
    X.assign(target=np.where(X["a"] > 0, "yes", "no")).to_parquet(tmp_path / "classes.parquet")
    X.assign(target=X["a"] * 2.0).to_parquet(tmp_path / "numbers.parquet")
    (tmp_path / "index.csv").write_text("name,task\nclasses,binary\nnumbers,regression\n")
    return tmp_path


def test_folds_are_those_of_the_published_figures():
    labels = pd.Series(["b", "a", "c", "a", "b"] * 20)
    classes, numbers = fold_numbers(labels, "multiclass"), fold_numbers(labels, "regression")
    assert pd.crosstab(labels, classes).to_numpy().tolist() == [[8] * 5, [8] * 5, [4] * 5]
    digest = hashlib.sha256(np.concatenate([classes, numbers]).astype(np.int64).tobytes()).hexdigest()[:12]
    assert digest == "e415d47395ac"


def test_training_part_and_test_part_hold_each_row_once():
    table = pd.DataFrame({"x": range(20), "target": ["a", "b"] * 10})
    train, test = split(table, "binary", 3)
    assert sorted([*train["x"], *test["x"]]) == list(range(20))
    assert len(test) == 4


@pytest.mark.slow
def test_systems_are_measured_once_and_reported(data):
    out = data / "out.csv"
    settings = {"data": data, "suite": "classes,numbers", "systems": "lightgbm,forest", "budget": 5.0, "out": out}
    run.main(**settings, cores=1, folds="0")
    first = pd.read_csv(out)
    assert len(first) == 4
    errors = first.set_index(["system", "dataset"])["error"]
    assert (
        "special JSON characters" in errors["lightgbm", "classes"]
    )  # a limit of LightGBM, which is recorded as a failure
    forest = first[first["system"] == "forest"].set_index("dataset")
    assert forest.loc["classes", "score"] > 0.95
    assert forest.loc["numbers", "score"] < 0.5
    assert (forest["peak_mib"] > 50).all()
    run.main(**settings, cores=1, folds="0")
    assert len(pd.read_csv(out)) == 4
    analyze.main(out, ours="forest", out=data / "report.md")
    report = (data / "report.md").read_text()
    assert f"{forest.loc['numbers', 'score']:.5f}"[:6] in report
    assert "forest against" in report


def test_tables_on_which_a_system_was_not_run_are_left_out():
    rows = [("a", "automl"), ("a", "forest"), ("b", "automl")]
    results = pd.DataFrame([{"dataset": d, "fold": 0, "system": s} for d, s in rows])
    assert set(analyze.complete(results)["dataset"]) == {"a"}


def test_a_failure_ranks_behind_everything():
    rows = [
        ("t", 0, "automl", "rmse", 1.0, ""),
        ("t", 0, "forest", "rmse", 2.0, ""),
        ("t", 0, "lightgbm", "rmse", np.nan, "exit code 1"),
    ]
    results = pd.DataFrame(rows, columns=["dataset", "fold", "system", "metric", "score", "error"])
    results = results.assign(fit_s=66.0, budget=60.0, predict_s=1.0, peak_mib=100.0)
    table = analyze.summary(results)
    assert table["mean rank"].to_dict() == {"automl": 1.0, "forest": 2.0, "lightgbm": 3.0}
    pairs = analyze.compare_pairs(results, "automl")
    assert pairs["tables won %"].to_dict() == {"forest": 100.0, "lightgbm": 100.0}
    assert pairs.loc["forest", "error ratio"] == 0.5
    assert table.loc["lightgbm", "failures"] == 1
    assert table.loc["automl", "largest overrun %"] == pytest.approx(10.0)


def test_a_pair_is_judged_by_its_common_folds_and_negligible_errors_count_as_equal():
    rows = [
        ("a", 0, "ours", "auc", 0.9), ("a", 0, "theirs", "auc", 0.8),
        ("a", 1, "ours", "auc", 0.7), ("a", 1, "theirs", "auc", 0.9),
        ("a", 2, "ours", "auc", 0.1),
        ("b", 0, "ours", "logloss", 0.001), ("b", 0, "theirs", "logloss", 0.0001),
    ]  # fmt: skip
    results = pd.DataFrame(rows, columns=["dataset", "fold", "system", "metric", "score"])
    pair = analyze.compare_pairs(results, "ours").loc["theirs"]
    assert (pair["tables"], pair["folds"]) == (2, 3)
    assert (pair["tables won %"], pair["folds won %"]) == (0.0, pytest.approx(100 / 3))
    # Table a has the mean of the folds' log ratios, log 0.5 and log 3; the errors of table b are negligible.
    assert pair["log ratio %"] == pytest.approx(100 * np.log(1.5) / 4)
    assert pair["error ratio"] == pytest.approx(1.5**0.25)
    assert pair["standard error"] == pytest.approx(100 * np.log(1.5) / 4)
    assert pair["metric % (mean)"] == pytest.approx(100 * ((0.9 / 0.8 - 1) + (0.7 / 0.9 - 1)) / 4)


def test_win_rates_have_wilson_intervals():
    expected = binomtest(7, 20).proportion_ci(method="wilson")
    assert analyze.wilson_interval(7 / 20, 20) == pytest.approx((expected.low, expected.high), abs=1e-4)
    assert analyze.wilson_interval(1.0, 5)[1] == 1.0


def test_pairs_are_compared_by_size_and_a_file_without_sizes_has_no_such_part():
    rows = [
        (name, 0, system, "rmse", score, n)
        for name, n in (("a", 500), ("b", 20_000))
        for system, score in (("ours", 1.0), ("theirs", n / 1_000))
    ]
    results = pd.DataFrame(rows, columns=["dataset", "fold", "system", "metric", "score", "n_train"])
    by_size = analyze.compare_sizes(results, "ours")["error ratio"]
    assert by_size.to_dict() == {
        ("to 1,000", "theirs"): pytest.approx(2.0),
        ("to 50,000", "theirs"): pytest.approx(0.05),
    }
    assert analyze._size_report(results.drop(columns="n_train"), ["ours"]) == []


def test_rows_stay_aligned_with_the_header_of_an_older_file(tmp_path):
    path = tmp_path / "old.csv"
    append_row(path, {"a": 1, "b": 2}, ["a", "b"])
    append_row(path, {"c": 5, "b": 4, "a": 3}, ["c", "a", "b"])
    assert path.read_text().split() == ["a,b", "1,2", "3,4"]


def test_a_measurement_goes_on_with_the_cells_that_the_file_lacks(tmp_path):
    path = tmp_path / "results.csv"
    cells = [("iris", 60.0, True), ("iris", 60.0, False), ("wine", 0.5, True)]
    keys = ["table", "seconds", "clock"]
    assert list(missing_cells(path, keys, cells)) == cells
    path.write_text("clock,table,score,seconds\nTrue,iris,0.9,60\n")
    assert list(missing_cells(path, keys, cells)) == cells[1:]


def test_estimates_are_compared_with_the_scores_on_the_rest():
    rows = [("a", "auc", 0.80, 0.82, 0.76, 0.88, 0.90), ("b", "rmse", -2.0, -1.0, -1.5, -0.5, -2.2)]
    results = pd.DataFrame(rows, columns=["dataset", "metric", "test", "score", "low", "high", "naive"])
    table = honest_estimate.summary(results)
    assert table.loc["auc", "bias % (mean)"] == pytest.approx(-10)
    assert table.loc["rmse", "bias % (mean)"] == pytest.approx(-50)
    assert table.loc["rmse", "naive bias % (mean)"] == pytest.approx(10)
    assert table.loc["all", "coverage %"] == 50
    assert table.loc["auc", "in half-widths (mean)"] == pytest.approx(1 / 3)


@pytest.mark.slow
def test_estimates_are_made_on_a_small_part_with_all_classes_and_written_once(data):
    table = pd.read_parquet(data / "classes.parquet")
    protocol = honest_estimate.MeasurementProtocol(None, 2, 60, 1_000, 1, ("decision_tree",))
    train, test = honest_estimate.split_small(table, "binary", protocol, 0)
    assert (len(train), len(test)) == (60, 90)
    assert set(train["target"]) == set(test["target"])
    out = data / "estimate.csv"
    settings = {"data": data, "tables": "classes", "seconds": 0.0, "trials": 2, "n_train": 60, "seeds": 1, "out": out}
    for _ in range(2):
        honest_estimate.main(**settings, n_test=1_000, n_jobs=1, include="decision_tree")
    rows = pd.read_csv(out)
    assert len(rows) == 1
    assert rows.loc[0, "low"] <= rows.loc[0, "score"] <= rows.loc[0, "high"]
