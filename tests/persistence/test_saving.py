"""A saved model survives kills, and a model of another format is refused in one message."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import train_test_split

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from automl.persistence import save
from tests.factories import FAST


def _fitted():
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, _ = train_test_split(X, y, random_state=0)
    return AutoMLClassifier(**FAST | {"max_trials": 1}).fit(X_train, y_train), X_test


def test_a_model_of_another_format_is_refused_in_one_message(tmp_path):
    _fitted()[0].save(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for number, advice in (
        (manifest["format"] - 1, "older version.*load it with that version"),
        (99, "newer.*upgrade"),
    ):
        (tmp_path / "manifest.json").write_text(json.dumps(manifest | {"format": number}))
        with pytest.raises(InvalidInputError, match=advice):
            load(tmp_path)


# Saves again and again in a child that is killed at the n-th change of names on the disk, where a replacement can tear.
KILLED_AT_EVERY_STEP = """
import os, sys
import numpy as np
from automl import load

path, rows = sys.argv[1], np.load(sys.argv[2])
clf = load(path)
wanted = clf.predict(rows)

def save_and_die_at(n):
    seen = 0

    def kill(event, arguments):
        nonlocal seen
        if event in {"os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}:
            seen += 1
            if seen == n:
                os._exit(9)

    sys.addaudithook(kill)
    clf.save(path)
    os._exit(0)

codes = []
while 0 not in codes and len(codes) < 30:
    child = os.fork() or save_and_die_at(len(codes) + 1)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert np.array_equal(load(path).predict(rows), wanted)
print(*codes)
"""


def test_a_save_that_is_killed_at_any_moment_loses_no_model(tmp_path):
    clf, X_test = _fitted()
    clf.save(tmp_path / "model")
    np.save(tmp_path / "rows.npy", X_test)
    command = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(tmp_path / "model"), str(tmp_path / "rows.npy")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    *killed, last = done.stdout.split()
    assert last == "0", done.stderr
    assert len(killed) >= 2
    assert set(killed) == {"9"}


def test_a_save_on_a_full_disk_is_one_error_and_keeps_the_earlier_model(tmp_path):
    resource = pytest.importorskip("resource")
    clf, X_test = _fitted()
    clf.save(tmp_path / "model")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))  # bytes of each file
    try:
        with pytest.raises(InvalidInputError, match=r"model' cannot be written: .*File too large"):
            clf.save(tmp_path / "model")
        with pytest.raises(InvalidInputError, match=r"other' cannot be written: .*File too large"):
            clf.save(tmp_path / "other")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert np.array_equal(load(tmp_path / "model").predict(X_test), clf.predict(X_test))


@pytest.mark.parametrize("path", [None, 5])
def test_a_value_that_is_no_path_is_one_error(path):
    with pytest.raises(InvalidInputError, match="the argument of load must be the path of a folder; got"):
        load(path)
    with pytest.raises(InvalidInputError, match="the argument of save must be the path of a folder; got"):
        save(AutoMLClassifier(), path)


@pytest.mark.parametrize("path", ["missing", "x" * 300, "null\0character"])
def test_a_path_that_holds_no_model_is_one_error(path):
    with pytest.raises(InvalidInputError, match=r"there is no such folder|cannot be read"):
        load(path)


@pytest.mark.parametrize("store", ["x" * 300, "null\0character"])
def test_a_run_directory_that_cannot_exist_is_one_error(store):
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(InvalidInputError, match=r"cannot be used|cannot be read"):
        AutoMLClassifier(**FAST, store=store).fit(X, y)


# Mounts a folder in a name space of its own, where the user has the right to do so.
IN_A_MOUNT_POINT = """
import subprocess, sys
from pathlib import Path
from sklearn.linear_model import LogisticRegression
from automl.errors import InvalidInputError
from automl.persistence import save
from automl.serving.package import check_out

out = Path(sys.argv[1])
subprocess.run(["mount", "--bind", out, out], check=True)
for write in (lambda: save(LogisticRegression(), out), lambda: check_out(out)):
    try:
        write()
    except InvalidInputError as error:
        print(error)
save(LogisticRegression(), out / "model")
"""


@pytest.mark.slow
def test_a_mount_point_is_refused_before_a_model_is_written(tmp_path):
    alone = ["unshare", "-rm"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("the system lets users mount no folders")
    out = tmp_path / "out"
    out.mkdir()
    command = [*alone, sys.executable, "-c", IN_A_MOUNT_POINT, str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    message = f"'{out}' is a mount point, which cannot be replaced; name a folder in it, such as '{out / 'model'}'"
    assert done.stdout.splitlines() == 2 * [message]
    assert (out / "model" / "manifest.json").exists()


def own_score(y, predicted):
    return -float(np.abs(y - predicted).mean())


def score_of_table(model, X, y):
    return -float(np.average(np.abs(model.predict(X) - y), weights=np.abs(np.asarray(X)[:, 0])))


_LOST = (
    "a loaded model will have no frontier_, slim, choose; "
    "a loaded model's refit and retune will need set_params(scoring=...): scoring was make_scorer(<lambda>"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scorer", "lost"),
    [
        (make_scorer(lambda y, predicted: own_score(y, predicted)), _LOST),
        (make_scorer(own_score), ""),
        (score_of_table, ""),
        (get_scorer("neg_median_absolute_error"), ""),
    ],
    ids=["lambda", "function", "reads the table", "of scikit-learn"],
)
def test_a_saved_model_has_the_estimate_though_nobody_read_it_before(scorer, lost, tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    settings = FAST | {"include": ["ridge"], "max_trials": 1, "scoring": scorer}
    reg = AutoMLRegressor(**settings).fit(X, X[:, 0])
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        reg.save(tmp_path)
    assert [lost in str(each.message) and each.filename == __file__ for each in raised] == [True] * bool(lost)
    assert load(tmp_path).estimate_ == reg.estimate_
    load(tmp_path).save(tmp_path)
    assert load(tmp_path).estimate_ == reg.estimate_


@pytest.mark.slow
def test_after_another_scorer_is_set_only_what_was_computed_with_the_lost_one_is_missing(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    scorer = make_scorer(lambda y, predicted: own_score(y, predicted))
    reg = AutoMLRegressor(**FAST | {"include": ["ridge"], "max_trials": 1, "scoring": scorer}).fit(X, X[:, 0])
    with pytest.warns(UserWarning, match=re.escape(_LOST)):
        reg.save(tmp_path)
    again = load(tmp_path)
    for use in (lambda: again.frontier_, lambda: again.slim(max_loss=1), lambda: again.choose(0)):
        with pytest.raises(InvalidInputError, match=r"cannot be saved .*; fit the model again with a scoring that can"):
            use()
    for use in (again.refit, again.retune):
        with pytest.raises(InvalidInputError, match=r"cannot be saved .*set_params\(scoring=\.\.\.\)"):
            use(X, X[:, 0])
    assert np.allclose(again.set_params(scoring="r2").refit(X, X[:, 0]).predict(X), reg.refit().predict(X))
    with pytest.warns(UserWarning, match=r"^a loaded model will have no frontier_, slim, choose: scoring was"):
        reg.set_params(scoring="r2").save(tmp_path)
