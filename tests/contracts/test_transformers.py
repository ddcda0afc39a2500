"""What every transformer of the catalog promises; a new one is tested unasked."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import TargetEncoder

from pipelines.catalog import CATALOG
from pipelines.component import LARGEST, FitContext, TableTraits
from pipelines.steps.balancing import BalancedClassifier
from pipelines.steps.calibration import CalibratedClassifier
from pipelines.steps.encoders import FrequencyEncoder, TargetMeanEncoder
from pipelines.steps.generation import ArithmeticFeatures
from pipelines.steps.preprocessing import RobustClipScaler

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
    """Transformers by the default and by sampled hyperparameters."""
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
        X[:, 3] = np.nan  # nothing is known of this column
    return X, y


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("step", "component"), CASES, ids=lambda case: getattr(case, "name", case))
def test_a_transformer_keeps_rows_repeats_itself_and_survives_a_single_row(step, component):
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


def test_robust_clipping_bounds_outliers_and_centers_on_the_median():
    x = np.concatenate([np.arange(101.0), [1e12]])[:, None]
    out = RobustClipScaler().fit(x).transform(x)
    assert np.abs(out).max() <= 3
    assert abs(np.median(out)) < 0.05
    assert (np.diff(out[:101, 0]) > 0).all()


def test_frequencies_are_shares_of_the_training_rows():
    encoder = FrequencyEncoder().fit(np.array([[0.0], [0.0], [1.0], [np.nan]]))
    assert encoder.transform(np.array([[0.0], [1.0], [np.nan], [7.0]])).ravel().tolist() == [0.5, 0.25, 0.25, 0.0]


def test_balancing_makes_classes_equally_heavy_or_frequent():
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [90, 10])
    for strategy in ("weights", "oversample", "undersample"):
        model = BalancedClassifier(DummyClassifier(), strategy, power=1.0).fit(X, y)
        assert model.predict_proba(X[:1])[0] == pytest.approx([0.5, 0.5], abs=0.01)
        half = BalancedClassifier(DummyClassifier(), strategy, power=0.5).fit(X, y)
        assert 0.1 < half.predict_proba(X[:1])[0, 1] < 0.5


def test_undersampling_leaves_ten_rows_to_a_class_that_has_them():
    X, y = np.zeros((100, 1)), np.repeat([0, 1], [98, 2])
    model = BalancedClassifier(DummyClassifier(), "undersample", power=1.0).fit(X, y)
    assert model.predict_proba(X[:1])[0] == pytest.approx([10 / 12, 2 / 12])


def test_calibration_is_refused_where_a_class_has_too_few_rows():
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.repeat([0, 1], [38, 2])
    plain = LogisticRegression().fit(X, y).predict_proba(X)
    assert np.allclose(CalibratedClassifier(LogisticRegression()).fit(X, y).predict_proba(X), plain)


@pytest.mark.parametrize(("kind", "classification"), [("binary", True), ("multiclass", True), ("continuous", False)])
def test_target_means_are_scikit_learns_on_new_rows_and_leave_a_training_row_out_of_its_own_mean(kind, classification):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 30, (300, 2)).astype(float)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = {"binary": rng.integers(0, 2, 300), "multiclass": rng.integers(0, 4, 300), "continuous": rng.normal(size=300)}
    encoder = TargetMeanEncoder(5.0, classification)
    inside = encoder.fit_transform(X, y[kind])
    new = np.array([[3.0, np.nan], [99.0, 0.0]])
    expected = TargetEncoder(target_type=kind, smooth=5.0).fit(X, y[kind]).transform(new)
    assert encoder.transform(new) == pytest.approx(expected)
    assert inside.shape[1] == expected.shape[1]
    own = TargetMeanEncoder(5.0, classification).fit(X, y[kind]).transform(X)
    target = (y[kind] == 0) if kind == "multiclass" else y[kind]
    assert np.corrcoef(own[:, 0], target)[0, 1] > 0.2
    assert abs(np.corrcoef(inside[:, 0], target)[0, 1]) < 0.15


def test_target_means_take_two_rows_a_class_and_a_part_with_two_of_the_classes():
    X = np.arange(60.0)[:, None] % 5
    thirty = TargetMeanEncoder().fit_transform(X, np.arange(60) % 30)
    assert thirty.shape == (60, 30)
    assert thirty.sum(axis=1) == pytest.approx(1)
    two = TargetMeanEncoder().fit_transform(X, np.where(X[:, 0] == 0, 7, 3))
    assert two.shape == (60, 1)
    assert two[X[:, 0] == 0].min() > two[X[:, 0] != 0].max()


def test_arithmetic_features_are_standardized_without_long_tails_and_keep_rare_products():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 3))
    X[:, 2] = 0
    X[:5, 2] = 1  # one row in four hundred
    made = ArithmeticFeatures(operations=("multiply", "divide"), n_new=50)
    new = made.fit_transform(X)[:, 3:]
    assert new.shape[1] == 6
    assert np.abs(new.mean(axis=0)).max() < 0.05
    assert new.std(axis=0) == pytest.approx(1, abs=0.05)
    product = made.pairs_.index(("multiply", 0, 2))
    assert len(np.unique(new[:5, product])) == 5
    ratio = made.pairs_.index(("divide", 0, 1))
    assert np.abs(X[:, 0] / X[:, 1]).max() > 500
    assert np.abs(new[:, ratio]).max() < 10
    assert np.isfinite(made.transform([[1e30, 1e-30, 0.0]])).all()


def test_a_single_constant_column_gives_no_arithmetic_features():
    assert ArithmeticFeatures(squares=True).fit_transform(np.ones((5, 1))).tolist() == [[1.0]] * 5
