"""Members of an ensemble get a model of all rows beside those of their folds where the rows are many."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.ensemble.selection import FoldBag
from automl.refit.members import FitFacts, add_models, in_time
from automl.run.all_rows import reserved_share
from automl.search.budget import Budget
from automl.task.task import ALL_ROWS, Task
from pipelines import storage
from tests.factories import tree

N_ROWS = 10_200


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 3))
    return X, X[:, 0] + rng.normal(size=N_ROWS)


def fit(estimator, X, y, **parameters):
    return estimator(time_budget=None, max_trials=2, random_state=0, n_jobs=1, **parameters).fit(X, y)


@pytest.fixture(scope="module")
def fitted(table, tmp_path_factory):
    X, y = table
    store = tmp_path_factory.mktemp("run") / "run"
    return fit(AutoMLRegressor, X, y, include=["ridge"], store=store), store


def test_the_model_of_all_rows_comes_first_and_predicts_with_those_of_the_folds(table, fitted):
    X, model = table[0], fitted[0]
    for bag in model._ensemble.bags:
        assert bag.folds == (ALL_ROWS, *bag.scored_folds)
        assert len(bag.models) == len(bag.folds) > 1
    bags = model._ensemble.bags
    expected = sum(bag.weight * np.mean([m.predict(X) for m in bag.models], axis=0) for bag in bags)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-6)


def test_a_run_that_is_loaded_predicts_with_the_models_of_all_rows(table, fitted):
    model, store = fitted
    np.testing.assert_allclose(load(store).predict(table[0]), model.predict(table[0]), rtol=1e-6)


def test_what_is_computed_from_the_folds_leaves_out_the_model_of_all_rows(table, fitted):
    X, y = table
    model = fitted[0]
    assert model.importance(n_repeats=1).loc[0, "name"] == 0
    low, high = model.predict_interval(X, level=0.9).T
    assert 0.88 < np.mean((low <= y) & (y <= high)) < 0.92
    assert model.estimate_.score < 0


def test_the_smallest_ensemble_is_the_model_of_all_rows(fitted):
    model = fitted[0]
    small = model.slim(megabytes=model.frontier_["megabytes"].min())
    assert [bag.folds for bag in small._ensemble.bags] == [(ALL_ROWS,)]


def test_the_size_of_the_smallest_ensemble_is_that_of_the_model_of_all_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 3))
    model = fit(AutoMLRegressor, X, X[:, 0] + rng.normal(size=N_ROWS), include=["k_nearest_neighbors"])
    megabytes = model.frontier_["megabytes"].min()
    (bag,) = model.slim(megabytes=megabytes)._ensemble.bags
    file = io.BytesIO()
    storage.write(bag.models[0], file)
    assert file.tell() / 2**20 == pytest.approx(megabytes, rel=0.02)


@pytest.mark.slow
def test_a_smaller_ensemble_explains_all_of_its_members_with_fold_models(table, tmp_path):
    X = table[0]
    y = 3 * X[:, 0] + np.sin(3 * X[:, 1])  # a tree and the neighbors see different parts of it
    families = ["decision_tree", "ridge", "k_nearest_neighbors"]
    model = AutoMLRegressor(
        time_budget=None, max_trials=3, random_state=0, n_jobs=1, include=families, ensemble_size=25
    ).fit(X, y)
    assert len(model._ensemble.bags) > 1
    rows = model.frontier_["members"].str.count("1 model")
    small = model.choose(int(np.flatnonzero(rows > 1)[0]))
    assert {bag.folds for bag in small._ensemble.bags} == {(ALL_ROWS,)}
    small.save(tmp_path / "small", rows=True)
    for each in (small, load(tmp_path / "small")):
        explained = {bag.configuration for bag in each._fold_bags}
        assert explained == {bag.configuration for bag in each._ensemble.bags}
        assert each.importance(n_repeats=1).loc[0, "name"] == 0
    small.save(tmp_path / "without rows")
    smallest = load(tmp_path / "without rows").choose(len(small.frontier_) - 1)
    assert smallest._fold_bags is None
    assert np.isfinite(smallest.predict(X)).all()


@pytest.mark.slow
def test_a_session_keeps_the_models_of_all_rows_that_an_earlier_one_has_left(table, tmp_path, caplog):
    X, y = table
    store = tmp_path / "run"
    first = fit(AutoMLRegressor, X, y, include=["ridge"], store=store)
    before = {path: path.stat().st_mtime_ns for path in store.glob(f"*-{ALL_ROWS}.model")}
    assert before
    more = load(store).more(max_processor_seconds=1)
    kept = {path: path.stat().st_mtime_ns for path in store.glob(f"*-{ALL_ROWS}.model")}
    assert before.items() <= kept.items()
    of_all_rows = {bag.configuration for bag in first._ensemble.bags}
    assert all(ALL_ROWS in bag.folds for bag in more._ensemble.bags if bag.configuration in of_all_rows)
    np.testing.assert_allclose(load(store).predict(X), more.predict(X), rtol=1e-6)


def test_the_guard_scores_the_models_that_predict(table):
    X, y = table
    model = fit(AutoMLRegressor, X, y, include=["ridge"], guard=0.01)
    assert model._ensemble.bags[0].folds[0] == ALL_ROWS
    assert np.isfinite(model.guard_curve_["free"].iloc[-1])


def test_a_search_that_ends_early_leaves_no_more_than_the_reserved_share_to_the_training(table, monkeypatch):
    X, y = table
    given = []

    def remember(members, task, history, seconds, n_workers):
        given.append(seconds)
        return {}, 0.0

    monkeypatch.setattr("automl.run.all_rows.members_in_time", remember)
    AutoMLRegressor(time_budget=200, max_trials=1, include=["ridge"], random_state=0, n_jobs=1).fit(X, y)
    assert given[-1] == pytest.approx(20.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed", [{"cv": [(np.arange(8_000), np.arange(8_000, N_ROWS))]}, {"max_model_megabytes": 100}]
)
def test_rows_outside_of_all_folds_and_limits_of_the_size_keep_the_fold_models(table, changed):
    X, y = table
    model = fit(AutoMLClassifier, X, (y > 0).astype(int), include=["lda"], **changed)
    assert all(ALL_ROWS not in bag.folds for bag in model._ensemble.bags)


def test_members_that_take_too_long_give_way_to_later_ones():
    seconds = [5.0, 9.0, 3.0, 4.0, 2.5]
    members = {tree(depth): FitFacts(None, each) for depth, each in enumerate(seconds, start=1)}
    chosen, needed = in_time(members, 7.0, 2)
    assert [facts.seconds for facts in chosen.values()] == [5.0, 3.0, 4.0]
    assert needed == 7.0
    assert in_time(members, 1.0, 2) == ({}, 0.0)


def test_a_member_without_a_model_of_all_rows_keeps_its_bag():
    bags = [FoldBag(tree(1), 0.5, ["a"], (0,)), FoldBag(tree(2), 0.5, ["b", "c"], (0, 1))]
    added = add_models(bags, {tree(2): "all"})
    assert added == [bags[0], FoldBag(tree(2), 0.5, ["all", "b", "c"], (ALL_ROWS, 0, 1))]


@pytest.mark.parametrize(
    ("budget", "share"),
    [(Budget(60.0), 0.0), (Budget(120.0), 0.1), (Budget(None, 5), 0.1), (Budget(120.0, processors=object()), 0.0)],
)
def test_short_budgets_have_no_models_of_all_rows(fitted, budget, share):
    task = Task.open(fitted[1])
    assert reserved_share(task, budget) == share


def test_the_shares_of_a_later_session_are_those_of_its_own_seconds():
    budget = Budget(330.0, refit_share=0.1, estimate_share=0.02, earlier=300.0)
    assert budget.refit_seconds == pytest.approx(3.0)
    assert budget.estimate_seconds == pytest.approx(0.6)
    assert budget.reserve <= 0.25 * 30 + 3.0 + 0.6
    assert Budget(3_660.0, earlier=3_600.0).reserve <= 15


def test_the_reserve_for_the_training_is_at_most_its_share_of_the_budget():
    budget = Budget(100.0, refit_share=0.1)
    assert budget.refit_seconds == 10.0
    budget.reserves.refit = 30.0
    assert budget.refit_seconds == 10.0
    later = replace(budget, seconds=200.0)  # a copy has the same reserves
    budget.reserves.refit = 2.0
    assert budget.refit_seconds == later.refit_seconds == 2.0
