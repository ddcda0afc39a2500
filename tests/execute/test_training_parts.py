"""Trainings that go on: a training in parts gives the model of a training at once."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_iris

from automl import AutoMLClassifier
from automl.execute.evaluate import evaluate
from automl.meta.records import add_run
from automl.testing import make_task, tree
from automl.trials.artifacts import Artifacts
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import Status, Trial
from meta_db.store import MetaDatabase
from pipelines.catalog import get_component
from pipelines.configuration import Configuration

PREPARED = {"imputation": "none", "scaling": "none"}
# Without draws of rows and columns, so that LightGBM and XGBoost have nothing to draw again.
NO_DRAWS = {
    "lightgbm": {"feature_fraction": 1.0, "bagging_fraction": 1.0, "learning_rate": 0.1},
    "xgboost": {"subsample": 1.0, "colsample_bylevel": 1.0, "colsample_bynode": 1.0},
    "hist_gradient_boosting": {"max_features": 1.0},
}
CONTINUING = (
    "lightgbm", "xgboost", "catboost", "hist_gradient_boosting", "extra_trees", "random_forest",
    "realmlp", "resnet", "tabm",
)  # fmt: skip
FAST = ("lightgbm", "extra_trees")


def configuration(family, task, **steps):
    own = dict(get_component("model", family).space(task.traits).get_default_configuration())
    own = {f"model:{family}:{name}": value for name, value in {**own, **NO_DRAWS.get(family, {})}.items()}
    return Configuration({"model": family, **PREPARED, **own, **steps})


def run(task, trial, folder, limit=None):
    """Return the result of a trial, and the predictions of its fold where it has left a model."""
    (result,) = evaluate(task, [trial], Artifacts(folder), 1, "cpu", limit)
    assert result.status is Status.OK, result.reason
    path = Artifacts(folder).predictions_path(trial.configuration, 0)
    return result.folds[0], np.load(path) if path.exists() else None


def in_parts(task, c, folder, shares=(1 / 9, 1 / 3, 1.0), limit=None):
    folder.mkdir(exist_ok=True)
    results = [run(task, Trial(c, fidelity=share), folder, limit) for share in shares]
    return [fold for fold, _ in results], results[-1][1]


@pytest.mark.parametrize("kind", ["binary", pytest.param("regression", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "family", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in CONTINUING]
)
def test_a_training_in_parts_gives_the_model_of_a_training_at_once(tmp_path, family, kind):
    task = make_task(kind, n_rows=250)
    c = configuration(family, task)
    _, whole = run(task, Trial(c), tmp_path)
    folds, continued = in_parts(task, c, tmp_path / "parts")
    assert [fold.info.get("continued", False) for fold in folds] == [False, True, True]
    assert [fold.info.get("iterations") for fold in folds] == [pytest.approx(1 / 9), pytest.approx(1 / 3), None]
    np.testing.assert_allclose(continued, whole, rtol=1e-5, atol=1e-6)


def test_an_ended_training_is_not_trained_again(tmp_path):
    task = make_task("binary", n_rows=120)
    c = configuration("lightgbm", task, **{"model:lightgbm:learning_rate": 0.2})
    # The patience of this training is over before a third of the rounds of a small learning rate would be.
    results, predictions = in_parts(task, c, tmp_path, shares=(0.9, 0.95))
    assert results[1].info["n_iter"] == results[0].info["n_iter"]
    assert results[1].loss == results[0].loss
    assert predictions is None  # no model is left by a part of a training


def test_a_part_leaves_a_state_and_no_model(tmp_path):
    task = make_task("binary", n_rows=150)
    c = configuration("lightgbm", task)
    in_parts(task, c, tmp_path, shares=(1 / 3,))
    assert [path.suffix for path in Artifacts(tmp_path).paths(c, 0)] == [".training"]


@pytest.mark.parametrize(("family", "n_rows"), [("extra_trees", 80), ("lightgbm", 60)])  # 40 rows are not validated
def test_a_part_of_a_training_without_a_time_limit_is_not_cut(tmp_path, family, n_rows):
    task = make_task("binary", n_rows=n_rows)
    folds, _ = in_parts(task, configuration(family, task), tmp_path)
    assert not any("cut" in fold.info for fold in folds)


def test_a_damaged_state_makes_the_training_begin_anew(tmp_path):
    task = make_task("binary", n_rows=150)
    c = configuration("lightgbm", task)
    in_parts(task, c, tmp_path, shares=(1 / 3,))
    Artifacts(tmp_path).training_path(c, 0).write_bytes(b"half a file")
    fold, _ = run(task, Trial(c), tmp_path)
    assert "continued" not in fold.info


def test_the_files_of_a_library_are_in_the_folder_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))  # no other folder can be written to
    (tmp_path / "run").mkdir()
    task = make_task("regression", n_rows=80)
    in_parts(task, configuration("catboost", task), tmp_path / "run", shares=(0.01,))
    assert list(Artifacts(tmp_path / "run").working_folder.iterdir()) == []


@pytest.mark.slow
def test_a_search_removes_the_files_that_a_killed_worker_has_left(tmp_path):
    left = Artifacts(tmp_path).working_folder / "folder"

    def leave(result, history):
        left.mkdir(parents=True, exist_ok=True)
        (left / "snapshot").write_bytes(b"trees")

    search = AutoMLClassifier(include=["gaussian_nb"], max_trials=1, time_budget=None, n_jobs=1, cv=2, verbose=0)
    search.set_params(callbacks=[leave], store=tmp_path).fit(*load_iris(return_X_y=True))
    assert not left.parent.exists()


def test_families_that_cannot_go_on_train_on_a_part_of_the_rows(tmp_path):
    task, c = make_task("binary"), tree()
    (fold,), _ = in_parts(task, c, tmp_path, shares=(1 / 3,))
    assert fold.info["training_rows"] == pytest.approx(len(task.folds[0][0]) / 3, abs=1)
    assert Artifacts(tmp_path).paths(c, 0) == []


@pytest.mark.slow
@pytest.mark.parametrize("step", [{"calibration": "sigmoid"}, {"balancing": "undersample"}])
def test_wrapped_models_go_on_as_well(tmp_path, step):
    task = make_task("binary", n_rows=250)
    c = configuration("lightgbm", task, **step)
    _, whole = run(task, Trial(c), tmp_path)
    _, continued = in_parts(task, c, tmp_path / "parts")
    np.testing.assert_allclose(continued, whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "family", [name if name == "lightgbm" else pytest.param(name, marks=pytest.mark.slow) for name in CONTINUING]
)
def test_a_model_begins_anew_where_its_rows_depend_on_another_model_that_has_gone_on(tmp_path, family):
    task = make_task("binary", n_rows=300)
    wrong = np.random.default_rng(0).random(len(task.y)) < 0.25
    task = replace(task, y=np.where(wrong, 1 - task.y, task.y))
    c = configuration(family, task, cleaning="confident_learning", **{"cleaning:confident_learning:margin": 0.0})
    _, whole = run(task, Trial(c), tmp_path)
    folds, continued = in_parts(task, c, tmp_path / "parts")
    assert [fold.info.get("continued", False) for fold in folds] == [False, True, True]  # the models on the other rows
    np.testing.assert_allclose(continued, whole, rtol=1e-5, atol=1e-6)


def test_a_time_limit_holds_for_each_part(tmp_path):
    task = make_task("regression")
    c = configuration("lightgbm", task, **{"model:lightgbm:learning_rate": 0.005})
    folds, predictions = in_parts(task, c, tmp_path, limit=1.0)
    assert [fold.info.get("continued", False) for fold in folds] == [False, True, True]
    assert np.isfinite(predictions).all()


def test_the_record_of_a_configuration_has_the_seconds_of_all_parts_of_its_training(tmp_path):
    task = make_task("binary", n_rows=120, cv=2)
    c = configuration("lightgbm", task)
    directory = RunDirectory(tmp_path / "run")
    seconds = []
    with directory.open(task, 0) as open_run:
        task.save(directory.folder)
        for share in (1 / 3, 1.0):
            (result,) = evaluate(task, [Trial(c, fidelity=share)], Artifacts(directory.folder), 1, "cpu", None)
            open_run.append(result, 1.0)
            seconds.append(result.folds[0].info["cpu_seconds"])
    with MetaDatabase(tmp_path / "records.sqlite", writable=True) as database:
        assert add_run(directory.folder, "cancer", database) == 1
        known = database.results(tasks=("binary",))
    assert known.seconds.ravel().tolist() == pytest.approx([sum(seconds)])
