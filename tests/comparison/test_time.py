"""Nested cross-validation in the order of time: outer folds are forward-only, and so are the searches inside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl import AutoMLRegressor, nested_cross_validate
from automl.errors import InvalidInputError

N = 120
DAY = np.random.default_rng(0).permutation(N)
X = pd.DataFrame({"day": DAY, "a": np.random.default_rng(1).normal(size=N)})
Y = DAY + X["a"]
SEEN: list = []


class Search(AutoMLRegressor):
    """A search that keeps the times that it gets."""

    def fit(self, X, y, sample_weight=None, groups=None, *, time=None, gap=0):
        SEEN.append((time, gap))
        return super().fit(X, y, sample_weight, groups, time=time, gap=gap)


@pytest.fixture(autouse=True)
def seen():
    SEEN.clear()
    return SEEN


def search(**changes):
    settings = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "include": ["ridge"], "verbose": 0}
    return Search(**{**settings, **changes})


def nested(estimators, **options):
    return nested_cross_validate(estimators, X, Y, scoring="r2", verbose=0, random_state=0, **options)


def test_outer_folds_and_searches_are_in_the_order_of_time():
    r = nested({"search": search(), "ridge": Ridge()}, outer_cv=2, time="day", gap=5)
    assert list(r.scores["n_train"].unique()) == [35, 75]  # the oldest third less the gap, and so on
    assert [(sorted(time) == list(range(n)), gap) for (time, gap), n in zip(SEEN, [35, 75], strict=True)] == [
        (True, 5),
        (True, 5),
    ]
    scored = r.predictions[r.predictions["estimator"] == "ridge"].groupby("fold")["row"]
    assert [sorted(DAY[rows.unique()])[0] for _, rows in scored] == [40, 80]
    assert r.scores["score"].notna().all()


def test_forward_chaining_outer_folds_order_the_rows_inside_of_a_search():
    nested({"search": make_pipeline(StandardScaler(), search())}, outer_cv=TimeSeriesSplit(2, gap=3))
    assert [(list(time), gap) for time, gap in SEEN] == [(list(range(37)), 3), (list(range(77)), 3)]


def test_a_search_with_a_splitter_of_its_own_keeps_it():
    nested({"search": search(cv=KFold(2))}, outer_cv=TimeSeriesSplit(2))
    assert [time for time, _ in SEEN] == [None, None]
    with pytest.raises(InvalidInputError, match="'search' has a splitter as cv, which time replaces"):
        nested({"search": search(cv=KFold(2))}, outer_cv=2, time="day")


def test_shuffled_outer_folds_give_a_search_no_times():
    nested({"search": search()}, outer_cv=2)
    assert [time for time, _ in SEEN] == [None, None]


def test_outer_folds_by_time_need_a_number():
    with pytest.raises(InvalidInputError, match="outer_cv must be the number of outer folds where time is given"):
        nested({"ridge": Ridge()}, outer_cv=KFold(3), time="day")
    with pytest.raises(InvalidInputError, match="time='date': X has no such column"):
        nested({"ridge": Ridge()}, time="date")


def test_a_fold_store_knows_the_order_of_time(tmp_path):
    first = nested({"ridge": Ridge()}, outer_cv=2, time="day", store=tmp_path / "s")
    again = nested({"ridge": Ridge()}, outer_cv=2, time="day", store=tmp_path / "s")
    assert again.scores["score"].tolist() == first.scores["score"].tolist()
    with pytest.raises(InvalidInputError, match="another order of time inside the searches"):
        nested({"ridge": Ridge()}, outer_cv=2, time="day", gap=0.5, store=tmp_path / "s")


def test_a_gap_without_times_is_an_error():
    with pytest.raises(InvalidInputError, match="gap needs time"):
        nested({"ridge": Ridge()}, outer_cv=2, gap=5)
