"""The exported script trains the best pipeline again, without any package of this project."""

from __future__ import annotations

import ast
import builtins
import dis
import os
import re
import subprocess
import sys
import warnings
from types import CodeType

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.model_selection import KFold

from automl import AutoMLClassifier, AutoMLRegressor
from automl.export.script import python_script
from tests.factories import FAST

# The import hook makes sure that the script needs no part of this project.
RUN = """
import runpy, sys
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("automl", "pipelines", "metalearning", "meta_db"):
            raise ImportError(f"{name} is part of this project")
sys.meta_path.insert(0, Forbidden())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def mixed_table(n_rows=240):
    """Return a table with numbers, categories, booleans, dates and texts, and a target of two classes."""
    rng = np.random.default_rng(0)
    words = ["fast", "slow", "cheap", "good", "bad", "old", "new", "clean"]
    days = pd.to_timedelta(rng.integers(0, 700, n_rows), unit="D")
    table = pd.DataFrame(
        {
            "size": rng.normal(size=n_rows),
            "city": rng.choice(["Rome", "Oslo", "Lima"], n_rows),
            "floor": rng.choice(["1", "2", None], n_rows),
            "sold": rng.choice([True, False], n_rows),
            "since": pd.Timestamp("2022-01-01") + days,
            "note": [" ".join(rng.choice(words, 6)) for _ in range(n_rows)],
        }
    )
    good = table["note"].str.contains("good") ^ table["note"].str.contains("bad")
    score = table["size"] + 2 * (table["city"] == "Oslo") + good + 0.002 * days.days
    table["label"] = np.where(score > np.median(score), "yes", "no")
    return table


def named(loader):
    """Return rows of a table of scikit-learn in random order, with its target in the column "label"."""
    return loader(as_frame=True).frame.rename(columns={"target": "label"}).sample(frac=1, random_state=0).head(400)


TABLES = {
    "cancer": lambda: named(load_breast_cancer),
    "wine": lambda: named(load_wine),
    "diabetes": lambda: named(load_diabetes),
    "mixed": mixed_table,
}
NATIVE = {"encoding": "native", "imputation": "none", "scaling": "none"}


def compare(folder, name, configuration):
    """Return the score of the script and of `best_pipeline_` on the second half of a table, and the script."""
    TABLES[name]().to_csv(folder / "all.csv", index=False)
    table = pd.read_csv(folder / "all.csv")
    train, test = table.iloc[: len(table) // 2], table.iloc[len(table) // 2 :]
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    kind = AutoMLRegressor if name == "diabetes" else AutoMLClassifier
    arguments = FAST | {"include": (), "max_trials": 1, "initial_configurations": [configuration]}
    model = kind(**arguments).fit(train.drop(columns="label"), train["label"])
    ours = model.scorer_(model.best_pipeline_, test.drop(columns="label"), test["label"])
    script = python_script(model)
    (folder / "pipeline.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUN, "pipeline.py", "train.csv", "label", "--test", "test.csv"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout.split()[1]), ours, script


def assert_close(theirs, ours):
    """The script trains on all rows, the pipeline on the rows of one fold."""
    assert theirs > ours - 0.1 * max(1.0, abs(ours)), (theirs, ours)


def test_a_table_of_all_kinds_of_columns_is_read(tmp_path):
    theirs, ours, script = compare(tmp_path, "mixed", {"model": "logistic_regression"})
    assert_close(theirs, ours)
    assert "LogisticRegression(" in script
    assert "to_date_parts" in script
    assert "to_hashes" in script


def test_odd_names_and_labels_are_read():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(60, 2)), columns=['a "b"', "c\\\n"])
    X["kind"] = rng.choice(["x", "y"], 60)
    model = AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X, (X.iloc[:, 0] > 0).astype(float))
    names = {"__name__": "script"}
    exec(python_script(model), names)
    assert names["read_target"](pd.Series([0, 1, 1.0])).tolist() == [0, 1, 1]
    assert names["make_model"]().fit(names["read_columns"](X), np.arange(60) % 2).n_features_in_ == 3


HOSTILE = [
    'x""""""; import os; os.environ["RUN_BY_A_NAME"] = "1"; \'\'\'',
    "x'''; import os; os.environ['RUN_BY_A_NAME'] = '1'; '''",
    "C:\\Users\\N{x}\\x",
    "two\nlines\u2028of\x00a name",
    'ends with "',
    "ends with \\",
]


@pytest.mark.parametrize("is_used", [False, True])
def test_names_of_columns_never_become_code(is_used, monkeypatch):
    monkeypatch.delenv("RUN_BY_A_NAME", raising=False)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60)} | {name: rng.normal(size=60) * is_used for name in HOSTILE})
    model = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]}).fit(X, X["a"] > 0)
    assert model.columns_["kind"].tolist() == ["number"] + 6 * ["number" if is_used else "constant"]
    names = {"__name__": "script"}
    exec(python_script(model, 'my """; raise SystemExit; """.py'), names)
    assert "RUN_BY_A_NAME" not in os.environ
    assert names["make_model"]().fit(names["read_columns"](X), X["a"] > 0).n_features_in_ == (7 if is_used else 1)
    if not is_used:
        shown = ", ".join([*HOSTILE[:3], "two lines of\x00a name", *HOSTILE[4:]])
        assert f"columns that the model does not use: {shown}." in names["__doc__"]


def test_booleans_of_all_languages_are_read():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60)})
    texts = [("ja", "nein"), ("wahr", "falsch"), ("Oui", "Non"), ("да", "нет"), ("yes", "no")]
    for yes, no in texts:
        X[yes] = np.where(rng.random(60) < 0.5, yes, no)
    model = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]}).fit(X, X["a"] > 0)
    assert model.columns_["kind"].tolist() == ["number", *len(texts) * ["boolean"]]
    names = {"__name__": "script"}
    exec(python_script(model), names)
    read = names["read_columns"](X)
    for yes, _ in texts:
        np.testing.assert_array_equal(read[yes], X[yes] == yes)


NUMBERS = {
    "euro": ("{:.2f} EUR", 10.37),
    "currency_first": ("EUR {:.2f}", 10.37),
    "word": ("{:.1f} Euro", 7.5),
    "years": ("{:.1f} years", 3.5),
    "area": ("{:.1f} m2", 120.5),
    "cost": ("-${:,.2f}", 1234.5),
    "exponent": ("{:.2e} kg", 12340.0),
    "each": ("{:.1f} each", 2.5),
    "loss": ("({:,.1f})", 1234.5),
    "ends_with_minus": ("{:.1f}-", 2.5),
    "no_unit": ("{:,.2f}", 1234.5),
}


@pytest.mark.parametrize("decimal", [".", ","])
def test_numbers_in_texts_are_those_of_the_model(decimal):
    rng = np.random.default_rng(0)
    numbers = {kind: size * rng.permutation(np.linspace(0.5, 2, 60)) for kind, (_, size) in NUMBERS.items()}
    X = pd.DataFrame({kind: [NUMBERS[kind][0].format(each) for each in values] for kind, values in numbers.items()})
    if decimal == ",":
        X = X.map(lambda text: text.translate(str.maketrans(",.", ".,")))
    model = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["ridge"]}).fit(X, numbers["euro"])
    names = {"__name__": "script"}
    exec(python_script(model), names)
    X.iloc[0] = " "
    read = names["read_columns"](X)[list(NUMBERS)]
    np.testing.assert_allclose(read, model._reader.transform(X))
    for kind, values in numbers.items():
        assert abs(read[kind]).mean() == pytest.approx(values[1:].mean(), rel=0.01), kind


def test_categories_after_a_text_keep_their_places():
    rng = np.random.default_rng(0)
    codes = [f"K{a}-{b}" for a, b in zip(rng.integers(1, 9, 80), rng.choice(9000, 80, replace=False), strict=True)]
    X = pd.DataFrame({"code": codes, "size": rng.normal(size=80), "city": rng.choice(["Rome", "Oslo"], 80)})
    model = AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X, X["city"] == "Rome")
    assert model.columns_["kind"].tolist() == ["text", "number", "category"]
    names = {"__name__": "script"}
    exec(python_script(model), names)
    assert names["CATEGORIES"] == ["city"]
    assert names["NUMBERS"] == ["code_length", "size"]


def test_the_script_of_a_regression_keeps_the_loss_and_the_transform_of_the_target():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(150, 2)), columns=["a", "b"])
    prices = np.exp(X["a"] + 0.5 * rng.normal(size=150))
    arguments = {"max_trials": 1, "cv": 2, "include": (), "scoring": "neg_mean_absolute_error"}
    model = AutoMLRegressor(**FAST | arguments, initial_configurations=[{"model": "lightgbm"}]).fit(X, prices)
    script = python_script(model)
    assert 'objective="regression_l1"' in script
    assert "func=to_log" in script
    assert undefined_names(script) == set()
    names = {"__name__": "script"}
    exec(script, names)
    fitted = names["make_model"]().fit(names["read_columns"](X), prices)
    assert (fitted.predict(names["read_columns"](X)) < prices).mean() == pytest.approx(0.5, abs=0.15)


def test_numbers_far_from_0_keep_their_differences_in_the_search_after_a_refit_and_in_the_script():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"second": 1.7e9 + rng.integers(0, 60, 200), "noise": rng.normal(size=200)})
    y = X["second"] % 60
    arguments = {"max_trials": 1, "include": (), "initial_configurations": [{"model": "decision_tree"}]}
    model = AutoMLRegressor(**FAST | arguments).fit(X, y)
    assert model.score(X, y) > 0.8
    script, names = python_script(model), {"__name__": "script"}
    assert undefined_names(script) == set()
    exec(script, names)
    table = names["read_columns"](X)
    assert names["make_model"]().fit(table, y).score(table, y) > 0.8
    assert model.refit().score(X, y) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "configuration"),
    [
        ("mixed", {"model": "lightgbm", **NATIVE}),
        ("mixed", {"model": "hist_gradient_boosting", **NATIVE}),
        ("mixed", {"model": "xgboost", **NATIVE}),
        ("mixed", {"model": "catboost", **NATIVE}),
        ("mixed", {"model": "logistic_regression", "generation": "categorical_interactions"}),
        ("mixed", {"model": "lightgbm", **NATIVE, "generation": "combined_features"}),
        ("diabetes", {"model": "ridge", "generation": "combined_features"}),
        ("mixed", {"model": "logistic_regression", "encoding": "frequency", "balancing": "weights"}),
        ("mixed", {"model": "extra_trees", "encoding": "target", "calibration": "sigmoid"}),
        ("wine", {"model": "lightgbm"}),
        ("wine", {"model": "linear_svm", "generation": "pca"}),
        ("wine", {"model": "lda", "selection": "univariate"}),
        ("cancer", {"model": "kernel_svm", "scaling": "robust_clip"}),
        ("cancer", {"model": "k_nearest_neighbors", "scaling": "power"}),
        ("cancer", {"model": "random_forest", "generation": "arithmetic"}),
        ("diabetes", {"model": "xgboost"}),
        ("diabetes", {"model": "elastic_net", "scaling": "quantile"}),
        ("wine", {"model": "gaussian_process"}),
        ("diabetes", {"model": "gaussian_process"}),
        ("diabetes", {"model": "ridge", "generation": "nystroem", "selection": "model_based"}),
    ],
)
def test_the_script_scores_as_the_best_pipeline(tmp_path, name, configuration):
    theirs, ours, _ = compare(tmp_path, name, configuration)
    assert_close(theirs, ours)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "model"), [("wine", "SVC"), ("diabetes", "SVR")])
def test_a_feature_machine_is_replaced_and_the_script_says_so(tmp_path, name, model):
    _, _, script = compare(tmp_path, name, {"model": "recursive_feature_machine"})
    assert f"a recursive feature machine has no plain counterpart; {model} takes its place" in script


@pytest.mark.slow
def test_a_network_is_replaced_and_the_script_says_so(tmp_path):
    _, _, script = compare(tmp_path, "mixed", {"model": "realmlp"})
    assert "the network RealMLP has no plain counterpart; MLPClassifier" in script


@pytest.mark.slow
def test_the_command_prints_the_script(call, tmp_path):
    X, y = load_wine(return_X_y=True)
    model = AutoMLClassifier(**FAST | {"include": ["decision_tree"], "max_trials": 1}).fit(X, y)
    model.save(tmp_path / "model")
    code, out, _ = call("export", tmp_path / "model", "--python")
    assert code == 0
    assert 'COLUMNS = ["x0", "x1"' in out.replace("\n", "").replace('[    "', '["').replace(",    ", ", ")
    compile(out, "pipeline.py", "exec")
    code, _, _ = call("export", tmp_path / "model", "--python", "--out", tmp_path / "pipeline.py")
    assert code == 0
    assert (tmp_path / "pipeline.py").read_text(encoding="utf-8").startswith('"""Train decision_tree (multiclass)')
    named(load_wine).to_csv(tmp_path / "wine.csv", index=False)
    command = [sys.executable, "pipeline.py", "wine.csv", "labl"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "has no column 'labl'; it has: " in done.stderr
    code, _, err = call("export", tmp_path / "model")
    assert code == 2
    assert "add --python" in err


@pytest.mark.slow
def test_the_file_of_the_script_is_replaced_as_a_whole(call, tmp_path):
    X, y = load_wine(return_X_y=True)
    AutoMLClassifier(**FAST | {"include": ["decision_tree"], "max_trials": 1}).fit(X, y).save(tmp_path / "model")
    (tmp_path / "pipeline.py").write_text("old")
    os.link(tmp_path / "pipeline.py", tmp_path / "same_file")
    code, _, err = call("export", tmp_path / "model", "--python", "--out", tmp_path / "pipeline.py")
    assert code == 0, err
    assert "make_model" in (tmp_path / "pipeline.py").read_text(encoding="utf-8")
    assert (tmp_path / "same_file").read_text() == "old"  # writing into the old file would have changed it
    code, _, err = call("export", tmp_path / "model", "--python", "--out", tmp_path / "missing" / "pipeline.py")
    assert code == 2
    assert "cannot be written" in err


@pytest.mark.slow
def test_the_script_says_what_it_leaves_out():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    settings = FAST | {"max_trials": 1, "include": ["decision_tree"]}
    plain = python_script(AutoMLClassifier(**settings | {"scoring": "accuracy"}).fit(X, y))
    model = AutoMLClassifier(**settings).fit(X, y, sample_weight=np.where(y == 1, 2.0, 1.0))
    model.decision_threshold_ = 0.2
    parts = ("weighted the rows", "decision threshold of 0.2;")
    script = python_script(model)
    assert all(part in script and part not in plain for part in parts)
    validated = AutoMLClassifier(**settings | {"cv": None}).fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert "validation rows" in python_script(validated)
    own = python_script(AutoMLClassifier(**settings | {"cv": KFold(3)}).fit(X, y))
    assert "folds of its own" in own


def undefined_names(script):
    """Return the global names in the code and the annotations of a script that neither it nor Python defines."""
    module: dict[str, object] = {"__name__": "script"}
    code = compile(script, "script", "exec")
    exec(code, module)
    known, missing, codes = set(module) | set(vars(builtins)), set(), [code]
    while codes:
        inner = codes.pop()
        codes += [constant for constant in inner.co_consts if isinstance(constant, CodeType)]
        missing |= {i.argval for i in dis.get_instructions(inner) if i.opname == "LOAD_GLOBAL"} - known
    nodes = list(ast.walk(ast.parse(script)))
    annotations = [getattr(node, field, None) for node in nodes for field in ("annotation", "returns")]
    inner = [node for annotation in annotations if annotation is not None for node in ast.walk(annotation)]
    return missing | {node.id for node in inner if isinstance(node, ast.Name)} - known


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"generation": "arithmetic"}, marks=pytest.mark.slow),
        pytest.param({"generation": "categorical_interactions"}, marks=pytest.mark.slow),
        {"generation": "combined_features", "balancing": "weights"},
        {"selection": "correlation", "encoding": "frequency"},
        {"encoding": "target"},
    ],
    ids=lambda changes: "-".join(changes.values()),
)
def test_a_script_defines_all_names_that_it_uses(changes):
    table = mixed_table(120)
    configuration = {"model": "logistic_regression", **changes}
    arguments = FAST | {"include": (), "max_trials": 1, "initial_configurations": [configuration]}
    model = AutoMLClassifier(**arguments).fit(table.drop(columns="label"), table["label"])
    assert undefined_names(python_script(model)) == set()


@pytest.mark.parametrize("model", ["lightgbm", "xgboost", "catboost", "hist_gradient_boosting"])
def test_a_script_has_the_rate_of_a_training_that_was_short_of_time(model):
    X, y = load_diabetes(return_X_y=True)
    fitted = AutoMLRegressor(**FAST | {"include": (model,), "max_trials": 1}).fit(X[:100], y[:100])
    for pipeline in fitted._ensemble.bags[0].models:
        pipeline[-1].mean_learning_rate_ = 2 / 13
    assert "learning_rate=0.1538," in python_script(fitted)


@pytest.mark.parametrize("model", ["lightgbm", "hist_gradient_boosting"])
def test_a_script_has_the_rounds_of_a_fold_model_that_the_time_has_not_cut(model):
    X, y = load_diabetes(return_X_y=True)
    fitted = AutoMLRegressor(**FAST | {"include": (model,), "max_trials": 1}).fit(X[:100], y[:100])
    models = [pipeline[-1] for pipeline in fitted._ensemble.bags[0].models]
    for i, (own, rounds) in enumerate(zip(models, (7, 13, 17), strict=True)):
        own.n_iter_, own.cut_ = rounds, i == 0
    assert re.search(r"(n_estimators|max_iter)=13\b", python_script(fitted))
    assert fitted.best_pipeline_[-1].n_iter_ == 13
    for own in models:
        own.cut_ = True
    script = python_script(fitted)
    assert re.search(r"(n_estimators|max_iter)=7\b", script)
    assert "the time limit ended the training of the model early" in script


def test_a_script_of_lightgbm_with_categories_gives_no_warning():
    table, names = mixed_table(120)[["size", "city", "floor", "label"]], {"__name__": "script"}
    arguments = FAST | {"include": (), "max_trials": 1, "initial_configurations": [{"model": "lightgbm"} | NATIVE]}
    model = AutoMLClassifier(**arguments).fit(table.drop(columns="label"), table["label"])
    script = python_script(model)
    exec(script, names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = names["make_model"]().fit(names["read_columns"](table), names["read_target"](table["label"]))
        plain.predict_proba(names["read_columns"](table))
    trees = plain[-1].booster_.dump_model()["tree_info"]
    assert "'decision_type': '=='" in str(trees)  # the categories are used as such


def test_a_script_of_quadratic_discriminant_analysis_predicts_like_the_model_where_a_column_is_constant_in_a_class():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    X = pd.DataFrame({"a": rng.normal(size=120) + y, "b": rng.normal(size=120) * y, "c": rng.normal(size=120)})
    configuration = {"model": "qda", "scaling": "quantile", "scaling:quantile:output_distribution": "uniform"}
    configuration |= {"model:qda:reg_param": 1e-4, "balancing": "none"}
    arguments = FAST | {"include": (), "max_trials": 1, "initial_configurations": [configuration]}
    model, names = AutoMLClassifier(**arguments).fit(X, y), {"__name__": "script"}
    exec(python_script(model), names)
    plain = names["make_model"]().fit(names["read_columns"](X), y)
    expected = model.best_pipeline_.predict_proba(X)
    assert np.abs(plain.predict_proba(names["read_columns"](X)) - expected).mean() < 0.02
