"""Tests of fit, predict, save and load as users call them, on tables that ship with scikit-learn."""

from __future__ import annotations

import re
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine, make_classification
from sklearn.metrics import f1_score, log_loss, make_scorer, r2_score, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, train_test_split
from sklearn.pipeline import Pipeline

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from pipelines.build import predicted_seconds
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from tests.factories import edit_manifest

FAST = {"include": ["decision_tree", "logistic_regression", "ridge"], "verbose": 0, "random_state": 0, "n_jobs": 2}


def _cancer(labels=("benign", "malignant")):
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return train_test_split(X, np.asarray(labels)[y.to_numpy()], random_state=0)


def test_a_classifier_beats_chance_and_predicts_the_labels_of_the_user():
    X_train, X_test, y_train, y_test = _cancer()
    clf = AutoMLClassifier(time_budget=8, verbose=0, n_jobs=2, random_state=0).fit(X_train, y_train)
    assert set(clf.predict(X_test)) == {"benign", "malignant"}
    probabilities = clf.predict_proba(X_test)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert roc_auc_score(y_test == clf.classes_[1], probabilities[:, 1]) > 0.98
    assert clf.score(X_test, y_test) > 0.9
    assert list(clf.feature_names_in_) == list(X_train.columns)


def test_a_regressor_reaches_the_score_of_a_linear_model():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    reg = AutoMLRegressor(max_trials=4, time_budget=None, **FAST).fit(X_train, y_train)
    assert r2_score(y_test, reg.predict(X_test)) > 0.3


def test_a_classifier_predicts_three_classes_of_integers():
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y * 10, random_state=0)
    clf = AutoMLClassifier(max_trials=3, time_budget=None, **FAST).fit(X_train, y_train)
    assert clf.classes_.tolist() == [0, 10, 20]
    assert log_loss(y_test, clf.predict_proba(X_test)) < 0.4


@pytest.mark.alone
def test_fit_ends_within_the_budget_including_the_ensemble():
    X_train, _, y_train, _ = _cancer()
    AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(
        X_train, y_train
    )  # this imports the libraries of the workers
    start = time.monotonic()
    clf = AutoMLClassifier(time_budget=6, verbose=0, n_jobs=2).fit(X_train, y_train)
    assert time.monotonic() - start < 8  # the promise: 5 %, at least 2 s
    assert len(clf.leaderboard_) > 3


def test_a_budget_too_small_for_any_fit_gives_the_quickest_model(caplog):
    X_train, X_test, y_train, y_test = _cancer()
    clf = AutoMLClassifier(time_budget=0.2, **FAST).fit(X_train, y_train)
    assert "time_budget=0.2 s is too small for one fit" in caplog.text
    assert len(clf.leaderboard_) == 1
    assert clf.stop_reason_ == "time budget spent"
    assert clf.score(X_test, y_test) > 0.8


def test_a_budget_that_is_far_too_small_is_an_error_before_work():
    X, y = make_classification(300_000, 20, random_state=0)
    with pytest.raises(InvalidInputError, match=r"time_budget=0.5 s is too small.*use time_budget=\d+ or more"):
        AutoMLClassifier(time_budget=0.5, include=["catboost"], verbose=0).fit(X, y)


def test_the_log_names_similar_data_sets_and_the_reason(caplog):
    X_train, _, y_train, _ = _cancer()
    with caplog.at_level("INFO", "automl"):
        AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(X_train, y_train)
    assert re.search(
        r"similar data set: \w+ \(distance \d\.\d+; similar in \w+, \w+; different in \w+, \w+\)", caplog.text
    )
    assert "similar data set: wdbc" not in caplog.text  # the same measurements
    assert "the results on these known data sets are not used: wdbc" in caplog.text


def test_the_leaderboard_lists_all_trials_and_their_weights_in_the_ensemble():
    X_train, _, y_train, _ = _cancer()
    clf = AutoMLClassifier(max_trials=4, time_budget=None, **FAST).fit(X_train, y_train)
    board = clf.leaderboard_
    assert list(board.columns[:3]) == ["family", "score", "std"]
    assert set(board["family"]) <= set(FAST["include"])
    assert board["score"].is_monotonic_decreasing
    assert board["weight"].sum() == pytest.approx(1)
    assert (board["status"] == "ok").all()
    assert len(board) == 4


def test_the_text_of_the_best_pipeline_is_its_configuration_in_a_few_lines():
    X_train, _, y_train, _ = _cancer()
    clf = AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(X_train, y_train)
    pipeline = clf.best_pipeline_
    head, table, *steps = repr(pipeline).splitlines()
    assert head == f"BestPipeline with the steps {', '.join(pipeline.named_steps)}:"
    assert table == "  table: 30 columns (30 number)"
    assert steps[-1].startswith((f"  model: {clf.best_params_['model']}", "      "))
    assert len(steps) < 10
    assert repr(clone(pipeline)) == repr(pipeline)
    assert repr(pipeline[:-1]) != repr(pipeline)


def test_the_best_pipeline_predicts_labels_from_a_raw_table():
    X_train, X_test, y_train, y_test = _cancer()
    clf = AutoMLClassifier(max_trials=2, time_budget=None, **FAST).fit(X_train, y_train)
    assert isinstance(clf.best_pipeline_, Pipeline)
    assert np.mean(clf.best_pipeline_.predict(X_test) == y_test) > 0.9
    with pytest.raises(ValueError, match="'unheard of', which is none of the classes"):
        clone(clf.best_pipeline_).fit(X_train, np.where(np.arange(len(y_train)) == 3, "unheard of", y_train))
    again = clone(clf.best_pipeline_).fit(X_train, y_train)
    assert np.mean(again.predict(X_test) == y_test) > 0.9


def test_a_saved_model_that_was_moved_gives_the_same_predictions(tmp_path):
    X_train, X_test, y_train, _ = _cancer()
    clf = AutoMLClassifier(max_trials=2, time_budget=None, **FAST).fit(X_train, y_train)
    clf.save(tmp_path / "model")
    (tmp_path / "model").rename(tmp_path / "moved")
    assert np.array_equal(load(tmp_path / "moved").predict_proba(X_test), clf.predict_proba(X_test))


def test_a_model_of_other_library_versions_is_read_with_a_warning(tmp_path):
    X_train, X_test, y_train, _ = _cancer()
    clf = AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(X_train, y_train)
    clf.save(tmp_path / "model")
    edit_manifest(tmp_path / "model", lambda manifest: manifest["versions"].update({"scikit-learn": "0.1"}))
    with pytest.warns(UserWarning, match=rf"scikit-learn 0.1 \(here {sklearn.__version__}\)"):
        again = load(tmp_path / "model")
    assert np.array_equal(again.predict(X_test), clf.predict(X_test))


@pytest.mark.slow
def test_predictions_do_not_change_the_warning_filters():
    X_train, X_test, y_train, _ = _cancer()
    forest = {"include": ["extra_trees"], "max_trials": 1, "time_budget": None}
    clf = AutoMLClassifier(**{**FAST, **forest}).fit(X_train, y_train)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        show = warnings._showwarnmsg_impl
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(clf.predict, [X_test.head(20)] * 20))
        assert warnings.filters == before
        assert warnings._showwarnmsg_impl is show


def test_a_model_is_saved_without_its_callbacks(tmp_path):
    X_train, X_test, y_train, _ = _cancer()

    class Watcher:
        def __init__(self):
            self.lock = threading.Lock()

        def __call__(self, result, history):
            with self.lock:
                pass

    clf = AutoMLClassifier(max_trials=1, time_budget=None, callbacks=[Watcher()], **FAST).fit(X_train, y_train)
    clf.save(tmp_path / "model")
    assert len(clf.callbacks) == 1
    again = load(tmp_path / "model")
    assert np.array_equal(again.predict_proba(X_test), clf.predict_proba(X_test))


def test_saving_never_replaces_something_that_is_not_a_model(tmp_path):
    X_train, _, y_train, _ = _cancer()
    clf = AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(X_train, y_train)
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="not a saved model"):
        clf.save(tmp_path)
    (tmp_path / "about.json").write_text("{}")
    with pytest.raises(ValueError, match="not a saved model"):
        clf.save(tmp_path)
    with pytest.raises(ValueError, match="cannot be written"):
        clf.save(tmp_path / "thesis.txt" / "model")
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_save_accepts_a_link_and_the_working_directory(tmp_path, monkeypatch):
    X_train, _, y_train, _ = _cancer()
    clf = AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(X_train, y_train)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    clf.save(tmp_path / "link")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    clf.save(".")
    assert load(tmp_path / "real").classes_.tolist() == load(tmp_path / "here").classes_.tolist()


@pytest.mark.parametrize("guard", [None, 0.1])
def test_a_few_rows_with_positive_weight_are_enough(guard):
    X, y = load_diabetes(return_X_y=True)
    weight = np.zeros(len(y))
    weight[::50] = 1.0
    reg = AutoMLRegressor(max_trials=2, time_budget=None, guard=guard, **FAST).fit(X, y, sample_weight=weight)
    assert np.isfinite(reg.predict(X)).all()
    assert np.isfinite(reg.estimate_.score)


@pytest.mark.slow
def test_each_fold_keeps_rows_of_a_rare_class_beside_a_guard():
    X, y = load_breast_cancer(return_X_y=True)
    rows = np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[:8]])
    settings = {**FAST, "include": ["decision_tree"], "max_trials": 2, "time_budget": None, "guard": 0.2}
    for seed in range(3):
        clf = AutoMLClassifier(**{**settings, "random_state": seed}).fit(X[rows], y[rows])
        assert set(clf.leaderboard_["status"]) == {"ok"}


@pytest.mark.parametrize(("file", "kept"), [("estimator.zip", 100), ("search.zip", 0), ("manifest.json", 10)])
def test_a_damaged_model_is_one_clear_error(tmp_path, file, kept):
    X_train, _, y_train, _ = _cancer()
    AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(X_train, y_train).save(tmp_path / "model")
    path = tmp_path / "model" / file
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InvalidInputError, match="damaged"):
        load(tmp_path / "model")


def test_a_target_with_a_large_mean_and_a_small_deviation_is_learned():
    X, y = load_diabetes(return_X_y=True)
    reg = AutoMLRegressor(max_trials=2, time_budget=None, **{**FAST, "include": ["ridge"]})
    near = reg.fit(X, y).score(X, y)
    assert reg.fit(X, y + 1e8).score(X, y + 1e8) == pytest.approx(near, abs=0.01)


def test_a_second_fit_removes_the_feature_names_of_the_first():
    X_train, _, y_train, _ = _cancer()
    clf = AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(pd.DataFrame(X_train).add_prefix("x"), y_train)
    assert len(clf.feature_names_in_) == 30
    assert not hasattr(clf.fit(np.asarray(X_train), y_train), "feature_names_in_")


@pytest.mark.slow
def test_f1_accepts_labels_that_are_strings():
    X_train, X_test, y_train, y_test = _cancer()
    clf = AutoMLClassifier(scoring="f1", max_trials=2, time_budget=None, **FAST).fit(X_train, y_train)
    assert f1_score(y_test, clf.predict(X_test), pos_label="malignant") > 0.9
    assert clf.estimate_.high <= 1


@pytest.mark.slow
def test_the_seed_reaches_the_models():
    X, y = load_iris(return_X_y=True)
    forest = {"max_trials": 1, "time_budget": None, "n_jobs": 1, "include": ["extra_trees"], "verbose": 0}
    folds = list(KFold(2, shuffle=True, random_state=0).split(X))
    first, again, other = (
        AutoMLClassifier(**forest, cv=folds, random_state=seed).fit(X, y).leaderboard_["score"].iloc[0]
        for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.slow
def test_the_same_seed_gives_the_same_trials_and_predictions():
    X_train, X_test, y_train, _ = _cancer()
    settings = {**FAST, "n_jobs": 1, "max_trials": 5, "time_budget": None}
    first, second = (AutoMLClassifier(**settings).fit(X_train, y_train) for _ in range(2))
    assert first.leaderboard_["id"].tolist() == second.leaderboard_["id"].tolist()
    assert [r.trial for r in first.history_.results] == [r.trial for r in second.history_.results]
    assert np.array_equal(first.predict_proba(X_test), second.predict_proba(X_test))


def test_a_table_with_missing_values_dates_and_new_categories_is_accepted():
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame(
        {
            "size [cm]": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "color": rng.choice(["red", "green", None], n),
            "seen": pd.date_range("2024-01-01", periods=n, freq="D"),
            "ok": rng.choice([True, False], n),
            "same": 1,
        }
    )
    y = np.where(X["color"] == "red", "yes", "no")
    clf = AutoMLClassifier(max_trials=4, time_budget=None, **FAST).fit(X, y)
    new = X.head(10)[["ok", "seen", "same", "color", "size [cm]"]].copy()
    new.loc[:5, "color"] = "blue"
    assert np.isfinite(clf.predict_proba(new)).all()
    with pytest.raises(ValueError, match="color"):
        clf.predict(X.drop(columns="color"))


@pytest.mark.slow
def test_a_group_is_never_in_both_parts_of_a_fold():
    """The rows of this table come in identical pairs, so that folds that split the pairs give far too good scores."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(60, 5)), 2, axis=0)
    y = np.repeat(rng.integers(0, 2, 60), 2)
    groups = np.repeat(np.arange(60), 2)
    settings = {**FAST, "include": ["random_forest"], "max_trials": 1, "time_budget": None}
    settings["initial_configurations"] = "default"  # deep trees find the other row of a pair
    leaky = AutoMLClassifier(**settings).fit(X, y).leaderboard_["score"].max()
    honest = AutoMLClassifier(**settings).fit(X, y, groups=groups).leaderboard_["score"].max()
    assert leaky > 0.95
    assert honest < 0.75
    by_splitter = AutoMLClassifier(**settings, cv=GroupKFold(4)).fit(X, y, groups=groups)
    assert by_splitter.leaderboard_["folds"].max() == 4


def test_sample_weights_reach_models_scores_and_ensemble():
    """Two rules of the target contradict each other, and only the rows of one rule have weight."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    rule = rng.random(300) < 0.5
    y = np.where(rule, X[:, 0] > 0, X[:, 0] < 0).astype(int)
    for counted in (rule, ~rule):
        weights = np.where(counted, 1.0, 1e-3)
        clf = AutoMLClassifier(max_trials=2, time_budget=None, **FAST).fit(X, y, sample_weight=weights)
        assert np.mean(clf.predict(X)[counted] == y[counted]) > 0.9
        assert clf.leaderboard_["score"].max() > 0.9


@pytest.mark.slow
def test_any_scorer_is_optimized_and_shown_with_its_sign_in_scikit_learn():
    X_train, _, y_train, _ = _cancer()

    def recall_of_malignant(y_true, y_pred):
        return np.mean(y_pred[y_true == "malignant"] == "malignant")

    for scoring in ("balanced_accuracy", "neg_brier_score", make_scorer(recall_of_malignant)):
        y = (y_train == "malignant").astype(int) if scoring == "neg_brier_score" else y_train
        clf = AutoMLClassifier(scoring=scoring, max_trials=2, time_budget=None, **FAST).fit(X_train, y)
        best = clf.leaderboard_["score"].max()
        assert -0.1 < best < 0 if scoring == "neg_brier_score" else 0.85 < best <= 1


def test_a_callback_can_end_the_search():
    X_train, _, y_train, _ = _cancer()

    def enough(result, history):
        if len(history.results) >= 3:
            raise StopIteration

    clf = AutoMLClassifier(time_budget=60, callbacks=[enough], **FAST)
    start = time.monotonic()
    clf.fit(X_train, y_train)
    assert time.monotonic() - start < 30
    assert len(clf.history_.results) in (3, 4)  # two trials may end at the same time
    assert clf.stop_reason_ == "a callback stopped it"


def test_an_error_in_a_callback_is_raised_and_does_not_end_the_search_silently():
    X_train, _, y_train, _ = _cancer()

    def ask(result, history):
        predicted_seconds(Configuration({"model": "no_such_model"}), TableTraits("binary", 10, 2, 2))

    clf = AutoMLClassifier(time_budget=60, callbacks=[ask], **FAST | {"max_trials": 1})
    with pytest.raises(KeyError, match="no_such_model"):
        clf.fit(X_train, y_train)


def test_fit_does_not_change_the_table_of_the_user():
    X_train, _, y_train, _ = _cancer()
    before = X_train.copy()
    AutoMLClassifier(max_trials=1, time_budget=None, **FAST).fit(X_train, y_train)
    pd.testing.assert_frame_equal(X_train, before)


@pytest.mark.slow
def test_a_sparse_table_can_be_learned():
    rng = np.random.default_rng(0)
    X = sparse.random(300, 200, density=0.05, format="csr", rng=rng)
    dense = X.toarray()
    y = (dense[:, :20].sum(axis=1) > dense[:, 20:40].sum(axis=1)).astype(int)
    clf = AutoMLClassifier(max_trials=3, time_budget=None, **{**FAST, "include": ["logistic_regression", "lightgbm"]})
    clf.fit(X[:200], y[:200])
    assert roc_auc_score(y[200:], clf.predict_proba(X[200:])[:, 1]) > 0.8


def test_a_scorer_of_labels_changes_the_labels_but_not_the_probabilities():
    X, y = make_classification(3_000, n_informative=5, weights=[0.9], flip_y=0.15, class_sep=0.7, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    arguments = {**FAST, "include": ["logistic_regression"]}
    clf = AutoMLClassifier(max_trials=1, time_budget=None, scoring="f1", **arguments).fit(X_train, y_train)
    p = clf.predict_proba(X_test)
    assert p.sum(axis=1) == pytest.approx(1)
    most_probable = clf.classes_[p.argmax(axis=1)]
    assert f1_score(y_test, clf.predict(X_test)) > f1_score(y_test, most_probable)
