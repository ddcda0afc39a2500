"""The folds of exported scripts suit the groups and the order of the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, load
from automl.export.script import python_script
from tests.export.test_script_main import grouped_table, run_main
from tests.factories import FAST

SETTINGS = FAST | {"max_trials": 1, "include": ["decision_tree"], "scoring": "accuracy"}


def test_few_groups_give_as_many_folds(tmp_path, monkeypatch, capsys):
    table = grouped_table()
    table["few"] = table["gid"] % 3
    model = AutoMLClassifier(**SETTINGS).fit(table[["place", "size"]], table["label"], groups=table["few"])
    script = python_script(model)
    out, names = run_main(tmp_path, monkeypatch, capsys, script, table, "label", "--groups", "few")
    assert "over 3 of 3 folds" in out
    assert "fewer than five groups" in names["__doc__"]
    with pytest.raises(SystemExit):
        run_main(tmp_path, monkeypatch, capsys, script, table.assign(few=1), "label", "--groups", "few")
    assert "single group" in capsys.readouterr().err


@pytest.mark.parametrize("targets", [["label"], ["label", "more"]])
def test_rows_without_names_are_scored_with_and_without_a_column_of_groups(tmp_path, monkeypatch, capsys, targets):
    table = grouped_table()
    X, y = table[["place", "size"]].to_numpy(), table[targets].squeeze(axis=1)
    model = AutoMLClassifier(**SETTINGS | {"scoring": None}).fit(X, y, groups=table["gid"])
    script = python_script(model)
    words = [*(targets if len(targets) == 1 else []), "--test", str(tmp_path / "test.csv")]
    files = table[["gid", "place", "size", *targets]], table[["place", "size", *targets]]
    for test in files:
        test.to_csv(tmp_path / "test.csv", index=False)
        assert "on 300 rows" in run_main(tmp_path, monkeypatch, capsys, script, files[0], *words, "--groups", "gid")[0]
    assert "on 300 rows" in run_main(tmp_path, monkeypatch, capsys, script, files[1], *words)[0]


def test_a_splitter_in_the_order_of_time_is_named_also_beside_groups(tmp_path, monkeypatch, capsys):
    table = pd.DataFrame({"a": np.random.default_rng(0).normal(size=120), "label": np.arange(120) % 2})
    model = AutoMLClassifier(**SETTINGS | {"cv": TimeSeriesSplit(5, gap=2)})
    script = python_script(model.fit(table[["a"]], table["label"], groups=np.arange(120) // 20))
    out, names = run_main(tmp_path, monkeypatch, capsys, script, table, "label")
    assert "over 5 of 5 folds" in out
    assert "--groups" not in script
    for remark in ("TimeSeriesSplit", "have no gap", "may divide a group"):
        assert remark in " ".join(names["__doc__"].split())


def test_pairs_of_rows_in_the_order_of_time_give_no_script_that_trains_on_newer_rows(tmp_path):
    table = pd.DataFrame({"a": np.random.default_rng(0).normal(size=120), "label": np.arange(120) % 2})
    pairs = [(np.arange(end), np.arange(end, end + 20)) for end in (60, 80, 100)]
    model = AutoMLClassifier(**SETTINGS | {"cv": pairs}).fit(table[["a"]], table["label"])
    model.save(tmp_path)
    for known in (model, load(tmp_path, for_prediction=True)):
        script = " ".join(python_script(known).split())
        assert "FOLDS = TimeSeriesSplit(5)" in script
        assert "trained on older rows and scored newer rows, by the folds of cv" in script


@pytest.mark.parametrize("missing", ["the entries", "the attribute"])
def test_a_model_of_an_earlier_version_may_have_had_groups_and_weights(missing):
    table = pd.DataFrame({"a": np.random.default_rng(0).normal(size=60), "label": np.arange(60) % 2})
    model = AutoMLClassifier(**SETTINGS).fit(table[["a"]], table["label"])
    assert "earlier version" not in python_script(model)
    if missing == "the attribute":
        del model._split_arguments
    else:
        model._split_arguments = {}
    assert " ".join(python_script(model).split()).count("whether the search had groups or weights of rows") == 1
