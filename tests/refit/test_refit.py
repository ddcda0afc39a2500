"""A refit trains the members on all rows or on new rows, and compares the old model with the new one."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification
from sklearn.model_selection import TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from automl.fitted.data_warnings import constant_score
from automl.notebook import summary
from automl.refit.members import FitFacts, facts_from_folds
from automl.refit.report import RefitReport
from automl.trials.trial import FoldResult
from tests.factories import FAST, interrupt_once

BOOSTED = FAST | {"include": ["hist_gradient_boosting", "ridge"], "max_trials": 2}


def make_table(n_rows=240, seed=0, shift=0.0):
    """Return a table of numbers, a category and a target of three classes; `shift` changes what the numbers mean."""
    numbers, y = make_classification(n_rows, 4, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1,
                                     random_state=1)  # fmt: skip
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(numbers + rng.normal(0, 0.1, numbers.shape) + shift * y[:, None], columns=list("abcd"))
    X["city"] = rng.choice(["Rome", "Oslo", "Lima"], n_rows)
    return X, np.array(["low", "middle", "high"])[y]


@pytest.fixture(scope="module")
def classifier():
    X, y = make_table()
    return AutoMLClassifier(**FAST, guard=0.1).fit(X, y)


@pytest.fixture(scope="module")
def refitted(classifier):
    X, y = make_table(seed=1, shift=2.0)
    return classifier.refit(X, y)


@pytest.fixture(scope="module")
def ridge():
    X, _ = make_table()
    X["remark"] = [f"paid {i} in full" for i in range(240)]
    return AutoMLRegressor(**FAST | {"include": ["ridge"], "max_trials": 1}).fit(X, np.arange(240) % 7)


@pytest.mark.slow
def test_one_model_for_each_member_sees_all_rows(classifier):
    new = classifier.refit()
    assert [len(bag.models) for bag in new._ensemble.bags] == [1] * len(classifier._ensemble.bags)
    assert new._ensemble.weights == classifier._ensemble.weights
    assert new.refit_report_.n_rows == 240  # the holdout rows of the guard, too
    assert len(classifier._ensemble.bags[0].models) > 1
    assert not hasattr(classifier, "refit_report_")
    assert new.estimate_.score == classifier.estimate_.score
    assert "models which were trained on a part of the rows" in repr(new.estimate_)
    assert "part of the rows" in summary(new)["expected score"]
    assert not classifier.estimate_.note
    X, _ = make_table()
    assert (new.predict(X) == classifier.predict(X)).mean() > 0.8


@pytest.mark.slow
def test_what_the_user_does_to_the_own_table_changes_no_refit():
    X, y = make_table()
    numbers = X[["a", "b"]].to_numpy(copy=True)
    model = AutoMLClassifier(**FAST).fit(numbers, y)
    before = model.refit().predict_proba(numbers[:20])
    first = numbers[:20].copy()
    numbers[:] = 0.0
    y[:] = "low"
    np.testing.assert_array_equal(model.refit().predict_proba(first), before)


@pytest.mark.slow
def test_boosted_models_carry_their_rounds_over():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    model = AutoMLRegressor(**BOOSTED).fit(X, X[:, 0] * X[:, 1] + rng.normal(size=300))
    bag = max(model._ensemble.bags, key=lambda bag: bag.configuration.family == "hist_gradient_boosting")
    assert bag.configuration.family == "hist_gradient_boosting"
    folds = model.history_.evaluations[bag.configuration].folds.values()
    expected = np.median([fold.info["full_rounds"] * 300 / 200 for fold in folds])
    new = next(b for b in model.refit()._ensemble.bags if b.configuration == bag.configuration)
    assert new.models[0][-1].n_iter_ == round(expected)


def test_rounds_are_scaled_by_the_share_of_the_rows():
    infos = [{"full_rounds": rounds, "learning_rate": 0.1} for rounds in (30, 40, 80)]
    folds = {k: FoldResult(0.1, 2.0, 1.0, info) for k, info in enumerate(infos)}
    assert facts_from_folds(folds, [0.5, 0.5, 0.5], 100) == FitFacts(80, 6.0, 0.1)
    assert facts_from_folds({0: FoldResult(0.1, 2.0, 1.0)}, [0.5], 100).rounds is None


def test_a_learning_rate_that_the_clock_raised_is_carried_over():
    infos = [{"full_rounds": 100, "learning_rate": 0.1}, {"full_rounds": 50, "learning_rate": 0.2}]
    folds = {k: FoldResult(0.1, 2.0, 1.0, info) for k, info in enumerate(infos)}
    facts = facts_from_folds(folds, [1.0, 1.0], 100)
    assert facts.rounds == 67
    assert facts.learning_rate == pytest.approx(0.15)


def test_the_seconds_of_a_training_on_a_sample_are_scaled_to_all_rows():
    folds = {0: FoldResult(0.1, 2.0, 0.0, {"training_rows": 1_000}), 1: FoldResult(0.1, 3.0, 0.0, {"cut": True})}
    assert facts_from_folds(folds, [0.8, 0.8], 20_000) == FitFacts(None, 40.0, None, is_cut=True)


def test_a_better_model_on_new_rows_is_called_better(classifier, refitted):
    report = refitted.refit_report_
    assert report.new_score > report.old_score
    assert report.p < 0.05
    assert report.verdict.startswith("the new model is better on the new rows: log loss 0.")
    assert list(report.scores) == ["fold", "n_train", "n_test", "old", "new"]
    X, y = make_table(seed=2, shift=2.0)
    assert refitted.score(X, y) > classifier.score(X, y)
    assert list(refitted.classes_) == list(classifier.classes_)
    assert refitted.estimate_.score == pytest.approx(report.new_score, abs=0.2)


def test_a_refitted_model_is_saved_and_refitted_again(refitted, tmp_path):
    refitted.save(tmp_path / "model", rows=True)
    loaded = load(tmp_path / "model")
    X, _ = make_table(seed=2, shift=2.0)
    again = loaded.refit()
    assert again.refit_report_.n_rows == 240
    np.testing.assert_allclose(again.predict_proba(X), refitted.predict_proba(X))


@pytest.mark.slow
def test_equal_rows_of_the_search_are_not_scored(classifier):
    X, y = make_table()
    more, labels = make_table(60, seed=5)
    both = classifier.refit(pd.concat([X, more]), np.append(y, labels))
    assert both.refit_report_.scores["n_test"].sum() == 60
    assert "240 of 300 rows were training rows of the old model" in str(both.refit_report_)
    only = classifier.refit(X, y)
    assert only.refit_report_.verdict == "the new rows do not suffice to compare the old model and the new model"


def test_columns_are_matched_by_name(classifier):
    X, y = make_table(seed=1)
    new = classifier.refit(X[["city", "d", "b", "a", "c"]].assign(extra=1.0), y)
    assert list(new.feature_names_in_) == ["a", "b", "c", "d", "city"]
    assert "columns that the model does not know are ignored: 'extra'" in new.refit_report_.notes[0]


@pytest.mark.slow
def test_a_threshold_of_the_user_changes_no_scores_of_probabilities():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = np.where(X[:, 0] + rng.normal(size=200) > 0, "yes", "no")
    model = AutoMLClassifier(**FAST | {"include": ["logistic_regression"]}, positive_label="no").fit(X[:100], y[:100])
    before = model.refit(X[100:], y[100:]).refit_report_.scores
    model.decision_threshold_ = 0.9
    new = model.refit(X[100:], y[100:])
    pd.testing.assert_frame_equal(new.refit_report_.scores, before)
    assert new.decision_threshold_ == pytest.approx(0.9)


def test_columns_keep_their_kinds(classifier):
    """Read alone, the codes of the new rows would be numbers."""
    X, y = make_table(seed=1)
    X["city"] = np.arange(240) % 120
    new = classifier.refit(X, y)
    assert new._reader.columns_[-1].reason == classifier._reader.columns_[-1].reason
    assert [column.kind for column in new._reader.columns_] == ["number"] * 4 + ["category"]
    assert "argument columns" not in " ".join(column.reason for column in new._reader.columns_)


@pytest.mark.parametrize(
    "cells",
    [
        dict.fromkeys("ab"),
        *(
            pytest.param(cells, marks=pytest.mark.slow)
            for cells in ({"a": 1.0}, {"city": "Rome"}, {"remark": "paid in full"})
        ),
    ],
)
def test_columns_that_are_constant_in_the_new_rows_are_left_out(ridge, cells):
    X, _ = make_table(60, seed=1)
    X["remark"] = [f"paid {i} in full" for i in range(60)]
    new = ridge.refit(X.assign(**cells), np.arange(60) % 7)
    dropped = [column for column in new._reader.columns_ if not column.positions]
    assert [column.name for column in dropped] == list(cells)
    assert {column.kind for column in dropped} == {"constant"}


def test_an_identifier_stays_an_identifier():
    """The kind "drop" would say that the user has dropped the column."""
    X, y = make_table()
    X["id"] = np.arange(1000, 1240)
    fast = FAST | {"include": ["decision_tree"], "max_trials": 1, "cv": 2}
    new = AutoMLClassifier(**fast).fit(X, y).refit(X, y)
    assert new.columns_["kind"].tolist() == ["number"] * 4 + ["category", "identifier"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X.rename(columns={"city": "City"}), y), "'city'; add them, or rename columns: 'City' may be"),
        (lambda X, y: (X.drop(columns=["city", "a"]), y), "lack columns of the training table: 'a', 'city'; add them"),
        (lambda X, y: (X.to_numpy()[:, :3], y), "the new rows have 3 columns, but the training table had 5"),
        (lambda X, y: (X, np.where(y == "low", "none", y)), "classes that the model does not know: 'none'"),
        (lambda X, y: (X[y != "low"], y[y != "low"]), "y lacks classes of the model: 'low'"),
        (lambda X, y: (X, None), "refit has X but no y"),
        (lambda X, y: (None, y), "refit has no X"),
    ],
)
def test_rows_that_do_not_suit_the_model_give_one_error(classifier, change, message):
    with pytest.raises(InvalidInputError, match=message):
        classifier.refit(*change(*make_table(seed=1)))


def test_a_model_without_rows_asks_for_a_table(classifier, tmp_path):
    classifier.save(tmp_path / "model")
    assert {file.name for file in (tmp_path / "model").iterdir()}.isdisjoint({"rows.npz"})
    with pytest.raises(InvalidInputError, match=r"saved without them .*refit\(X, y\), or --train and --target"):
        load(tmp_path / "model").refit()


@pytest.mark.slow
def test_rows_of_a_sparse_table_with_weights_are_saved(tmp_path):
    from scipy import sparse

    rng = np.random.default_rng(0)
    X = sparse.random(90, 8, 0.4, format="csr", random_state=0)
    model = AutoMLRegressor(**FAST).fit(X, X.toarray()[:, 0], rng.uniform(1, 2, 90), np.arange(90) // 3)
    model.save(tmp_path / "model", rows=True)
    rows = load(tmp_path / "model")._rows.read()
    assert (rows.X != model._rows.X).nnz == 0
    np.testing.assert_array_equal(rows.sample_weight, model._rows.sample_weight)
    np.testing.assert_array_equal(rows.groups, np.arange(90) // 3)


@pytest.mark.parametrize("for_prediction", [False, True])
def test_rows_of_a_model_that_was_saved_later_in_the_same_folder_are_not_used(
    classifier, refitted, tmp_path, monkeypatch, for_prediction
):
    monkeypatch.chdir(tmp_path)
    classifier.save("model", rows=True)
    loaded = load("model", for_prediction=for_prediction)
    monkeypatch.chdir(tmp_path.parent)
    assert len(loaded._rows.read().y) == 240
    refitted.save(tmp_path / "model", rows=True)
    with pytest.raises(InvalidInputError, match=r"rows.npz' is damaged, or of another model; pass a table"):
        loaded.refit()


def test_rows_stay_on_disk_where_the_run_has_a_folder(tmp_path):
    X, y = make_table()
    fast = FAST | {"include": ["decision_tree"], "max_trials": 1, "cv": 2}
    model = AutoMLClassifier(**fast, store=tmp_path / "run").fit(X, y)
    assert len(pickle.dumps(model._rows)) < 1000
    assert model.refit().refit_report_.n_rows == 240
    (tmp_path / "run" / "run.json").unlink()
    with pytest.raises(InvalidInputError, match="does not hold the run of this model"):
        model.refit()


def test_an_interrupt_at_the_start_of_the_training_on_the_newest_rows_keeps_the_models(monkeypatch):
    started = []

    def interrupt(*arguments):
        started.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr("automl.run.all_rows.make_executor", interrupt)
    X, y = make_table()
    settings = FAST | {"include": ["decision_tree"], "max_trials": 1, "cv": TimeSeriesSplit(3)}
    model = AutoMLClassifier(**settings).fit(X, y)
    assert len(started) == 1
    assert len(model.predict(X)) == len(X)


@pytest.mark.parametrize(
    ("step", "lost"),
    [
        ("automl.refit.new_rows_training.train_on_all_rows", "the members keep the models of their folds"),
        ("automl.refit.evaluation.compare", "were not compared, and the new model has no estimate_"),
        ("automl.refit.new_rows_training.read_fold_models", "explanations use the models of all rows"),
        ("automl.refit.new_rows_training.collect_scores", "the model predicts no intervals and no sets"),
        ("automl.refit.workers.temporary_folder", "temporary files may be left"),
        ("automl.checks.data_checks.check_missing_cells", "warnings_ is not complete"),
        ("automl.task.dummy.dummy_score", "the model is not compared with a constant"),
    ],
)
def test_ctrl_c_after_the_training_on_folds_of_new_rows_returns_the_new_model(ridge, step, lost, monkeypatch, caplog):
    done = interrupt_once(monkeypatch, step)
    X = make_table(seed=1)[0].assign(remark=[f"paid {i} in full" for i in range(240)])
    new = ridge.refit(X, np.arange(240) % 7)
    assert done
    found = [r.getMessage() for r in caplog.records if r.getMessage().startswith("interrupted")]
    assert len(found) == 1
    assert found[0].endswith(lost)
    report = new.refit_report_
    assert report.n_models == ("train_on_all_rows" not in step)
    assert report.verdict.startswith("the old model and the new model were not compared") == ("compare" in step)
    assert new.predict(X).shape == (240,)


def test_a_refit_on_the_kept_rows_keeps_the_known_score_of_a_constant(ridge, monkeypatch):
    done = interrupt_once(monkeypatch, "automl.task.dummy.dummy_score")
    new = ridge.refit()
    assert not done
    assert constant_score(new) == constant_score(ridge)


def test_ctrl_c_in_the_comparison_with_an_unknown_constant_returns_the_model_of_all_rows(ridge, monkeypatch, caplog):
    old = copy.copy(ridge)
    del vars(old)["_single_scores"]  # an earlier version has saved it
    done = interrupt_once(monkeypatch, "automl.task.dummy.dummy_score")
    assert old.refit().refit_report_.n_models == 1
    assert done
    assert "interrupted: the model is not compared with a constant" in caplog.text


@pytest.mark.parametrize(
    "step", ["automl.refit.new_rows_training.run_trials", "automl.refit.kept_rows.train_on_all_rows"]
)
def test_ctrl_c_before_a_refitted_model_exists_keeps_the_old_model_as_it_is(ridge, step, monkeypatch):
    done = interrupt_once(monkeypatch, step)
    X = make_table(seed=1)[0].assign(remark="paid")
    with pytest.raises(KeyboardInterrupt):
        ridge.refit(*((X, np.arange(240) % 7) if "trials" in step else ()))
    assert done
    assert ridge.predict(X).shape == (240,)


def test_the_final_model_has_seen_the_newest_rows():
    """Only the last 100 of 600 rows know the new level of the target."""
    X = np.column_stack([np.arange(600.0), np.random.default_rng(0).normal(size=600)])
    y = np.where(np.arange(600) < 500, 0.0, 100.0) + X[:, 1]
    reg = AutoMLRegressor(**FAST | {"include": ["decision_tree"], "max_trials": 2, "cv": TimeSeriesSplit(5)}).fit(X, y)
    assert reg.predict(X[-1:])[0] > 90
    assert [len(bag.models) for bag in reg._ensemble.bags] == [1] * len(reg._ensemble.bags)


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ([0.9, 0.8], "the new rows do not suffice"),
        ([0.91, 0.92, 0.90, 0.91], "the new model is better on the new rows: accuracy 0.91 against 0.87, p = 0.034"),
        ([0.81, 0.82, 0.80, 0.81], "the old model is better on the new rows, keep it: accuracy 0.81 against 0.87"),
        ([0.87, 0.88, 0.86, 0.89], "no clear difference on the new rows, so the old model can stay"),
    ],
)
def test_the_verdict_follows_the_corrected_test(new, verdict):
    old = [0.87, 0.87, 0.88, 0.86]
    scores = pd.DataFrame({"fold": range(4), "n_train": 75, "n_test": 25, "old": old})
    scores["new"] = new if len(new) == 4 else [np.nan, np.nan, np.nan, 0.9]
    assert verdict in RefitReport(100, 1, 1.5, "accuracy", scores).verdict


def test_the_verdict_shows_a_loss_without_the_sign_of_its_scorer():
    scores = pd.DataFrame(
        {"fold": range(4), "n_train": 75, "n_test": 25, "old": -30.5, "new": [-20, -21, -20.5, -20.5]}
    )
    verdict = RefitReport(100, 1, 1.5, "neg_root_mean_squared_error", scores).verdict
    assert ": root mean squared error 20 against 30, lower is better, p = " in verdict
