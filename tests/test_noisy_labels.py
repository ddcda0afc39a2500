"""The argument noisy_labels of the estimators: the space, the search, and the models after saving and loading."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError
from automl.export.script import python_script
from tests.factories import FAST

SETTINGS = {**FAST, "include": ["logistic_regression"], "noisy_labels": True}


def flipped(y, share=0.3):
    """Return labels of two classes of which a share is wrong, and which ones."""
    wrong = np.random.default_rng(0).random(len(y)) < share
    return np.where(wrong, 1 - y, y), wrong


X, RIGHT = load_breast_cancer(return_X_y=True)
Y, WRONG = flipped(RIGHT)


@pytest.fixture(scope="module")
def fitted():
    only_cleaned = {"model": "logistic_regression", "cleaning": "confident_learning"}
    return AutoMLClassifier(**SETTINGS, initial_configurations=[only_cleaned]).set_params(max_trials=1).fit(X, Y)


def test_a_search_with_noisy_labels_also_tries_to_leave_out_rows() -> None:
    clf = AutoMLClassifier(**SETTINGS | {"max_trials": 2}).fit(X[::2], Y[::2])
    tried = [configuration["cleaning"] for configuration in clf.history_.evaluations]
    assert sorted(tried) == ["confident_learning", "none"]


def test_the_default_space_has_no_names_for_noisy_labels() -> None:
    default, noisy = (set(automl.space(task="binary", noisy_labels=flag)["name"]) for flag in (False, True))
    assert {name.rpartition(":")[2] for name in noisy - default} == {
        "cleaning", "margin", "label_smoothing", "loss_power", "forgotten_share",
    }  # fmt: skip
    assert default < noisy


def test_about_as_many_rows_are_left_out_as_labels_are_wrong(fitted) -> None:
    cleaned = fitted.best_pipeline_[-1].classifier
    trained = 2 / 3  # of the rows, in one of three folds
    assert 0.5 * trained * WRONG.sum() < cleaned.n_left_out_ < 1.2 * trained * WRONG.sum()
    assert fitted.score(X, RIGHT) > 0.9


def test_a_cleaned_model_predicts_the_same_after_loading_refitting_and_exporting(fitted, tmp_path) -> None:
    fitted.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model")
    assert loaded.noisy_labels is True
    assert np.array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    fast = automl.load(tmp_path / "model", for_prediction=True)
    assert np.array_equal(fast.predict_proba(X), fitted.predict_proba(X))
    new = fitted.refit(X[:300], Y[:300])
    assert [bag.configuration["cleaning"] for bag in new._ensemble.bags] == ["confident_learning"]
    assert "CleanedClassifier(" in python_script(fitted)


def test_a_cleaned_model_with_weights_and_more_classes_scores_well_on_right_labels() -> None:
    features, right = load_wine(return_X_y=True)
    rng = np.random.default_rng(0)
    y = np.where(rng.random(len(right)) < 0.3, (right + rng.integers(1, 3, len(right))) % 3, right)
    weight = rng.choice([1.0, 2.0], len(y))
    settings = SETTINGS | {"include": ["lda", "logistic_regression"], "scoring": "accuracy", "max_trials": 4}
    clf = AutoMLClassifier(**settings).fit(features, y, sample_weight=weight)
    assert clf.score(features, right) > 0.9


@pytest.mark.slow
def test_regression_with_noisy_labels_may_train_with_the_huber_loss() -> None:
    y = X[:, 0] + np.where(WRONG, 30.0, 0.0)
    settings = SETTINGS | {"include": ["lightgbm"], "max_trials": 2}
    reg = AutoMLRegressor(**settings).fit(X[:200], y[:200])
    assert [configuration["loss"] for configuration in reg.history_.evaluations] == ["squared_error", "huber"]


def test_to_include_the_cleaning_without_noisy_labels_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match="set noisy_labels=True, too"):
        AutoMLClassifier(include={"cleaning": ["confident_learning"]}).fit(X, Y)


def test_to_include_the_cleaning_in_regression_is_an_error() -> None:
    settings = FAST | {"include": {"cleaning": ["confident_learning"], "model": ["ridge"]}, "noisy_labels": True}
    with pytest.raises(InvalidInputError, match="a regressor has no such step: leave it out"):
        AutoMLRegressor(**settings).fit(*load_diabetes(return_X_y=True))


def test_anything_but_true_and_false_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match="noisy_labels must be True or False"):
        AutoMLClassifier(noisy_labels=0.2).fit(X, Y)
