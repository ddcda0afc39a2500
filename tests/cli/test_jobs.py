"""The commands that show a batch, called as from a shell. The tests of the runner cover runs and kills."""

from __future__ import annotations

import io
import json
import logging
import os
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import yaml

import automl
from tests.jobs.workshop import DUMMY

ROOT = Path(automl.__file__).parents[1]


@pytest.fixture
def shell(tmp_path, monkeypatch, call):
    """Call ``automl jobs ...`` in the folder of a batch of two jobs; return exit code, standard output and error."""
    tables = [{"call": "tests.jobs.workshop:table", "arguments": {"seed": seed}} for seed in range(2)]
    batch = {"defaults": {"target": "y", "holdout": 0.5}, "tables": tables, "settings": DUMMY}
    (tmp_path / "jobs.yaml").write_text(yaml.safe_dump(batch))
    batch["defaults"]["n_jobs"] = 2
    (tmp_path / "large.yaml").write_text(yaml.safe_dump({**batch, "tables": tables[:1]}))
    monkeypatch.chdir(tmp_path)
    return partial(call, "jobs")


@pytest.mark.slow
def test_status_and_results_by_the_file_and_by_the_queue(shell, tmp_path):
    code, out, err = shell("run", "jobs.yaml", "--verbose", "0")
    assert (code, out, err) == (0, "", "")
    (tmp_path / "results" / "summary.csv").unlink()
    for place in ("jobs.yaml", "results/jobs.sqlite"):
        assert shell("status", place) == (0, "2 jobs: 2 finished\n", "")
        states = json.loads(shell("status", place, "--json")[1])
        assert [job["state"] for job in states.values()] == ["finished", "finished"]
        code, out, err = shell("results", place)
        names = ["job", "state", "metric", "expected_score", "test_score", "search_score", "seconds"]
        assert out.splitlines()[0].split() == names
        assert len(out.splitlines()) == 3
        assert err.startswith("automl: the summary and the folders of the jobs are in '")
    assert list(pd.read_csv(io.StringIO(shell("results", "jobs.yaml", "--csv")[1]))["test_score"]) == [0.5, 0.5]
    assert len(pd.read_csv(tmp_path / "results" / "summary.csv")) == 2
    assert shell("cancel", "jobs.yaml", "--all") == (0, "0 jobs cancelled\n", "")


@pytest.mark.parametrize("command", ["status", "results", "logs"])
def test_reading_commands_do_not_wait_for_a_process_that_writes(shell, tmp_path, monkeypatch, command):
    shell("run", "jobs.yaml", "--verbose", "0")
    [job, _] = pd.read_csv(tmp_path / "results" / "summary.csv")["job"]
    monkeypatch.setattr("automl.jobs.database._PATIENCE", 0.1)
    writer = sqlite3.connect(tmp_path / "results" / "jobs.sqlite", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    code, out, err = shell(command, "jobs.yaml", *([job] if command == "logs" else []))
    writer.execute("ROLLBACK")
    writer.close()
    assert code == 0, err
    assert out


def test_status_brings_a_queue_of_an_older_version_up_to_date(shell, tmp_path):
    with sqlite3.connect(tmp_path / "old.sqlite") as connection:
        connection.executescript((ROOT / "tests" / "jobs" / "queue_version_1.sql").read_text())
    connection.close()
    code, out, err = shell("status", "old.sqlite")
    assert (code, err) == (0, "")
    assert "3 jobs: 1 finished, 2 queued" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "missing.yaml"], "'missing.yaml' cannot be read"),
        (["run", "jobs.yaml", "--n-jobs", "0"], "--n-jobs must be a whole number"),
        (["run", "jobs.yaml", "--memory", "-5"], "memory must be a number of MiB above 0"),
        (["status", "jobs.yaml"], "there is no queue"),
        (["resume", "nowhere.sqlite"], "there is no queue 'nowhere.sqlite'; 'automl jobs run' creates it"),
        (["cancel", "jobs.yaml"], "name the jobs to cancel, or add --all"),
        (["cancel", "jobs.yaml", "x", "--all"], "name the jobs to cancel, or add --all"),
    ],
)
def test_an_error_that_users_can_correct_is_one_line_and_exit_code_2(shell, arguments, message):
    code, out, err = shell(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("automl: ")
    assert message in err
    assert err.count("\n") == 1


def test_a_queue_with_two_batches_needs_the_name_of_one(shell, tmp_path):
    shell("run", "jobs.yaml", "--verbose", "0")
    batch = yaml.safe_load((tmp_path / "jobs.yaml").read_text())
    (tmp_path / "more.yaml").write_text(yaml.safe_dump({**batch, "tables": batch["tables"][:1]}))
    assert shell("run", "more.yaml", "--verbose", "0")[0] == 0
    code, _, err = shell("status", "results/jobs.sqlite")
    assert (code, err) == (2, "automl: --batch: the queue has the batches 'jobs', 'more'; name one of them\n")
    for place in ("jobs.yaml", "results/jobs.sqlite"):
        assert shell("status", place, "--batch", "more")[1] == "1 job: 1 finished\n"
        for command in ("status", "results", "resume"):
            code, out, err = shell(command, place, "--batch", "mor")
            assert (code, out, err) == (2, "", "automl: --batch: 'mor' is unknown; did you mean 'more'?\n")
    (tmp_path / "new.yaml").write_text(yaml.safe_dump(batch))
    code, _, err = shell("status", "new.yaml")
    assert (code, err) == (2, "automl: the queue has no batch 'new', only 'jobs', 'more'; 'automl jobs run' adds it\n")
    code, _, err = shell("cancel", "jobs.yaml", "table-dummy-00000000")
    assert (code, "there is no job 'table-dummy-00000000'" in err) == (2, True)


def test_the_commands_leave_the_logger_as_it_was(shell, monkeypatch):
    logger = logging.getLogger("automl.jobs")
    monkeypatch.setattr(logger, "level", logging.ERROR)
    before = (logger.level, list(logger.handlers))
    for verbose in ("1", "0"):
        assert shell("run", "jobs.yaml", "--verbose", verbose)[0] == 0
        assert (logger.level, logger.handlers) == before


@pytest.mark.slow
def test_a_silent_run_says_nothing_of_jobs_that_wait_for_a_larger_runner(shell, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-m", "automl", "jobs", "run", "large.yaml", "--n-jobs", "1", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    silent = run("--verbose", "0")
    assert (silent.returncode, silent.stdout, silent.stderr) == (1, "", "")
    assert "needs a larger runner" in run().stderr
