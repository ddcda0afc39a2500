"""A saved model is read without pickle, completely, and only if it is whole."""

from __future__ import annotations

import _pickle
import hashlib
import io
import json
import os
import pickle
import shutil
import sys
import threading
from importlib import import_module, invalidate_caches
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from automl.persistence.manifest import read_file, read_manifest
from automl.task.own_objects import NotLoaded, pack, unpack
from benchmarks import damaged_models
from pipelines import catalog
from pipelines.component import Component
from tests.factories import FAST, edit_manifest

FAMILIES = ["lightgbm", "decision_tree", "logistic_regression"]


def _table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(120, 4)), columns=list("abcd"))
    frame["city"] = rng.choice(["Rome", "Oslo", "Bern"], 120)
    frame["day"] = pd.date_range("2024-01-01", periods=120).astype(str)
    y = np.where(frame["a"] + rng.normal(size=120) > 0, "yes", "no")
    return frame, y


def own_cost(y_true, y_pred):
    """Return the share of right labels, as a scorer of the user."""
    return float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))


class OwnFolds(KFold):
    """A splitter of the user."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    X, y = _table()
    settings = FAST | {"include": FAMILIES, "max_trials": 3, "cv": OwnFolds(2, shuffle=True, random_state=0)}
    settings |= {"guard": 0.2, "scoring": make_scorer(own_cost), "callbacks": [lambda result, history: None]}
    clf = AutoMLClassifier(**settings).fit(X, y)
    clf.save(folder)
    return clf, folder, X


TRUSTED = (own_cost, "tests.persistence.test_loading:OwnFolds")


def test_a_classifier_that_was_loaded_can_be_fitted_again(tmp_path):
    X, y = _table()
    settings = FAST | {"include": ["decision_tree"], "max_trials": 1}
    clf = AutoMLClassifier(**settings, store=tmp_path / "run").fit(X, y)
    clf.save(tmp_path / "model")
    for found in (load(tmp_path / "model", for_prediction=True), load(tmp_path / "run")):
        again = found.set_params(store=None).fit(X, y)
        assert np.array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_every_attribute_is_there_after_load(saved):
    clf, folder, X = saved
    again = load(folder, trusted=TRUSTED)
    assert set(vars(again)) == set(vars(clf))
    assert [name for name, value in vars(clf).items() if type(value) is not type(vars(again)[name])] == [
        "callbacks",
        "_rows",
    ]
    assert np.array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert again.predict(X).tolist() == clf.predict(X).tolist()
    pd.testing.assert_frame_equal(again.leaderboard_, clf.leaderboard_)
    pd.testing.assert_frame_equal(again.guard_curve_, clf.guard_curve_)
    assert again.estimate_ == clf.estimate_
    assert again.history_.results == clf.history_.results
    assert again.history_.evaluations == clf.history_.evaluations
    assert again.feature_names_in_.tolist() == clf.feature_names_in_.tolist()
    assert again.score(X, clf.predict(X)) == 1.0
    assert again.cv.get_n_splits() == 2
    assert again.best_pipeline_.predict(X).tolist() == clf.best_pipeline_.predict(X).tolist()


def test_a_model_for_predictions_says_what_was_left_out(saved):
    clf, folder, X = saved
    again = load(folder, for_prediction=True)
    assert np.array_equal(again.predict_proba(X), clf.predict_proba(X))
    for name in ("history_", "leaderboard_", "cv_results_", "best_params_", "best_score_", "estimate_", "guard_curve_"):
        with pytest.raises(AttributeError, match="for_prediction=True") as raised:
            getattr(again, name)
        assert "(_" not in str(raised.value)
    assert again.best_pipeline_.predict(X).shape == (120,)


def test_a_damaged_file_of_a_member_is_named_itself(saved, tmp_path):
    shutil.copytree(saved[1], tmp_path / "model")
    file = min((tmp_path / "model" / "models").iterdir())
    file.unlink()
    with pytest.raises(InvalidInputError) as raised:
        load(tmp_path / "model")
    assert f"is damaged: file 'models/{file.name}'" in str(raised.value)
    assert "estimator.zip" not in str(raised.value)


def test_own_objects_are_imported_only_if_they_are_trusted(saved):
    clf, folder, X = saved
    again = load(folder)
    assert np.array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert repr(again.get_params()["cv"]) == "<not loaded: OwnFolds(n_splits=2, random_state=0, shuffle=True)>"
    with pytest.raises(InvalidInputError, match=r"cv was OwnFolds.*trusted=\['tests.persistence.test_loading.OwnFolds"):
        again.fit(X, clf.predict(X))
    assert again.estimate_ == clf.estimate_
    for use in (lambda: again.scorer_(again, X, clf.predict(X)), lambda: again.frontier_):
        with pytest.raises(InvalidInputError, match=r"scoring was make_scorer\(own_cost"):
            use()
    again.set_params(cv=2)
    with pytest.raises(InvalidInputError, match=r"scoring was make_scorer\(own_cost"):
        again.fit(X, clf.predict(X))


def test_a_loaded_model_can_be_saved_again_and_keeps_what_was_not_loaded(saved, tmp_path):
    clf, folder, X = saved
    load(folder).save(tmp_path / "again")
    assert np.array_equal(load(tmp_path / "again").predict_proba(X), clf.predict_proba(X))
    assert isinstance(load(tmp_path / "again").scoring, NotLoaded)


@pytest.mark.parametrize("for_prediction", [False, True])
def test_nothing_is_unpickled(saved, monkeypatch, for_prediction):
    clf, folder, X = saved
    expected, events = clf.predict_proba(X), []
    sys.addaudithook(lambda event, _: events.append(event) if event == "pickle.find_class" else None)

    class Forbidden:
        def __init__(self, *args, **options):
            raise AssertionError("something was unpickled")

    for module in (pickle, _pickle, cloudpickle, joblib, *filter(None, [sys.modules.get("torch")])):
        for name in ("load", "loads", "Unpickler", "_Unpickler", "_load", "_loads"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, Forbidden)
    monkeypatch.setattr(np.lib._format_impl.pickle, "load", Forbidden, raising=False)
    again = load(folder, for_prediction=for_prediction)
    assert np.array_equal(again.predict_proba(X), expected)
    assert events == []


@pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps])
def test_a_fitted_estimator_can_still_be_pickled(saved, dump):
    clf, _, X = saved
    callbacks, clf.callbacks = clf.callbacks, ()
    try:
        assert np.array_equal(pickle.loads(dump(clf)).predict_proba(X), clf.predict_proba(X))
    finally:
        clf.callbacks = callbacks


def test_a_fitted_estimator_can_still_be_written_by_joblib(saved):
    clf, _, X = saved
    again = load(saved[1], trusted=TRUSTED)
    buffer = io.BytesIO()
    joblib.dump(again, buffer)
    buffer.seek(0)
    assert np.array_equal(joblib.load(buffer).predict_proba(X), clf.predict_proba(X))


def test_the_folder_describes_the_model(saved):
    clf, folder, _ = saved
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["task"] == "binary"
    assert manifest["classes"] == ["no", "yes"]
    assert [column["kind"] for column in manifest["columns"]][:5] == ["number"] * 4 + ["category"]
    assert manifest["parameters"]["max_trials"] == 3
    assert set(manifest["files"]) == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    } - {"manifest.json"}
    card = (folder / "README.md").read_text()
    for words in ("## Intended use", "## Limitations", "city", "tabular-classification"):
        assert words in card
    assert "| max_trials | `3` |" in card
    assert "| ensemble_size |" not in card
    families = {configuration.family for configuration in clf._ensemble.weights}
    lines = (folder / "requirements.txt").read_text().splitlines()
    needed = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    assert families & {"lightgbm", "xgboost", "catboost"} == needed & {"lightgbm", "xgboost", "catboost", "torch"}


def test_the_expected_score_of_a_fast_metric_is_in_the_manifest_and_the_card(tmp_path):
    X, y = _table()
    clf = AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X, y)
    clf.save(tmp_path / "model")
    expected = json.loads((tmp_path / "model" / "manifest.json").read_text())["expected_score"]
    assert expected["score"] == clf.estimate_.score
    assert "95% interval" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize("kind", [pd.Series, pytest.param(pd.DataFrame, marks=pytest.mark.slow), np.asarray])
def test_the_card_names_the_target(tmp_path, kind):
    X, y = _table()
    target = pd.Series(y, name="bought|again") if kind is pd.Series else pd.DataFrame({"bought|again": y})
    clf = AutoMLClassifier(**FAST | {"max_trials": 1, "include": ["decision_tree"]})
    clf.fit(X, np.asarray(y) if kind is np.asarray else target).save(tmp_path / "model")
    named = "The target is `bought\\|again`" in (tmp_path / "model" / "README.md").read_text()
    assert named == (kind is not np.asarray)
    load(tmp_path / "model").save(tmp_path / "again")
    assert (tmp_path / "again" / "README.md").read_text() == (tmp_path / "model" / "README.md").read_text()


@pytest.mark.slow
def test_names_of_columns_and_classes_are_no_markup(tmp_path):
    X = pd.DataFrame({"<b>size": np.arange(60.0), "[kind](http://a)": 60 * ["<i>"]})
    settings = FAST | {"max_trials": 1, "include": ["decision_tree"], "scoring": "f1"}
    clf = AutoMLClassifier(**settings, positive_label="a`<script>`")
    clf.fit(X, np.where(np.arange(60) % 2, "a`<script>`", "b")).save(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| &lt;b&gt;size | number |" in card
    assert "| \\[kind\\](http://a) | constant |" in card
    assert "all cells are '&lt;i&gt;'" in card
    assert "Classes: `` a`<script>` ``, `b`." in card
    assert "Expected F1 of class 'a\\`&lt;script&gt;\\`' on new rows" in card
    clf.report(tmp_path / "report.md", format="markdown")
    assert "class 'a`<script>`'" not in (tmp_path / "report.md").read_text()


def test_the_texts_for_people_may_be_edited(saved, tmp_path):
    clf, _, X = saved
    clf.save(tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("# Our model\n")
    with pytest.warns(UserWarning, match="README.md of the model in .* changed"):
        again = load(tmp_path / "model")
    assert np.array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_a_model_of_the_pickle_format_is_one_message(tmp_path):
    about = {"format": 2, "estimator": "AutoMLClassifier", "versions": {"cash-automl": "0.1.0"}}
    (tmp_path / "about.json").write_text(json.dumps(about))
    (tmp_path / "model.pkl").write_bytes(b"not read")
    with pytest.raises(InvalidInputError, match=r"older version of cash-automl \(0.1.0, format 2.*fit and save"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["/dev/zero", "../secret"])
def test_a_manifest_cannot_name_files_outside_of_the_folder(saved, tmp_path, name):
    _, folder, _ = saved
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "secret").write_bytes(b"")
    empty = {"bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    edit_manifest(tmp_path / "model", lambda content: content["files"].update({name: empty}))
    manifest = read_manifest(tmp_path / "model")
    with pytest.raises(InvalidInputError, match="outside of the folder"):
        read_file(tmp_path / "model", name, manifest["files"])


@pytest.mark.parametrize("name", ["own_code", ""])
def test_a_manifest_cannot_name_modules_to_import(saved, tmp_path, monkeypatch, name):
    clf, folder, X = saved
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / "own_code.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path / "model")
    edit_manifest(tmp_path / "model", lambda content: content["libraries"].append(name))
    assert np.array_equal(load(tmp_path / "model").predict_proba(X), clf.predict_proba(X))
    assert "own_code" not in sys.modules


@pytest.fixture
def with_own_library(tmp_path, monkeypatch):
    """A saved model with an own component; its library is not imported yet, as in a new process."""
    (tmp_path / "own_library.py").write_text("")
    (tmp_path / "own_models.py").write_text(
        "import own_library\nfrom sklearn.dummy import DummyRegressor\nclass Mean(DummyRegressor): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    mean = import_module("own_models").Mean
    component = Component("own_mean", lambda params, context: mean(), imports=("own_library",))
    settings = FAST | {"include": ["own_mean"], "max_trials": 1}
    X = np.arange(40.0)[:, None]
    monkeypatch.setattr(catalog, "_REGISTERED", {})
    AutoMLRegressor(**settings, components=[component]).fit(X, X[:, 0]).save(tmp_path / "model")
    catalog._REGISTERED.clear()
    monkeypatch.delitem(sys.modules, "own_models")
    return tmp_path / "model"


def test_a_missing_library_of_an_own_component_is_named(with_own_library, monkeypatch):
    monkeypatch.setitem(sys.modules, "own_library", None)  # as if it were not installed
    with pytest.raises(InvalidInputError, match="needs own_library") as raised:
        load(with_own_library, trusted=["own_models.Mean"])
    assert "damaged" not in str(raised.value)


@pytest.mark.parametrize(
    "broken",
    ["import ctypes; ctypes.CDLL('libmissing.so.1')", "raise RuntimeError('the driver is\\ntoo old')", "x = = 1"],
)
def test_a_library_of_an_own_component_that_cannot_be_imported_is_named_with_its_error(
    with_own_library, monkeypatch, broken
):
    monkeypatch.delitem(sys.modules, "own_library", raising=False)
    path = with_own_library.parent / "own_library.py"
    path.write_text(broken)
    invalidate_caches()
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
    with pytest.raises(InvalidInputError, match=r"cannot be imported \((OSError|RuntimeError|SyntaxError): ") as raised:
        load(with_own_library, trusted=["own_models.Mean"])
    assert "own_library" in str(raised.value)
    assert "damaged" not in str(raised.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("name", ["estimator.zip", "manifest.json"])
def test_a_pipe_in_the_folder_is_one_error(saved, tmp_path, name):
    _, folder, _ = saved
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / name).unlink()
    os.mkfifo(tmp_path / "model" / name)
    with pytest.raises(InvalidInputError, match=rf"{name}.*it is no file"):
        load(tmp_path / "model")
    if name == "manifest.json":
        with pytest.raises(InvalidInputError, match="is not a saved model"):
            saved[0].save(tmp_path / "model")


def test_every_named_scorer_is_saved_as_it_is():
    for name in get_scorer_names():
        again = unpack(pack("scoring", get_scorer(name)), ())
        assert repr(again) == repr(get_scorer(name))


@pytest.mark.parametrize(
    "value",
    [
        StratifiedKFold(3), [(np.arange(5), np.arange(5, 8))], Path("runs") / "a", ("ridge",), [{"model": "ridge"}],
        np.random.RandomState(3), np.float32(0.5), {"a": 1},
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_arguments_of_known_types_are_saved_as_they_are(value):
    again = unpack(pack("argument", value), ())
    assert type(again) is type(value)
    assert repr(again) == repr(value) or isinstance(value, np.random.RandomState)


@pytest.mark.parametrize(
    "value",
    [lambda y, p: 0.0, threading.Lock(), iter([1]), io.StringIO()],
    ids=["lambda", "lock", "iterator", "buffer"],
)
def test_arguments_that_cannot_be_saved_are_shown_and_asked_for(value):
    again = unpack(pack("scoring", value), ())
    assert "not loaded" in repr(again)
    with pytest.raises(InvalidInputError, match=r"cannot be saved .*set_params\(scoring=\.\.\.\)"):
        AutoMLRegressor(scoring=again).fit([[1.0]] * 9, [1.0] * 9)


def test_damaged_models_are_one_error_and_never_a_wrong_prediction(saved, tmp_path):
    clf, folder, X = saved
    X_other, y_other = _table()
    AutoMLClassifier(**FAST | {"max_trials": 2}).fit(X_other, y_other).save(tmp_path / "other")
    counts = damaged_models.run(60, folder, tmp_path / "other", X, clf.predict_proba(X), seed=1)
    assert sum(n for name, n in counts.items() if name.endswith("error")) >= 30


@pytest.mark.slow
def test_two_thousand_damaged_models_are_one_error_and_never_a_wrong_prediction(tmp_path):
    counts = damaged_models.run(2000, *damaged_models.make_models(tmp_path))
    assert sum(counts.values()) == 2000
