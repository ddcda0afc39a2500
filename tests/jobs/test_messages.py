"""The lines that a batch shows in a plain script, where nobody has configured logging."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import logging
import sys

import automl

table = {{"call": "tests.jobs.workshop:table", "name": "twenty", "target": "y"}}
settings = {{"dummy": {{"estimator": "sklearn.dummy:DummyClassifier"}}}}
{before}
batch = {{"results": sys.argv[1], "tables": [table], "settings": settings}}
automl.run_jobs(batch, n_jobs=1)
automl.run_jobs(batch, n_jobs=1, verbose=0)
log = logging.getLogger("automl")
print(log.handlers, log.level, logging.getLogger("automl.jobs").handlers)
"""


def run(tmp_path, before=""):
    code = SCRIPT.format(before=before)
    command = [sys.executable, "-c", code, str(tmp_path / "results")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


@pytest.mark.slow
def test_a_plain_script_shows_the_batch_and_each_job_that_ends_and_keeps_its_logging(tmp_path):
    done = run(tmp_path)
    lines = done.stderr.splitlines()
    assert lines[0] == f"automl: jobs: 1, new: 1; the results are in '{tmp_path / 'results'}'"
    assert len(lines) == 2
    assert lines[1].startswith("automl: twenty-dummy")
    assert "finished" in lines[1]
    assert done.stdout == "[] 0 []\n"


@pytest.mark.slow
def test_a_script_that_has_configured_logging_gets_each_line_once_in_its_own_format(tmp_path):
    done = run(tmp_path, before="logging.basicConfig(level=logging.INFO, format='own: %(message)s')")
    lines = done.stderr.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["own"] * 3  # the second call gets its line, too
    assert "finished" in lines[1]
