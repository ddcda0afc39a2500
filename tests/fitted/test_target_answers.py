"""Intervals, sets, calibration and explanations of a model of several targets."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import log_loss

from automl import AutoMLClassifier, AutoMLRegressor, load, plots
from automl.errors import InvalidInputError

SMALL = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 3, "verbose": 0, "random_state": 0}
X_NUMBERS, NUMBERS = load_diabetes(return_X_y=True, as_frame=True)
NUMBERS = pd.DataFrame({"disease": NUMBERS, "pressure": 1000 * X_NUMBERS.pop("bp")})
X_LABELS, LABELS = load_breast_cancer(return_X_y=True, as_frame=True)
SIZES = np.digitize(X_LABELS.pop("mean area"), [400, 700])
LABELS = pd.DataFrame({"size": SIZES, "benign": LABELS.map({0: "no", 1: "yes"})})
TRAIN, TEST = slice(0, None, 2), slice(1, None, 2)


@pytest.fixture(scope="module")
def numbers():
    return AutoMLRegressor(**SMALL, include=["ridge"]).fit(X_NUMBERS[TRAIN], NUMBERS[TRAIN])


@pytest.fixture(scope="module")
def labels():
    clf = AutoMLClassifier(**SMALL, include=["gaussian_nb", "independent"], scoring="neg_log_loss")
    return clf.fit(X_LABELS[TRAIN], LABELS[TRAIN])


def test_the_intervals_of_each_target_cover_the_share_of_the_level(numbers):
    found = numbers.predict_interval(X_NUMBERS[TEST], level=0.8)
    truth = NUMBERS[TEST].to_numpy()
    assert found.shape == (len(truth), 2, 2)
    inside = (found[:, 0] <= truth) & (truth <= found[:, 1])
    assert np.all(np.abs(inside.mean(axis=0) - 0.8) < 0.08)
    wider = numbers.predict_interval(X_NUMBERS[TEST], level=0.95)
    assert np.all(wider[:, 1] - wider[:, 0] > found[:, 1] - found[:, 0])


def test_the_sets_of_each_target_cover_the_share_of_the_level(labels):
    found = labels.predict_set(X_LABELS[TEST], level=0.8)
    assert [sets.shape[1] for sets in found] == [3, 2]
    for sets, classes, (_, truth) in zip(found, labels.classes_, LABELS[TEST].items(), strict=True):
        codes = np.searchsorted(classes, truth)
        assert sets[np.arange(len(codes)), codes].mean() > 0.7
    with pytest.warns(UserWarning, match="target 'size': by_class: level=0.99 needs 99 rows of a class"):
        labels.predict_set(X_LABELS[TEST], level=0.99, by_class=True)


def test_the_coverage_has_rows_for_each_target(numbers, labels):
    table = numbers.coverage_
    assert list(table.columns) == ["target", "level", "coverage", "width", "approximate"]
    assert table["target"].unique().tolist() == ["disease", "pressure"]
    assert np.allclose(table["coverage"], table["level"], atol=0.1)
    assert labels.coverage_["size"].between(1, 3).all()


@pytest.mark.slow
def test_intervals_and_sets_stay_after_save_and_slim(numbers, labels, tmp_path):
    rows = X_NUMBERS[TEST]
    numbers.save(tmp_path / "numbers")
    loaded = load(tmp_path / "numbers", for_prediction=True)
    assert np.allclose(loaded.predict_interval(rows), numbers.predict_interval(rows))
    labels.save(tmp_path / "labels")
    pairs = zip(load(tmp_path / "labels").predict_set(X_LABELS), labels.predict_set(X_LABELS), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert [sets.shape[1] for sets in labels.slim(max_loss=10.0).predict_set(X_LABELS)] == [3, 2]


@pytest.mark.slow
def test_refit_marks_the_intervals_as_approximate(numbers):
    rows = X_NUMBERS[TEST]
    with pytest.warns(UserWarning, match="the intervals are approximate: refit has trained"):
        assert numbers.refit().predict_interval(rows).shape == (len(rows), 2, 2)
    again = numbers.refit(rows, NUMBERS[TEST])
    with pytest.warns(UserWarning, match="the intervals are approximate: refit has trained"):
        assert again.predict_interval(rows).shape == (len(rows), 2, 2)


def test_the_probabilities_of_each_target_are_calibrated(labels):
    held = vars(labels)["_row_predictions"]
    layout, finished = labels._ensemble.targets, labels._ensemble.finish(held.predictions)
    pairs = zip(layout.blocks(held.predictions), layout.blocks(finished), held.y.T, strict=True)
    losses = np.array([[log_loss(y, p) for p in (plain, calibrated)] for plain, calibrated, y in pairs])
    assert losses[:, 1].mean() < losses[:, 0].mean() - 0.001
    assert all(np.allclose(p.sum(axis=1), 1) for p in labels.predict_proba(X_LABELS[TEST]))


def test_the_scores_of_the_targets_are_those_of_calibrated_probabilities(labels):
    assert labels.target_scores_["score"].mean() == pytest.approx(labels.metric_scores_["score"][0])


def test_shap_values_of_each_target_add_up_to_its_prediction(numbers, labels):
    explained = numbers.explain(X_NUMBERS[TEST][:2], max_evaluations=100)
    for j, name in enumerate(("disease", "pressure")):
        own = explained.of_target(name)
        assert np.allclose(own.base + own.to_frame().sum(axis=1), numbers.predict(X_NUMBERS[TEST][:2])[:, j])
        assert np.array_equal(explained.to_frame()[name], own.to_frame())
    explained = labels.explain(X_LABELS[:1], max_evaluations=50)
    assert explained.to_frame().columns.droplevel(2).unique().tolist() == [
        ("size", 0),
        ("size", 1),
        ("size", 2),
        ("benign", "yes"),
    ]
    own = explained.of_target("benign")
    assert own.base[1] + own.to_frame().sum(axis=1)[0] == pytest.approx(labels.predict_proba(X_LABELS[:1])[1][0, 1])
    assert plots.waterfall(own).get_xlabel() == "probability of yes"


def test_an_explanation_of_several_targets_asks_for_one_where_one_is_needed(numbers):
    explained = numbers.explain(X_NUMBERS[:1], max_evaluations=50)
    with pytest.raises(InvalidInputError, match="the explanation holds 2 targets; choose one first"):
        plots.waterfall(explained)
    with pytest.raises(InvalidInputError, match="there is no target 'sugar'; the targets are 'disease', 'pressure'"):
        explained.of_target("sugar")
    with pytest.raises(InvalidInputError, match="of_target is for several targets"):
        explained.of_target("disease").of_target("disease")


def test_the_importance_of_a_column_is_the_mean_of_that_for_the_targets(numbers):
    table = numbers.importance(n_repeats=2)
    each = table[["importance_disease", "importance_pressure"]]
    assert np.allclose(each.mean(axis=1), table["importance"])
    s5 = table.set_index("name").loc["s5"]
    assert s5["importance_disease"] > s5["importance_pressure"]


def test_a_target_named_by_a_number_is_explained_by_the_number_or_its_text():
    model = AutoMLRegressor(**SMALL, include=["ridge"])
    explained = model.fit(X_NUMBERS[TRAIN], NUMBERS[TRAIN].set_axis([3, 4], axis=1)).explain(
        X_NUMBERS[:1], max_evaluations=50
    )
    assert np.array_equal(explained.of_target(3).values, explained.of_target("3").values)
