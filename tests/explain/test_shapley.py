"""SHAP values of raw columns."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.ensemble.selection import Ensemble
from automl.errors import InvalidInputError
from tests.explain.test_importance import make_rows
from tests.factories import FAST


@pytest.fixture(scope="module")
def reg():
    return AutoMLRegressor(**(FAST | {"max_trials": 2})).fit(*make_rows())


@pytest.fixture(scope="module")
def clf():
    X, y = make_rows()
    labels = np.array(["low", "mid", "high"])[np.digitize(y, [0, 3])]
    return AutoMLClassifier(**(FAST | {"max_trials": 2})).fit(X, labels)


def test_the_text_of_an_explanation_names_the_columns_that_matter_most(reg, clf):
    X, y = make_rows()
    explanation = reg.explain(X[:5])
    head, how, first, *_ = repr(explanation).splitlines()
    assert head.startswith("Explanation of 5 rows: effects of columns on the prediction; its mean is ")
    assert how == "mean size of the effect (to_frame() has each row):"
    assert first.split()[0] == explanation.to_frame().abs().mean().idxmax()
    assert "the probabilities of 3 classes" in repr(clf.explain(X[:2]))
    two = replace(explanation, values=np.stack([-explanation.values, explanation.values], axis=2), positive=1)
    two = replace(two, base=np.array([0.25, 0.75]), classes=np.array(["no", "yes"]))
    assert "on the probability of class 'yes'; its mean is 0.75\n" in repr(two)
    several = AutoMLRegressor(**(FAST | {"max_trials": 1})).fit(X, np.column_stack([y, -y])).explain(X[:2])
    assert repr(several).count("target 'target_1': Explanation of 2 rows") == 1


def exact(model, X, background, row):
    """The Shapley values by their definition, over all sets of columns."""
    names = list(X)

    def value(known):
        mixed = background.copy()
        for name in known:
            mixed[name] = X[name].iloc[row]
        return model.predict(mixed).mean()

    n, out = len(names), []
    for name in names:
        rest = [other for other in names if other != name]
        total = 0.0
        for size in range(n):
            factor = factorial(size) * factorial(n - size - 1) / factorial(n)
            total += factor * sum(value((*s, name)) - value(s) for s in combinations(rest, size))
        out.append(total)
    return np.array(out)


def test_values_add_up_to_the_prediction(reg, clf):
    X, _ = make_rows(seed=3)
    explanation = reg.explain(X[:3], max_evaluations=200)
    np.testing.assert_allclose(explanation.base + explanation.to_frame().sum(axis=1), reg.predict(X[:3]), atol=1e-9)
    explanation = clf.explain(X[:3], max_evaluations=200)
    total = explanation.base + explanation.values.sum(axis=1)
    np.testing.assert_allclose(total, clf.predict_proba(X[:3]), atol=1e-12)


@pytest.mark.slow
def test_values_are_near_the_exact_ones(reg):
    X, _ = make_rows(seed=3)
    background = make_rows(seed=4)[0][:20]
    found = reg.explain(X[:1], background, max_evaluations=20_000).values[0]
    np.testing.assert_allclose(found, exact(reg, X[:1], background, 0), atol=0.08)


def test_values_are_named_by_raw_columns_and_unused_ones_are_zero(reg, clf):
    X, _ = make_rows(seed=3)
    frame = reg.explain(X[:2], max_evaluations=100).to_frame()
    assert list(frame) == list(X)
    assert (frame["same"] == 0).all()
    table = clf.explain(X[:2], max_evaluations=100)
    assert table.to_frame().columns.get_level_values(0).unique().tolist() == ["high", "low", "mid"]
    assert list(table.to_frame("mid")) == list(X)
    with pytest.raises(InvalidInputError, match="'other' is no class"):
        table.to_frame("other")


@pytest.mark.slow
def test_a_sparse_table_is_explained_like_a_dense_one():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 6)) * (rng.random((150, 6)) < 0.4)
    y = 2 * X[:, 2] + X[:, 4] + 0.1 * rng.normal(size=150)
    reg = AutoMLRegressor(**{**FAST, "include": ["ridge"], "max_trials": 1}).fit(sparse.csr_matrix(X), y)
    explanation = reg.explain(sparse.csr_matrix(X[:4]))
    total = explanation.base + explanation.values.sum(axis=1)
    np.testing.assert_allclose(total, reg.predict(sparse.csr_matrix(X[:4])), atol=1e-9)
    assert np.abs(explanation.values).mean(axis=0).argmax() == 2


def test_a_linear_model_gives_the_weights_times_the_distance_from_the_mean():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 4)), columns=list("abcd"))
    reg = AutoMLRegressor(**{**FAST, "include": ["ridge"], "max_trials": 1}).fit(X, X["a"] * 3 - X["c"])
    background = X[:50]
    row = X[60:61]
    steps = [reg.predict(row.assign(**{name: row[name] + 1}))[0] - reg.predict(row)[0] for name in X]
    expected = np.array(steps) * (row - background.mean()).to_numpy()[0]
    np.testing.assert_allclose(reg.explain(row, background).values[0], expected, atol=1e-6)


def test_a_model_without_rows_asks_for_a_background(reg, tmp_path):
    reg.save(tmp_path / "model")
    model = load(tmp_path / "model")
    X, _ = make_rows(seed=3)
    with pytest.raises(InvalidInputError, match="pass background"):
        model.explain(X[:1])
    assert model.explain(X[:1], X[1:20], max_evaluations=50).values.shape == (1, 6)


@pytest.fixture(scope="module")
def wide():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 300)), columns=[f"x{i}" for i in range(300)])
    y = 4 * X["x7"] - 3 * X["x250"] + 2 * X["x100"]
    X = X.mask(rng.random(X.shape) < 0.05)
    return AutoMLRegressor(**{**FAST, "include": ["ridge"], "max_trials": 1}).fit(X, y), X


def count_rows(monkeypatch):
    """The numbers of rows of all predictions from now on."""
    rows, predict = [], Ensemble.predict

    def counted(self, X, *args, **kwargs):
        rows.append(X.shape[0])
        return predict(self, X, *args, **kwargs)

    monkeypatch.setattr(Ensemble, "predict", counted)
    return rows


@pytest.mark.parametrize("n_background", [3, 50])
def test_many_columns_need_no_more_predictions_than_allowed(wide, monkeypatch, n_background):
    reg, X = wide
    rows = count_rows(monkeypatch)
    explanation = reg.explain(X[:1], X[20 : 20 + n_background], max_evaluations=1_000)
    assert sum(rows) <= 1_000 + n_background + 1
    np.testing.assert_allclose(explanation.base + explanation.values.sum(axis=1), reg.predict(X[:1]), atol=1e-9)


def test_the_columns_with_the_largest_effects_are_found_among_many(wide):
    reg, X = wide
    explanation = reg.explain(X[:8], max_evaluations=2_000)
    strength = explanation.to_frame().abs().mean()
    assert set(strength.nlargest(3).index) == {"x7", "x100", "x250"}


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("n_columns", [200, 2_000])
def test_one_row_of_many_columns_takes_at_most_five_seconds(n_columns):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, n_columns))
    y = X[:, :20].sum(axis=1) + X[:, 0] * X[:, 1] + rng.normal(size=600) > 0
    clf = AutoMLClassifier(time_budget=30, random_state=0, verbose=0).fit(X, y)
    clf.explain(X[:1])
    started = time.perf_counter()
    clf.explain(X[1:2])
    assert time.perf_counter() - started < 5


@pytest.mark.alone
@pytest.mark.slow
def test_one_row_of_twenty_columns_takes_at_most_five_seconds():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 20))
    reg = AutoMLRegressor(time_budget=30, random_state=0, verbose=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2])
    reg.explain(X[:1])
    started = time.perf_counter()
    reg.explain(X[1:2])
    assert time.perf_counter() - started < 5
