"""Fast prediction gives the numbers of scikit-learn's own path, to the last bit."""

import warnings

import numpy as np
import pytest
from scipy import sparse

from pipelines import storage
from pipelines.build import build_pipeline
from pipelines.component import FitContext, TableTraits
from pipelines.prediction import fast_predict, fast_predict_together, fast_transform
from pipelines.space import build_space, complete

N = 90
rng = np.random.default_rng(0)
TABLE = np.column_stack([rng.integers(0, 5, N), rng.integers(0, 30, N), rng.normal(size=(N, 4)) * [1, 10, 100, 1e-3]])
TABLE[rng.random(TABLE.shape) < 0.1] = np.nan
CLASSES = np.digitize(np.nan_to_num(TABLE[:, 2]) + 0.3 * rng.normal(size=N), [-0.5, 0.5])
NEW = TABLE[:40].copy()
NEW[0, :2] = 77  # levels without training rows
NEW[1, 2:] = [1e30, -1e30, 0, 1e30]

# Each entry varies one step of a pipeline.
STEPS = [
    {"model": "logistic_regression", "encoding": "one_hot", "imputation": "median", "scaling": "standard"},
    {"model": "linear_svm", "encoding": "target", "imputation": "mean", "scaling": "robust"},
    {"model": "kernel_svm", "encoding": "frequency", "imputation": "most_frequent", "scaling": "quantile"},
    {"model": "k_nearest_neighbors", "encoding": "one_hot", "imputation": "constant", "scaling": "power"},
    {"model": "extra_trees", "encoding": "ordinal", "imputation": "none", "scaling": "none"},
    {"model": "random_forest", "encoding": "ordinal", "imputation": "median", "scaling": "robust_clip"},
    {"model": "decision_tree", "encoding": "ordinal", "imputation": "none", "scaling": "none"},
    {"model": "hist_gradient_boosting", "encoding": "native", "imputation": "none", "scaling": "none"},
    {"model": "lightgbm", "encoding": "native", "imputation": "none", "generation": "arithmetic"},
    {"model": "xgboost", "encoding": "native", "imputation": "none", "scaling": "none"},
    {"model": "catboost", "encoding": "native", "imputation": "none", "scaling": "none"},
    {"model": "sgd", "encoding": "one_hot", "imputation": "median", "scaling": "standard"},
]
CLASSIFIER_STEPS = [
    {"model": "extra_trees", "encoding": "ordinal", "imputation": "none", "calibration": "sigmoid"},
    {"model": "decision_tree", "encoding": "ordinal", "imputation": "none", "balancing": "weights"},
    {"model": "lda", "encoding": "one_hot", "imputation": "median", "calibration": "isotonic"},
]
REGRESSOR_STEPS = [
    {"model": "ridge", "encoding": "one_hot", "imputation": "median", "scaling": "quantile"},
    {"model": "elastic_net", "encoding": "one_hot", "imputation": "median", "scaling": "standard"},
]
TASKS = {"binary": 2, "multiclass": 3, "regression": 0}


def _fit(task, entry, X=TABLE, seed=0, seconds=None):
    n_classes = TASKS[task]
    traits = TableTraits(task, len(X), X.shape[1], n_classes, (0, 1), (5, 30), has_missing=True)
    configuration = complete(build_space(traits), entry)
    assert configuration is not None
    y = np.nan_to_num(TABLE[:, 3]) * 1e6 if task == "regression" else np.minimum(CLASSES, n_classes - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build_pipeline(configuration, FitContext(traits, seed, time_limit=seconds)).fit(X, y[: len(X)])


def _own(pipeline, X):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return pipeline.predict_proba(X) if hasattr(pipeline, "classes_") else pipeline.predict(X)


def _fast(pipeline, X):
    with np.errstate(all="ignore"):
        for _, step in pipeline.steps[:-1]:
            X = fast_transform(step)(X)
        return fast_predict(pipeline[-1])(X)


TWO_CLASSES = ("logistic_regression", "linear_svm", "kernel_svm", "lightgbm", "xgboost", "sgd")  # have an own path
_CASES = [("multiclass", entry) for entry in STEPS]
_CASES += [("regression", entry) for entry in STEPS[1:]]
_CASES += [("binary", entry) for entry in STEPS if entry["model"] in TWO_CLASSES]
_CASES += [(task, entry) for task in ("binary",) for entry in CLASSIFIER_STEPS]
_CASES += [("regression", entry) for entry in REGRESSOR_STEPS]


# Fits of these families take more than a few tenths of a second; the slow run has all cases.
QUICK = ("logistic_regression", "linear_svm", "kernel_svm", "k_nearest_neighbors", "decision_tree", "ridge", "lda")


def _case(task, entry):
    is_slow = entry["model"] not in QUICK or task == "binary"
    name = "-".join((task, *entry.values()))
    return pytest.param(task, entry, marks=[pytest.mark.slow] if is_slow else [], id=name)


@pytest.mark.parametrize(("task", "entry"), [_case(task, entry) for task, entry in _CASES])
def test_the_fast_path_gives_the_same_bits(task, entry):
    pipeline = _fit(task, entry)
    for X in (TABLE, NEW, NEW[:1]):
        np.testing.assert_array_equal(_fast(pipeline, X), _own(pipeline, X))


def test_the_fast_path_changes_no_table():
    pipeline = _fit("binary", STEPS[0])
    before = NEW.copy()
    _fast(pipeline, NEW)
    np.testing.assert_array_equal(NEW, before)


def test_the_fast_path_takes_sparse_tables():
    traits = TableTraits("binary", N, 6, 2, sparse=True)
    X = sparse.csr_matrix(np.nan_to_num(TABLE))
    for name in ("logistic_regression", "extra_trees", "lightgbm", "linear_svm"):
        configuration = complete(build_space(traits), {"model": name, "scaling": "none"})
        pipeline = build_pipeline(configuration, FitContext(traits)).fit(X, np.minimum(CLASSES, 1))
        np.testing.assert_array_equal(_fast(pipeline, X), _own(pipeline, X))


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_networks_of_several_folds_predict_together(task):
    entry = {"model": "realmlp", "encoding": "native", "imputation": "median"}
    fitted = [_fit(task, entry, TABLE[fold:], seed=fold, seconds=0.2) for fold in (0, 5)]
    pipelines = [storage.load(storage.dump(pipeline)) for pipeline in fitted]
    tables = []
    for pipeline in pipelines:
        X = NEW
        for _, step in pipeline.steps[:-1]:
            X = fast_transform(step)(X)
        tables.append(X)
    together = fast_predict_together([pipeline[-1] for pipeline in pipelines])
    assert together is not None
    for pipeline, out in zip(pipelines, together(tables), strict=True):
        np.testing.assert_array_equal(out, _fast(pipeline, NEW))
        own = _own(pipeline, NEW)
        np.testing.assert_allclose(out, own, rtol=1e-5, atol=1e-6 * np.abs(own).max())
    np.testing.assert_array_equal(together(tables)[0], together(tables)[0])


def test_other_models_do_not_predict_together():
    tree = _fit("binary", STEPS[6])[-1]
    assert fast_predict_together([tree, tree]) is None
