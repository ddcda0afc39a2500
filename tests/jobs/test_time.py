"""Jobs with a column of times, and with a file of validation rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl.errors import InvalidInputError
from automl.jobs.job import Job, Setting, Table
from automl.jobs.spec import read_batch
from automl.jobs.tables import read_data


@pytest.fixture
def folder(tmp_path):
    day = np.random.default_rng(0).permutation(100)
    table = pd.DataFrame({"day": day, "a": day % 7, "y": day * 1.5})
    table.to_csv(tmp_path / "t.csv", index=False)
    table[:30].to_csv(tmp_path / "v.csv", index=False)
    return tmp_path


def test_the_test_rows_are_the_newest_rows_and_the_gap_lies_before_them(folder):
    data = read_data(Table("t", "path", "t.csv", target="y", holdout=0.2, time="day", gap=5), folder)
    assert sorted(data.X_test["day"]) == list(range(80, 100))
    assert sorted(data.X["day"]) == list(range(75))
    assert data.fit_arguments == {"time": "day", "gap": 5}
    assert list(data.y) == list(data.X["day"] * 1.5)


def test_validation_rows_reach_the_search_and_are_training_rows_of_other_estimators(folder):
    data = read_data(Table("t", "path", "t.csv", target="y", validation="v.csv"), folder)
    assert (len(data.X), len(data.fit_arguments["X_val"])) == (100, 30)
    X, y = data.all_rows()
    assert (len(X), list(y[100:])) == (130, list(data.fit_arguments["y_val"]))


def test_the_keys_of_a_table_are_read(folder):
    batch = read_batch(
        {
            "defaults": {"target": "y", "time": "day", "gap": 3, "holdout": 0.2},
            "tables": [{"path": str(folder / "t.csv")}, {"path": str(folder / "t.csv"), "name": "b", "gap": 0}],
        }
    )
    assert [(job.table.time, job.table.gap) for job in batch.jobs] == [("day", 3), ("day", 0)]
    assert Job.from_json(batch.jobs[0].to_json()) == batch.jobs[0]


def test_jobs_without_times_keep_the_ids_of_earlier_versions():
    assert Job(Table("t", "path", "t.csv", target="y"), Setting("s")).id == "6e08102d5f87"
    assert Job(Table("t", "path", "t.csv", target="y", time="day"), Setting("s")).id != "6e08102d5f87"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"gap": 3}, "gap needs time"),
        ({"time": "day", "validation": "v.csv"}, "validation and time exclude each other"),
        ({"validation": "nothing.csv"}, "there is no validation file 'nothing.csv'"),
    ],
)
def test_keys_that_do_not_go_together_are_an_error(folder, monkeypatch, keys, message):
    monkeypatch.chdir(folder)
    with pytest.raises(InvalidInputError, match=message):
        read_batch({"tables": [{"path": "t.csv", "target": "y", **keys}]})
