"""The command ``automl benchmark``."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris, load_wine

from automl.comparison.contenders import CONTENDERS, ContenderSettings, make_contenders

QUICK = ["--target", "target", "--estimators", "linear,dummy", "--outer-cv", "3", "--n-jobs", "1"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return a folder with three tables, which is the working directory."""
    for name, load in (("iris", load_iris), ("wine", load_wine), ("diabetes", load_diabetes)):
        table = load(as_frame=True).frame.sample(frac=1, random_state=0)
        table["word"] = np.where(np.arange(len(table)) % 3 == 0, "a", "b")
        table.loc[::7, "word"] = None
        table["clinic"] = np.arange(len(table)) % 12
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(here, call):
    """Return a function that runs the command in the folder."""
    return partial(call, "benchmark")


def test_several_tables_give_scores_comparisons_and_a_plot(here, run):
    code, out, err = run("iris.csv", "wine.csv", *QUICK, "--out", "found")
    assert code == 0, err
    scores = pd.read_csv(here / "found" / "scores.csv")
    assert len(scores) == 2 * 2 * 3
    assert set(scores["table"]) == {"iris", "wine"}
    assert set(scores["metric"]) == {"neg_log_loss"}
    summary = pd.read_csv(here / "found" / "summary.csv").set_index(["table", "estimator"])["mean"]
    assert summary["iris", "linear"] > summary["iris", "dummy"]
    assert len(pd.read_csv(here / "found" / "comparison.csv")) == 2
    assert len(pd.read_csv(here / "found" / "pairs_over_tables.csv")) == 1
    assert list(pd.read_csv(here / "found" / "ranks.csv")["mean_rank"]) == [1, 2]
    assert (here / "found" / "critical_difference_neg_log_loss.png").stat().st_size > 0
    assert "iris: neg_log_loss on outer folds" in out
    assert "mean ranks over 2 tables" in out
    assert "table 2 of 2: wine.csv" in err


def test_a_second_call_repeats_no_fold_and_a_changed_table_is_refused(here, run):
    assert run("iris.csv", *QUICK)[0] == 0
    lines = (here / "benchmark" / "folds" / "iris" / "folds.jsonl").read_text()
    scores = (here / "benchmark" / "scores.csv").read_text()
    (here / "benchmark" / "scores.csv").unlink()
    code, _, err = run("iris.csv", *QUICK)
    assert code == 0
    assert "it holds 6 results already" in err
    assert (here / "benchmark" / "folds" / "iris" / "folds.jsonl").read_text() == lines
    assert (here / "benchmark" / "scores.csv").read_text() == scores
    pd.read_csv("iris.csv").head(140).to_csv("iris.csv", index=False)
    code, _, err = run("iris.csv", *QUICK)
    assert code == 2
    assert "other table" in err


@pytest.mark.slow
def test_tables_with_metrics_of_their_own_are_compared_by_rank(here, run):
    assert run("iris.csv", "diabetes.csv", *QUICK, "--verbose", "0") == (0, "", "")
    scores = pd.read_csv(here / "benchmark" / "scores.csv")
    assert set(scores["metric"]) == {"neg_log_loss", "neg_root_mean_squared_error"}
    assert set(pd.read_csv(here / "benchmark" / "ranks.csv")["compared"]) == {"default metrics"}
    assert pd.read_csv(here / "benchmark" / "pairs_over_tables.csv")["p_wilcoxon"].isna().all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "n_train"),
    [
        (["--repeats", "2"], [100] * 6),
        (["--groups", "clinic"], [100] * 3),
        (["--in-order"], [39, 76, 113]),
        (["--time", "clinic", "--outer-cv", "2"], [50, 100]),
    ],
)
def test_outer_folds_of_other_kinds(here, run, options, n_train):
    code, _, err = run("iris.csv", *QUICK, *options, "--estimators", "dummy", "--scoring", "accuracy,f1_macro")
    assert code == 0, err
    scores = pd.read_csv(here / "benchmark" / "scores.csv")
    assert set(scores["metric"]) == {"accuracy", "f1_macro"}
    found = scores[scores["metric"] == "accuracy"]["n_train"]
    assert list(found) == pytest.approx(n_train, abs=3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv", *QUICK], "no file 'nowhere.csv'"),
        (["iris.csv", "iris.csv", *QUICK], "'iris.csv' and 'iris.csv' have the same name"),
        (["iris.csv", *QUICK, "--target", "targets"], "no column 'targets'"),
        (["iris.csv", *QUICK, "--estimators", "forrest"], "did you mean 'forest'"),
        (["iris.csv", *QUICK, "--groups", "clinics"], "no column 'clinics'"),
        (["iris.csv", *QUICK, "--repeats", "2", "--in-order"], "exclude each other"),
        (["iris.csv", *QUICK, "--time", "clinic", "--in-order"], "exclude each other"),
        (["iris.csv", *QUICK, "--gap", "2"], "--gap needs --time"),
        (["iris.csv", *QUICK, "--outer-cv", "1"], "2 folds or more"),
        (["iris.csv", "diabetes.csv", *QUICK, "--scoring", "accuracy"], "scores classification"),
        (["iris.csv", *QUICK, "--estimators", "automl", "--time-budget", "-1"], "--time-budget must be"),
        (["iris.csv", *QUICK, "--out", "."], "holds no benchmark"),
        (["iris.csv", *QUICK, "--out", "iris.csv/found"], "--out: 'iris.csv/found' cannot be written"),
        (["iris.csv", *QUICK, "--estimators", " , "], "--estimators names no estimator; choose from 'automl'"),
        (["iris.csv", *QUICK, "--estimators", "forest", "--n-jobs", "0"], "--n-jobs must be -1 for all processors"),
    ],
)
def test_an_error_that_the_user_can_fix_is_one_line_before_any_work(here, run, arguments, message):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (here / "benchmark").exists()


def test_a_table_on_which_nothing_can_be_scored_is_one_error(here, run):
    table = pd.read_csv("wine.csv").head(12).assign(target=["a", "b"] * 6).drop(columns="clinic")
    table.to_csv("wine.csv", index=False)  # each fold scores one row
    code, _, err = run("wine.csv", *QUICK, "--scoring", "roc_auc_ovr", "--in-order", "--outer-cv", "10")
    assert code == 2
    assert err.count("no estimator has a score") == 1


def test_results_that_cannot_be_written_are_one_error_that_keeps_the_folds(here, run):
    assert run("iris.csv", *QUICK)[0] == 0
    (here / "benchmark" / "scores.csv").unlink()
    (here / "benchmark" / "scores.csv").mkdir()
    code, _, err = run("iris.csv", *QUICK)
    assert code == 2
    assert err.splitlines()[-1].startswith("automl: 'benchmark/scores.csv' cannot be written: ")
    (here / "benchmark" / "scores.csv").rmdir()
    assert "it holds 6 results already" in run("iris.csv", *QUICK)[2]


@pytest.mark.parametrize(("name", "classification"), [("wine", True), ("diabetes", False)])
def test_every_contender_takes_a_raw_table(here, name, classification):
    table = pd.read_csv(f"{name}.csv").head(120).assign(flag=lambda table: table.index % 2 == 0)
    settings = ContenderSettings(classification, n_jobs=1)
    for contender in make_contenders([name for name in CONTENDERS if name != "automl"], settings).values():
        fitted = contender.fit(table.drop(columns="target").head(90), table["target"].head(90))
        assert len(fitted.predict(table.drop(columns="target").tail(30))) == 30


def test_our_contender_has_the_budget_and_optimizes_the_first_metric():
    ours = make_contenders(["automl"], ContenderSettings(True, time_budget=7, scoring="f1", n_jobs=2))["automl"]
    assert (ours.time_budget, ours.scoring, ours.n_jobs, ours.verbose) == (7, "f1", 2, 0)


@pytest.mark.slow
def test_options_name_weights_and_kinds_of_columns(here, run):
    table = pd.DataFrame({"code": np.arange(90) % 3, "other": np.arange(90) % 5, "weight": 1.0})
    table["target"] = np.where(table["code"] == 1, 9.0, 0.0)
    table.sample(frac=1, random_state=0).to_csv("codes.csv", index=False)
    options = [*QUICK, "--task", "regression", "--scoring", "r2", "--verbose", 0, "--weight", "weight"]
    for name, more in (("plain", []), ("kinds", ["--categorical", "code"]), ("dropped", ["--columns", "code=drop"])):
        extra = ["--estimators", "dummy"] if name == "dropped" else []
        code, _, err = run("codes.csv", *options, *more, *extra, "--out", name)
        assert code == 0, err
    plain, kinds = (
        pd.read_csv(f"{name}/scores.csv").groupby("estimator")["score"].mean() for name in ("plain", "kinds")
    )
    assert plain["linear"] < 0.1  # a number whose middle value is the highest
    assert kinds["linear"] > 0.9
    for wrong, message in (
        (["--weight", "wait"], "--weight: 'codes.csv' has no column 'wait'; it has 'weight'"),
        (["--drop", "kode"], "the columns of 'codes.csv': 'kode' is unknown; did you mean 'code'"),
        (["--columns", "code=number,code=text"], "another option names this column"),
    ):
        code, _, err = run("codes.csv", *options, *wrong, "--out", "wrong")
        assert (code, message in err) == (2, True), err
