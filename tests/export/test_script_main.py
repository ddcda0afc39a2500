"""The main function of an exported script reads the files of the command line, and prints scores of folds."""

from __future__ import annotations

import re
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, PredefinedSplit

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.export.script import python_script
from tests.factories import FAST


def printed_score(folder, monkeypatch, capsys, model, table):
    """Return the name and the value of the score that the script prints for its own folds, and the script."""
    table.to_csv(folder / "train.csv", index=False)
    script, names = python_script(model), {"__name__": "script"}
    exec(script, names)
    monkeypatch.setattr(sys, "argv", ["script", str(folder / "train.csv"), "label"])
    capsys.readouterr()
    names["main"]()
    name, value, *_ = capsys.readouterr().out.split()
    return name.removesuffix(":"), float(value), script


@pytest.mark.parametrize(
    ("scoring", "printed"),
    [
        ("rmse", "neg_root_mean_squared_error"),
        (["mae", "r2"], "neg_mean_absolute_error"),
        ("log_loss", "neg_log_loss"),
        ("quadratic_weighted_kappa", "neg_log_loss"),
        (None, "neg_log_loss"),
    ],
)
def test_names_of_scores_that_are_unknown_to_scikit_learn_are_replaced(tmp_path, monkeypatch, capsys, scoring, printed):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=90)})
    table["label"] = table["a"] + 0.1 * rng.normal(size=90)
    kind = AutoMLRegressor
    if printed == "neg_log_loss":
        kind = AutoMLClassifier
        table["label"] = pd.cut(table["label"], 3, labels=["low", "middle", "high"], ordered=scoring != "log_loss")
    settings = FAST | {"max_trials": 1, "include": ["decision_tree"], "scoring": scoring}
    model = kind(**settings).fit(table[["a"]], table["label"])
    name, _, script = printed_score(tmp_path, monkeypatch, capsys, model, table)
    assert name == printed
    known = scoring in ("rmse", "log_loss") or isinstance(scoring, list)
    assert ("scikit-learn has no score" in script) == (not known)


@pytest.mark.parametrize(
    ("scoring", "labels", "positive"),
    [
        ("f1", ["common", "rare"], "common"),
        ("average_precision", [1, 2], None),
        ("recall", [1, 2], 2),
        ("precision", ["common", "rare"], None),
    ],
)
def test_scores_of_one_class_are_those_of_the_positive_class(tmp_path, monkeypatch, capsys, scoring, labels, positive):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=300)})
    table["label"] = np.where(table["a"] + 0.5 * rng.normal(size=300) > 1, labels[1], labels[0])
    settings = {"max_trials": 1, "include": ["logistic_regression"], "scoring": scoring, "positive_label": positive}
    model = AutoMLClassifier(**FAST | settings).fit(table[["a"]], table["label"])
    _, score, _ = printed_score(tmp_path, monkeypatch, capsys, model, table)
    assert score == pytest.approx(model.best_score_, abs=0.1)


@pytest.mark.parametrize("cv", [3, KFold(3), PredefinedSplit(np.arange(450) // 150)])
def test_the_folds_of_a_sorted_table_are_those_of_the_search(tmp_path, monkeypatch, capsys, cv):
    table = pd.DataFrame({"a": np.arange(450.0)})
    table["label"] = table["a"] // 90 * 100  # a fold of rows in their order has values that no other row has
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["decision_tree"], "cv": cv})
    model.fit(table[["a"]], table["label"])
    _, score, _ = printed_score(tmp_path, monkeypatch, capsys, model, table)
    assert (score > -50) == (model.best_score_ > -50) == isinstance(cv, int)


SOME = pd.DataFrame({"größe": np.linspace(0.5, 9.5, 60), "city": ["Köln", "Rom"] * 30})


@pytest.mark.parametrize("targets", [["label"], ["label", "more"]])
def test_the_script_reads_the_text_files_that_fit_reads(tmp_path, monkeypatch, targets):
    table = SOME.assign(label=SOME["größe"] * 2.5, more=-SOME["größe"])
    kind = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]})
    names = {"__name__": "script"}
    exec(python_script(kind.fit(SOME, table[targets].squeeze(axis=1))), names)
    table.to_csv(tmp_path / "office.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    command = ["script", str(tmp_path / "office.csv"), *(["label"] if len(targets) == 1 else [])]

    def run(*options):
        monkeypatch.setattr(sys, "argv", [*command, *options, "--out", str(tmp_path / "model.joblib")])
        names["main"]()

    office = ["--separator", ";", "--encoding", "cp1252", "--decimal", ","]
    run(*office)
    predicted = joblib.load(tmp_path / "model.joblib").predict(names["read_columns"](table))
    np.testing.assert_allclose(predicted.reshape(60, -1)[:, 0], table["label"], atol=0.5)
    for options, named in ((office[:2], "--encoding"), (office[2:], "--separator"), (office[:4], "--decimal")):
        with pytest.raises(SystemExit, match=named):
            run(*options)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [AutoMLClassifier, AutoMLRegressor])
def test_the_script_cross_validates_catboost_with_categories(tmp_path, monkeypatch, capsys, kind):
    table = SOME.assign(label=SOME["größe"] > 5 if kind is AutoMLClassifier else SOME["größe"])
    configuration = {"model": "catboost", "encoding": "native", "imputation": "none", "scaling": "none"}
    model = kind(**FAST | {"include": (), "max_trials": 1, "initial_configurations": [configuration]})
    script = python_script(model.fit(table.drop(columns="label"), table["label"]))
    assert "cat_features" in script
    script = re.sub(r"iterations=\d+", "iterations=5", script)
    out, _ = run_main(tmp_path, monkeypatch, capsys, script, table, "label")
    assert "over 5 of 5 folds" in out


@pytest.mark.parametrize("others", [{}, {"price": [f"{number}.50 EUR" for number in range(60)]}])
def test_decimal_commas_never_become_other_numbers(others):
    X = SOME[["größe"]].assign(**others)
    model = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]}).fit(X, X["größe"] > 5)
    names = {"__name__": "script"}
    exec(python_script(model), names)
    rows = X.head(2)
    for cell in ("1,234", "-1,5", ",5", "1,5e-05"):
        with pytest.raises(SystemExit, match=r"'größe'.*--decimal , if .*; delete it if it separates thousands"):
            names["read_columns"](rows.assign(größe=["n.a.", cell]))
    assert names["read_columns"](rows.assign(größe=["1.5", "n.a."]))["größe"].tolist()[0] == 1.5


def grouped_table():
    """Return rows in which the column "place" gives away the group, and each group has labels of its own."""
    rng = np.random.default_rng(0)
    gid = np.repeat(np.arange(60), 5)
    table = pd.DataFrame({"place": gid + 0.1 * rng.random(300), "size": rng.normal(size=300), "gid": gid})
    labels = rng.permutation(np.arange(60) % 2)
    return table.assign(label=labels[gid], more=rng.permutation(labels)[gid]).sample(frac=1, random_state=0)


def run_main(folder, monkeypatch, capsys, script, table, *arguments):
    """Return what the script prints for a table, and the names of the script."""
    table.to_csv(folder / "train.csv", index=False)
    names = {"__name__": "script"}
    exec(script, names)
    monkeypatch.setattr(sys, "argv", ["script", str(folder / "train.csv"), *arguments])
    capsys.readouterr()
    names["main"]()
    return capsys.readouterr().out, names


@pytest.mark.slow
@pytest.mark.parametrize("targets", [["label"], ["label", "more"]])
def test_the_folds_of_the_script_divide_no_group(tmp_path, monkeypatch, capsys, targets):
    table = grouped_table()
    X, y = table[["place", "size"]], table[targets].squeeze(axis=1)
    model = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"], "scoring": "accuracy"})
    if len(targets) > 1:
        model.set_params(scoring=None)
    model.fit(X, y, groups=table["gid"]).save(tmp_path / "model")
    script = python_script(load(tmp_path / "model"))
    assert "divided no group" in script
    names_of_targets = targets if len(targets) == 1 else []
    out, _ = run_main(tmp_path, monkeypatch, capsys, script, table, *names_of_targets)
    assert out.startswith("no cross-validation")
    assert "--groups" in out
    out, names = run_main(tmp_path, monkeypatch, capsys, script, table, *names_of_targets, "--groups", "gid")
    score = float(out.split()[1 if len(targets) == 1 else 2])
    assert score < 0.7  # with divided groups, a tree finds the label of nearly every row
    for train, test in names["FOLDS"].split(X, table["label"], table["gid"]):
        assert not set(table["gid"].iloc[train]) & set(table["gid"].iloc[test])
    with pytest.raises(SystemExit, match="no column 'gidd'"):
        run_main(tmp_path, monkeypatch, capsys, script, table, *names_of_targets, "--groups", "gidd")


def test_the_folds_of_the_script_train_on_older_rows(tmp_path, monkeypatch, capsys):
    table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=120), "a": np.arange(120.0)})
    table["label"] = table["a"] // 20
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]})
    model.fit(table[["day", "a"]], table["label"], time="day", gap="2 days")
    out, names = run_main(tmp_path, monkeypatch, capsys, python_script(model), table, "label")
    assert "over 5 of 5 folds" in out
    assert all(max(train) < min(test) for train, test in names["FOLDS"].split(table))
    assert "by the times of column day" in names["__doc__"]
    assert "have no gap" in names["__doc__"]
