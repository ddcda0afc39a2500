"""The time that open jobs still take."""

from __future__ import annotations

import os
import time

import pytest

from automl.jobs.folders import JobFolder
from automl.jobs.job import Job, Setting, Table
from automl.jobs.queue import JobRecord, State
from automl.jobs.time_left import find_time_left

NAME = "t-s"


def record(state, seconds_ago=None):
    job = Job(Table("t", "path", "t.csv", target="y"), Setting("s", parameters={"time_budget": 60}))
    started = None if seconds_ago is None else time.time() - seconds_ago
    return JobRecord(job, NAME, state, 2, 0, None, "", None, started, None)


def leave_search(place, elapsed, seconds_ago):
    """Write the history of a search whose last trial has ended at some second of the budget, some seconds ago."""
    (place / "search-1").mkdir(parents=True)
    path = place / "search-1" / "history.jsonl"
    path.write_text(f'{{"elapsed": 1.5}}\n{{"elapsed": {elapsed}}}\n{{"elap')  # half a line, of a killed attempt
    os.utime(path, (time.time() - seconds_ago,) * 2)


def seconds_left(tmp_path, *arguments):
    return find_time_left([record(*arguments)], tmp_path).seconds


def test_the_seconds_of_earlier_attempts_count_before_the_next_attempt_and_during_it(tmp_path):
    leave_search(JobFolder(tmp_path, NAME).work, elapsed=40.0, seconds_ago=500)
    assert seconds_left(tmp_path, State.QUEUED) == 20
    assert seconds_left(tmp_path, State.RUNNING, 5) == pytest.approx(15, abs=2)  # no trial of it has ended
    assert seconds_left(tmp_path, State.FAILED) == 0


def test_the_seconds_of_a_resumed_attempt_count_from_its_last_trial(tmp_path):
    leave_search(JobFolder(tmp_path, NAME).work, elapsed=50.0, seconds_ago=4)
    assert seconds_left(tmp_path, State.RUNNING, 20) == pytest.approx(6, abs=2)


def test_the_seconds_of_a_first_attempt_count_once(tmp_path):
    assert seconds_left(tmp_path, State.RUNNING, 20) == pytest.approx(40, abs=2)
    leave_search(JobFolder(tmp_path, NAME).work, elapsed=10.0, seconds_ago=6)  # the table was read first
    assert seconds_left(tmp_path, State.RUNNING, 20) == pytest.approx(40, abs=2)


def test_the_seconds_of_a_cancelled_job_that_waits_again_count(tmp_path):
    leave_search(JobFolder(tmp_path, NAME).final, elapsed=40.0, seconds_ago=500)
    assert seconds_left(tmp_path, State.QUEUED) == 20
