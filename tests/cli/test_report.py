"""The command ``automl report``."""

from __future__ import annotations

import json

import pytest

from automl import AutoMLClassifier
from tests.factories import FAST
from tests.report.pages import people


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a saved model, its training table, and a table with known labels."""
    folder = tmp_path_factory.mktemp("report")
    X, y = people()
    AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X, y).save(folder / "model")
    X.assign(answer=y).to_csv(folder / "train.csv", index=False)
    X, y = people(60, seed=1)
    X.assign(answer=y).to_csv(folder / "test.csv", index=False)
    return folder


def test_the_command_writes_a_page(call, folder):
    code, out, err = call("report", folder / "model", "--out", folder / "report.html")
    assert (code, out) == (0, "")
    assert f"report written to '{folder / 'report.html'}'" in err
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_tables_in_files_fill_their_sections_and_the_name_of_the_file_gives_the_form(call, folder):
    tables = "--train", folder / "train.csv", "--test", folder / "test.csv"
    code, _, err = call("report", folder / "model", *tables, "--out", folder / "report.json", "--verbose", 0)
    assert (code, err) == (0, "")
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [performance["n_rows"] for performance in content["performances"]] == [120, 60]
    assert content["table"]["columns"][0]["missing"] == pytest.approx(18 / 120, abs=1e-3)


@pytest.mark.slow
def test_cells_that_cannot_be_read_are_noted_once(call, folder):
    X, y = people(60, seed=1)
    column = X.select_dtypes("number").columns[0]
    X = X.astype({column: object})
    X.loc[3, column] = "heavy"
    X.assign(answer=y).to_csv(folder / "unread.csv", index=False)
    code, _, err = call("report", folder / "model", "--test", folder / "unread.csv", "--out", folder / "unread.html")
    assert code == 0, err
    assert err.count(f"note: column '{column}': 1 of ") == 1


def test_an_option_gives_the_form(call, folder):
    code, _, err = call("report", folder / "model", "--format", "markdown", "--out", folder / "report.txt")
    assert code == 0, err
    assert (folder / "report.txt").read_text(encoding="utf-8").startswith("# Prediction of 'answer'")


def test_a_table_without_the_target_is_one_clear_error(call, folder):
    options = "--test", folder / "test.csv", "--target", "answers", "--out", folder / "none.html"
    code, _, err = call("report", folder / "model", *options)
    assert code == 2
    assert "--target: " in err
    assert "'answer'" in err
    assert not (folder / "none.html").exists()
