"""Tests of the temporary folder of a run: its errors, and the leftovers of killed runs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from automl import AutoMLClassifier
from automl.errors import InvalidInputError
from automl.trials.temporary_folder import remove_leftovers, temporary_folder

Usage = namedtuple("Usage", "total used free")
KILLED = """
import os, sys, tempfile
tempfile.tempdir = sys.argv[1]
from automl.trials.temporary_folder import temporary_folder
with temporary_folder(0) as folder:
    print(folder, flush=True)
    os._exit(9)
"""


def _make_old(folder: Path) -> None:
    hour_ago = time.time() - 3_600
    os.utime(folder / "owner", (hour_ago, hour_ago))


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_that_is_too_small_for_the_table_is_named_before_the_search_with_the_space_and_the_remedy(
    base, monkeypatch
):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(2e6, 1e6, 1e6))
    X = np.random.default_rng(0).normal(size=(2_000, 200))
    clf = AutoMLClassifier(time_budget=None, max_trials=1, n_jobs=1, include=["lda"], verbose=0)
    with pytest.raises(InvalidInputError, match=r"no space on the disk .* 1.0 MB are free.*needs 4.2 MB.*TMPDIR"):
        clf.fit(X, X[:, 0] > 0)
    assert list(base.iterdir()) == []


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not(base):
    killed = Path(subprocess.run([sys.executable, "-c", KILLED, base], capture_output=True, text=True).stdout.strip())
    remove_leftovers(base)
    assert killed.exists(), "a young folder may be without the lock of its owner for a moment"
    with temporary_folder(0) as living:
        foreign, unknown = base / "automl-foreign", base / "automl-unknown"
        for folder in (foreign, unknown):
            folder.mkdir()
            (folder / ".lock").touch()
        (foreign / "owner").write_text(f"another-{socket.gethostname()}\n{2**22 + 1}")
        for folder in (killed, living, foreign):
            _make_old(folder)
        with temporary_folder(0):
            assert not killed.exists()
            assert [living.exists(), foreign.exists(), unknown.exists()] == [True] * 3
    assert not living.exists()
