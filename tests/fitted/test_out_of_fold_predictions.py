"""The predictions for training rows by the models that did not see them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import log_loss, mean_pinball_loss, root_mean_squared_error
from sklearn.model_selection import TimeSeriesSplit

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from tests.factories import FAST

SETTINGS = FAST | {"max_trials": 2, "include": ["decision_tree", "lda", "ridge"]}


def make_frame(n_rows=90):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return X.iloc[:n_rows], y.iloc[:n_rows]


@pytest.fixture(scope="module")
def clf():
    X, y = load_breast_cancer(return_X_y=True)
    labels = np.where(y == 1, "benign", "malignant")
    return AutoMLClassifier(scoring="neg_log_loss", **SETTINGS).fit(X, labels), labels


def test_each_row_has_the_probabilities_of_the_classes(clf):
    model, labels = clf
    predictions = model.out_of_fold_predictions_
    assert list(predictions) == ["benign", "malignant"]
    assert predictions.index.equals(pd.RangeIndex(len(labels), name="row"))
    np.testing.assert_allclose(predictions.sum(axis=1), 1)
    score = -log_loss(labels, predictions)
    assert score == pytest.approx(model.metric_scores_["score"][0], rel=1e-5)


def test_a_saved_model_keeps_the_predictions_and_one_for_predictions_says_that_it_has_none(clf, tmp_path):
    clf[0].save(tmp_path / "model")
    pd.testing.assert_frame_equal(
        automl.load(tmp_path / "model").out_of_fold_predictions_, clf[0].out_of_fold_predictions_
    )
    for name in ("out_of_fold_predictions_", "suspect_labels_"):
        with pytest.raises(AttributeError, match=f"no {name}: the model was loaded with for_prediction=True"):
            getattr(automl.load(tmp_path / "model", for_prediction=True), name)


def test_the_models_that_predict_a_row_have_not_seen_it():
    """A tree that has seen a random target predicts it exactly; one that has not seen it cannot."""
    X, _ = make_frame()
    y = np.random.default_rng(0).normal(size=len(X))
    model = AutoMLRegressor(**SETTINGS | {"include": ["decision_tree"]}).fit(X, y)
    predictions = model.out_of_fold_predictions_
    assert list(predictions) == ["prediction"]
    assert root_mean_squared_error(y, predictions["prediction"]) > 0.9


def test_rows_keep_the_order_of_a_shuffled_table():
    X, y = make_frame()
    order = np.random.default_rng(0).permutation(len(X))
    model = AutoMLRegressor(**SETTINGS).fit(X.iloc[order], y.iloc[order])
    predictions = model.out_of_fold_predictions_
    shown = model.metric_scores_["score"][0]
    assert -root_mean_squared_error(y.iloc[order], predictions["prediction"]) == pytest.approx(shown)


def test_the_oldest_rows_of_time_order_have_no_prediction():
    X, y = make_frame()
    model = AutoMLRegressor(**SETTINGS | {"cv": TimeSeriesSplit(3)}).fit(X, y)
    has_none = model.out_of_fold_predictions_["prediction"].isna()
    n_first = len(X) - 3 * (len(X) // 4)
    assert has_none[:n_first].all()
    assert not has_none[-(len(X) // 4) :].any()


def test_rows_with_times_are_in_the_order_of_the_table():
    X, y = make_frame()
    time = np.random.default_rng(1).permutation(len(X))
    model = AutoMLRegressor(**SETTINGS).fit(X, y, time=time)
    known = model.out_of_fold_predictions_["prediction"].dropna()
    assert time[known.index].min() == len(X) - len(known)  # the oldest rows have none
    assert np.corrcoef(known, y.iloc[known.index])[0, 1] > 0.4


def test_validation_rows_follow_the_rows_of_the_table():
    X, y = make_frame()
    model = AutoMLRegressor(**{k: v for k, v in SETTINGS.items() if k != "cv"}).fit(
        X[:60], y[:60], X_val=X[60:], y_val=y[60:]
    )
    predictions = model.out_of_fold_predictions_
    assert len(predictions) == len(X)
    assert predictions.index[predictions["prediction"].notna()].tolist() == list(range(60, len(X)))


def test_rows_of_the_guard_have_no_prediction():
    X, y = make_frame()
    model = AutoMLRegressor(**SETTINGS, guard=0.2).fit(X, y)
    assert 0.1 * len(X) < model.out_of_fold_predictions_["prediction"].isna().sum() < 0.3 * len(X)


def test_several_targets_have_a_column_for_each_class_or_each_number():
    X, _ = load_wine(return_X_y=True, as_frame=True)
    numbers = X[["alcohol", "ash"]]
    rest = X.drop(columns=list(numbers))
    reg = AutoMLRegressor(**SETTINGS).fit(rest, numbers)
    assert list(reg.out_of_fold_predictions_) == ["alcohol", "ash"]
    assert np.corrcoef(reg.out_of_fold_predictions_["alcohol"], numbers["alcohol"])[0, 1] > 0.5
    labels = (numbers > numbers.median()).replace({True: "high", False: "low"})
    clf = AutoMLClassifier(**SETTINGS).fit(rest, labels)
    predictions = clf.out_of_fold_predictions_
    assert list(predictions) == [(name, label) for name in ("alcohol", "ash") for label in ("high", "low")]
    np.testing.assert_allclose(predictions["ash"].sum(axis=1), 1)


def test_quantiles_have_a_column_each_and_do_not_cross():
    X, y = make_frame()
    model = AutoMLRegressor(**SETTINGS | {"include": ["ridge"]}, quantiles=[0.1, 0.5, 0.9]).fit(X, y)
    predictions = model.out_of_fold_predictions_
    assert list(predictions) == [0.1, 0.5, 0.9]
    losses = [mean_pinball_loss(y, predictions[level], alpha=level) for level in predictions]
    np.testing.assert_allclose(model.quantile_scores_["score"], np.negative(losses))
    assert (predictions.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)


def test_a_refit_on_the_same_rows_keeps_them_and_one_with_new_rows_says_that_they_are_gone():
    X, y = make_frame()
    model = AutoMLRegressor(**SETTINGS).fit(X[:70], y[:70])
    pd.testing.assert_frame_equal(model.refit().out_of_fold_predictions_, model.out_of_fold_predictions_)
    with pytest.raises(AttributeError, match="no out_of_fold_predictions_: refit has replaced the models"):
        model.refit(X[70:], y[70:]).out_of_fold_predictions_  # noqa: B018  the access is the test
