"""Tests of the checks: each bad input is one clear error that names the argument or column and says how to fix it."""

from decimal import Decimal
from enum import Enum
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

from automl import AutoMLClassifier, AutoMLRegressor
from automl.arguments import check_arguments
from automl.errors import AutoMLError, InvalidInputError, check_names
from automl.task.prepare import TrainingData, prepare
from automl.task.table_validation import check_table
from automl.task.target_score import score_labels
from automl.task.validation import (
    check_groups,
    check_sample_weight,
    check_scoring_classes,
    check_target,
    table_errors,
    warn_of_other_order,
)
from automl.task.validation_rows import join_targets
from pipelines.table.reader import TableReader


class Color(Enum):
    RED = "red"
    BLUE = "blue"


nan, inf = np.nan, np.inf
GOOD = {
    "time_budget": 60,
    "max_trials": None,
    "memory_limit": 1024.5,
    "trial_time_limit": None,
    "ensemble_size": 25,
    "n_jobs": -1,
    "scoring": None,
    "cv": None,
    "verbose": 1,
}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"time_budget": None, "max_trials": np.int64(3)},
        {"time_budget": np.float32(0.5)},
        {"n_jobs": None},
        {"n_jobs": 2},
        {"scoring": "roc_auc"},
        {"scoring": "log_loss"},
        {"scoring": make_scorer(mean_absolute_error, greater_is_better=False)},
        {"cv": 3},
        {"cv": KFold(3)},
        {"cv": [([0, 1], [2]), ([2], [0, 1])]},
        {"include": None, "exclude": {"catboost"}, "callbacks": None},
        {"include": np.array(["lightgbm"]), "exclude": {"catboost": 1}.keys()},
        {"initial_configurations": [{"model": "ridge"}]},
        {"random_state": np.random.RandomState(0)},
        {"random_state": 2**32 - 1},
    ],
)
def test_good_arguments_pass(settings):
    check_arguments(GOOD | settings, classification=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_budget": 0}, "time_budget must be a finite number of seconds above 0; got 0"),
        ({"time_budget": -5}, "time_budget .* got -5"),
        ({"time_budget": nan}, "time_budget .* got nan"),
        ({"time_budget": "60"}, "time_budget .* got '60'"),
        ({"time_budget": 10**400}, r"time_budget must be at most 1e\+300 seconds"),
        ({"time_budget": None, "max_trials": 10**400}, r"max_trials must be at most 1e\+300 trials"),
        ({"time_budget": True}, "time_budget .* got True"),
        ({"time_budget": None}, "time_budget, max_trials and max_processor_seconds are all None; give one of them"),
        ({"memory_limit": 0}, "memory_limit must be a finite number of MiB above 0; got 0"),
        ({"memory_limit": "4GB"}, "memory_limit .* got '4GB'"),
        ({"trial_time_limit": -1}, "trial_time_limit .* got -1"),
        ({"max_trials": 0}, "max_trials must be a whole number of trials above 0; got 0"),
        ({"max_trials": 2.5}, r"max_trials .* got 2\.5"),
        ({"ensemble_size": 0}, "ensemble_size must be a whole number of models above 0; got 0"),
        ({"ensemble_size": None}, "ensemble_size .* got None"),
        ({"device": "gpu"}, 'device must be "auto", "cpu", "cuda" .* got .gpu.'),
        ({"device": "cuda:99"}, "device='cuda:99' does not exist: torch finds"),
        ({"n_jobs": 0}, "n_jobs must be a whole number, -1 for all processors, and not 0; got 0"),
        ({"n_jobs": 1.5}, r"n_jobs .* got 1\.5"),
        ({"scoring": "roc_auk"}, "scoring: 'roc_auk' is unknown; did you mean 'roc_auc'"),
        ({"scoring": "acc"}, r"scoring: 'acc' is unknown; did you mean 'accuracy'\?"),
        ({"scoring": "AUC"}, "scoring: 'AUC' is unknown; did you mean 'roc_auc'"),
        ({"scoring": "Accuracy"}, "scoring: 'Accuracy' is unknown; did you mean 'accuracy'"),
        ({"scoring": "zzzzzz"}, "scoring: 'zzzzzz' is unknown; choose from 'accuracy', "),
        (
            {"scoring": ["accuracy", 3]},
            "or a list or dict of these; got int",
        ),
        ({"scoring": "r2"}, "scoring='r2' scores regression; use for example 'roc_auc'"),
        ({"cv": 1}, "cv must be 2 folds or more; got 1"),
        ({"cv": "five"}, "cv must be a whole number, a splitter, or .* got 'five'"),
        ({"cv": 2.0}, r"cv must be .* got 2\.0"),
        ({"include": "lightgbm"}, r"include must be a list of names; write include=\['lightgbm'\]"),
        ({"include": "lightgbmm"}, r"include: 'lightgbmm' is unknown; did you mean 'lightgbm'\?"),
        ({"include": ["forest"]}, r"include: 'forest' is unknown; did you mean 'random_forest'\?"),
        ({"without": "adult"}, r"without must be a list of names of data sets; write without=\['adult'\]"),
        ({"without": [31]}, "without must be a list of names of data sets; it holds 31"),
        ({"exclude": ["catbost"]}, "exclude: 'catbost' is unknown; did you mean 'catboost'"),
        ({"initial_configurations": {"model": "ridge"}}, "initial_configurations must be a list of dicts"),
        ({"initial_configurations": None}, "initial_configurations must be .*; got None"),
        ({"initial_configurations": ["ridge"]}, "initial_configurations .* holds 'ridge'"),
        ({"executor": "rai"}, "executor: 'rai' is unknown; did you mean 'ray'"),
        ({"callbacks": print}, r"callbacks must be a list of callables; write callbacks=\[print\]"),
        ({"store": __file__}, "store .* is a file; name a folder"),
        ({"store": f"{__file__}/run"}, "store .* is a file; name a folder"),
        ({"store": 5}, "store must be the path of a folder; got 5"),
        ({"random_state": -1}, "random_state must be a whole number from 0 to 4294967295, .* got -1"),
        ({"random_state": 2**40}, "random_state .* got 1099511627776"),
        ({"random_state": "zero"}, "random_state .* got 'zero'"),
    ],
)
def test_the_error_for_a_bad_argument_names_it(settings, message):
    with pytest.raises(InvalidInputError, match=message):
        check_arguments(GOOD | settings, classification=True)


def test_classification_scorers_are_refused_for_regression():
    for name in ("roc_auc", "accuracy", "neg_log_loss", "log_loss"):
        with pytest.raises(InvalidInputError, match=f"scoring='{name}' scores classification; use for example 'r2'"):
            check_arguments(GOOD | {"scoring": name}, classification=False)
    check_arguments(GOOD | {"scoring": "rmse"}, classification=False)


def test_scorers_of_two_classes_are_refused_for_more():
    with pytest.raises(InvalidInputError, match="scoring='f1' needs two classes but y has 3; use scoring='f1_macro'"):
        check_scoring_classes("f1", 3)
    check_scoring_classes("f1", 2)
    check_scoring_classes("accuracy", 3)
    check_scoring_classes(None, 3)


def test_the_error_for_an_unknown_name_lists_the_closest_names():
    known = ["lightgbm", "random_forest", "extra_trees"]
    check_names("include", ["lightgbm"], known)
    check_names("include", [], known)
    with pytest.raises(InvalidInputError, match="include: 'lightbgm' is unknown; did you mean 'lightgbm'"):
        check_names("include", ["random_forest", "lightbgm"], known)
    with pytest.raises(InvalidInputError, match="searcher: 'x' is unknown; choose from 'extra_trees', 'lightgbm'"):
        check_names("searcher", "x", known)
    with pytest.raises(InvalidInputError, match=r"choose from 'none', 'sums'$"):
        check_names("generation", "x", ["none", "sums", "none"])


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [1, None], "b": ["x", None], "c": pd.to_datetime(["2020-01-01", None])}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Float64"), "b": [Decimal(1), None], "c": [True, nan]}),
        pd.DataFrame({"a": [1, "x"], "b": [1.5, "x"], "c": [b"x", None]}),
        pd.DataFrame({0: [1, 2], "b": [3, 4]}),
        [[1, "a"], [None, "b"]],
        np.array([["a"], ["b"]]),
        np.array([[True], [False]]),
        sparse.csr_array(np.eye(2)),
    ],
)
def test_good_tables_pass(table):
    check_table(table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "X is None"),
        (np.ones(3), r"Expected 2D array, got 1D array instead\. Reshape your data"),
        ([1, 2, 3], r"Reshape your data: use numpy\.reshape\(X, \(-1, 1\)\)"),
        (
            pd.Series([1, 2]),
            r"Use X\.to_frame\(\) for one column, X\.iloc\[\[0\]\] in place of X\.iloc\[0\] for one row$",
        ),
        ({"a": 1, "b": "x"}, r"its values have names; pass pandas\.DataFrame\(\[X\]\)$"),
        ({"a": [1, 2], "b": [3, 4]}, r"its values have names; pass pandas\.DataFrame\(X\)"),
        ([{"a": 1, "b": 2}, {"a": 3, "b": 4}], "its values have names"),
        (np.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)]), "its values have names"),
        (np.ones((2, 2, 2)), "got 3D array"),
        (np.ones((0, 2)), r"Found array with 0 sample\(s\) \(shape=\(0, 2\)\)"),
        (pd.DataFrame(index=range(3)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required\."),
        (pd.DataFrame([[1, 2, 3]], columns=["a", "b", "a"]), "X has more than one column named 'a'; rename"),
        (pd.DataFrame({"a": [1.0, inf]}), r"column 'a' holds infinite values \(inf\); replace them by missing values"),
        (pd.DataFrame({"a": pd.array([1.0, -inf], dtype="Float64")}), "column 'a' holds infinite values"),
        (pd.DataFrame({"a": pd.Series([1, inf, None], dtype=object)}), "column 'a' holds infinite values"),
        (pd.DataFrame({"a": pd.Series([inf, "x"], dtype=object)}), "column 'a' holds infinite values"),
        (pd.DataFrame({"a": pd.Series([10**400, 0.5], dtype=object)}), "column 'a' holds infinite values"),
        (np.array([[1.0, 2], [3, -inf]]), "column 1 holds infinite values"),
        (pd.DataFrame({"a": [1, 2], "tags": [["x"], None]}), "column 'tags' holds cells of type list"),
        (
            pd.DataFrame({"a": [{"k": 1}, 2]}),
            "column 'a' holds cells of type dict, .* split the column into several columns",
        ),
        (pd.DataFrame({"a": [np.ones(2), np.ones(2)]}), "column 'a' holds cells of type ndarray"),
        (pd.DataFrame({"a": [(1, 2), (3, 4)]}), "column 'a' holds cells of type tuple"),
        (pd.DataFrame({"a": [{1}, "x", 2]}), "column 'a' holds cells of type set"),
        ([[1, [2]], [3, [4]]], None),
        ([[1, [2]], [3, 4]], "its rows differ in length, or its cells hold lists"),
        ([[1, 2], [3]], "its rows differ in length"),
        (np.ones((2, 2)) * 1j, "Complex data not supported"),
        (pd.DataFrame({"z": [1j, 2j]}), "column 'z': Complex data not supported"),
        (pd.DataFrame({"z": pd.Series([1j, 2j], dtype=object)}), "column 'z': Complex data not supported"),
        (sparse.csr_array([[1.0, nan]]), "column 1 of the sparse X holds NaN or infinity; fill them"),
        (sparse.csc_array([[1.0, inf]]), "column 1 of the sparse X holds NaN or infinity"),
        (sparse.csc_array([[1j]]), "Complex data not supported"),
    ],
)
def test_the_error_for_a_bad_table_names_the_column(table, message):
    with pytest.raises(InvalidInputError, match=message):
        check_table(table)


def test_the_error_for_a_nested_arrow_column_names_it():
    pa = pytest.importorskip("pyarrow")
    nested = pd.DataFrame({"a": pd.Series([[1], [2]], dtype=pd.ArrowDtype(pa.list_(pa.int64())))})
    with pytest.raises(InvalidInputError, match="column 'a' holds cells of type list"):
        check_table(nested)


@pytest.mark.parametrize(
    ("y", "codes", "classes"),
    [
        (["b", "a", "b", "a"], [1, 0, 1, 0], ["a", "b"]),
        (pd.Series(["b", "a"] * 2, dtype="string"), [1, 0, 1, 0], ["a", "b"]),
        (pd.Series(["b", "a"] * 2, dtype="string[pyarrow]"), [1, 0, 1, 0], ["a", "b"]),
        (pd.Series(["b", "a"] * 2, dtype=pd.CategoricalDtype(["never", "b", "a"])), [1, 0, 1, 0], ["a", "b"]),
        ([True, False] * 2, [1, 0, 1, 0], [False, True]),
        (pd.Series([True, False] * 2, dtype="boolean"), [1, 0, 1, 0], [False, True]),
        ([1.0, 0.0] * 2, [1, 0, 1, 0], [0.0, 1.0]),
        (pd.Series([7, 5] * 2, dtype="Int64"), [1, 0, 1, 0], [5, 7]),
        (np.array([7, 5] * 2, dtype=object), [1, 0, 1, 0], [5, 7]),
        (pd.Series([7, 5] * 2, index=[9, 9, 3, 1]), [1, 0, 1, 0], [5, 7]),
        (pd.to_datetime(["2021-01-01", "2020-01-01"] * 2), [1, 0, 1, 0], pd.to_datetime(["2020-01-01", "2021-01-01"])),
    ],
)
def test_classes_of_any_type_are_sorted_and_coded(y, codes, classes):
    encoded, found = check_target(y, np.zeros((4, 1)), classification=True)
    assert encoded.dtype == np.int64
    np.testing.assert_array_equal(encoded, codes)
    np.testing.assert_array_equal(found, np.asarray(classes))
    if isinstance(classes[0], str | bool):
        assert type(found.tolist()[0]) is type(classes[0])


def test_355_classes_pass():
    y = np.repeat(np.arange(355), 2)
    codes, classes = check_target(y, np.zeros((710, 1)), classification=True)
    assert len(classes) == 355
    np.testing.assert_array_equal(codes, y)


@pytest.mark.parametrize(
    "y",
    [
        [1, 2, 4.5],
        pd.Series([1, 2, 4.5], dtype="Float64"),
        pd.Series([1, 2, 4.5], dtype="double[pyarrow]"),
        [Decimal(1), Decimal(2), Decimal("4.5")],
        np.array([1, 2, 4.5], dtype=object),
        np.array([1, 2, 4.5], dtype=np.float32),
    ],
)
def test_numbers_of_any_type_become_floats(y):
    values, classes = check_target(y, np.zeros((3, 1)), classification=False)
    assert classes is None
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [1, 2, 4.5])


BIG = 2**70


@pytest.mark.parametrize("held", [list, partial(np.array, dtype=object), pd.Series, pd.DataFrame])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_integers_beyond_64_bits_are_classes_numbers_and_groups(held):
    y, X = held([BIG + 1, 3, BIG + 1, BIG, BIG, 3]), np.zeros((6, 1))
    codes, classes = check_target(y, X, classification=True)
    assert classes.tolist() == [3, BIG, BIG + 1]
    np.testing.assert_array_equal(codes, [2, 0, 2, 1, 1, 0])
    assert check_groups(y, 6).tolist() == [0, 1, 0, 2, 2, 1]
    numbers, _ = check_target(y, X, classification=False)
    np.testing.assert_array_equal(numbers, np.array([BIG, 3, BIG, BIG, BIG, 3], dtype=np.float64))


def test_numbers_beyond_floats_are_refused():
    with pytest.raises(InvalidInputError, match="y contains a value too large for dtype"):
        check_target([1, 10**400, 2], np.zeros((3, 1)), classification=False)


def test_validation_rows_may_have_other_sizes_of_integers():
    X, y = np.zeros((4, 1)), [BIG, 3, BIG, 3]
    assert join_targets(y, X, [3, 3], X[:2], True).tolist() == [*y, 3, 3]
    assert join_targets([3, 4, 3, 4], X, [BIG, 3], X[:2], False).tolist() == [3, 4, 3, 4, float(BIG), 3]


@pytest.mark.parametrize("y", [pd.DataFrame({"y": [0, 1, 0, 1]}), np.array([[0], [1], [0], [1]])])
def test_a_column_vector_is_flattened_with_scikit_learns_warning(y):
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed when a 1d array was expected"):
        codes, _ = check_target(y, np.zeros((4, 1)), classification=True)
    np.testing.assert_array_equal(codes, [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed, but the target y is None"),
        ([0, 1, 0], "inconsistent numbers of samples: X has 4 rows but y has 3 values"),
        (
            [[0, 1]] * 4,
            r"y should be a 1d array, got an array of shape \(4, 2\) instead; fit one estimator for each column",
        ),
        (sparse.csr_array([[1], [0], [1], [0]]), r"y is sparse; pass a dense array: y\.toarray\(\)\.ravel\(\)"),
        ([0, nan, 1, nan], "Input y contains NaN: values are missing in 2 of 4 rows, first in row 2; drop these rows"),
        (["a", None, "b", "a"], "Input y contains NaN: values are missing in 1 of 4 rows"),
        (pd.Series([1, None, 0, 1], dtype="Int64"), "Input y contains NaN: values are missing in 1 of 4 rows"),
        (
            [0, inf, 1, 0],
            r"Input y contains infinity or a value too large for dtype\('float64'\). .* in 1 of 4 .* row 2",
        ),
        (["a"] * 4, "y holds only 1 class, 'a'; at least 2 classes are needed"),
        (np.ones(4), r"y holds only 1 class, 1\.0"),
        (
            ["a", "b", "b", "b"],
            "class 'a' of y has a single row, but at least 2 classes need 2 or more rows: .* drop these rows or merge",
        ),
        (["a", "b", "c", "c"], r"class 'a' of y has a single row \(number of other such classes: 1\)"),
        ([1, 2, 3, 4], "class 1 of y .* if y is a quantity, use AutoMLRegressor"),
        ([0.5, 1.5, 2.5, 0.5], "Unknown label type: continuous.*use AutoMLRegressor"),
        (["a", 1, "a", 1], "Unknown label type: y mixes values of the types int, str; turn all labels into strings"),
        (
            [Color.RED, Color.BLUE] * 2,
            "Unknown label type: y holds values of the type Color, which have no order; turn",
        ),
        ([1j, 2j, 1j, 2j], "Complex data not supported"),
        ("a", r"got 'a'; to use a column of X as y, pass X\.pop\('a'\)"),
        (dict.fromkeys(range(1000), 1), "each row, got a value of the type dict; pass a list, an array or a series"),
        ({1, 2, 3, 4}, "got a value of the type set; pass a list"),
    ],
)
def test_bad_classes_are_explained(y, message):
    with pytest.raises(InvalidInputError, match=message):
        check_target(y, np.zeros((4, 2)), classification=True)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([5.0] * 4, r"y is constant \(5 in every row\); pass a target with at least 2"),
        (["a", "b", "a", "b"], "y holds values such as 'a', but regression needs numbers; use AutoMLClassifier"),
        (["1", "2", "3", "4"], r"y holds values such as '1', .* labels, or convert y with pd\.to_numeric"),
        (["1", "2 EUR", "3", "4"], r"such as '2 EUR', .* or turn each value into a plain number, .* and convert y"),
        (pd.to_datetime(["2020-01-01"] * 4), "y holds dates, but regression needs numbers; pass days or seconds since"),
        (
            pd.to_timedelta([1, 2, 3, 4], unit="h"),
            "y holds durations, but regression needs numbers; pass seconds: .*total",
        ),
        ([1, 2, "x", 3], "y holds values such as 'x', but regression needs numbers"),
        ([1, 2, nan, 3], "Input y contains NaN: values are missing in 1 of 4 rows, first in row 3"),
        ([1, 2, -inf, 3], "Input y contains infinity"),
        (np.array([1, 2, inf, 3], dtype=object), "Input y contains infinity"),
        ([1e300, 2, -1e308, 3], r"y holds numbers of the size 1e\+308, and .* infinite .*; divide y by 1e\+308"),
        ([1.7e308, -1.7e308, 0, 1], "y holds numbers of the size"),
        ([1e-300, 2e-300, 4e-300, 3e-300], r"the values of y differ by 3e-300, .* divide y by 3e-300"),
    ],
)
def test_bad_numbers_are_explained(y, message):
    with pytest.raises(InvalidInputError, match=message):
        check_target(y, np.zeros((4, 2)), classification=False)


def test_one_row_is_not_enough():
    with pytest.raises(InvalidInputError, match="n_samples=1"):
        check_target([3.0], [[1, 2]], classification=False)
    with pytest.raises(InvalidInputError, match="1 class"):
        check_target([3], [[1, 2]], classification=True)


@pytest.mark.parametrize("weight", [[1, 0, 2.5], pd.Series([1, 0, 2.5], index=[7, 7, 7]), np.array([1, 0, 2.5])])
def test_weights_become_floats(weight):
    np.testing.assert_array_equal(check_sample_weight(weight, 3), [1, 0, 2.5])
    assert check_sample_weight(None, 3) is None


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ([1e308, 5e307, 0], [1, 0.5, 0]),
        ([1e-310, 1e-310, 0], [1, 1, 0]),
        ([2, 1e-310, 3], [2, 0, 3]),
        ([1e-149, 0, 3], [1e-149, 0, 3]),
    ],
)
def test_of_weights_of_an_extreme_size_the_ratios_are_kept(weight, expected):
    np.testing.assert_array_equal(check_sample_weight(weight, 3), expected)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 1], r"sample_weight has shape \(2,\) but X has 3 rows"),
        (np.ones((3, 2)), r"sample_weight has shape \(3, 2\)"),
        (1.0, r"sample_weight has shape \(\)"),
        ([1, -1, 1], "sample_weight holds negative values; use 0"),
        ([1, nan, 1], "sample_weight holds missing or infinite values"),
        ([1, 10**400, 1], "sample_weight holds missing or infinite values"),
        ([0, 0, 0], "Sample weights must contain at least one non-zero number"),
        (["a", "b", "c"], "sample_weight must hold numbers"),
    ],
)
def test_bad_weights_are_explained(weight, message):
    with pytest.raises(InvalidInputError, match=message):
        check_sample_weight(weight, 3)


@pytest.mark.parametrize("several", [False, True])
def test_a_target_that_is_constant_where_the_weights_are_positive_is_refused(several):
    y, weight = np.r_[np.ones(30), np.arange(30.0)], np.repeat([1.0, 0.0], 30)
    named = "target 'target_1': " if several else ""
    y = np.column_stack([np.arange(60.0), y]) if several else y
    message = f"{named}y is constant \\(1 in every row of positive weight\\)"
    with pytest.raises(InvalidInputError, match=message):
        prepare(TrainingData(np.zeros((60, 1)), y, sample_weight=weight), classification=False)


@pytest.mark.parametrize("argument", ["groups", "sample_weight"])
def test_a_name_of_a_column_is_explained_where_values_are_needed(argument):
    X = pd.DataFrame({"x": range(6), "shop": [0, 0, 1, 1, 2, 2]})
    with pytest.raises(InvalidInputError) as error:
        AutoMLRegressor().fit(X, range(6), **{argument: "shop"})
    assert str(error.value) == (
        f"{argument} is the text 'shop', but it takes one value for each row, and no name of a column; pass X['shop'] "
        "for a column that stays a feature, or X.pop('shop') for any other column"
    )


def test_balanced_weights_are_computed_with_scikit_learn():
    with pytest.raises(InvalidInputError, match=r"balanced weights are .*compute_sample_weight\('balanced', y\)$"):
        AutoMLClassifier().fit(np.zeros((6, 1)), [0, 1] * 3, sample_weight="balanced")


def test_a_name_of_a_column_as_weights_of_validation_rows_is_explained():
    X = pd.DataFrame({"x": range(6), "w": [1.0] * 6})
    with pytest.raises(InvalidInputError, match=r"^sample_weight_val is the text 'w', .*; pass X_val\['w'\]"):
        AutoMLRegressor().fit(X, range(6), X["w"], X_val=X, y_val=range(6), sample_weight_val="w")


def test_groups_become_codes():
    assert check_groups(None, 3) is None
    for groups in (["b", "a", "b"], pd.Series([7, 3, 7]), pd.Series(["x", "y", "x"], dtype="category"), [1.5, 2, 1.5]):
        codes = check_groups(groups, 3)
        assert codes[0] == codes[2] != codes[1]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a", "b"], "groups has 2 values but X has 3 rows"),
        (["a", None, "b"], "groups has 1 missing value; give every row a group"),
        (np.ones((3, 2)), "groups should be a 1d array"),
        (2, "one value for each row, got 2$"),
    ],
)
def test_bad_groups_are_explained(groups, message):
    with pytest.raises(InvalidInputError, match=message):
        check_groups(groups, 3)


def test_values_whose_index_has_the_labels_of_the_table_in_another_order_give_a_warning():
    X = pd.DataFrame({"x": range(8)}, index=list("abcdefgh"))
    y, shuffled = pd.Series([0, 1] * 4, index=X.index), X.index[::-1]
    with pytest.warns(UserWarning, match=r"the index of y holds the labels of X .* pass y\.loc\[X\.index\] if"):
        prepare(TrainingData(X, y.loc[shuffled]), classification=True)
    with pytest.warns(UserWarning, match="the index of sample_weight holds"):
        prepare(TrainingData(X, y, pd.Series(range(1, 9), index=shuffled)), classification=True)
    with pytest.warns(UserWarning, match=r"pass y_val\.loc\[X_val\.index\]"):
        prepare(TrainingData(X, y, X_val=X, y_val=y.loc[shuffled]), classification=True)
    with pytest.warns(UserWarning, match="the index of y holds"):
        score_labels(y.loc[shuffled], X, y.to_numpy(), np.array([0, 1]))


@pytest.mark.parametrize("index", [list("abcdefgh"), range(8), [*"aacdefgh"], list("hgfedcbx")])
def test_values_without_the_labels_of_the_table_give_no_warning(index, recwarn):
    X = pd.DataFrame({"x": range(8)}, index=list("abcdefgh"))
    prepare(TrainingData(X, pd.Series([0, 1] * 4, index=index)), classification=True)
    assert not recwarn.list


_DAYS = pd.date_range("2024-01-01", periods=8, tz="UTC")
_PAIRS = pd.MultiIndex.from_product([list("abcd"), [0, 1]])


@pytest.mark.parametrize(
    ("of_table", "of_values"),
    [
        (pd.RangeIndex(8), pd.Index(range(8), dtype="Int64")),  # the same labels, in another type
        (_DAYS, _DAYS.tz_convert("Asia/Tokyo")),
        (pd.RangeIndex(8), _PAIRS),  # methods of pandas raise errors for these
        (_PAIRS, pd.MultiIndex.from_arrays([range(8)])),
        (pd.Index(list("abcdefgh")), _PAIRS),
        (pd.Index([[i] for i in range(8)]), pd.CategoricalIndex(list("abcdefgh"))),
        (_DAYS, pd.Index(_DAYS.date)),  # these give a warning about a future version of pandas
    ],
)
def test_an_index_of_another_type_gives_neither_a_warning_nor_an_error(of_table, of_values, recwarn):
    for labels, own in ((of_table, of_values), (of_values, of_table)):
        warn_of_other_order("y", pd.Series(range(8), index=own), pd.DataFrame({"x": range(8)}, index=labels))
    assert not recwarn.list


def test_labels_in_another_order_are_found_in_an_index_of_another_type():
    X, own = pd.DataFrame({"x": range(8)}), pd.Index(range(7, -1, -1), dtype="Int64")
    with pytest.warns(UserWarning, match="the index of y holds the labels of X in another order"):
        warn_of_other_order("y", pd.Series(range(8), index=own), X)


def test_an_error_of_the_reader_becomes_an_error_of_this_package():
    reader = TableReader().fit(pd.DataFrame({"a": [1, 2], "b": [3, 4]}))
    with pytest.raises(AutoMLError, match=r"Add the missing columns \('b'\)"), table_errors():
        reader.transform(pd.DataFrame({"a": [1]}))


def test_input_is_never_changed():
    frame = pd.DataFrame({"a": [1.0, nan], "b": pd.Series(["x", 1], dtype=object)})
    before = frame.copy(deep=True)
    check_table(frame)
    y, weight = pd.Series(["u", "v"] * 2), np.array([1.0, 2.0])
    check_target(y, np.zeros((4, 1)), classification=True)
    checked = check_sample_weight(weight, 2)
    pd.testing.assert_frame_equal(frame, before)
    assert y.tolist() == ["u", "v"] * 2
    assert checked.tolist() == weight.tolist() == [1.0, 2.0]


class _Checked(BaseEstimator):
    """A minimal estimator that checks its input with the functions under test."""

    def fit(self, X, y, sample_weight=None):
        check_table(X)
        classification = isinstance(self, ClassifierMixin)
        target, classes = check_target(y, X, classification)
        weight = check_sample_weight(sample_weight, len(target))
        with table_errors():
            self.reader_ = TableReader()
            table = np.nan_to_num(self.reader_.fit_transform(X))
        self.n_features_in_ = self.reader_.n_features_in_
        if hasattr(self.reader_, "feature_names_in_"):
            self.feature_names_in_ = self.reader_.feature_names_in_
        self.model_ = make_pipeline(StandardScaler(), LogisticRegression(C=1e3) if classification else Ridge(1e-3))
        last = self.model_.steps[-1][0]
        self.model_.fit(table, target, **{f"{last}__sample_weight": weight})
        if classification:
            self.classes_ = classes
        return self

    def predict(self, X):
        check_is_fitted(self)
        check_table(X)
        with table_errors():
            predictions = self.model_.predict(np.nan_to_num(self.reader_.transform(X)))
        return self.classes_[predictions] if hasattr(self, "classes_") else predictions

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags


class _Classifier(ClassifierMixin, _Checked):
    pass


class _Regressor(RegressorMixin, _Checked):
    pass


EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "the scaler of this test is not weighted",
}


@parametrize_with_checks([_Classifier(), _Regressor()], expected_failed_checks=lambda _: EXPECTED, xfail_strict=True)
def test_messages_pass_the_checks_of_scikit_learn(estimator, check):
    check(estimator)
