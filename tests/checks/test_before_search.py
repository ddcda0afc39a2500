"""Tests of the warnings before the search: each problem is found, and tables without the problem give no warning."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import make_scorer
from sklearn.model_selection import TimeSeriesSplit

from automl.checks.data_checks import DataChecks
from automl.checks.equal_rows import count_equal, number_equal_rows
from automl.task import metric_domain
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings


class Clock:
    """A clock on which only `sleep` takes time."""

    def __init__(self):
        self._now = 0.0

    def perf_counter(self):
        return self._now

    def sleep(self, seconds):
        self._now += seconds


CLOCK = Clock()


@pytest.fixture(autouse=True)
def _scorers_are_as_fast_as_the_tests_say(monkeypatch):
    monkeypatch.setattr(metric_domain, "time", CLOCK)  # or the load of the machine would make each scorer slow


def find(X, y, classification=True, groups=None, weight=None, **arguments):
    """Return the warnings before the search, and the lines of the log."""
    prepared = prepare(TrainingData(X, y, weight, groups), TaskSettings(**arguments), classification=classification)
    lines = []
    checks = DataChecks(prepared, lines.append)
    checks.before_search()
    return checks.warnings, lines


def make_table(n=400, seed=0):
    """Return a table of numbers, categories and missing cells without any problem, and two classes."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 6)), columns=list("abcdef"))
    X["f"] = X["f"].mask(rng.random(n) < 0.1)
    X["city"] = rng.choice(["Rome", "Oslo", "Bern"], n)
    X["joined"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, n), unit="D")
    return X, np.where(X["a"] + rng.normal(size=n) > 0, "yes", "no")


def by_code(X, y, **arguments):
    return {each.code: each for each in find(X, y, **arguments)[0]}


@pytest.mark.parametrize("classification", [True, False])
def test_a_table_without_problems_gives_no_warning(classification):
    X, y = make_table()
    assert find(X, y if classification else X["a"] ** 2, classification) == ([], [])


def test_equal_rows_on_both_sides_of_a_fold_give_a_warning_with_the_share_of_equal_targets():
    X, y = make_table()
    X, y = pd.concat([X, X[:60]], ignore_index=True), np.concatenate([y, y[:60]])
    found = by_code(X, y)["equal_rows"]
    assert found.severity == "high"
    assert found.column is None
    assert "groups=" in found.message
    assert "(all with the same target)" in found.message


def test_equal_rows_with_another_target_give_other_advice():
    X, y = make_table()
    X, y = pd.concat([X, X[:60]], ignore_index=True), np.concatenate([y, np.where(y[:60] == "yes", "no", "yes")])
    assert "no model can predict both targets" in by_code(X, y)["equal_rows"].message


def test_groups_prevent_the_warning_about_equal_rows():
    X, y = make_table()
    X, y = pd.concat([X, X], ignore_index=True), np.concatenate([y, y])
    assert "equal_rows" in by_code(X, y)
    assert "equal_rows" not in by_code(X, y, groups=np.tile(np.arange(400), 2))


def test_rows_of_weight_0_equal_no_row():
    X, y = make_table()
    X, y = pd.concat([X, X[:60]], ignore_index=True), np.concatenate([y, y[:60]])
    weight = np.r_[np.ones(400), np.zeros(60)]
    assert "equal_rows" not in by_code(X, y, weight=weight)
    half = np.r_[np.zeros(200), np.ones(260)]  # 60 of 260 rows equal one of weight 0
    assert "equal_rows" not in by_code(X, y, weight=half)
    weight[430:] = 1
    assert by_code(X, y, weight=weight)["equal_rows"] == by_code(X[weight > 0], y[weight > 0])["equal_rows"]


def test_equal_rows_of_few_categories_are_chance():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.choice(list("abc"), (400, 5)), columns=list("vwxyz"))
    assert find(X, rng.choice(["yes", "no"], 400)) == ([], [])


def test_equal_rows_are_counted_by_fold_and_target():
    numbers, y = np.array([0, 0, 1, 1, 2, 3]), np.array([0, 0, 0, 1, 1, 0])
    folds = [(np.array([0, 2, 4]), np.array([1, 3, 5])), (np.array([1, 3, 5]), np.array([0, 2, 4]))]
    assert count_equal(numbers, y, folds) == (2, 2, 6)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_rows_are_equal_where_all_cells_are(form):
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -0.0], [0.0, 0.0], [0.0, 1.0]])
    assert number_equal_rows(form(X)).tolist() == [0, 1, 0, 2, 1]


def test_different_rows_of_small_whole_numbers_are_different():
    X = np.stack(np.meshgrid(*[np.arange(3.0)] * 8), axis=-1).reshape(-1, 8)
    assert len(np.unique(number_equal_rows(np.repeat(X, 5, axis=1)))) == 3**8


def test_missing_cells_are_equal():
    X = np.array([[np.nan, 1.0], [-np.nan, 1.0], [1.0, np.nan]])
    assert number_equal_rows(X).tolist() == [0, 0, 1]


def test_rows_of_a_large_table_are_compared_on_all_columns_in_the_end(monkeypatch):
    monkeypatch.setattr("automl.checks.equal_rows._MAX_CELLS", 4_000)
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(100, 20)), 2, axis=0)
    X[::4, rng.integers(0, 20, 50)] += 1.0
    expected = np.unique(X, axis=0, return_inverse=True)[1]
    numbers = number_equal_rows(X)
    assert ((numbers[:, None] == numbers) == (expected[:, None] == expected)).all()


def make_drift(n=400):
    X, _ = make_table(n)
    X["joined"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(n), unit="D")
    return X, X["a"] + np.linspace(0, 4, n)


def test_rows_in_the_order_of_a_date_column_whose_target_drifts_give_a_warning():
    found = by_code(*make_drift(), classification=False)["time_order"]
    assert (found.column, found.severity) == ("joined", "high")
    assert "pass time=" in found.message


def test_the_warning_names_columns_that_drift():
    X, y = make_drift()
    X["b"] += np.linspace(0, 4, len(X))
    message = by_code(X, y, classification=False)["time_order"].message
    assert "drift with it: the target (the time explains" in message
    assert "of its variance), column 'b';" in message
    assert "drift with it: column 'b';" in by_code(X, X["a"], classification=False)["time_order"].message


def test_rows_in_the_order_of_a_date_column_without_drift_give_no_warning():
    X, _ = make_drift()
    assert find(X, X["a"] ** 2, classification=False) == ([], [])


def test_rows_in_random_order_give_no_warning_about_time():
    X, y = make_drift()
    order = np.random.default_rng(0).permutation(len(X))
    assert find(X.iloc[order], y.iloc[order], classification=False) == ([], [])


def test_folds_in_the_order_of_time_prevent_the_warning():
    X, y = make_drift()
    assert find(X, y, classification=False, cv=TimeSeriesSplit(3)) == ([], [])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("customer_id", np.random.default_rng(0).permutation(10_000)[:400] + 5_000),
        ("number", np.random.default_rng(0).permutation(400)),
        ("patient_id", [f"P{i % 100}" for i in range(400)]),
    ],
)
def test_a_column_that_identifies_rows_or_persons_gives_a_warning(name, values):
    X, y = make_table()
    X[name] = values
    found = by_code(X, y)["identifier"]
    assert found.column == name
    assert f"columns={{'{name}': 'drop'}}" in found.message


def test_a_column_of_identifiers_that_is_dropped_gives_no_warning():
    X, y = make_table()
    X["customer_id"] = np.random.default_rng(0).permutation(10_000)[:400]
    assert find(X, y, columns={"customer_id": "drop"}) == ([], [])


@pytest.mark.parametrize("form", [pd.DataFrame, sparse.csr_matrix])
@pytest.mark.parametrize("classification", [True, False])
def test_the_target_that_is_left_in_the_table_gives_a_warning(form, classification):
    X = make_table(4_000)[0][list("abcde")]
    y = pd.Series(np.digitize(X["a"], [-1, 1]) if classification else X["a"].round(3), name="target")
    X = X.drop(columns="a").assign(copy=y)
    (found,), lines = find(form(X.to_numpy()), y, classification)
    assert (found.code, found.column, found.severity) == ("target_column", 4, "high")
    assert lines == [f"warning: {found.message}"]
    assert "columns={4: 'drop'}" in found.message
    assert find(X, y, classification, columns={"copy": "drop"}) == ([], [])
    changed = X["copy"].where(np.arange(4_000) != 3_001, X["copy"] + 1)  # a row outside the sample
    assert find(X.assign(copy=changed), y, classification) == ([], [])


@pytest.mark.parametrize(("n_rows", "n_columns"), [(20_000, 2), (2_000, 3_000)])
def test_a_copy_of_a_target_with_a_rare_class_gives_a_warning(n_rows, n_columns):
    rng = np.random.default_rng(1)
    y = np.zeros(n_rows, dtype=int)
    y[rng.choice(n_rows, 6, replace=False)] = 1
    X = np.column_stack([rng.integers(0, 3, (n_rows, n_columns)), y])
    assert by_code(X, y)["target_column"].column == n_columns


def test_the_target_as_texts_and_on_another_scale_gives_a_warning():
    X, y = make_table()
    assert by_code(X.assign(label=y), y)["target_column"].column == "label"
    price = pd.Series(np.exp(X["b"]), name="price")
    assert by_code(X.assign(price=price), np.log(price), classification=False)["target_column"].column == "price"
    weight = (np.arange(400) < 300).astype(float)
    label = np.where(weight > 0, y, "unknown")
    assert by_code(X.assign(label=label), y, weight=weight)["target_column"].column == "label"


def test_one_of_several_targets_that_is_left_in_the_table_gives_one_warning():
    X, _ = make_table()
    targets = pd.DataFrame({"u": X["b"] ** 2, "v": X["a"] ** 2})
    found = by_code(X.assign(v=targets["v"]), targets, classification=False)["target_column"]
    assert found.message.startswith("target 'v': column 'v' repeats the target")


def test_a_target_that_is_almost_constant_gives_a_warning():
    X, _ = make_table()
    y = np.where(np.arange(400) < 3, "rare", "usual")
    assert "class 'usual' has 99.25 % of the rows" in by_code(X, y)["constant_target"].message
    assert (
        "y is 0 in 95 %"
        in by_code(X, np.r_[np.zeros(380), np.arange(20)], classification=False)["constant_target"].message
    )
    close = 1e9 + 1e-6 * X["a"].to_numpy()
    assert by_code(X, close, classification=False)["constant_target"].severity == "high"


def test_rows_of_weight_0_do_not_count_in_the_warning_about_an_almost_constant_target():
    X, y = make_table()
    rare, weight = np.arange(400) < 3, (np.arange(400) < 300).astype(float)
    found = by_code(X, np.where(weight > 0, np.where(rare, "yes", "no"), y), weight=weight)
    assert "class 'no' has 99 % of the rows, and all other classes together have 3" in found["constant_target"].message
    few = (np.arange(400) < 40).astype(float)
    assert "constant_target" not in by_code(X, np.where(rare, "yes", "no"), weight=few)
    assert "constant_target" not in by_code(X, np.arange(400) * few, weight=few, classification=False)


def test_classes_with_fewer_rows_than_folds_give_one_warning():
    X, y = make_table()
    y = y.astype(object)
    y[:3], y[3:8] = "few", "some"
    found = by_code(X, y)["rare_classes"]
    assert "classes 'few' (3 rows), 'some' (5 rows) of y have fewer rows than the 8 folds" in found.message
    assert "rare_classes" not in by_code(X, y, cv=3)


def test_cells_that_are_missing_in_one_class_give_a_warning():
    X, y = make_table()
    X["b"] = X["b"].mask((y == "yes") & (np.arange(400) % 2 == 0))
    found = by_code(X, y)["missing_by_class"]
    assert found.column == "b"
    assert "of class 'yes' and in 0 % of class 'no'" in found.message


def test_a_rare_class_of_a_long_table_counts_in_the_warning_about_missing_cells():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(100_000, 2)), columns=["a", "b"])
    y = np.repeat(["yes", "no"], [12, 99_988])
    X["b"] = X["b"].mask(y == "yes")
    found = by_code(X, y)["missing_by_class"]
    assert "column 'b' is missing in 100 % of the rows of class 'yes' and in 0 % of class 'no'" in found.message
    X["b"] = X["b"].mask(rng.random(len(X)) < 0.005)  # the class explains little of the absence
    assert "missing_by_class" not in by_code(X, y)


def test_rows_of_weight_0_do_not_count_in_the_warning_about_missing_cells():
    X, y = make_table()
    weight = np.repeat([1.0, 0.0], 200)
    missing = X.assign(b=X["b"].mask((weight == 0) & (y == "yes")))
    assert "missing_by_class" not in by_code(missing, y, weight=weight)
    missing = X.assign(b=X["b"].mask((y == "yes") == (weight > 0)))
    found = by_code(missing, y, weight=weight)["missing_by_class"]
    assert "in 100 % of the rows of class 'yes' and in 0 % of class 'no'" in found.message


def test_the_log_shows_the_most_severe_warnings_and_the_number_of_the_others():
    X, y = make_table()
    X, y = pd.concat([X, X[:60]], ignore_index=True), np.concatenate([y, y[:60]])
    for i in range(4):
        X[f"code_{i}_id"] = [f"P{i % 90}" for i in range(400)] + [f"P{i % 90}" for i in range(60)]
    found, lines = find(X, y)
    assert [each.code for each in found] == ["equal_rows", *["identifier"] * 4]
    assert lines[0] == f"warning: {found[0].message}"
    assert lines[3:] == ["and 2 more warnings in the attribute warnings_"]


@pytest.mark.parametrize("form", [sparse.csr_matrix, np.asarray, pd.DataFrame])
def test_the_checks_accept_every_kind_of_table(form):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4)) * (rng.random((60, 4)) < 0.5)
    find(form(np.vstack([X, X])), rng.integers(0, 3, 120))
    find(form(X), rng.normal(size=60), classification=False)
    find(form(X[:4]), [0, 0, 1, 1])


def cost(y, predicted):
    return float(np.mean(y != predicted)) if isinstance(y[0], str) else float(np.mean(np.abs(y - predicted)))


def negative_cost(y, predicted):
    return -cost(y, predicted)


def scaled_cost(y, predicted, factor):
    return factor * cost(y, predicted)


def cost_of_model(model, X, y):
    return cost(y, model.predict(X))


@pytest.mark.parametrize("classification", [True, False])
@pytest.mark.parametrize(
    ("scoring", "remedy"),
    [
        (
            make_scorer(cost),
            "if lower values of cost are better, add greater_is_better=False to your make_scorer(...)",
        ),
        (
            make_scorer(partial(scaled_cost, factor=2.0)),
            "if lower values of scaled_cost are better, add greater_is_better=False to your make_scorer(...)",
        ),
        (cost_of_model, "if lower values of cost_of_model are better, let it return the negative value"),
        (
            make_scorer(negative_cost, greater_is_better=False),
            "if greater values of negative_cost are better, remove greater_is_better=False from your make_scorer(...)",
        ),
    ],
    ids=["loss", "partial", "callable", "negated twice"],
)
def test_a_scorer_with_the_wrong_sign_gives_a_warning_with_the_remedy(scoring, remedy, classification):
    X, y = make_table()
    found, lines = find(X, y if classification else X["a"] ** 2, classification, scoring=scoring)
    assert [(each.code, each.severity) for each in found] == [("scorer_sign", "high")]
    assert found[0].message.endswith(f"selects the worst model; {remedy}")
    assert len(lines) == 1


def share_of_wrong_cells(y, predicted):
    return float((np.asarray(y) != np.asarray(predicted)).mean())


def cost_of_probabilities(y, probabilities):
    return float(np.mean([np.abs((y[:, j] == "yes") - own[:, 1]).mean() for j, own in enumerate(probabilities)]))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("function", "n", "seconds"),
    [
        (share_of_wrong_cells, 400, 0.0),
        (share_of_wrong_cells, 20_000, 4e-6),  # of one row
        (cost_of_probabilities, 400, 0.0),
        (cost, 400, 0.0),
    ],
    ids=["labels", "labels of many rows", "probabilities", "numbers"],
)
def test_a_scorer_of_several_targets_with_the_wrong_sign_gives_a_warning(function, n, seconds, weighted):
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(n, 2)), rng.integers(0, 3, n) if weighted else None
    y = X**2 + rng.normal(size=(n, 2))
    if function is not cost:
        y = np.where(np.column_stack([y[:, 0] > 1, np.arange(n) % (n // 4) == 5]), "yes", "no")

    def loss(y, predicted, sample_weight=None):
        CLOCK.sleep(seconds * len(y))
        return function(y, predicted)

    response = "predict_proba" if function is cost_of_probabilities else "predict"
    for right in (False, True):
        scoring = make_scorer(loss, greater_is_better=not right, response_method=response)
        found = by_code(X, y, classification=function is not cost, weight=weight, scoring=scoring)
        assert ("scorer_sign" in found) == (not right)


def slow_cost(y, predicted):
    """Return the cost after two microseconds for each row."""
    CLOCK.sleep(2e-6 * len(y))
    return cost(y, predicted)


@pytest.mark.parametrize("classification", [True, False])
def test_a_scorer_with_the_wrong_sign_that_is_slow_on_a_large_table_gives_a_warning(classification):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 2))
    y = np.where(np.arange(40_000) % 10_000 == 5, "yes", "no") if classification else X[:, 0] ** 2
    assert by_code(X, y, classification=classification, scoring=make_scorer(slow_cost))["scorer_sign"]
    right = make_scorer(slow_cost, greater_is_better=False)
    assert "scorer_sign" not in by_code(X, y, classification=classification, scoring=right)


def test_a_scorer_with_the_wrong_sign_that_is_slow_on_few_rows_is_left_alone():
    def loss(y, predicted):
        CLOCK.sleep(1.0)
        return cost(y, predicted)

    X, y = make_table()
    assert find(X, y, scoring=make_scorer(loss)) == ([], [])


@pytest.mark.parametrize("scoring", [make_scorer(cost, greater_is_better=False), make_scorer(negative_cost)])
def test_a_scorer_with_the_right_sign_gives_no_warning(scoring):
    X, y = make_table()
    assert find(X, y, scoring=scoring) == ([], [])
