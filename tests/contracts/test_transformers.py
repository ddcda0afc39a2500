"""The contract of transformers: tests that run for every transformer of the catalog."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from pipelines.catalog import CATALOG
from pipelines.component import LARGEST, FitContext, TableTraits

N = 80
TRAITS = TableTraits("binary", N, 6, 2, (0, 1), (4, 9), has_missing=True)
SPARSE = TableTraits("binary", N, 20, 2, sparse=True)
STEPS = [
    (step, component)
    for step in ("imputation", "encoding", "scaling", "generation", "selection")
    for component in CATALOG[step]
    if component.name != "none"
]
CASES = [(step, component) for step, component in STEPS if component.applies(TRAITS)]
SPARSE_CASES = [
    (step, component) for step, component in STEPS if component.accepts_sparse and component.applies(SPARSE)
]


def _made(component, traits):
    """Yield transformers with default and with sampled hyperparameters."""
    space = component.space(traits)
    for params in [dict(space.get_default_configuration()), *map(dict, space.sample_configuration(3))]:
        plain = {name: getattr(value, "item", lambda v=value: v)() for name, value in params.items()}
        yield component.make(plain, FitContext(traits))


def _data(step, component):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, N)
    if step == "encoding" or component.name == "categorical_interactions":
        X = np.column_stack([rng.integers(0, 4, N), rng.integers(0, 9, N)]).astype(float)
        X[rng.random(X.shape) < 0.1] = np.nan
        return X, y
    X = rng.normal(size=(N, 6))
    X[:, 2] = 1.0
    X[:, 4] *= 1e-9
    if component.accepts_missing or step in ("imputation", "scaling"):
        X[rng.random(X.shape) < 0.1] = np.nan
        X[:, 3] = np.nan  # a column without any value
    return X, y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("step", "component"), CASES, ids=lambda case: getattr(case, "name", case))
def test_a_transformer_keeps_rows_is_repeatable_and_accepts_a_single_row(step, component):
    X, y = _data(step, component)
    for made in _made(component, TRAITS):
        first, second = clone(made).fit(X, y), clone(made).fit(X, y)
        out = first.transform(X)
        assert out.shape[0] == N
        assert out.shape[1] >= 1
        assert np.array_equal(out, second.transform(X), equal_nan=True)
        assert np.array_equal(out, pickle.loads(pickle.dumps(first)).transform(X), equal_nan=True)
        assert np.allclose(first.transform(X[:1]), out[:1], equal_nan=True)
        if step == "imputation":
            assert np.isfinite(out).all()
        if step == "scaling":
            assert np.array_equal(np.isnan(out), np.isnan(X))
        if step in ("generation", "selection") and not component.accepts_missing:
            assert np.isfinite(out).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("step", "component"),
    [case for case in CASES if case[0] in ("scaling", "generation") and case[1].name != "categorical_interactions"],
    ids=lambda case: getattr(case, "name", case),
)
def test_the_largest_numbers_stay_within_what_models_take(step, component):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 6)) * 10.0 ** np.array([-20, -9, 0, 9, 20, 29])
    for made in _made(component, TRAITS):
        fitted = clone(made).fit(X, rng.integers(0, 2, N))
        out = fitted.transform(np.outer([LARGEST, -LARGEST], np.ones(6)))
        assert np.abs(out).max() <= LARGEST


@pytest.mark.parametrize(("step", "component"), SPARSE_CASES, ids=lambda case: getattr(case, "name", case))
def test_a_transformer_of_sparse_tables_keeps_them_sparse(step, component):
    rng = np.random.default_rng(0)
    X = sparse.random(N, 20, density=0.2, format="csr", rng=rng)
    y = rng.integers(0, 2, N)
    for made in _made(component, SPARSE):
        fitted = clone(made).fit(X, y)
        out = fitted.transform(X)
        assert sparse.issparse(out)
        assert out.shape[0] == N
        assert 1 <= out.shape[1] <= 20
        assert np.isfinite(out.data).all()
        assert (pickle.loads(pickle.dumps(fitted)).transform(X) != out).nnz == 0
        assert (fitted.transform(X[:1]) != out[:1]).nnz == 0
