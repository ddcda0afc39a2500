"""Several targets: a target of shape (n_samples, n_targets) through the estimators and the command line."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_linnerud, make_multilabel_classification
from sklearn.metrics import (
    make_scorer,
    mean_absolute_error,
    mean_squared_log_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from typer.testing import CliRunner

import automl
from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.cli.main import app
from automl.errors import InvalidInputError
from automl.report.verdict import make_verdict
from automl.trials.initial_design import HAND_MADE

SMALL = {"time_budget": None, "max_trials": 3, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}
LINEAR = {**SMALL, "include": ["ridge", "k_nearest_neighbors"]}
TREES = {**SMALL, "include": ["decision_tree", "logistic_regression"]}
X_LABELS, LABELS = make_multilabel_classification(n_samples=120, n_features=8, n_classes=3, random_state=0)


@pytest.fixture(scope="module")
def numbers():
    X, y = load_linnerud(return_X_y=True, as_frame=True)
    return X, y, AutoMLRegressor(**LINEAR).fit(X, y)


@pytest.fixture(scope="module")
def labels():
    return AutoMLClassifier(**TREES).fit(X_LABELS, LABELS)


def test_a_regressor_predicts_all_targets_in_their_own_units(numbers):
    X, y, reg = numbers
    predicted = reg.predict(X)
    assert predicted.shape == y.shape
    assert reg.n_outputs_ == 3
    assert np.allclose(predicted.mean(axis=0), y.mean(), rtol=0.05)
    assert reg.score(X, y) == pytest.approx(r2_score(y, predicted))


@pytest.mark.slow
def test_the_score_of_numbers_does_not_depend_on_their_units(numbers):
    X, y, reg = numbers
    other = AutoMLRegressor(**LINEAR).fit(X, y * [1000.0, 1.0, 1e-3])
    assert np.allclose(other.leaderboard_["score"], reg.leaderboard_["score"], rtol=1e-6)


def test_each_target_has_a_score_beside_that_of_a_constant(numbers, labels):
    _, y, reg = numbers
    scores = reg.target_scores_
    assert scores["target"].tolist() == list(y.columns)
    assert np.allclose(-scores["constant"], y.std(ddof=0))
    relative = (scores["score"] / scores["constant"]).mean()
    assert -relative == pytest.approx(reg.leaderboard_["score"].max(), abs=0.1)
    assert (labels.target_scores_["score"] > labels.target_scores_["constant"] + 0.1).all()


def test_a_classifier_of_labels_has_the_form_of_scikit_learn(labels):
    probabilities = labels.predict_proba(X_LABELS)
    assert [p.shape for p in probabilities] == [(120, 2)] * 3
    assert all(np.allclose(p.sum(axis=1), 1) for p in probabilities)
    assert [classes.tolist() for classes in labels.classes_] == [[0, 1]] * 3
    predicted = labels.predict(X_LABELS)
    assert np.array_equal(predicted, np.column_stack([p.argmax(axis=1) for p in probabilities]))
    assert labels.score(X_LABELS, LABELS) == np.all(predicted == LABELS, axis=1).mean()
    assert np.allclose(labels.predict_log_proba(X_LABELS)[1], np.log(probabilities[1]))


def test_the_search_maximizes_the_mean_of_the_score_over_the_targets(labels):
    probabilities = labels.predict_proba(X_LABELS)
    each = [roc_auc_score(LABELS[:, j], p[:, 1]) for j, p in enumerate(probabilities)]
    assert labels.scorer_(labels, X_LABELS, LABELS) == pytest.approx(np.mean(each))


@pytest.mark.slow
def test_targets_may_have_different_classes_and_labels():
    y = pd.DataFrame({"wet": np.where(LABELS[:, 0], "yes", "no"), "kind": np.array([1, 2, 5])[LABELS[:, 1:].sum(1)]})
    clf = AutoMLClassifier(**TREES).fit(X_LABELS, y)
    assert [classes.tolist() for classes in clf.classes_] == [["no", "yes"], [1, 2, 5]]
    assert [p.shape[1] for p in clf.predict_proba(X_LABELS)] == [2, 3]
    assert set(clf.predict(X_LABELS)[:, 0]) <= {"no", "yes"}
    assert clf.score(X_LABELS, y) > 0.3
    assert clf.best_pipeline_.predict(X_LABELS).shape == (120, 2)


def test_the_search_chooses_how_a_model_learns_several_targets():
    tree = {"model": "decision_tree"}
    first = [{**tree, "multi_output": choice} for choice in ("joint", "independent", "chain")]
    search = AutoMLClassifier(**{**TREES, "initial_configurations": first}).fit(X_LABELS, LABELS)
    assert [params["multi_output"] for params in search.cv_results_["params"]] == ["joint", "independent", "chain"]
    assert search.leaderboard_["score"].nunique() > 1


@pytest.mark.slow
def test_two_searches_with_one_seed_are_equal(labels):
    again = clone(labels).fit(X_LABELS, LABELS)
    assert np.array_equal(again.leaderboard_["score"], labels.leaderboard_["score"])
    assert all(map(np.array_equal, again.predict_proba(X_LABELS), labels.predict_proba(X_LABELS)))


@pytest.mark.parametrize("for_prediction", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_saved_model_predicts_the_same(numbers, labels, tmp_path, for_prediction):
    X, _, reg = numbers
    for name, model, table in (("numbers", reg, X), ("labels", labels, X_LABELS)):
        model.save(tmp_path / name)
        loaded = load(tmp_path / name, for_prediction=for_prediction)
        assert np.allclose(loaded.predict(table), model.predict(table), rtol=1e-6)
        assert loaded.n_outputs_ == 3
        assert np.allclose(pickle.loads(pickle.dumps(model)).predict(table), model.predict(table), rtol=1e-6)


def test_slim_and_refit_keep_the_targets(numbers, labels):
    X, y, reg = numbers
    assert reg.slim(max_loss=1.0).predict(X).shape == y.shape
    assert reg.refit().predict(X).shape == y.shape
    assert labels.slim(max_loss=1.0).predict_proba(X_LABELS)[2].shape == (120, 2)
    with pytest.raises(InvalidInputError, match="y has 1 targets, but the model was fitted with 3: 'Weight'"):
        reg.refit(X, y["Waist"])


@pytest.mark.slow
def test_a_fold_without_a_class_of_a_rare_label_does_no_harm():
    rare = LABELS.copy()
    rare[:, 0] = 0
    rare[:2, 0] = 1
    clf = AutoMLClassifier(**{**TREES, "scoring": "accuracy", "max_trials": 2}).fit(X_LABELS, rare)
    assert [p.shape[1] for p in clf.predict_proba(X_LABELS)] == [2, 2, 2]


def test_a_scorer_object_gets_all_targets_at_once(numbers):
    X, y, _ = numbers
    seen = []

    def worst(true, predicted):
        seen.append((true.shape[1], predicted.shape[1]))
        return float(min(r2_score(true, predicted, multioutput="raw_values")))

    reg = AutoMLRegressor(**{**LINEAR, "max_trials": 1}, scoring=make_scorer(worst)).fit(X, y)
    assert set(seen) == {(3, 3)}
    assert reg.leaderboard_["score"].notna().all()
    with pytest.raises(AttributeError, match="no target_scores_"):
        _ = reg.target_scores_


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [[0, 1], [1, 0]]}, "target 'target_0': Found input variables with inconsistent numbers of samples"),
        ({"y": np.column_stack([LABELS[:, 0], np.zeros(120)])}, "target 'target_1': y holds only 1 class"),
        ({"y": np.column_stack([LABELS[:, 0], np.linspace(0, 1, 120)])}, "target 'target_1': Unknown label type"),
        ({"positive_label": 1}, "positive_label is for one target of two classes, but y has several targets"),
        (
            {"scoring": "f1", "y": np.column_stack([LABELS, np.arange(120) % 3])},
            "target 'target_3': scoring='f1' needs two classes but y has 3",
        ),
        ({"y": pd.DataFrame(LABELS[:, :2], columns=["a", "a"])}, "two targets with the name 'a'"),
        ({"include": ["joint", "logistic_regression"]}, "do not go together"),
    ],
)
def test_a_wrong_argument_gets_one_error_before_the_search(change, message):
    arguments = {**TREES, **{name: value for name, value in change.items() if name != "y"}}
    with pytest.raises(InvalidInputError, match=message):
        AutoMLClassifier(**arguments).fit(X_LABELS, change.get("y", LABELS))


def test_what_needs_one_target_says_so(labels, numbers):
    X, _, reg = numbers
    message = "scores_by_group is for models of one target, but this model has 3: 'Weight'"
    with pytest.raises(InvalidInputError, match=message):
        reg.scores_by_group(X["Chins"] > 5)
    for name in ("decision_threshold_", "suspect_labels_"):
        with pytest.raises(AttributeError, match=f"{name} is for one target"):
            getattr(labels, name)


def test_the_importance_of_the_columns_is_that_for_all_targets(labels):
    assert labels.importance(n_repeats=1)["importance"].max() > 0.01


@pytest.mark.slow
def test_the_report_shows_the_score_of_each_target(numbers, labels, tmp_path):
    X, y, reg = numbers
    reg.report(tmp_path / "report.md", format="markdown", test=(X, y[["Pulse", "Weight", "Waist"]]))
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| Waist | " in text
    assert "### Target 'Waist', out-of-fold rows: 20" in text
    assert "### Target 'Waist', test rows: 20" in text
    assert "| column | importance | interval | for Weight | for Waist | for Pulse | similar columns |" in text
    assert f"- root mean squared error: {root_mean_squared_error(y['Waist'], reg.predict(X)[:, 1]):.4g}" in text
    with pytest.raises(InvalidInputError, match="test: y has the targets 'u', 'v', 'w', but the model was fitted with"):
        reg.report(tmp_path / "report.md", test=(X, y.set_axis(["u", "v", "w"], axis=1)))
    assert len(labels._ensemble.bags) > 1  # so that the report compares the errors of the members
    labels.report(tmp_path / "labels.html")
    page = (tmp_path / "labels.html").read_text(encoding="utf-8")
    assert "predict 3 classes for each row" in page
    assert "The calibration is that of the probability of" in page
    assert "decision_threshold_" not in page


def test_the_search_starts_with_the_portfolio_of_defaults(labels):
    assert labels._initial_design.source == HAND_MADE


ONE = {**SMALL, "max_trials": 1, "include": ["ridge"]}


def _two_targets():
    """Return a table, and two targets whose values are far apart."""
    X = pd.DataFrame({"a": np.linspace(0, 1, 60), "b": np.arange(60) % 7.0})
    return X, pd.DataFrame({"u": X["a"], "v": 100 + X["b"]})


def test_the_targets_of_a_frame_are_matched_by_their_names():
    X, y = _two_targets()
    swapped, other = y[["v", "u"]], y.rename(columns={"u": "w"})
    reg = AutoMLRegressor(**ONE).fit(X, y)
    assert reg.score(X, swapped) == reg.score(X, y)
    assert reg.score(X, pl.from_pandas(swapped)) == reg.score(X, y)
    assert reg.scorer_(reg, X, swapped) == reg.scorer_(reg, X, y)
    assert reg.score(X, pd.DataFrame(y.to_numpy())) == reg.score(X, y.to_numpy()) == reg.score(X, y)
    assert np.allclose(reg.refit(X, swapped).predict(X).mean(axis=0), y.mean())
    message = "y has the targets 'w', 'v', but the model was fitted with 'u', 'v'; rename the columns"
    for call in (reg.score, reg.refit):
        with pytest.raises(InvalidInputError, match=message):
            call(X, other)


def test_the_targets_of_the_validation_rows_are_matched_by_their_names():
    X, y = _two_targets()
    fits = [AutoMLRegressor(**{**ONE, "cv": None}).fit(X, y, X_val=X, y_val=own) for own in (y, y[["v", "u"]])]
    assert fits[0].leaderboard_["score"].tolist() == fits[1].leaderboard_["score"].tolist()
    with pytest.raises(InvalidInputError, match="y_val has the targets 'w', 'v', but y has 'u', 'v'"):
        AutoMLRegressor(**{**ONE, "cv": None}).fit(X, y, X_val=X, y_val=y.rename(columns={"u": "w"}))


@pytest.mark.parametrize(
    "scoring",
    [
        "neg_mean_squared_log_error",
        "neg_mean_gamma_deviance",
        make_scorer(mean_squared_log_error, greater_is_better=False),
    ],
)
def test_the_predictions_for_each_target_are_in_the_range_of_the_scorer(scoring):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    y = np.exp(np.column_stack([2 * X[:, 0] + rng.normal(size=100), 0.05 * X[:, 1] + 3]))
    reg = AutoMLRegressor(**ONE, scoring=scoring).fit(X, y)
    assert np.isfinite(reg.leaderboard_["score"]).all()
    predicted = reg.predict(np.vstack([X, 10 * X]))
    assert predicted[:, 0].min() >= 0
    assert (predicted[:, 0] <= 1e-2).any()  # at the limit
    if isinstance(scoring, str):
        assert reg.target_scores_["score"].notna().all()
        worst = SimpleNamespace(predict=lambda table: y * [-1.0, 1.0])
        assert np.isnan(reg.scorer_(worst, X, y))


def test_labels_of_swapped_targets_are_scored_by_their_names():
    X, _ = _two_targets()
    y = pd.DataFrame({"u": np.where(X["a"] > 0.5, "yes", "no"), "v": (X["b"] > 3).astype(int)})
    clf = AutoMLClassifier(**{**ONE, "include": ["decision_tree"]}).fit(X, y)
    assert clf.score(X, y[["v", "u"]]) == clf.score(X, y) > 0


def test_the_command_refit_matches_the_targets_by_their_names(tmp_path):
    X, y = _two_targets()
    pd.concat([X, y], axis=1).to_csv(tmp_path / "t.csv", index=False)
    AutoMLRegressor(**ONE).fit(X, y).save(tmp_path / "old")
    arguments = ["refit", tmp_path / "old", "--train", tmp_path / "t.csv", "--target", "v", "--target", "u"]
    result = CliRunner().invoke(app, [*map(str, arguments), "--out", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    assert np.allclose(load(tmp_path / "new").predict(X).mean(axis=0), y.mean())


def test_a_constant_prediction_knows_a_class_that_the_scored_rows_lack():
    X = np.random.default_rng(0).normal(size=(90, 3))
    y = np.column_stack([np.arange(90) % 3, X[:, 0] > 0]).astype(int)
    scored = y[:, 0] < 2  # the class 2 is the last class of the first target
    clf = AutoMLClassifier(**{**ONE, "include": ["decision_tree"], "scoring": "neg_log_loss", "cv": None})
    clf.fit(X, y, X_val=X[scored], y_val=y[scored])
    constants = clf.target_scores_["constant"]
    assert constants[0] == pytest.approx(np.log(0.5))
    assert clf.metric_scores_["constant"].tolist() == [pytest.approx(constants.mean())]


def test_the_constant_of_several_targets_is_the_best_one_of_each_target():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 2))
    y = np.column_stack([np.exp(2 * rng.normal(size=90)), rng.normal(size=90)])  # the mean of the first is large
    reg = AutoMLRegressor(**{**ONE, "scoring": ["neg_mean_absolute_error", "r2"]}).fit(X, y)
    assert reg.metric_scores_["constant"].tolist() == pytest.approx([-1.0, 0.0])
    assert make_verdict(reg).dummy_rule == "the median of each target, in each row"


def test_the_constant_of_a_scorer_of_all_targets_is_the_better_of_means_and_medians():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 2)), np.exp(2 * rng.normal(size=(90, 2)))
    reg = AutoMLRegressor(**{**ONE, "scoring": make_scorer(mean_absolute_error, greater_is_better=False)}).fit(X, y)
    best = -np.abs(y - np.median(y, axis=0)).mean()
    assert reg.metric_scores_["constant"].tolist() == [pytest.approx(best)]


@pytest.mark.slow
def test_the_space_argument_changes_how_several_targets_are_learned():
    X, y = _two_targets()
    change = {"multi_output": "chain", "multi_output:chain:order": "random"}
    reg = AutoMLRegressor(**ONE, space=change).fit(X, y)
    assert reg.cv_results_["params"][0].items() >= change.items()


def test_the_table_of_the_space_lists_the_choice_for_several_targets():
    table = automl.space(task="regression").set_index("name")
    assert set(table.loc["multi_output", "choices"]) == {"joint", "independent", "chain"}
    assert table.loc["multi_output:chain:order", "condition"] == "multi_output = chain"
    assert "multi_output chain" in CliRunner().invoke(app, ["space", "--full"]).output
