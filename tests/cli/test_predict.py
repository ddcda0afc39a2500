"""Batch scoring on the command line: large tables in chunks, columns to keep, whole files or none."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import tempfile
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, roc_auc_score

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.cli import chunks, predict, score
from automl.table_files.reading import read_table
from automl.table_files.writing import write_table

MODELS = cache(load)
FAST = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}


def make_table(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    amount = rng.normal(50, 20, n_rows).round(2)
    code = rng.choice(["1", "02", "003", "A4"], n_rows)
    paid = rng.random(n_rows) < 0.5
    day = pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n_rows), unit="D")
    signal = (amount > 50) + (code == "02") + paid + rng.normal(0, 0.3, n_rows)
    return pd.DataFrame(
        {
            "id": [f"{i:06d}" for i in range(n_rows)],
            "amount": np.where(rng.random(n_rows) < 0.1, np.nan, amount),
            "code": code,
            "paid": paid,
            "day": day.strftime("%d.%m.%Y"),
            "label": np.where(signal > 1.1, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Return a folder with a model, and new rows as CSV and as Parquet."""
    folder = tmp_path_factory.mktemp("batch")
    train, new = make_table(400), make_table(90, seed=1)
    train.to_csv(folder / "train.csv", index=False)
    frame = pd.read_csv(folder / "train.csv").drop(columns=["id", "label"])
    AutoMLClassifier(include=["extra_trees"], **FAST).fit(frame, train["label"]).save(folder / "model")
    new.to_csv(folder / "new.csv", index=False)
    new.to_parquet(folder / "new.parquet")
    return folder, new


def predicted(call, folder, table, *options, model="model"):
    code, out, err = call("predict", folder / model, table, *options)
    assert code == 0, err
    return pd.read_csv(io.StringIO(out), dtype=str, keep_default_na=False)


@pytest.mark.parametrize(
    ("is_terminal", "text"), [(True, "\r\x1b[Kautoml: 30 rows"), (False, "automl: 30 rows in 0 s\n")]
)
def test_the_number_of_rows_is_one_line(monkeypatch, capsys, is_terminal, text):
    monkeypatch.setattr(chunks, "_REDRAW_EVERY", 0.0)
    monkeypatch.setattr(chunks, "_LINE_EVERY", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with chunks.show_rows(1) as add:
        add(10)
        add(20)
    assert text in capsys.readouterr().err
    with chunks.show_rows(0) as add:
        add(10)
    assert capsys.readouterr().err == ""


def same(got, expected):
    """Compare tables of predictions; sums over another number of rows may differ in the last digit."""
    assert list(got.columns) == list(expected.columns)
    np.testing.assert_allclose(got.astype(float), expected.astype(float), rtol=1e-9)


@pytest.fixture(autouse=True)
def _load_each_model_once(monkeypatch):
    for command in (predict, score):
        monkeypatch.setattr(command, "load_model", MODELS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
@pytest.mark.parametrize("rows", [1, 7, 89, 1000])
def test_predictions_do_not_depend_on_the_chunks(places, call, name, rows):
    folder, new = places
    options = ["--proba", "--chunk-rows", rows]
    if rows == 1:
        new.head(20).to_csv(folder / "few.csv", index=False)
        name = "few.csv"
    expected = MODELS(folder / "model").predict_proba(pd.read_csv(folder / "new.csv"))
    got = predicted(call, folder, folder / name, *options).astype(float)
    assert list(got.columns) == ["probability_no", "probability_yes"]
    np.testing.assert_allclose(got.to_numpy(), expected[: len(got)], rtol=1e-9)


def test_cells_are_read_as_in_training_whatever_a_chunk_holds(places, call, tmp_path):
    """Chunks of codes that look like numbers, of cells that are all missing or all odd, of one truth value."""
    folder, new = places
    new = new.head(40).sort_values(["code", "paid"]).copy()
    new["amount"] = new["amount"].astype(object)
    new.loc[new.index[:5], "amount"] = np.nan
    new.loc[new.index[5:12], "amount"] = "unclear"
    new.to_csv(tmp_path / "odd.csv", index=False)
    whole = predicted(call, folder, tmp_path / "odd.csv", "--proba")
    for rows in (1, 4, 5):
        same(predicted(call, folder, tmp_path / "odd.csv", "--proba", "--chunk-rows", rows), whole)


def test_a_file_with_decimal_commas_gives_the_same_predictions(places, call, tmp_path):
    folder, new = places
    expected = predicted(call, folder, folder / "new.csv", "--proba")
    new.to_csv(tmp_path / "new.csv", index=False, sep=";", decimal=",", encoding="utf-16")
    for rows in (7, 1000):
        same(predicted(call, folder, tmp_path / "new.csv", "--proba", "--chunk-rows", rows), expected)
    odd = new.assign(amount=new["amount"].astype(str).str.replace(".", ",").replace("nan", "n.n."))
    odd.to_csv(tmp_path / "odd.csv", index=False, sep=";")
    same(predicted(call, folder, tmp_path / "odd.csv", "--proba", "--chunk-rows", 30), expected)


@pytest.mark.parametrize("rows", [1, 1000])
def test_a_point_in_a_file_with_decimal_commas_never_makes_a_number_smaller(call, tmp_path, rows):
    table = pd.DataFrame({"a": np.linspace(0, 2_000_000, 60), "b": np.linspace(1, 2, 60) ** 2, "same": 1.5})
    model = AutoMLRegressor(include=["ridge"], **FAST).fit(table, table["a"])
    model.save(tmp_path / "model")

    def run(command, *cells):
        (tmp_path / "new.csv").write_text("a;b;same;y\n" + "".join(f"{cell}\n" for cell in cells))
        return call(command, tmp_path / "model", tmp_path / "new.csv", "--chunk-rows", rows)

    code, out, err = run("predict", "12,5;1,5;1,5;1", "1.234.567;1,5;1.234;1", "1.234,5;1,5;1,5;1")
    assert code == 0, err
    expected = model.predict(pd.DataFrame({"a": [12.5, 1_234_567, 1234.5], "b": 1.5, "same": 1.5}))
    np.testing.assert_allclose(pd.read_csv(io.StringIO(out))["prediction"], expected)
    message = "row 2: column '{}' holds '1.234' with a point, but the decimal sign of the file is a comma"
    for command, name, cells in (("predict", "a", "1.234;1,5;1,5;1"), ("score", "y", "1,5;1,5;1,5;1.234")):
        code, _, err = run(command, "12,5;1,5;1,5;2", cells)
        assert code == 2
        assert message.format(name) in err


@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
def test_kept_columns_stand_before_the_predictions(places, call, name):
    folder, new = places
    some = predicted(call, folder, folder / name, "--keep", "id, code", "--chunk-rows", 40)
    assert list(some.columns) == ["id", "code", "prediction"]
    assert some["id"].tolist() == new["id"].tolist()
    assert some["code"].tolist() == new["code"].tolist()
    whole = predicted(call, folder, folder / name, "--keep", "all")
    assert list(whole.columns) == [*new.columns, "prediction"]
    assert accuracy_score(whole["label"], whole["prediction"]) > 0.7


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.parquet"])
def test_the_extension_gives_the_format_of_the_output(places, call, tmp_path, name):
    folder, new = places
    code, out, err = call(
        "predict", folder / "model", folder / "new.csv", "--keep", "id", "--out", tmp_path / name, "--chunk-rows", 40
    )
    assert (code, out, err) == (0, "", "")
    read = pd.read_parquet if name.endswith("parquet") else pd.read_csv
    frame = read(tmp_path / name)
    assert list(frame.columns) == ["id", "prediction"]
    assert frame["id"].astype(int).tolist() == new["id"].astype(int).tolist()


def test_a_folder_of_parquet_files_is_predicted_in_order(places, call, tmp_path):
    folder, new = places
    expected = predicted(call, folder, folder / "new.parquet", "--proba", "--keep", "id")
    for part in range(3):
        new.iloc[30 * part : 30 * part + 30].to_parquet(tmp_path / f"part-{part}.parquet")
    same(predicted(call, folder, tmp_path, "--proba", "--keep", "id", "--chunk-rows", 20), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(amount=t["amount"].where(t.index != 57, np.inf)), "row 58: column 'amount' holds infinite"),
        (lambda t: t.drop(columns=["code", "day"]), "lacks columns of the training table: 'code', 'day'; add them"),
        (lambda t: t.rename(columns={"day": "Day"}), "'day'; add them, or rename columns: 'Day' may be 'day'"),
        (lambda t: t.assign(amount="unclear"), "column 'amount' held numbers in fit but now holds 'unclear'"),
        (lambda t: t.head(0), "holds no row"),
    ],
)
def test_an_error_names_file_row_and_column_and_leaves_no_file(places, call, tmp_path, change, message):
    folder, new = places
    change(new).to_csv(tmp_path / "bad.csv", index=False)
    for rows in ([], ["--chunk-rows", 20]):
        code, out, err = call("predict", folder / "model", tmp_path / "bad.csv", "--out", tmp_path / "p.csv", *rows)
        assert (code, out) == (2, "")
        assert f"'{tmp_path / 'bad.csv'}'" in err
        assert message in err
        assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(amount="unclear"), "column 'amount' held numbers in fit but now holds 'unclear'"),
        (lambda t: t.assign(amount=t["amount"].where(t.index != 57, np.inf)), "row 58: column 'amount' holds infinite"),
    ],
)
@pytest.mark.parametrize("extension", ["csv", "jsonl"])
def test_an_error_in_a_later_chunk_leaves_standard_output_empty(places, call, tmp_path, extension, change, message):
    folder, new = places
    path = tmp_path / f"bad.{extension}"
    write_table(change(new), path)
    code, out, err = call("predict", folder / "model", path, "--chunk-rows", 20, "--keep", "id")
    assert (code, out) == (2, "")
    assert message in err


def fail(*arguments, **named):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


HAS_FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")


def full_file(*arguments, buffering=-1, **named):
    return open("/dev/full", "w+", buffering=buffering)


@HAS_FULL
@pytest.mark.parametrize("make", [fail, full_file, partial(full_file, buffering=1)])
def test_a_full_folder_of_temporary_files_is_one_clear_error(places, call, monkeypatch, make):
    monkeypatch.setattr(tempfile, "TemporaryFile", make)
    code, out, err = call("predict", places[0] / "model", places[0] / "new.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "No space left on device" in err
    assert "--out" in err


def test_a_closed_pipe_at_standard_output_ends_the_command_without_a_message(places, call, monkeypatch):
    end, start = os.pipe()
    os.close(end)
    pipe = os.fdopen(start, "w")
    monkeypatch.setattr(sys, "stdout", pipe)
    code, _, err = call("predict", places[0] / "model", places[0] / "new.csv")
    assert (code, err) == (1, "")
    with pytest.raises(BrokenPipeError):
        pipe.close()


@pytest.mark.parametrize("out", [[], ["--out", "predicted.csv"]])
def test_an_error_of_the_system_in_a_prediction_is_not_reported_as_one_of_writing(
    places, call, monkeypatch, tmp_path, out
):
    def fail(*arguments):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chunks.ChunkedTable, "predict", fail)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        call("predict", places[0] / "model", places[0] / "new.csv", *out)
    assert not list(tmp_path.iterdir())


def test_a_line_with_too_many_cells_is_named(places, call, tmp_path):
    folder, _ = places
    lines = (folder / "new.csv").read_text().splitlines()
    lines[70] += ",1"
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    code, _, err = call("predict", folder / "model", tmp_path / "bad.csv", "--chunk-rows", 20)
    assert code == 2
    assert "line 71 has 7 cells where 6 were expected" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--keep", "name"], "--keep: "),
        (["--keep", "prediction"], "has a column 'prediction', as the predictions have"),
        (["--out", "p.xlsx"], "use the extension .csv, .tsv, .csv.gz, .jsonl, .parquet"),
        (["--interval", "0.9"], "predicts classes, not numbers; use --set"),
        (["--set", "1.5"], "--set must be a level between 0 and 1"),
        (["--by-class"], "add --set 0.9"),
        (["--encoding", "latin-77"], "--encoding"),
        (["--separator", ";;"], "--separator"),
    ],
)
def test_a_wrong_option_is_named(places, call, tmp_path, options, message):
    folder, new = places
    new.assign(prediction=1).to_csv(tmp_path / "new.csv", index=False)
    code, out, err = call("predict", folder / "model", tmp_path / "new.csv", *options)
    assert (code, out) == (2, "")
    assert message in err


def test_sets_and_intervals_are_further_columns(places, call, tmp_path):
    folder, _ = places
    model, table = MODELS(folder / "model"), pd.read_csv(folder / "new.csv")
    expected = ["|".join(model.classes_[row]) for row in model.predict_set(table, 0.95)]
    got = predicted(call, folder, folder / "new.csv", "--set", "0.95", "--chunk-rows", 40)
    assert list(got.columns) == ["prediction", "prediction_set"]
    assert got["prediction_set"].tolist() == expected
    assert got["prediction"].tolist() == model.predict(table).tolist()
    got = predicted(call, folder, folder / "new.csv", "--set", "0.95", "--by-class", "--proba")
    assert list(got.columns) == ["probability_no", "probability_yes", "prediction_set"]
    X = pd.DataFrame({"a": np.arange(60.0)})
    reg = AutoMLRegressor(include=["ridge"], **FAST).fit(X, X["a"] + np.tile([0.0, 1.0, 3.0], 20))
    reg.save(tmp_path / "numbers")
    X.to_csv(tmp_path / "x.csv", index=False)
    got = predicted(call, tmp_path, tmp_path / "x.csv", "--interval", "0.8", model="numbers").astype(float)
    assert list(got.columns) == ["prediction", "interval_low", "interval_high"]
    np.testing.assert_allclose(got.iloc[:, 1:], reg.predict_interval(X, 0.8))
    np.testing.assert_allclose(got["prediction"], reg.predict(X))
    code, _, err = call("predict", tmp_path / "numbers", tmp_path / "x.csv", "--set", "0.8")
    assert code == 2
    assert "predicts numbers, not classes; use --interval" in err


def test_score_shows_the_usual_metrics_beside_the_expected_score(places, call):
    folder, _ = places
    code, out, err = call("score", folder / "model", folder / "new.csv", "--target", "label")
    assert code == 0, err
    estimate = MODELS(folder / "model").estimate_
    (line,) = [line for line in out.splitlines() if "ROC AUC" in line]
    assert f"{estimate.score:.4g}" in line
    assert all(name in out for name in ("log loss", "brier score", "accuracy", "F1", "precision", "recall"))


def test_scores_as_json_are_those_of_scikit_learn_with_intervals_around_them(places, call):
    folder, new = places
    runs = [
        json.loads(call("score", folder / "model", folder / name, "--target", "label", "--json", "--chunk-rows", n)[1])
        for name, n in (("new.csv", 1000), ("new.csv", 40), ("new.parquet", 40))
    ]
    assert runs[0]["n_rows"] == 90
    model, table = MODELS(folder / "model"), pd.read_csv(folder / "new.csv")
    metrics = runs[0]["metrics"]
    auc = roc_auc_score(new["label"], model.predict_proba(table)[:, 1])
    assert metrics["roc_auc"]["score"] == pytest.approx(auc)
    assert metrics["roc_auc"]["expected"]["score"] == pytest.approx(model.estimate_.score)
    assert metrics["accuracy"]["score"] == pytest.approx(accuracy_score(new["label"], model.predict(table)))
    assert metrics["log_loss"]["score"] > 0
    for one in metrics.values():
        assert one["low"] < one["score"] < one["high"]
    for other in runs[1:]:
        for name, one in other["metrics"].items():
            assert one["score"] == pytest.approx(metrics[name]["score"])
            assert one["low"] == pytest.approx(metrics[name]["low"])


def test_the_target_is_the_only_column_that_the_model_does_not_know(places, call, tmp_path):
    folder, new = places
    path = tmp_path / "labeled.csv"
    new.drop(columns="id").assign(label=new["label"].where(new.index > 4)).to_csv(path, index=False)
    code, out, err = call("score", folder / "model", path, "--json")
    assert code == 0, err
    assert json.loads(out)["n_rows"] == 85
    assert "note: left out 5 rows without a value of 'label'" in err
    code, _, err = call("score", folder / "model", folder / "new.csv")
    assert code == 2
    assert "--target: name the column" in err
    assert "'id', 'label' may be it" in err


def test_a_label_that_the_model_does_not_know_is_named_with_its_row(places, call, tmp_path):
    folder, new = places
    new.assign(label=new["label"].where(new.index != 44, "maybe")).to_csv(tmp_path / "t.csv", index=False)
    code, _, err = call("score", folder / "model", tmp_path / "t.csv", "--target", "label", "--chunk-rows", 20)
    assert code == 2
    assert "row 45: the target 'label' holds 'maybe', which is no class of the model" in err


@pytest.mark.slow
def test_a_model_of_numbers_is_scored(places, call):
    folder, _ = places
    train = pd.read_csv(folder / "train.csv").dropna(subset="amount").drop(columns=["id", "label"])
    reg = AutoMLRegressor(include=["ridge"], **FAST).fit(train.drop(columns="amount"), train["amount"])
    reg.save(folder / "numbers")
    code, out, err = call("score", folder / "numbers", folder / "new.csv", "--target", "amount", "--json")
    assert code == 0, err
    scores = json.loads(out)
    table = pd.read_csv(folder / "new.csv").dropna(subset="amount")
    error = mean_absolute_error(table["amount"], MODELS(folder / "numbers").predict(table))
    assert scores["n_rows"] == len(table)
    assert scores["metrics"]["mean_absolute_error"]["score"] == pytest.approx(error)
    own = scores["metrics"]["root_mean_squared_error"]
    assert own["expected"]["low"] < own["expected"]["score"] < own["expected"]["high"]


LARGE = """
import resource, sys
import pandas as pd
import automl.cli.chunks
from automl import load
from automl.cli import main

def peak():  # MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

load(sys.argv[2]).predict(pd.read_parquet(sys.argv.pop()))  # imports all libraries
before = peak()
try:
    main.main()
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(f"{peak() - before}")
"""


def test_the_class_of_interest_of_the_model_is_that_of_the_scores(places, call, monkeypatch):
    folder, new = places
    model = MODELS(folder / "model")
    monkeypatch.setattr(model, "positive_label", "no", raising=False)
    code, out, err = call("score", folder / "model", folder / "new.csv", "--target", "label", "--json")
    assert code == 0, err
    expected = f1_score(new["label"], model.predict(pd.read_csv(folder / "new.csv")), pos_label="no")
    assert json.loads(out)["metrics"]["f1"]["score"] == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_the_memory_does_not_grow_with_the_table(places, tmp_path, extension):
    folder, new = places
    rows, n_copies = pd.concat([new] * 1_000, ignore_index=True), 30
    path = tmp_path / f"large.{extension}"
    if extension == "csv":
        head, body = rows.to_csv(index=False).split("\n", 1)
        with path.open("w") as file:
            file.write(f"{head}\n")
            for _ in range(n_copies):
                file.write(body)
    else:
        path.mkdir()
        for number in range(n_copies):
            rows.to_parquet(path / f"{number:02d}.parquet", row_group_size=30_000)
    options = ["--keep", "all", "--chunk-rows", "10000", "--out", str(tmp_path / "p.csv")]
    command = [sys.executable, "-c", LARGE, "predict", folder / "model", path, *options, folder / "new.parquet"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stderr.split()[-1]) < 0.4 * n_copies * rows.memory_usage(deep=True).sum() / 2**20
    with (tmp_path / "p.csv").open() as file:
        assert sum(1 for _ in file) == n_copies * len(rows) + 1


def test_a_column_that_the_model_does_not_use_may_be_missing(call, tmp_path):
    train = make_table(100).assign(country="Italy")
    clf = AutoMLClassifier(include=["decision_tree"], **FAST)
    clf.fit(train[["amount", "country"]], train["label"]).save(tmp_path / "model")
    train[["amount"]].to_csv(tmp_path / "new.csv", index=False)
    answers = predicted(call, tmp_path, tmp_path / "new.csv")
    assert answers["prediction"].tolist() == clf.predict(train[["amount", "country"]]).tolist()


@pytest.mark.parametrize("extension", ["jsonl", "feather", "parquet"])
def test_predictions_come_in_the_format_of_the_table(call, places, tmp_path, extension):
    folder, new = places
    table, out = tmp_path / f"new.{extension}", tmp_path / f"out.{extension}"
    write_table(pd.read_csv(folder / "new.csv"), table)
    call("predict", folder / "model", table, "--out", out, "--keep", "amount", "--chunk-rows", "40")
    written = read_table(out)
    assert written["prediction"].tolist() == predicted(call, folder, folder / "new.csv")["prediction"].tolist()
    np.testing.assert_array_equal(written["amount"], new["amount"])
    _, text, _ = call("predict", folder / "model", table)
    first = {"jsonl": json.dumps({"prediction": written["prediction"][0]})}.get(extension, "prediction")
    assert text.splitlines()[0] == first


def test_cells_that_cannot_be_read_are_counted_in_one_line(places, call, tmp_path):
    folder, new = places
    path = tmp_path / "odd.csv"
    amount = new["amount"].astype(object)
    amount[(amount.index > 2) & (amount.index < 60)] = "soon"
    amount[0], day = "?", new["day"].where(new.index != 80, "Easter")
    new.assign(amount=amount, day=day).to_csv(path, index=False)
    expected = (
        f"automl: note: '{path}': column 'amount': 57 of 90 cells cannot be read as numbers, such as 'soon' in row 4; "
        "column 'day': 1 of 90 cells cannot be read as dates, such as 'Easter' in row 81; they count as missing\n"
    )
    for rows in ([], ["--chunk-rows", 20]):  # no cell of one of these chunks can be read
        code, out, err = call("predict", folder / "model", path, *rows)
        assert (code, len(out.splitlines()), err) == (0, 91, expected)
        code, out, err = call("score", folder / "model", path, "--target", "label", *rows)
        assert code == 0
        assert err == expected
