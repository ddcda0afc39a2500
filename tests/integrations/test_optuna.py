"""Tests of the export to Optuna's journal storage, read back with Optuna."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta

import optuna
import pytest
from sklearn.datasets import load_wine
from typer.testing import CliRunner

from automl import AutoMLClassifier
from automl.cli.main import app
from automl.errors import InvalidInputError
from automl.integrations.optuna import export
from tests.factories import FAST

X, Y = load_wine(return_X_y=True, as_frame=True)
State = optuna.trial.TrialState


def append(folder, changes, n_folds, status):
    """Add a trial like the first one to a run directory, with another configuration, fewer folds and another status."""
    history = folder / "history.jsonl"
    line = json.loads(history.read_text().splitlines()[0])
    line["configuration"] |= changes
    line["results"] = dict(list(line["results"].items())[:n_folds])
    line |= {"status": status, "reason": "" if status == "ok" else "more than 100 MiB"}
    with history.open("a") as file:
        file.write(json.dumps(line) + "\n")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("optuna")
    first = [{"model": "logistic_regression"}, {"model": "decision_tree"}]
    settings = {"max_trials": 5, "initial_configurations": first, "store": folder / "run"}
    clf = AutoMLClassifier(**FAST | settings).fit(X, Y)
    clf.save(folder / "model")
    append(folder / "run", {"model": "ridge_of_somebody", "model:ridge_of_somebody:alpha": 3.5}, 0, "memory")
    append(folder / "run", {"model:decision_tree:max_depth": 77}, 1, "ok")
    return clf, folder


def read(path, name):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    return optuna.load_study(study_name=name, storage=storage)


def test_a_run_directory_becomes_a_study_with_a_trial_for_each_configuration(run, tmp_path):
    clf, folder = run
    before = datetime.now() - timedelta(minutes=5)
    assert export(folder / "run", tmp_path / "study.log") == "run"
    study = read(tmp_path / "study.log", "run")
    assert study.direction.name == "MINIMIZE"
    assert study.metric_names == ["log loss"]
    *trials, failed, dropped = study.trials
    evaluations = list(clf.history_.evaluations.values())
    assert [trial.params for trial in trials] == [dict(e.configuration) for e in evaluations]
    assert State.COMPLETE in {trial.state for trial in trials}
    for trial, e in zip(trials, evaluations, strict=True):
        assert (trial.state is State.COMPLETE) == (len(e.folds) == clf.n_splits_)
        assert trial.value == pytest.approx(e.mean_loss)
        assert len(trial.intermediate_values) == len(e.folds)
        assert trial.user_attrs["family"] == e.configuration.family
        assert before < trial.datetime_start <= trial.datetime_complete < datetime.now() + timedelta(seconds=2)
    assert study.best_trial.user_attrs["id"] == clf.leaderboard_["id"].iloc[0]
    assert failed.state is State.FAIL
    assert failed.user_attrs["reason"] == "more than 100 MiB"
    assert dropped.state is State.PRUNED
    assert dropped.intermediate_values == {1: dropped.value}
    assert failed.params["model:ridge_of_somebody:alpha"] == 3.5


def test_hyperparameters_have_the_distributions_of_the_search_space(run, tmp_path):
    _, folder = run
    export(folder / "model", tmp_path / "study.log")
    trials = read(tmp_path / "study.log", "model").trials
    found = {name: distribution for trial in trials for name, distribution in trial.distributions.items()}
    assert {"decision_tree", "logistic_regression"} <= set(found["model"].choices)
    strengths = [trial for trial in trials if "model:logistic_regression:C" in trial.params]
    assert 0 < len(strengths) < len(trials)
    assert found["model:logistic_regression:C"].log


def test_a_saved_model_gives_the_same_trials_and_the_weights_of_the_ensemble(run, tmp_path):
    clf, folder = run
    assert export(folder / "model", tmp_path / "study.log") == "model"
    assert export(clf, tmp_path / "study.log", "mine") == "mine"
    model, mine = read(tmp_path / "study.log", "model"), read(tmp_path / "study.log", "mine")
    assert [trial.value for trial in model.trials] == [trial.value for trial in mine.trials]
    weights = {trial.user_attrs["id"]: trial.user_attrs["weight"] for trial in model.trials}
    assert weights == pytest.approx(clf.leaderboard_.set_index("id")["weight"].to_dict(), abs=1e-6)


def test_a_second_export_adds_only_what_is_new(run, tmp_path):
    _, folder = run
    half = tmp_path / "run"
    shutil.copytree(folder / "run", half)
    lines = (half / "history.jsonl").read_text().splitlines(keepends=True)
    (half / "history.jsonl").write_text("".join(lines[:3]))
    export(half, tmp_path / "study.log")
    first = read(tmp_path / "study.log", "run").trials
    (half / "history.jsonl").write_text("".join(lines))
    for _ in range(2):
        export(half, tmp_path / "study.log")
        trials = read(tmp_path / "study.log", "run").trials
        assert len({trial.user_attrs["id"] for trial in trials}) == len(trials) > len(first)
    size = (tmp_path / "study.log").stat().st_size
    export(half, tmp_path / "study.log")
    assert (tmp_path / "study.log").stat().st_size == size


def test_a_study_of_somebody_else_stays_as_it_is(run, tmp_path):
    _, folder = run
    path = str(tmp_path / "study.log")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
    optuna.create_study(study_name="run", storage=storage).optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
    with pytest.raises(InvalidInputError, match="no export of this run; name another study"):
        export(folder / "run", path)
    export(folder / "run", path, "other")
    assert len(read(path, "run").trials) == 2
    assert read(path, "other").trials


def test_a_path_that_holds_no_run_or_a_file_that_is_no_journal_is_one_clear_error(run, tmp_path):
    _, folder = run
    with pytest.raises(InvalidInputError, match="neither a run directory nor a saved model"):
        export(tmp_path, tmp_path / "study.log")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInputError, match="no journal storage"):
        export(folder / "run", tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "a,b\n1,2\n"
    with pytest.raises(InvalidInputError, match="cannot be written"):
        export(folder / "run", tmp_path / "none" / "study.log")


def test_the_command_writes_a_study(run, tmp_path):
    _, folder = run
    command = ["export", str(folder / "run"), "--optuna", str(tmp_path / "study.log"), "--study", "wine"]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert "optuna-dashboard" in done.stderr
    assert len(read(tmp_path / "study.log", "wine").trials) > 4
    with pytest.raises(InvalidInputError, match="--study needs --optuna"):
        CliRunner().invoke(app, ["export", "model", "--study", "a"], catch_exceptions=False)
    with pytest.raises(InvalidInputError, match="use one of them"):
        CliRunner().invoke(app, ["export", "model", "--python", "--optuna", "a"], catch_exceptions=False)
