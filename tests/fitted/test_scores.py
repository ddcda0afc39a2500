"""The scores of a fitted estimator on rows with known labels, some of which are no classes of the model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from automl import AutoMLClassifier
from automl.errors import InvalidInputError
from tests.factories import FAST

_UNKNOWN = "holds 'zz', which is no class of the model; the classes are 'a', 'b'.*; correct such labels, or leave out"


def _flowers(names: str) -> tuple[pd.DataFrame, pd.Series]:
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X[::3], y[::3].map(dict(enumerate(names)))


def _fit(X, y, **settings) -> AutoMLClassifier:
    return AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["logistic_regression"]} | settings).fit(X, y)


@pytest.fixture(scope="module")
def clf():
    return _fit(*_flowers("abc"))


def _with_unknown(y):
    changed = y.copy()
    changed.iloc[3] = "zz"
    return changed


@pytest.mark.filterwarnings("ignore:y holds")
def test_a_label_that_is_no_class_counts_as_wrong_in_score_as_in_scikit_learn(clf):
    X, y = _flowers("abc")
    other = LogisticRegression(max_iter=1000).fit(X, y)
    assert clf.score(X, _with_unknown(y)) == pytest.approx(clf.score(X, y) - (clf.predict(X)[3] == y.iloc[3]) / len(y))
    assert other.score(X, _with_unknown(y)) == pytest.approx(other.score(X, y) - 1 / len(y))


def test_score_warns_of_a_label_that_is_no_class(clf):
    X, y = _flowers("abc")
    with pytest.warns(UserWarning, match=f"^y {_UNKNOWN}.*; score counts them as wrong") as caught:
        clf.score(X, _with_unknown(y))
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("names", ["abc", "aba"])
def test_other_scores_name_a_label_that_is_no_class_in_one_message(clf, names, tmp_path):
    X, y = _flowers(names)
    model = clf if names == "abc" else _fit(X, y)
    for judge in (
        lambda rows, labels: model.scorer_(model, rows, labels),
        model.score_members,
        lambda rows, labels: model.importance(X=rows, y=labels),
        lambda rows, labels: model.report(tmp_path / "report.html", test=(rows, labels)),
    ):
        with pytest.raises(InvalidInputError, match=_UNKNOWN):
            judge(X, _with_unknown(y))


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc_ovr"])
def test_members_are_not_scored_on_unknown_labels_with_any_metric(scoring):
    X, y = _flowers("abc")
    with pytest.raises(InvalidInputError, match=_UNKNOWN):
        _fit(X, y, scoring=scoring).score_members(X, _with_unknown(y))


def test_an_unknown_label_of_one_of_several_targets_is_named_with_its_target():
    X, y = _flowers("abc")
    both = pd.DataFrame({"first": y, "second": np.where(y == "a", "b", "a")})
    model = _fit(X, both)
    changed = both.assign(second=_with_unknown(both["second"]))
    with pytest.warns(UserWarning, match=f"^target 'second' {_UNKNOWN}.*; score counts them as wrong"):
        model.score(X, changed)
    with pytest.raises(InvalidInputError, match=f"target 'second' {_UNKNOWN}"):
        model.score_members(X, changed)


def test_an_empty_table_is_refused_with_what_to_pass(clf):
    X, y = _flowers("abc")
    with pytest.raises(InvalidInputError, match=r"required\. Pass a table with at least one row$"):
        clf.predict(X[:0])
    with pytest.raises(InvalidInputError, match=r"required\. Pass a table with at least one column$"):
        clf.predict(X.iloc[:, :0])
    with pytest.raises(InvalidInputError, match=r"test: no row .* target; pass rows with known labels$"):
        clf.report("report.html", test=(X[:0], y[:0]))
