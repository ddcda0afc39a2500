"""Tests of the prediction of an ensemble: shared transformers, threads, forks, and what is saved."""

import os
import pickle
import threading
import warnings

import numpy as np
import pytest

from automl import AutoMLClassifier, AutoMLRegressor
from automl.ensemble import prediction
from automl.ensemble.selection import Ensemble, FoldBag
from automl.execute.machine import available_cpus
from tests.factories import FAST

rng = np.random.default_rng(0)
X = rng.normal(size=(240, 4))
X[rng.random(X.shape) < 0.05] = np.nan
Y = (np.nan_to_num(X[:, 0]) + 0.5 * rng.normal(size=240) > 0).astype(int)


@pytest.fixture(scope="module")
def fitted():
    """A classifier with forests and linear models, whose members share their preprocessing."""
    entry = {"encoding": "one_hot", "imputation": "median", "scaling": "standard"}
    initial = [
        {"model": "logistic_regression", **entry},
        {"model": "linear_svm", **entry},
        {"model": "extra_trees", "imputation": "none", "scaling": "none"},
    ]
    include = ["logistic_regression", "linear_svm", "extra_trees"]
    settings = {**FAST, "include": include, "initial_configurations": initial, "max_trials": 3}
    return AutoMLClassifier(**settings).fit(X, Y)


def test_equal_transformers_of_members_are_one(fitted):
    bags = fitted._ensemble.bags
    linear = next(bag for bag in bags if len(bag.models[0].steps) > 1)
    copied = pickle.loads(pickle.dumps(linear.models))
    ensemble = Ensemble(
        [FoldBag(linear.configuration, 0.5, linear.models), FoldBag(linear.configuration, 0.5, copied)], 2
    )
    assert len(ensemble.plan()._transformers) == len(linear.models) * (len(linear.models[0].steps) - 1)
    alone = Ensemble([FoldBag(linear.configuration, 1.0, linear.models)], 2)
    Z = fitted._reader.transform(X)
    np.testing.assert_allclose(ensemble.predict(Z), alone.predict(Z), rtol=1e-15)


def test_the_plan_follows_a_change_of_the_models(fitted):
    ensemble = Ensemble([FoldBag(bag.configuration, 1.0, bag.models[:1]) for bag in fitted._ensemble.bags[:1]], 2)
    Z = fitted._reader.transform(X)
    before = ensemble.predict(Z)
    ensemble.bags[0].models = fitted._ensemble.bags[0].models[1:2]
    assert not np.array_equal(ensemble.predict(Z), before)


def test_the_plan_is_not_saved(fitted):
    fitted.predict(X)
    assert "_plan" not in pickle.loads(pickle.dumps(fitted._ensemble)).__dict__


def test_many_rows_in_blocks_and_threads_give_the_numbers_of_few_rows(fitted, monkeypatch):
    few = fitted.predict_proba(X)
    monkeypatch.setattr(prediction, "_ALONE_SECONDS", -1.0)
    monkeypatch.setattr(prediction, "_MAX_CELLS", 1)
    monkeypatch.setattr(prediction, "_SMALLEST_BLOCK", 50)
    monkeypatch.setattr(prediction, "available_cpus", lambda: 3)
    monkeypatch.setattr(fitted._ensemble, "n_threads", 3)
    np.testing.assert_allclose(fitted.predict_proba(X), few, rtol=1e-12)
    monkeypatch.setattr(prediction, "_MAX_CELLS", 2**27)
    np.testing.assert_array_equal(fitted.predict_proba(X), few)


@pytest.mark.parametrize(("n_threads", "cores", "expected"), [(None, 3, 3), (8, 3, 3), (2, 3, 2), (None, 1, None)])
def test_threads_are_those_of_the_machine_that_predicts(fitted, monkeypatch, n_threads, cores, expected):
    monkeypatch.setattr(prediction, "_ALONE_SECONDS", -1.0)
    monkeypatch.setattr(prediction, "available_cpus", lambda: cores)
    monkeypatch.setattr(fitted._ensemble, "n_threads", n_threads)
    used, pool = [], prediction.ThreadPoolExecutor
    monkeypatch.setattr(prediction, "ThreadPoolExecutor", lambda n, **named: used.append(n) or pool(n, **named))
    before = threading.active_count()
    fitted.predict(X)
    assert set(used) == (set() if expected is None else {expected})
    assert threading.active_count() == before


def test_the_number_of_threads_is_saved_only_where_the_fit_used_fewer_than_all_cores():
    alone = AutoMLClassifier(**{**FAST, "n_jobs": 1}).fit(X, Y)
    everything = AutoMLClassifier(**{**FAST, "n_jobs": -1}).fit(X, Y)
    assert alone._ensemble.n_threads == (1 if available_cpus() > 1 else None)
    assert everything._ensemble.n_threads is None


def test_threads_predict_at_the_same_time_and_leave_the_warning_filters_alone(fitted):
    expected, wrong = fitted.predict_proba(X[:5]), []
    filters = list(warnings.filters)
    seen = []

    def serve():
        for _ in range(20):
            wrong.append(not np.array_equal(fitted.predict_proba(X[:5]), expected))
            seen.append(warnings.filters == filters)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(wrong)
    assert all(seen)
    assert warnings.filters == filters


def test_new_rows_raise_no_warning(fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.predict(np.full((2, 4), 1e300))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_predicts_after_its_parent_has_used_threads(fitted, monkeypatch):
    monkeypatch.setattr(prediction, "_ALONE_SECONDS", -1.0)
    monkeypatch.setattr(prediction, "available_cpus", lambda: 2)
    monkeypatch.setattr(fitted._ensemble, "n_threads", 2)
    expected = fitted.predict_proba(X)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(fitted.predict_proba(X), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.slow
def test_a_regressor_predicts_one_row_as_among_many():
    reg = AutoMLRegressor(**{**FAST, "include": ["extra_trees", "decision_tree"]}).fit(X, np.nan_to_num(X[:, 1]))
    np.testing.assert_array_equal(reg.predict(X[:1]), reg.predict(X)[:1])
