"""Tests of runs on a disk that gets full or read-only: a model, one warning, no damage to what was written before."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from automl import AutoMLClassifier
from automl.errors import InvalidInputError
from automl.execute.evaluate import evaluate
from automl.search.budget import Budget
from automl.search.endings import why_nothing
from automl.trials.artifacts import Artifacts
from automl.trials.disk_space import ResultRecorder, describe_full_disk, disk_errors, on_node
from automl.trials.history import RunHistory
from automl.trials.run_directory import OpenRun, RunDirectory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines import catalog
from pipelines.component import Component
from tests.factories import FAST, make_task, tree

resource = pytest.importorskip("resource")

X = np.random.default_rng(0).normal(size=(100, 2))
Y = X[:, 0] > 0


@contextmanager
def limited_files():
    """Yield a function that lets no file of this process become larger than some bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda n_bytes: resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def full_disk_warnings(caplog):
    return [text for text in warnings(caplog) if "no space is left on the disk" in text]


class FillsDisk(LinearDiscriminantAnalysis):
    """A model whose files do not fit on the disk."""

    def fit(self, X, y, sample_weight=None):
        if len(y) > 60:  # the check of own components has fewer rows
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().fit(X, y)


def test_a_disk_that_gets_full_while_the_table_is_written_is_named(tmp_path):
    with (
        pytest.raises(InvalidInputError, match=r"cannot be written to.*store="),
        disk_errors(tmp_path, is_temporary=False),
    ):
        raise OSError("400000 requested and 131056 written")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
@pytest.mark.parametrize(
    ("is_temporary", "remedy"), [(False, "permit writing there and call fit again"), (True, "TMPDIR")]
)
def test_a_folder_without_permission_asks_for_the_permission_and_not_for_space(tmp_path, number, is_temporary, remedy):
    expected = pytest.raises(InvalidInputError, match="cannot be written to")
    with expected as caught, disk_errors(tmp_path, is_temporary=is_temporary):
        raise OSError(number, os.strerror(number))
    assert remedy in str(caught.value)
    assert "space" not in str(caught.value)


@pytest.mark.parametrize(("number", "remedy"), [(errno.ENOSPC, "free space there"), (errno.EACCES, "permit writing")])
def test_a_store_that_cannot_be_made_is_not_taken_for_a_temporary_folder(tmp_path, monkeypatch, number, remedy):
    def refuse(directory, task, seed):
        raise OSError(number, os.strerror(number), str(tmp_path))

    monkeypatch.setattr(RunDirectory, "open", refuse)
    with pytest.raises(InvalidInputError, match=f"'{tmp_path / 'run'}' cannot be written to.*{remedy}") as caught:
        AutoMLClassifier(**FAST | {"store": tmp_path / "run"}).fit(X, Y)
    assert "TMPDIR" not in str(caught.value)


@pytest.mark.parametrize("is_temporary", [False, True])
@pytest.mark.parametrize(("number", "remedy"), [(errno.ENOSPC, "free space there"), (errno.EACCES, "permit writing")])
def test_a_file_on_another_disk_is_named_in_place_of_the_folder(tmp_path, number, remedy, is_temporary):
    folder = tmp_path / "run"
    error = OSError(number, os.strerror(number), str(tmp_path / "joblib_x" / "array.pkl"))
    with pytest.raises(InvalidInputError) as caught, disk_errors(folder, is_temporary=is_temporary):
        raise error
    for text in [str(caught.value)] + [describe_full_disk(error, folder)] * (number == errno.ENOSPC):
        assert f"'{error.filename}'" in text
        assert remedy in text
        assert not any(word in text for word in (str(folder), "TMPDIR", "store="))


def test_a_full_disk_of_a_node_names_the_node_and_no_folder_of_this_machine_as_remedy(tmp_path):
    reason = describe_full_disk(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert on_node(reason, "10.0.0.2") == (
        f"no space is left on the disk of the folder '{tmp_path}' on the node 10.0.0.2; free space there"
    )
    assert [on_node(reason, "10.0.0.2") for reason in ("", "exit code -11")] == ["", "exit code -11"]


def test_a_file_in_the_folder_is_part_of_its_disk(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "a" / "b", tmp_path, "a", tmp_path / "link" / "a", os.fsencode(tmp_path / "a"), 3):
        text = describe_full_disk(OSError(errno.ENOSPC, "No space left on device", path), tmp_path)
        assert text.startswith(f"no space is left on the disk of the folder '{tmp_path}'; free space there, or ")


@pytest.mark.skipif(os.geteuid() == 0, reason="an administrator may look into all folders")
def test_a_folder_that_cannot_be_looked_into_is_named(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir(mode=0)
    with pytest.raises(InvalidInputError, match="permit writing there"), disk_errors(folder, is_temporary=False):
        (folder / "file").touch()


def test_a_run_directory_that_becomes_read_only_ends_the_search_with_a_warning_about_it(tmp_path, caplog, monkeypatch):
    def refuse(directory, result, elapsed):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(OpenRun, "append", refuse)
    clf = AutoMLClassifier(**FAST | {"max_trials": 2, "store": tmp_path / "run"}).fit(X, Y)
    assert clf.stop_reason_.startswith(f"ended early: the folder '{tmp_path / 'run'}' cannot be written to (")
    (text,) = [each for each in warnings(caplog) if "cannot be written to" in each]
    assert text.startswith("the search ends early: ")
    assert "permit writing there" in text
    assert "MB" not in text


def test_a_full_run_directory_ends_the_search_with_a_model_and_one_warning_and_the_run_goes_on_later(tmp_path, caplog):
    store = tmp_path / "run"
    settings = FAST | {"max_trials": 3, "store": store}
    history = store / "history.jsonl"
    with limited_files() as limit:

        def fill(result, found):
            limit(history.stat().st_size + 20)  # half of the next line

        clf = AutoMLClassifier(**settings, callbacks=[fill]).fit(X, Y)
    assert clf.predict(X).shape == Y.shape
    assert len(clf.leaderboard_) == 2  # the second trial has ended as well, though it is not on the disk
    assert clf.stop_reason_.startswith(f"ended early: no space is left on the disk of the folder '{store}' (")
    (text,) = full_disk_warnings(caplog)
    assert text.startswith("the search ends early: ")
    assert f"'{store}'" in text
    assert "MB are free" in text
    assert "call fit again" in text
    assert history.read_bytes().count(b"\n") == 1
    assert history.read_bytes().endswith(b"}\n")
    assert len(AutoMLClassifier(**settings).fit(X, Y).leaderboard_) == 3


def test_a_search_goes_on_after_trials_that_fill_the_disk_and_a_later_session_may_run_them_again(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(catalog, "_REGISTERED", {})
    component = Component("fills_disk", lambda params, context: FillsDisk())
    settings = FAST | {"include": ["fills_disk", "decision_tree"], "max_trials": 4, "store": tmp_path / "run"}
    clf = AutoMLClassifier(**settings, components=[component]).fit(X, Y)
    failed = [result for result in clf.history_.results if "no space is left" in result.reason]
    assert failed
    assert len(clf.leaderboard_) > 0
    (text,) = full_disk_warnings(caplog)
    assert "the search goes on" in text
    assert "MB are free" in text
    assert "fills_disk" not in (tmp_path / "run" / "history.jsonl").read_text()


def test_the_error_of_a_search_counts_the_trials_that_fill_the_disk_whatever_space_was_free(tmp_path, monkeypatch):
    free = iter(range(10**9, 0, -(10**6)))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=next(free)))
    error = OSError(errno.ENOSPC, "No space left on device")
    history = RunHistory()
    for depth in (2, 3):
        history.append(TrialResult(Trial(tree(depth)), Status.CRASH, {}, 1.0, 0.0, describe_full_disk(error, tmp_path)))
    assert "2 x crash: no space is left on the disk" in why_nothing(history, Budget(None))


def test_a_trial_that_fills_the_disk_leaves_no_half_file(tmp_path):
    task, artifacts = make_task(n_rows=2_000), Artifacts(tmp_path)
    with limited_files() as limit:
        limit(1_000)  # enough for no model
        (result,) = evaluate(task, [Trial(tree(9))], artifacts, 1, "cpu", None)
    assert result.status is Status.CRASH
    assert result.reason.startswith("no space is left on the disk of the folder")
    assert list(tmp_path.iterdir()) == []


def test_the_finished_folds_of_a_trial_that_fills_the_disk_are_kept_for_a_later_session(tmp_path):
    directory = RunDirectory(tmp_path)
    reason = describe_full_disk(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    folds = {0: FoldResult(0.2, 1.0, 0.1)}
    result = TrialResult(Trial(tree(), (0, 1)), Status.CRASH, folds, 1.0, 0.0, reason)
    with directory.open(make_task(), seed=0) as open_run:
        ResultRecorder(tmp_path, open_run).add(result, 1.0)
    (kept,) = directory.read()
    assert (kept.trial, kept.status, kept.reason) == (Trial(tree(), (0,)), Status.OK, "")
    assert kept.folds == folds
