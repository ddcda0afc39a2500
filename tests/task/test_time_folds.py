"""The folds of rows with times: forward-only, with a gap, with whole groups and whole ties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl.errors import InvalidInputError
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings

N = 120
DAYS = pd.date_range("2024-01-01", periods=N, freq="D")


def table(n=N):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})


def prepared(time, gap=0, groups=None, y=None, classification=False, holdout_share=None, **arguments):
    X = table()
    y = X["a"] + 1 if y is None else y
    data, settings = TrainingData(X, y, groups=groups, time=time, gap=gap), TaskSettings(**arguments)
    return prepare(data, settings, classification=classification, holdout_share=holdout_share)


def folds_in_table(found):
    """Return the folds as row numbers of the table of the user."""
    at = np.arange(len(found.task.y)) if found.positions is None else found.positions
    return [(at[train], at[test]) for train, test in found.task.folds]


def test_each_fold_trains_on_rows_that_are_older_than_its_scored_rows():
    times = np.random.default_rng(1).permutation(N)
    folds = folds_in_table(prepared(times))
    assert len(folds) == 5
    assert all(times[train].max() < times[test].min() for train, test in folds)
    scored = np.concatenate([test for _, test in folds])
    assert sorted(times[scored]) == list(range(40, N))  # the newest two thirds, each row once
    assert times[folds[0][1]].max() == N - 1  # the newest rows come first
    assert times[folds[0][0]].min() == 0  # and every fold trains from the oldest row on


@pytest.mark.parametrize(
    ("times", "gap", "least"),
    [
        (np.arange(N), 7, 8),
        (DAYS, "7 days", pd.Timedelta("8 days")),
        (DAYS, pd.Timedelta(7, "D").to_pytimedelta(), pd.Timedelta("8 days")),
        (DAYS, np.timedelta64(36, "h"), pd.Timedelta("2 days")),
        (np.arange(N) / 8, 0.25, 0.375),
        (np.arange(N, dtype=np.int8) - 100, 7, 8),
    ],
)
def test_the_gap_lies_between_training_rows_and_scored_rows(times, gap, least):
    for train, test in folds_in_table(prepared(times, gap)):
        between = pd.Series(times)[test].min() - pd.Series(times)[train].max()
        assert between == least


def test_rows_of_equal_time_stay_on_one_side():
    times = np.repeat([3, 1, 2, 4], N // 4)
    folds = folds_in_table(prepared(times))
    assert [(set(times[train]), set(times[test])) for train, test in folds] == [
        ({1, 2, 3}, {4}),
        ({1, 2}, {3}),
        ({1}, {2}),
    ]


def test_two_times_give_one_fold():
    times = np.r_[np.zeros(100), np.ones(20)]
    ((train, test),) = folds_in_table(prepared(times))
    assert (list(train), list(test)) == (list(range(100)), list(range(100, 120)))


def test_groups_are_taken_in_the_order_of_their_oldest_rows():
    rng = np.random.default_rng(2)
    groups = rng.integers(0, 30, N)
    times = groups * 10 + rng.integers(0, 25, N)  # groups overlap in time
    folds = folds_in_table(prepared(times, groups=groups))
    assert len(folds) >= 3
    for train, test in folds:
        assert times[train].max() < times[test].min()
        assert not set(groups[train]) & set(groups[test])


def test_groups_of_all_times_are_an_error():
    groups = np.arange(N) % 4
    with pytest.raises(InvalidInputError, match="all groups begin at the same time, so that"):
        prepared(np.repeat(np.arange(N // 4), 4), groups=groups)


def test_the_number_of_folds_can_be_set():
    assert len(prepared(np.arange(N), cv=3).task.folds) == 3


def test_a_class_that_only_new_rows_have_leaves_folds_that_train_on_both_classes():
    y = np.r_[np.zeros(60), np.tile([0, 1], 30)].astype(int)
    task = prepared(np.arange(N), y=y, classification=True).task
    assert 1 <= len(task.folds) < 5
    assert all(len(np.unique(task.y[train])) == 2 for train, _ in task.folds)


def test_holdout_rows_are_the_newest_rows():
    times = np.random.default_rng(1).permutation(N)
    found = prepared(times, holdout_share=0.1)
    assert sorted(times[found.positions]) == list(range(108))
    assert len(found.task.holdout.y) == 12
    assert all(times[train].max() < times[test].min() for train, test in folds_in_table(found))


def test_sample_weights_follow_their_rows():
    times, weights = np.arange(N)[::-1], np.arange(1.0, N + 1)
    X = table()
    task = prepare(TrainingData(X, X["a"], weights, time=times), classification=False).task
    assert list(task.sample_weight) == list(weights[::-1])
    assert list(task.y) == list(X["a"][::-1])


@pytest.mark.parametrize(
    "times",
    [
        DAYS,
        DAYS.tz_localize("Europe/Berlin"),
        pd.Series(DAYS).dt.date,
        pd.Series(DAYS).dt.strftime("%d.%m.%Y"),
        pd.Series(DAYS).dt.strftime("%Y-%m-%d").astype("category"),
        list(DAYS.strftime("%b %d, %Y")),
        pd.Series(DAYS).dt.to_period("D"),
        pd.Series(DAYS).astype("int64"),
        pd.Series(np.arange(N), dtype="Int64"),
        [str(1900 + i) for i in range(N)],
        np.arange(N)[:, None],
    ],
    ids=range(11),
)
def test_numbers_dates_and_texts_with_dates_order_the_rows(times):
    order = np.random.default_rng(3).permutation(N)
    values = times[order] if isinstance(times, np.ndarray) else pd.Series(times).iloc[order].reset_index(drop=True)
    found = prepared(values)
    assert list(order[found.positions]) == list(range(N))


def test_the_name_of_the_index_as_time_is_answered_with_the_index():
    X = pd.DataFrame({"Day": range(N)}, index=DAYS.rename("date"))
    for X_, time, hint in (
        (X, "date", "it is the name of the index; pass time=X.index"),
        (X.set_index("Day", append=True).assign(a=1), "date", r"it is the name of the index; pass X\.reset_index\(\)"),
        (X, "day", "did you mean 'Day'"),
    ):
        with pytest.raises(InvalidInputError, match=f"time='{time}': X has no such column; {hint}"):
            prepare(TrainingData(X_, np.arange(N), time=time), classification=False)


@pytest.mark.parametrize(
    ("time", "gap", "message"),
    [
        ("when", 0, "time='when': X has no such column; its columns are 'a', 'b'"),
        (np.arange(5), 0, "time has 5 values but X has 120 rows"),
        (np.zeros(N), 0, "time is the same in all rows"),
        (pd.Series(DAYS).where(np.arange(N) != 7), 0, "time is missing in 1 of 120 rows, first in row 8"),
        (["soon"] * N, 0, "time holds texts that are no dates, for example 'soon'"),
        ([*DAYS.strftime("%Y-%m-%d")[:-1], "soon"], 0, "holds a text that is no date, 'soon' in row 120"),
        (["01/02/2024", "03/04/2024"] * 60, 0, "day and month could change places"),
        (np.arange(N) > 50, 0, "but times are numbers or dates"),
        (np.r_[np.inf, np.arange(N - 1.0)], 0, "time holds infinite values"),
        (np.zeros((N, 2)), 0, "time must have one dimension"),
        (DAYS, 7, "gap=7 has no unit, but time holds dates; write for example gap='7 days'"),
        (DAYS, "a while", "gap must be a number, or a duration"),
        (DAYS, "-1 day", "gap must be 0 or more"),
        (np.arange(N), "7 days", "is a duration, but time holds numbers"),
        (np.arange(N), -1, "gap must be 0 or more"),
        (np.arange(N), 500, "gap leaves no rows to train on"),
        (np.arange(N), None, "gap must be a number, or a duration"),
        (None, 3, "gap needs time"),
    ],
)
def test_times_and_gaps_that_cannot_be_used_are_an_error(time, gap, message):
    with pytest.raises(InvalidInputError, match=message):
        prepared(time, gap)


def test_a_splitter_beside_time_is_an_error():
    from sklearn.model_selection import TimeSeriesSplit

    with pytest.raises(InvalidInputError, match="time and a splitter as cv exclude each other"):
        prepared(np.arange(N), cv=TimeSeriesSplit(3))


def test_a_column_of_an_array_is_named_by_its_position():
    X = np.column_stack([np.arange(N)[::-1], np.random.default_rng(0).normal(size=N)])
    found = prepare(TrainingData(X, X[:, 1], time=0), classification=False)
    assert list(found.positions) == list(range(N))[::-1]
    with pytest.raises(InvalidInputError, match="X has no names of columns; pass the position of a column"):
        prepare(TrainingData(X, X[:, 1], time="date"), classification=False)
