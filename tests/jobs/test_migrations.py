"""A queue of an older version is brought up to date, and one of a newer version is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from automl.errors import InvalidInputError
from automl.jobs.database import MIGRATIONS, VERSION
from automl.jobs.job import Resources
from automl.jobs.queue import JobQueue, State
from automl.jobs.result import JobResult

# Written by the first version: three jobs, of which one has ended, and one has lost its runner.
FIRST_VERSION = Path(__file__).with_name("queue_version_1.sql")


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST_VERSION.read_text())
    connection.close()
    return path


def _version(path):
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT version FROM automl_schema").fetchall()
    connection.close()
    return found


def test_every_version_has_a_migration_to_the_next_one():
    assert sorted(MIGRATIONS) == list(range(1, VERSION))


def test_a_queue_of_the_first_version_keeps_its_jobs(old):
    for _ in range(2):  # the second time, nothing is left to do
        queue = JobQueue(str(old))
        assert [record.state for record in queue.records("b")] == [State.FINISHED, State.QUEUED, State.QUEUED]
        assert queue.records("b")[0].result == JobResult(test_score=0.5)
        queue.close()
        assert _version(old) == [(VERSION,)]
    queue = JobQueue(str(old))
    claim = queue.claim("b", "me", Resources(1, 1000.0), Resources(1, 1000.0))
    assert claim.attempt == 2
    assert queue.recover("b", {"me"}) == 1  # counts a lost runner in the renamed column
    queue.close()


def test_a_queue_of_a_newer_version_is_refused(old):
    JobQueue(str(old)).close()
    with sqlite3.connect(old) as connection:
        connection.execute("UPDATE automl_schema SET version = 99")
    connection.close()
    with pytest.raises(InvalidInputError, match=r"newer version of cash-automl .*version 99.*upgrade"):
        JobQueue(str(old))


def test_a_new_queue_has_the_version_of_its_tables(place):
    JobQueue(place).close()
    queue = JobQueue(place)
    assert queue.records("b") == []
    queue.close()
