"""The scores of exported scripts have a value where some rows lack a class, or the script ends with an error."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from joblib import load
from sklearn.metrics import get_scorer
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor
from automl.export.script import python_script
from tests.export.test_script_main import run_main
from tests.factories import FAST


def drifting_table():
    """Return rows in the order of time, of which the older ones have other classes than the newer ones."""
    rng = np.random.default_rng(0)
    label = np.sort(np.arange(240) % 4)
    label[[10, 90, 150, 230]] = 3, 0, 1, 2  # so that the first training parts have a gap in the numbers of classes
    table = pd.DataFrame({"a": label + 0.5 * rng.normal(size=240), "b": rng.normal(size=240)})
    return table.assign(label=np.array(["calm", "rain", "snow", "storm"])[label])


def script_of(table, model, scoring, targets="label"):
    """Return the script of one configuration, whose search has seen all classes in all folds."""
    is_classification = "label" in targets
    kind = AutoMLClassifier if is_classification else AutoMLRegressor
    features = ["a", "b"] if is_classification else ["b"]
    arguments = FAST | {"include": (), "max_trials": 1, "cv": TimeSeriesSplit(2), "scoring": scoring}
    estimator = kind(**arguments, initial_configurations=[{"model": model}])
    mixed = table.sample(frac=1, random_state=0)
    script = python_script(estimator.fit(mixed[features], mixed[targets]))
    return re.sub(r"n_estimators=\d+", "n_estimators=5", script)


def saved(folder):
    """Return the words of the command line that save the model."""
    return "--out", str(folder / "model.joblib")


def rows_to_score(folder, table):
    """Return the words of the command line that name a file with these rows to score."""
    table.to_csv(folder / "test.csv", index=False)
    return "--test", str(folder / "test.csv")


@pytest.mark.parametrize("model", ["xgboost", "decision_tree"])
@pytest.mark.filterwarnings("error")
def test_folds_without_some_classes_have_a_log_loss(tmp_path, monkeypatch, capsys, model):
    table = drifting_table()
    script = script_of(table, model, "neg_log_loss")
    out, names = run_main(tmp_path, monkeypatch, capsys, script, table, "label")
    assert "over 5 of 5 folds" in out
    assert -20 < float(out.split()[1]) < -5  # the newest classes have a probability of 0 in three folds
    few = table[table["label"] != "rain"]
    few.head(50).to_csv(tmp_path / "test.csv", index=False)
    out, _ = run_main(tmp_path, monkeypatch, capsys, script, few, "label", "--test", str(tmp_path / "test.csv"))
    assert -0.8 < float(out.split()[1]) <= 0
    fitted = names["make_model"]().fit(few[["a", "b"]], names["read_target"](few["label"]))
    assert fitted.classes_.tolist() == [0, 2, 3]
    assert set(fitted.predict(few[["a", "b"]])) <= {0, 2, 3}


@pytest.mark.parametrize(
    "scoring",
    [
        *("neg_brier_score", "d2_log_loss_score", "d2_brier_score", "top_k_accuracy"),
        *("roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo", "roc_auc_ovo_weighted"),
    ],
)
def test_scores_of_probabilities_have_a_value_in_folds_without_some_classes(tmp_path, monkeypatch, capsys, scoring):
    table = drifting_table()
    script = script_of(table, "decision_tree", scoring)
    out, names = run_main(tmp_path, monkeypatch, capsys, script, table, "label")
    assert out.startswith(f"{scoring}: ")
    assert "over 5 of 5 folds" in out
    mixed = table.sample(frac=1, random_state=1)
    X, y = names["read_columns"](mixed), names["read_target"](mixed["label"])
    fitted = names["make_model"]().fit(X[:60], y[:60])
    assert names["score_rows"](fitted, X, y) == pytest.approx(get_scorer(scoring)(fitted, X, y))


def test_folds_without_a_score_are_left_out_and_without_any_score_the_script_fails(tmp_path, monkeypatch, capsys):
    table = drifting_table()
    script = script_of(table, "decision_tree", "roc_auc_ovr")
    table["label"] = np.where(np.arange(240) < 200, "calm", np.where(np.arange(240) < 220, "rain", "snow"))
    out, _ = run_main(tmp_path, monkeypatch, capsys, script, table, "label")
    assert "roc_auc_ovr: 0.5000 (standard deviation 0.0000 over 1 of 5 folds)" in out
    with pytest.raises(SystemExit, match=r"^roc_auc_ovr: no value in any fold; the rows of a fold may lack a class$"):
        run_main(tmp_path, monkeypatch, capsys, script, table.head(200), "label", *saved(tmp_path))
    assert capsys.readouterr().out == ""
    assert (load(tmp_path / "model.joblib").predict(table[["a", "b"]]) == 0).all()


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_without_a_score_of_numbers_the_script_saves_the_model_and_points_at_the_warnings(
    tmp_path, monkeypatch, capsys
):
    table = drifting_table()
    script = script_of(table, "ridge", "r2", "a")
    few = table[["a", "b"]].head(6)  # folds of one row, which have no R2
    with pytest.raises(SystemExit, match=r"^r2: no value in any fold; the warnings above may say why$"):
        run_main(tmp_path, monkeypatch, capsys, script, few, "a", *saved(tmp_path))
    assert len(load(tmp_path / "model.joblib").predict(few[["b"]])) == 6


@pytest.mark.filterwarnings("error")
def test_the_model_is_saved_also_where_the_score_of_other_rows_fails(tmp_path, monkeypatch, capsys):
    table = drifting_table().assign(a=lambda rows: rows["a"] + 5)
    script = script_of(table, "ridge", "neg_mean_squared_log_error", "a")
    words = ["a", *rows_to_score(tmp_path, table.assign(a=-5)), *saved(tmp_path)]
    with pytest.raises(SystemExit, match=r"^neg_mean_squared_log_error: no value on 240 rows; .*Logarithmic.*$"):
        run_main(tmp_path, monkeypatch, capsys, script, table, *words)
    assert capsys.readouterr().out == ""
    assert len(load(tmp_path / "model.joblib").predict(table[["b"]])) == 240


def test_several_targets_print_the_scores_that_have_a_value_and_end_with_an_error(tmp_path, monkeypatch, capsys):
    table = drifting_table().sample(frac=1, random_state=0).assign(warm=lambda rows: rows["a"] > 1.5)
    script = script_of(table, "decision_tree", "roc_auc_ovr", ["label", "warm"])
    message = r"^label: roc_auc_ovr no value in any fold; the rows of a fold may lack a class$"
    with pytest.raises(SystemExit, match=message):
        run_main(tmp_path, monkeypatch, capsys, script, table.assign(label="calm"), *saved(tmp_path))
    assert re.fullmatch(r"warm: roc_auc_ovr 0\.\d+ \(.* over 5 of 5 folds\)\n", capsys.readouterr().out)
    assert load(tmp_path / "model.joblib").predict(table[["a", "b"]]).shape == (240, 2)


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_several_targets_of_numbers_without_a_score_point_at_the_warnings(tmp_path, monkeypatch, capsys):
    table = drifting_table().assign(c=lambda rows: rows["b"] ** 2)
    script = script_of(table, "ridge", "r2", ["a", "c"])
    reason = "no value in any fold; the warnings above may say why"
    with pytest.raises(SystemExit, match=f"^a: r2 {reason}\nc: r2 {reason}$"):
        run_main(tmp_path, monkeypatch, capsys, script, table[["a", "b", "c"]].head(6))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("scoring", "classes", "reason"),
    [
        ("roc_auc", 2, "the rows lack a class"),
        ("d2_brier_score", 2, "the rows lack a class"),
        ("d2_log_loss_score", 2, "the rows lack a class: y_true contains only one label"),
        ("top_k_accuracy", 2, "the rows lack a class: Number of classes in 'y_true' (1)"),
        ("roc_auc_ovr", 3, "the rows lack a class"),
        ("average_precision", 3, "the rows lack a class: y should be a 1d array"),
    ],
)
@pytest.mark.filterwarnings("ignore:Only one class is present", "ignore:divide by zero")
def test_test_rows_of_one_class_without_a_score_end_the_script_with_one_line(
    tmp_path, monkeypatch, capsys, scoring, classes, reason
):
    table = drifting_table().sample(frac=1, random_state=0)
    table = table[table["label"].isin(sorted(set(table["label"]))[:classes])]
    script = script_of(table, "decision_tree", scoring)
    words = ["label", *rows_to_score(tmp_path, table[table["label"] == "calm"])]
    with pytest.raises(SystemExit) as end:
        run_main(tmp_path, monkeypatch, capsys, script, table, *words)
    assert str(end.value.code).startswith(f"{scoring}: no value on {(table['label'] == 'calm').sum()} rows; {reason}")
    assert "\n" not in end.value.code
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("ignore:R.2 score is not well-defined")
def test_a_test_row_of_one_number_without_a_score_ends_the_script_with_one_line(tmp_path, monkeypatch, capsys):
    table = drifting_table()
    script = script_of(table, "ridge", "r2", "a")
    with pytest.raises(SystemExit, match=r"^r2: no value on 1 rows; the warnings above may say why$"):
        run_main(tmp_path, monkeypatch, capsys, script, table, "a", *rows_to_score(tmp_path, table.head(1)))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("targets", "scoring"), [("label", "accuracy"), (["label", "warm"], "accuracy"), ("a", "r2"), (["a", "c"], "r2")]
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_an_error_of_the_pipeline_on_test_rows_with_all_classes_is_shown_alone(
    tmp_path, monkeypatch, capsys, targets, scoring
):
    table = drifting_table().sample(frac=1, random_state=0)
    table = table.assign(warm=table["a"] > 1.5, c=table["b"] ** 2)
    script = script_of(table, "decision_tree", scoring, targets)
    words = rows_to_score(tmp_path, table.assign(b=1e300))  # too large for the numbers of trees
    if isinstance(targets, str):
        words = targets, *words
    with pytest.raises(SystemExit) as end:
        run_main(tmp_path, monkeypatch, capsys, script, table, *words)
    shown = end.value.code.splitlines()
    assert len(shown) == (1 if isinstance(targets, str) else 2)
    assert all(
        re.search("no value on 240 rows; Input X contains infinity or a value too large", line) for line in shown
    )


@pytest.mark.parametrize("targets", ["label", ["a", "c"]])
def test_a_file_without_rows_ends_the_script_with_its_own_message(tmp_path, monkeypatch, capsys, targets):
    table = drifting_table().assign(c=lambda rows: rows["b"] ** 2)
    script = script_of(table, "decision_tree", None, targets)
    words = [*([targets] if isinstance(targets, str) else []), *rows_to_score(tmp_path, table.head(0))]
    with pytest.raises(SystemExit, match=r"^'.*test\.csv' has no rows$"):
        run_main(tmp_path, monkeypatch, capsys, script, table, *words)
    (tmp_path / "test.csv").write_text("")
    with pytest.raises(SystemExit, match=r"^'.*test\.csv' cannot be read: No columns to parse from file"):
        run_main(tmp_path, monkeypatch, capsys, script, table, *words)


@pytest.mark.filterwarnings("ignore:Only one class is present")
def test_several_targets_print_the_scores_of_test_rows_that_have_a_value_and_end_with_an_error(
    tmp_path, monkeypatch, capsys
):
    table = drifting_table().sample(frac=1, random_state=0).assign(warm=lambda rows: rows["a"] > 1.5)
    script = script_of(table, "decision_tree", "roc_auc_ovr", ["label", "warm"])
    words = rows_to_score(tmp_path, table.assign(label="calm"))
    with pytest.raises(SystemExit, match=r"^label: roc_auc_ovr no value on 240 rows; the rows lack a class$"):
        run_main(tmp_path, monkeypatch, capsys, script, table, *words)
    assert re.fullmatch(r"warm: roc_auc_ovr (0\.\d+|1\.0000) on 240 rows\n", capsys.readouterr().out)


@pytest.mark.slow
def test_two_targets_train_xgboost_where_the_rows_of_one_lack_a_class(tmp_path, monkeypatch, capsys):
    table = drifting_table().assign(warm=lambda rows: rows["a"] > 1.5)
    script = script_of(table, "xgboost", None, ["label", "warm"])
    out, _ = run_main(tmp_path, monkeypatch, capsys, script, table[table["label"] != "rain"])
    assert out.count("over 5 of 5 folds") == 2
