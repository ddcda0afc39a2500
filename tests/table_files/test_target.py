"""Tests of targets: the guess whether they hold classes or quantities, and the scores of predictions for them."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

from automl import AutoMLClassifier
from automl.errors import InvalidInputError
from automl.table_files.target import guess_task, split_target
from automl.task.quantiles import QuantilesScorer
from automl.task.target_score import score_labels, score_numbers
from automl.task.validation import check_target
from pipelines.targets import TargetLayout


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b", None] * 20, "classification"),
        ([True, False] * 20, "classification"),
        ([0.0, 1.0] * 20, "classification"),
        ([1.5, 2.5] * 20, "classification"),
        ([1, 2, 3] * 20, "classification"),
        ([1.0, 2.0, 3.0, float("nan")] * 20, "classification"),
        (range(60), "regression"),
        ([1, 2, 3, 4, 5, 6], "regression"),
        ([0.5, 1.0, 1.5] * 20, "regression"),
    ],
)
def test_the_task_is_guessed_from_the_target(values, task):
    assert guess_task(pd.Series(list(values)))[0] == task


def test_the_guess_names_a_cell_that_may_make_labels_of_a_quantity():
    numbers = pd.Series([*map(str, range(59)), "12 EUR"])
    task, why = guess_task(numbers)
    assert task == "classification"
    assert "it has 60 different values, and some are no numbers, such as '12 EUR'; if it is a quantity" in why
    assert guess_task(pd.Series(["a", "b"] * 20))[1] == "its values are labels"
    assert guess_task(pd.Series(["a", "b"] * 2))[1] == "its values are labels"


DAYS = pd.Series(pd.date_range("2024-01-01", periods=40))
LABELS = {
    "object integers": pd.Series([0, 1] * 20, dtype=object),
    "object truth values": pd.Series([False, True] * 20, dtype=object),
    "truth values": [False, True] * 20,
    "integers beyond 64 bits": [3, 2**70] * 20,
    "nullable integers": pd.Series([0, 1] * 20, dtype="Int64"),
    "nullable truth values": pd.Series([False, True] * 20, dtype="boolean"),
    "nullable strings": pd.Series(["a", "b"] * 20, dtype="string"),
    "categories of integers": pd.Series([3, 5] * 20, dtype="category"),
    "categories of strings": pd.Categorical(["a", "b"] * 20),
    "object strings": np.array(["a", "b"] * 20, dtype=object),
    "whole floats": [0.0, 1.0] * 20,
    "intervals": pd.cut(pd.Series(range(40)), 2),
    "periods": DAYS.dt.to_period("M"),
    "dates": DAYS.dt.to_period("M").dt.to_timestamp(),
    "a column": np.array([["a"], ["b"]] * 20),
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_score_reads_labels_of_every_type_that_fit_accepts(kind):
    X = np.zeros((40, 1))
    codes, classes = check_target(LABELS[kind], X, classification=True)
    assert score_labels(LABELS[kind], X, classes[codes], classes) == 1
    assert score_labels(LABELS[kind], X, classes[1 - codes], classes) == 0
    assert score_labels(LABELS[kind], X, classes[np.zeros(40, dtype=int)], classes, codes == 0) == 1


@pytest.mark.parametrize(
    "y",
    [
        pd.Series([1, 2.5, 3] * 4, dtype=object),
        pd.Series([1, 2.5, 3] * 4, dtype="Float64"),
        pd.Series([Decimal(1), Decimal(2), Decimal(3)] * 4),
        pd.Series([1, 2, 3] * 4, dtype="category"),
        np.array([True, False, True] * 4, dtype=object),
    ],
    ids=["object floats", "nullable floats", "decimals", "categories", "object truth values"],
)
def test_score_reads_numbers_of_every_type_that_fit_accepts(y):
    X = np.zeros((12, 1))
    numbers, _ = check_target(y, X, classification=False)
    assert score_numbers(y, X, numbers) == 1
    assert score_numbers(y, X, np.full(12, numbers.mean())) == pytest.approx(0)


class _Constant:
    """A model that predicts 3 for each quantile."""

    def predict_quantiles(self, X):
        return np.full((len(X), 1), 3.0)


def test_score_takes_weights_of_which_one_is_positive():
    X, weight, pinball = np.zeros((3, 1)), [0, 2, 0], QuantilesScorer((0.5,))
    several = TargetLayout(("a", "b"), (2, 2))
    labels, numbers, classes = np.array([0, 1, 1]), np.array([1.0, 2.0, 4.0]), np.array([0, 1])
    assert score_labels(labels, X, np.array([1, 1, 0]), classes, weight) == 1
    predicted = np.c_[[1, 1, 0], [1, 1, 0]]
    assert score_labels(np.c_[labels, labels], X, predicted, [classes, classes], weight, several) == 1
    assert score_numbers(numbers, X, np.array([0.0, 2.0, 0.0]), weight) == 1
    assert pinball(_Constant(), X, numbers, weight) == -0.5


def test_score_refuses_weights_that_are_all_0():
    y, X, weight = np.array([0, 1, 1]), np.zeros((3, 1)), np.zeros(3)
    for score in (
        lambda: score_labels(y, X, y, np.array([0, 1]), weight),
        lambda: score_numbers(y, X, y, weight),
        lambda: QuantilesScorer((0.5,))(_Constant(), X, y, weight),
    ):
        with pytest.raises(InvalidInputError, match="Sample weights must contain at least one non-zero number"):
            score()


def test_scikit_learn_searches_and_cross_validates_on_integers_in_an_object_column():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = (X[:, 0] > 0).astype(int).astype(object)
    clf = AutoMLClassifier(time_budget=None, max_trials=1, n_jobs=1, cv=2, verbose=0, include=["lda"], random_state=0)
    assert (cross_val_score(clf, X, y, cv=2) > 0.5).all()  # not NaN
    assert GridSearchCV(clf, {"random_state": [0]}, cv=2).fit(X, y).best_score_ > 0.5


def test_a_missing_target_in_a_table_of_one_column_names_the_option_for_the_separator():
    with pytest.raises(InvalidInputError, match=r"'x/y'.*--separator"):
        split_target(pd.DataFrame({"x/y": ["1/2"]}), "y", "a.csv", "--target")


def test_a_second_copy_of_the_target_is_no_feature():
    table = pd.DataFrame({"x": [1, 2], "y": [0, 1], "y.1": [0, 1]})
    with pytest.raises(InvalidInputError, match="has the column 'y' twice"):
        split_target(table, "y", "a.csv", "--target")
    X, _ = split_target(table.assign(**{"y.1": [5, 6]}), "y", "a.csv", "--target")
    assert list(X.columns) == ["x", "y.1"]


@pytest.mark.parametrize(("y", "predicted"), [([0, 1, 1], ["0", "1", "1"]), (["0", "1", "1"], [0, 1, 1])])
def test_numbers_are_not_scored_against_texts(y, predicted):
    for known in (y, np.array(y, dtype=object), pd.Series(y)):
        with pytest.raises(InvalidInputError, match="but the classes are of another type"):
            score_labels(known, np.zeros((3, 1)), np.array(predicted), np.unique(predicted))
