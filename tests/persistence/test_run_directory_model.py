"""The model of a run directory: `load` builds it from finished trials while the search goes on, or after a crash."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import make_scorer
from sklearn.model_selection import TimeSeriesSplit

import automl
from automl import AutoMLClassifier
from automl.errors import InvalidInputError
from automl.fitted.costs import OWN_WORK
from automl.report.reproduce import make_reproduce_section
from automl.task.task import ALL_ROWS
from automl.trials.artifacts import Artifacts
from tests.factories import FAST, interrupt_once

X, Y = load_iris(return_X_y=True, as_frame=True)
LABELS = Y.map({0: "low", 1: "middle", 2: "high"}).rename("size")
TABLE = X.assign(customer_id=range(5_000, 5_900, 6))
SETTINGS = FAST | {"include": ["decision_tree", "lda"], "max_trials": 3}
DYING = """
import os, sys
import tests.persistence.test_run_directory_model as own

def die(result, history):
    if len(history.results) == 2:
        os._exit(1)

own.AutoMLClassifier(**own.SETTINGS, store=sys.argv[1], callbacks=[die]).fit(own.X, own.LABELS)
"""


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in Path(folder).iterdir()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the fitted model of a run, the model that was loaded during its search, and what the load has written."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    seen = []

    def look(result, history):
        if len(history.results) == 2:
            before = files(folder)
            seen.append(automl.load(folder))
            assert files(folder) == before

    clf = AutoMLClassifier(**SETTINGS, store=folder, callbacks=[look]).fit(X, LABELS)
    return clf, seen[0]


@pytest.fixture
def broken(run, tmp_path):
    """Return a copy of the run directory, whose session has no living process, and whose last line is not complete."""
    folder = tmp_path / "run"
    shutil.copytree(run[0].store, folder)
    session = json.loads((folder / "session.json").read_text())
    (folder / "session.json").write_text(json.dumps(session | {"phase": "search", "process_started": 1.0}))
    lines = (folder / "history.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "history.jsonl").write_bytes(b"".join(lines[:-1]) + lines[-1][:40])
    return folder


def test_a_search_that_goes_on_has_a_model(run):
    clf, seen = run
    assert seen.stop_reason_ == "the search goes on"
    assert len(seen.leaderboard_) < len(clf.leaderboard_) == 3
    assert seen.score(X, LABELS) > 0.9
    assert list(seen.classes_) == list(clf.classes_)
    assert seen.predict_set(X[:3], level=0.9).shape == (3, 3)
    assert -1 < seen.estimate_.score < 0
    assert seen.get_params()["cv"] == clf.cv


@pytest.mark.slow
def test_the_model_of_a_run_that_has_ended_is_saved_and_refitted(run, tmp_path):
    clf, _ = run
    loaded = automl.load(clf.store)
    assert loaded.stop_reason_ == clf.stop_reason_ == "max_trials reached"
    np.testing.assert_array_equal(loaded.predict(X), clf.predict(X))
    loaded.save(tmp_path / "model", rows=True)
    np.testing.assert_array_equal(automl.load(tmp_path / "model").predict_proba(X), loaded.predict_proba(X))
    assert loaded.refit().refit_report_.n_rows == len(X)


def test_the_scores_of_a_run_are_those_of_its_fit(run):
    clf, seen = run
    loaded = automl.load(clf.store)
    assert loaded.metric_scores_.equals(clf.metric_scores_)
    columns = ["score", "low", "high", "members"]
    assert loaded.frontier_[columns].equals(clf.frontier_[columns])
    assert loaded.slim(max_loss=1.0).predict(X).shape == Y.shape
    assert seen.metric_scores_["score"].iloc[0] > seen.metric_scores_["constant"].iloc[0]


def test_a_run_that_is_loaded_for_prediction_says_so(run):
    loaded = automl.load(run[0].store, for_prediction=True)
    np.testing.assert_array_equal(loaded.predict(X), run[0].predict(X))
    others = ("warnings_", "guard_curve_", "leaderboard_", "estimate_")
    for name in ("frontier_", "metric_scores_", "suspect_labels_", "score_over_time_", *others):
        with pytest.raises(AttributeError, match="for_prediction=True"):
            getattr(loaded, name)
    with pytest.raises(InvalidInputError, match="not a model that was loaded with for_prediction=True"):
        loaded.more(max_trials=1)


def attributes(model):
    """Return all public attributes of a fitted model as texts, and why it lacks the others."""
    found = {}
    for name in (name for name in dir(model) if name.endswith("_") and not name.startswith("_")):
        try:
            value = getattr(model, name)
        except AttributeError as error:
            value = str(error)
        if name == "best_pipeline_":
            value = value.predict_proba(TABLE).tolist()
        elif name == "costs_":  # the process of fit has measured its own work and the energy, for no later process
            value = value.loc[value["fate"] != OWN_WORK, "family":"peak_memory"]
        elif name == "cv_results_":
            value = pd.DataFrame(value)
        elif name == "history_":
            value = list(value)
        found[name] = value.to_csv() if isinstance(value, pd.DataFrame) else repr(value)
    return found


@pytest.mark.filterwarnings("ignore:max_predict_milliseconds")
@pytest.mark.parametrize(
    "settings",
    [
        {"guard": 0.2},
        {"guard": 0.2, "max_predict_milliseconds": 1e-4},
        {"cv": TimeSeriesSplit(3)},
    ],
)
def test_a_run_has_all_attributes_of_its_fit(settings, tmp_path):
    fitting = SETTINGS | {"scoring": ["neg_log_loss", "accuracy"]} | settings
    clf = AutoMLClassifier(**fitting, store=tmp_path / "run").fit(TABLE, LABELS.sample(frac=1, random_state=0))
    loaded = automl.load(tmp_path / "run")
    assert [each.code for each in clf.warnings_]
    assert attributes(loaded) == attributes(clf)


@pytest.mark.slow
def test_a_run_before_the_end_of_its_fit_has_no_curve_of_the_guard(tmp_path):
    seen = []

    def look(result, history):
        seen.append(automl.load(tmp_path))

    clf = AutoMLClassifier(**SETTINGS | {"max_trials": 1}, guard=0.2, store=tmp_path, callbacks=[look])
    clf.fit(TABLE, LABELS).set_params(max_trials=2).fit(TABLE, LABELS)
    assert len(seen) == 2
    for model in seen:
        assert [each.code for each in model.warnings_] == [each.code for each in clf.warnings_]
        with pytest.raises(AttributeError, match="guard_curve_ yet: only the end of fit writes it"):
            _ = model.guard_curve_
    assert automl.load(tmp_path).guard_curve_.equals(clf.guard_curve_)
    (tmp_path / "guard.json").write_text("[")
    with pytest.raises(AttributeError, match=r"guard_curve_ yet: .*guard\.json"):
        _ = automl.load(tmp_path).guard_curve_


class KilledError(Exception):
    pass


@pytest.mark.parametrize("n_more", [0, 1])
def test_a_later_session_that_is_killed_leaves_the_curve_of_the_guard_while_the_trials_are_the_same(n_more, tmp_path):
    clf = AutoMLClassifier(**SETTINGS | {"max_trials": 1}, guard=0.2, store=tmp_path).fit(X, LABELS)
    before = clf.guard_curve_

    def kill(*_):
        raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("automl.run.run._run_search" if n_more == 0 else "automl.run.run._finish", kill)
        with pytest.raises(KilledError):
            clf.set_params(max_trials=2).fit(X, LABELS)
    loaded = automl.load(tmp_path)
    assert len(loaded.leaderboard_) == 1 + n_more
    if n_more == 0:
        assert loaded.guard_curve_.equals(before)
    else:
        with pytest.raises(AttributeError, match=r"guard_curve_ yet: .*guard\.json"):
            _ = loaded.guard_curve_


@pytest.mark.filterwarnings("ignore:the sets are approximate")
def test_a_run_with_a_limit_on_the_time_of_predictions_has_the_smaller_ensemble_of_its_fit(tmp_path):
    clf = AutoMLClassifier(**SETTINGS, max_predict_milliseconds=1e-4, store=tmp_path / "run").fit(X, LABELS)
    loaded, lean = automl.load(tmp_path / "run"), automl.load(tmp_path / "run", for_prediction=True)
    assert (clf.leaderboard_["weight"] > 0).sum() == 1
    for model in (loaded, lean):
        np.testing.assert_array_equal(model.predict_proba(X), clf.predict_proba(X))
        np.testing.assert_array_equal(model.predict_set(X, level=0.9), clf.predict_set(X, level=0.9))
    assert loaded.frontier_.equals(clf.frontier_)
    assert loaded.metric_scores_.equals(clf.metric_scores_)
    assert repr(loaded.estimate_) == repr(clf.estimate_)
    with pytest.raises(AttributeError, match="max_predict_milliseconds"):
        _ = loaded.score_over_time_


def test_the_times_of_a_loaded_run_contain_the_reading_of_the_row(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.base.reading_milliseconds", lambda *_: 1_000.0)
    limits = {"max_trials": 1, "max_processor_seconds": 1_000}
    AutoMLClassifier(**SETTINGS | limits, store=tmp_path / "run").fit(X, LABELS)
    loaded = automl.load(tmp_path / "run")
    assert loaded.frontier_["milliseconds"].min() > 1_000
    assert loaded.more(max_processor_seconds=0.01).frontier_["milliseconds"].min() > 1_000


def test_a_run_in_the_order_of_time_predicts_with_its_models_of_all_rows_as_far_as_it_has_them(tmp_path, caplog):
    days = np.random.default_rng(0).permutation(len(X))
    clf = AutoMLClassifier(**SETTINGS | {"max_trials": 1}, store=tmp_path / "run").fit(X, LABELS, time=days)
    np.testing.assert_array_equal(automl.load(tmp_path / "run").predict_proba(X), clf.predict_proba(X))
    assert "have not seen" not in caplog.text
    for path in (tmp_path / "run").glob(f"*-{ALL_ROWS}.model"):
        path.unlink()
    assert automl.load(tmp_path / "run").predict_proba(X).shape == clf.predict_proba(X).shape
    assert "models of the search predict, which have not seen the newest rows" in caplog.text


def test_a_run_whose_process_has_died_has_a_model_and_goes_on(broken):
    loaded = automl.load(broken)
    assert loaded.stop_reason_ == "the process of the search has died"
    assert loaded.score(X, LABELS) > 0.9
    n_before = len(loaded.leaderboard_)
    assert len(loaded.more(max_trials=1).leaderboard_) >= n_before


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        (
            {},
            (
                "automl.run.conclusion.collect",
                "automl.run.conclusion.score_singles",
                "automl.run.conclusion.collect_frontier",
                "automl.run.conclusion.collect_predictions",
                "automl.run.conclusion.collect_curve",
                "automl.ensemble.out_of_fold_scores.collect_scores",
                "automl.checks.data_checks.check_leak",
            ),
        ),
        (
            {"max_predict_milliseconds": 1e-4},
            ("automl.ensemble.slimming.within_limit", "automl.run.conclusion.scores_of_frontier"),
        ),
        ({"cv": TimeSeriesSplit(2)}, ("automl.loading.dummy_score",)),
    ],
)
@pytest.mark.filterwarnings("ignore:max_predict_milliseconds")
def test_ctrl_c_ends_the_loading_of_a_run(settings, steps, tmp_path, monkeypatch):
    clf = AutoMLClassifier(**SETTINGS | {"max_trials": 1} | settings, store=tmp_path)
    clf.fit(X, LABELS.sample(frac=1, random_state=0))
    for step in steps:
        with monkeypatch.context() as patch:
            interrupt_once(patch, step)
            with pytest.raises(KeyboardInterrupt):
                automl.load(tmp_path)


def test_trials_whose_models_were_removed_are_left_out(broken):
    best = automl.load(broken).leaderboard_["id"].iloc[0]
    for path in broken.glob(f"{best}-*.model"):
        path.unlink()
    assert best not in set(automl.load(broken).leaderboard_["id"])


def test_a_model_that_is_removed_while_it_is_read_is_not_used(broken, monkeypatch):
    best = automl.load(broken).leaderboard_["id"].iloc[0]
    read = Artifacts.model

    def remove_and_read(self, configuration, fold):
        for path in broken.glob(f"{best}-*.model"):
            path.unlink()
        return read(self, configuration, fold)

    monkeypatch.setattr(Artifacts, "model", remove_and_read)
    assert best not in set(automl.load(broken).leaderboard_["id"])


def test_a_run_without_a_finished_model_gives_one_error(broken):
    (broken / "history.jsonl").write_text("")
    with pytest.raises(InvalidInputError, match="has no finished model yet; try again when its first trial has ended"):
        automl.load(broken)


def test_the_loaded_run_of_several_sessions_does_not_claim_to_repeat(tmp_path):
    clf = AutoMLClassifier(**SETTINGS | {"max_trials": 1}, store=tmp_path).fit(X, LABELS)
    assert make_reproduce_section(automl.load(tmp_path), None).is_repeatable
    clf.more(max_trials=1)
    loaded = make_reproduce_section(automl.load(tmp_path), None)
    assert loaded.reason == make_reproduce_section(clf, None).reason
    assert not loaded.is_repeatable


def test_a_run_of_an_earlier_version_gives_one_error(broken):
    (broken / "estimator.zip").unlink()
    with pytest.raises(InvalidInputError, match="one of an earlier version of cash-automl, which kept no table reader"):
        automl.load(broken)
    (broken / "estimator.zip").write_bytes(b"nothing")
    with pytest.raises(InvalidInputError, match=r"file 'estimator.zip' cannot be read"):
        automl.load(broken)


@pytest.mark.parametrize("changed", ["table.npy", "predictions"])
def test_a_changed_byte_of_an_array_is_noticed(broken, changed):
    best = automl.load(broken).leaderboard_["id"].iloc[0]
    path = broken / ("table.npy" if changed == "table.npy" else f"{best}-0.npy")
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=rf"'{path.name}' has changed since it was written: its checksum does"):
        automl.load(broken)


def test_a_run_of_an_earlier_version_has_no_checksums(broken):
    before = automl.load(broken)
    for path in broken.glob("*.npy"):
        np.save(path, np.load(path))
    np.testing.assert_array_equal(automl.load(broken).predict_proba(X), before.predict_proba(X))


@pytest.mark.slow
def test_a_killed_process_leaves_a_model(tmp_path):
    ended = subprocess.run([sys.executable, "-c", DYING, tmp_path / "run"], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == 1
    loaded = automl.load(tmp_path / "run")
    assert loaded.stop_reason_ == "the process of the search has died"
    assert loaded.score(X, LABELS) > 0.9


def own_score(y_true, y_pred):
    return float((y_true == y_pred).mean())


@pytest.mark.slow
@pytest.mark.parametrize("case", ["time", "several targets", "own scorer"])
def test_other_kinds_of_runs(case, tmp_path):
    y, arguments, settings = LABELS, {}, {"store": tmp_path / "run"}
    if case == "time":
        arguments = {"time": np.random.default_rng(0).permutation(len(X))}
    elif case == "several targets":
        y = pd.DataFrame({"size": LABELS, "other": LABELS})
    else:
        settings["scoring"] = make_scorer(own_score)
    clf = AutoMLClassifier(**SETTINGS | settings).fit(X, y, **arguments)
    if case == "own scorer":
        with pytest.raises(InvalidInputError, match=r"scoring was .* load the model with"):
            automl.load(tmp_path / "run")
    loaded = automl.load(tmp_path / "run", trusted=[own_score])
    assert loaded.predict(X).shape == clf.predict(X).shape
    assert (loaded.predict(X) == clf.predict(X)).mean() > 0.9


@pytest.mark.parametrize("ending", [".npy", ".model"])
def test_a_damaged_file_is_named_with_what_to_do(broken, ending):
    for path in broken.glob(f"*{ending}"):
        if path.name not in ("table.npy", "y.npy"):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InvalidInputError, match=rf"{ending}' cannot be read.*if you delete all files .* are left out"):
        automl.load(broken)
