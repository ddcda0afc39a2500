"""Meta-features of tables whose values are known, and of unusual tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse, stats
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine

from metalearning.features import ALL, CHEAP, COMPARABLE, OWN, VECTOR, compute_metafeatures
from metalearning.landmarks import CLASSIFICATION, REGRESSION
from pipelines.component import TableTraits

NAN = np.nan
LOADERS = {
    "binary": load_breast_cancer,
    "multiclass": load_wine,
    "regression": load_diabetes,
}


def traits_of(X, y, categorical=(), task=None):
    task = task or ("regression" if y.dtype.kind == "f" else "binary" if y.max() < 2 else "multiclass")
    cardinalities = tuple(int(np.nanmax(X[:, i])) + 1 if not np.isnan(X[:, i]).all() else 0 for i in categorical)
    n_classes = 0 if task == "regression" else len(np.unique(y))
    missing = bool(np.isnan(X).any())
    return TableTraits(task, *X.shape, n_classes, tuple(categorical), cardinalities, missing)


def values(X, y, categorical=(), **arguments):
    X = np.array(X, dtype=float)
    y = np.array(y)
    return compute_metafeatures(X, y, traits_of(X, y, categorical), **arguments).values


def table(kind):
    X, y = LOADERS[kind](return_X_y=True)
    return np.array(X), np.array(y)


def test_counts_of_a_table_that_can_be_counted_by_hand():
    X = [[1.0, 0, NAN], [2.0, 1, 5.0], [NAN, NAN, 6.0], [4.0, 2, 7.0]]
    found = values(X, [0, 1, 1, 1], categorical=[1], level="cheap")
    assert found["NumberOfInstances"] == 4
    assert found["NumberOfFeatures"] == 4  # the target is one
    assert found["NumberOfSymbolicFeatures"] == 2
    assert found["NumberOfBinaryFeatures"] == 1
    assert found["NumberOfMissingValues"] == 3
    assert found["PercentageOfMissingValues"] == pytest.approx(100 * 3 / 16)
    assert found["NumberOfInstancesWithMissingValues"] == 2
    assert found["PercentageOfInstancesWithMissingValues"] == 50
    assert found["MajorityClassPercentage"] == 75
    assert found["MinorityClassSize"] == 1
    assert found["AutoCorrelation"] == pytest.approx(2 / 3)
    assert found["MeanNominalAttDistinctValues"] == 2.5


def test_a_column_that_is_the_class_shares_all_of_its_entropy_and_an_independent_one_none():
    y = np.repeat([0, 1], 8)
    X = np.column_stack([y, np.tile([0, 1, 2, 3], 4)])
    found = values(X, y, categorical=[0, 1], level="cheap")
    assert found["ClassEntropy"] == pytest.approx(1)
    assert found["MaxMutualInformation"] == pytest.approx(1)
    assert found["MinMutualInformation"] == pytest.approx(0, abs=1e-12)
    assert found["MaxAttributeEntropy"] == pytest.approx(2)
    assert found["EquivalentNumberOfAtts"] == pytest.approx(2)
    assert found["MeanNoiseToSignalRatio"] == pytest.approx((1.5 - 0.5) / 0.5)


def test_entropies_leave_out_rows_without_a_category():
    X = [[0], [0], [1], [1], [NAN], [NAN], [NAN], [NAN]]
    found = values(X, [0, 0, 1, 1, 0, 0, 0, 1], categorical=[0], level="cheap")
    assert found["MeanAttributeEntropy"] == pytest.approx(1)
    assert found["MeanMutualInformation"] == pytest.approx(1)


def test_moments_are_those_of_scipy_without_bias_and_without_missing_cells():
    X, y = table("binary")
    column = X[:, :1].copy()
    column[::7] = NAN
    found = values(column, y, level="cheap")
    arguments = {"bias": False, "nan_policy": "omit"}
    assert found["MeanSkewnessOfNumericAtts"] == pytest.approx(float(stats.skew(column[:, 0], **arguments)))
    assert found["MeanKurtosisOfNumericAtts"] == pytest.approx(float(stats.kurtosis(column[:, 0], **arguments)))
    assert found["MeanStdDevOfNumericAtts"] == pytest.approx(np.nanstd(column, ddof=1))


@pytest.mark.parametrize("kind", LOADERS)
def test_full_holds_the_very_values_of_cheap_and_landmarks(kind):
    X, y = table(kind)
    cheap, full = values(X, y, level="cheap"), values(X, y)
    assert set(cheap) <= set(CHEAP)
    assert cheap == {name: full[name] for name in CHEAP if name in full}
    assert set(full) - set(cheap) == set(REGRESSION if kind == "regression" else CLASSIFICATION)
    assert np.isfinite(list(full.values())).all()


def test_the_lists_of_names_are_consistent():
    assert len(set(ALL)) == len(ALL)
    assert set(CHEAP) | set(COMPARABLE) | set(OWN) | set(VECTOR) == set(ALL)
    assert not set(COMPARABLE) & set(OWN)


def test_a_seed_fixes_the_landmarks_and_another_changes_them():
    X, y = table("binary")
    assert values(X, y) == values(X, y)
    assert values(X, y) != values(X, y, random_state=1)


def test_a_sparse_table_has_the_features_of_the_same_table_dense():
    X, y = load_digits(n_class=3, return_X_y=True)
    traits = traits_of(X, y)
    assert compute_metafeatures(sparse.csr_matrix(X), y, traits).values == compute_metafeatures(X, y, traits).values


def test_a_large_table_is_judged_by_a_sample_of_it():
    rng = np.random.default_rng(0)
    X = rng.exponential(size=(40_000, 50))
    X[rng.random(X.shape) < 0.1] = NAN
    y = (rng.random(len(X)) < 0.25).astype(int)
    found = values(X, y, level="cheap")
    assert found["NumberOfInstances"] == len(X)
    assert found["MinorityClassSize"] == y.sum()
    assert found["NumberOfMissingValues"] == pytest.approx(np.isnan(X).sum(), rel=0.01)
    assert found["MeanSkewnessOfNumericAtts"] == pytest.approx(2, rel=0.05)


def test_a_class_of_few_rows_is_in_the_sample_of_a_large_table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, 10))
    y = np.zeros(100_000, dtype=int)
    y[rng.choice(100_000, 12, replace=False)] = 1
    X[y == 1, 0] += 20
    found = values(X, y)
    assert found["RidgeAUC"] > 0.99
    assert found["DecisionStumpKappa"] > 0.9


def test_of_more_columns_than_enter_the_counts_are_still_of_all():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(2, size=(60, 700)), rng.normal(size=(60, 800))])
    found = values(X, rng.integers(2, size=60), categorical=range(700))
    assert found["NumberOfFeatures"] == 1501
    assert found["NumberOfBinaryFeatures"] == 701
    assert found["kNN1NErrRate"] == pytest.approx(0.5, abs=0.25)


def test_landmarks_tell_an_interaction_from_a_sum():
    """One split and sums over columns cannot predict an exclusive or, but two splits and the nearest neighbor can."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(1000, 2))
    interaction = values(X, (X[:, 0] * X[:, 1] > 0).astype(int))
    assert min(interaction[f"{name}ErrRate"] for name in ("DecisionStump", "NaiveBayes", "Ridge")) > 0.35
    assert max(interaction[f"{name}ErrRate"] for name in ("kNN1N", "J48.001.")) < 0.15
    additive = values(X, (X[:, 0] + X[:, 1] > 0).astype(int))
    assert additive["RidgeErrRate"] < 0.05 < additive["DecisionStumpErrRate"]
    assert additive["NaiveBayesAUC"] > 0.95


def test_landmarks_of_noise_are_those_of_guessing():
    rng = np.random.default_rng(0)
    found = values(rng.normal(size=(1000, 5)), rng.integers(2, size=1000))
    for name in CLASSIFICATION:
        assert found[name] == pytest.approx(0.0 if name.endswith("Kappa") else 0.5, abs=0.12)


def test_relative_errors_of_a_line_are_nothing_for_ridge_and_less_the_deeper_the_tree():
    x = np.linspace(-1, 1, 400)[:, None]
    found = values(x, 3 * x[:, 0] + 7)
    assert found["RidgeRRSE"] < 0.05
    assert 1 > found["REPTreeDepth1RRSE"] > found["REPTreeDepth2RRSE"] > found["REPTreeDepth3RRSE"] > found["TreeRRSE"]


def test_regression_says_nothing_of_classes_and_describes_its_target():
    X, y = table("regression")
    found = values(X, np.where(y < 100, 0.0, y), level="cheap")
    assert found["NumberOfClasses"] == 0
    assert not {"ClassEntropy", "MajorityClassSize", "MeanMutualInformation"} & set(found)
    assert found["NumberOfNumericFeatures"] == X.shape[1] + 1
    assert found["TargetModePercentage"] == pytest.approx(100 * np.mean(y < 100))


def test_change_of_units_changes_no_feature_of_the_vector():
    X, y = table("binary")
    categories = (X[:, :2] > np.median(X[:, :2], axis=0)).astype(float)
    X = np.hstack([categories, X[:, 2:8]])
    changed = X.copy()
    changed[:, 2:] = 1024 * changed[:, 2:] + 64
    before, after = (compute_metafeatures(Z, y, traits_of(Z, y, [0, 1])).to_vector(VECTOR) for Z in (X, changed))
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("X", "y"),
    [
        ([[1.0, 0.0]], [0]),
        ([[1.0, 0.0], [2.0, 1.0]], [0, 1]),
        (np.column_stack([np.arange(9.0), np.zeros(9)]), np.arange(9)),
        (np.column_stack([np.arange(40.0), np.full(40, NAN)]), np.arange(40) % 2),
        (np.column_stack([np.full(40, NAN), np.arange(40) % 3]), np.arange(40) % 2),
        (np.full((40, 2), NAN), np.arange(40) % 2),
        (np.column_stack([np.arange(40.0), np.arange(40) % 3]), np.zeros(40, dtype=int)),
        (np.column_stack([np.arange(40.0), np.arange(40) % 3]), np.zeros(40)),
        (np.column_stack([1e30 * np.arange(40.0), np.arange(40) % 3]), 1e30 * np.arange(40.0)),
        (np.column_stack([np.arange(40.0), np.arange(40)]), np.append(np.zeros(39, dtype=int), 1)),
    ],
    ids=[
        "one row", "two rows", "a class for each row", "empty category", "empty number", "all empty", "one class",
        "one value", "huge numbers", "one row of a class",
    ],
)  # fmt: skip
def test_awkward_tables_have_finite_features_and_no_warnings(X, y):
    found = values(X, y, categorical=[1])
    assert found["NumberOfInstances"] == len(X)
    assert np.isfinite(list(found.values())).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"level": "quick"}, "level"), ({"y": np.zeros(3, dtype=int)}, "rows"), ({"X": np.ones((20, 2))}, "columns")],
)
def test_what_does_not_belong_together_is_refused(arguments, message):
    X, y = np.ones((20, 3)), np.arange(20) % 2
    with pytest.raises(ValueError, match=message):
        compute_metafeatures(**{"X": X, "y": y, "traits": traits_of(X, y), **arguments})
