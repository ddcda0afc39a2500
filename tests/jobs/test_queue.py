"""The queue in both databases: which runner gets which job, and when."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from automl.errors import InvalidInputError
from automl.jobs.job import Job, Resources, Setting, Table
from automl.jobs.queue import MAX_LOST_RUNNERS, JobQueue, State
from automl.jobs.result import JobResult

CAPACITY = Resources(n_jobs=2, memory=1000.0)


def job(number, *, priority=0, n_jobs=1, memory=None, setting="quick"):
    table = Table(f"t{number}", "call", "tests.jobs.workshop:table", {"seed": number}, target="y")
    return Job(table, Setting(setting), Resources(n_jobs, memory), priority)


@pytest.fixture
def open_queue(place):
    with ExitStack() as stack:

        def make(lease=30.0):
            queue = JobQueue(place, lease)
            stack.callback(queue.close)
            return queue

        yield make


@pytest.fixture
def queue(open_queue):
    return open_queue()


def states(queue):
    return {row.job.table.name: row.state for row in queue.records("b")}


def names(queue, owner="me", capacity=CAPACITY):
    """Return the names of all jobs that a runner gets, one after the other."""
    claims = iter(lambda: queue.claim("b", owner, capacity, capacity), None)
    return [claim.job.table.name for claim in claims]


def test_larger_priorities_come_first_and_equals_in_the_order_of_the_description(queue):
    queue.add("b", [job(1), job(2, priority=5), job(3, priority=-1), job(4, priority=5)])
    assert names(queue) == ["t2", "t4", "t1", "t3"]


def test_a_job_that_waits_for_cores_is_overtaken_by_its_equals_only(queue):
    queue.add("b", [job(1, priority=1, n_jobs=2), job(2, priority=1), job(3)])
    one_core = Resources(1, 1000.0)
    first = queue.claim("b", "me", one_core, CAPACITY)
    assert first is not None
    assert first.job.table.name == "t2"
    assert queue.claim("b", "me", one_core, CAPACITY) is None
    second = queue.claim("b", "me", CAPACITY, CAPACITY)
    assert second is not None
    assert second.job.table.name == "t1"


def test_a_job_that_is_too_large_for_a_runner_waits_for_another(queue):
    queue.add("b", [job(1, n_jobs=3), job(2, memory=1001.0), job(3, memory=999.0)])
    assert names(queue) == ["t3"]
    assert queue.left("b", CAPACITY) == 1  # the one that runs
    assert names(queue, "large", Resources(4, 2000.0)) == ["t1", "t2"]


def test_many_runners_at_once_get_each_job_once(open_queue):
    open_queue().add("b", [job(n) for n in range(60)])
    owners = [f"r{i}" for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        got = [name for taken in pool.map(lambda owner: names(open_queue(), owner), owners) for name in taken]
    got += names(open_queue())  # PostgreSQL skips rows that another runner has locked
    assert sorted(got) == sorted(f"t{n}" for n in range(60))


def test_several_processes_can_open_an_empty_database_at_once(open_queue):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: open_queue().add("b", [job(1)]), range(4)))
    assert names(open_queue()) == ["t1"]


def test_a_lease_that_runs_out_gives_the_job_to_another_and_the_first_may_not_end_it(open_queue):
    queue = open_queue()
    queue.add("b", [job(1)])
    stale = queue.claim("b", "slow", CAPACITY, CAPACITY)
    assert queue.recover("b", []) == 0
    open_queue(lease=-1).renew("b", "slow")  # as if the seconds had passed
    assert queue.recover("b", []) == 1
    fresh = open_queue().claim("b", "fast", CAPACITY, CAPACITY)
    assert (stale.attempt, fresh.attempt) == (1, 2)
    assert queue.held("b", "slow") == {}
    assert not queue.end(stale, "slow", State.FINISHED, "", None)
    assert queue.end(fresh, "fast", State.FINISHED, "", JobResult(test_score=0.5))
    [row] = queue.records("b")
    assert (row.state, row.attempts, row.result) == (State.FINISHED, 2, JobResult(test_score=0.5))


def test_a_renewed_lease_does_not_run_out(open_queue):
    queue = open_queue(lease=-1)
    queue.add("b", [job(1), job(2)])
    queue.claim("b", "me", CAPACITY, CAPACITY)
    queue.claim("b", "silent", CAPACITY, CAPACITY)
    open_queue().renew("b", "me")
    assert queue.recover("b", []) == 1
    assert states(queue) == {"t1": "running", "t2": "queued"}


def test_jobs_of_a_dead_runner_are_free_at_once(queue):
    queue.add("b", [job(1), job(2)])
    queue.claim("b", "dead", CAPACITY, CAPACITY)
    queue.claim("b", "alive", CAPACITY, CAPACITY)
    assert queue.owners("b") == {"dead", "alive"}
    assert queue.recover("b", {"dead"}) == 1
    assert names(queue) == ["t1"]


def test_a_job_that_loses_too_many_runners_fails(queue):
    queue.add("b", [job(1)])
    for _ in range(MAX_LOST_RUNNERS):
        assert queue.claim("b", "dead", CAPACITY, CAPACITY) is not None
        queue.recover("b", {"dead"})
    assert queue.claim("b", "me", CAPACITY, CAPACITY) is None
    [row] = queue.records("b")
    assert (row.state, row.reason) == (State.FAILED, f"its runner was lost {MAX_LOST_RUNNERS} times")


def test_a_retry_waits_and_counts_as_a_failure_only_if_the_job_failed(queue):
    queue.add("b", [job(1)])
    claim = queue.claim("b", "me", CAPACITY, CAPACITY)
    assert queue.retry(claim, "me", "no luck", delay=0, failed=True)
    claim = queue.claim("b", "me", CAPACITY, CAPACITY)
    assert queue.failures(claim) == 1
    queue.retry(claim, "me", "another's fault", delay=600, failed=False)
    assert queue.failures(claim) == 1
    assert queue.claim("b", "me", CAPACITY, CAPACITY) is None
    assert queue.left("b", CAPACITY) == 1


def test_cancelling_ends_waiting_jobs_and_marks_running_jobs(queue):
    queue.add("b", [job(1), job(2), job(3)])
    claim = queue.claim("b", "me", CAPACITY, CAPACITY)
    names_ = [row.name for row in queue.records("b")]
    assert queue.cancel("b", names_[:2]) == 2
    assert queue.held("b", "me") == {(claim.id, 1): True}
    assert states(queue) == {"t1": "running", "t2": "cancelled", "t3": "queued"}
    queue.recover("b", {"me"})  # its runner dies before it can cancel the job
    assert states(queue)["t1"] == "cancelled"
    assert queue.requeue("b", None) == 2
    assert names(queue) == ["t1", "t2", "t3"]
    assert not any(queue.held("b", "me").values())


def record_of(queue, name):
    return next(record for record in queue.records("b") if record.job.table.name == name)


def test_a_job_that_recovery_ends_has_a_time_of_its_end(queue):
    queue.add("b", [job(1), job(2)])
    for _ in range(MAX_LOST_RUNNERS):
        assert queue.claim("b", "dead", Resources(1, 1000.0), CAPACITY).job.table.name == "t1"
        assert record_of(queue, "t1").ended is None
        queue.recover("b", {"dead"})
    queue.claim("b", "dead", CAPACITY, CAPACITY)
    queue.cancel("b", None)
    queue.recover("b", {"dead"})
    assert states(queue) == {"t1": "failed", "t2": "cancelled"}
    ended = [record.ended for record in queue.records("b")]
    assert all(abs(moment - time.time()) < 60 for moment in ended)
    queue.requeue("b", None)
    assert [record.ended for record in queue.records("b")] == [None, None]


def test_the_time_since_a_lease_ran_out_is_no_running_time(open_queue):
    queue = open_queue()
    queue.add("b", [job(1), job(2)])
    for _ in range(MAX_LOST_RUNNERS - 1):
        queue.claim("b", "dead", Resources(1, 1000.0), CAPACITY)
        queue.recover("b", {"dead"})
    assert names(queue, "dead") == ["t1", "t2"]
    queue.cancel("b", [record_of(queue, "t2").name])
    open_queue(lease=-600).renew("b", "dead")  # as if no runner had been alive for some time
    queue.recover("b", [])
    assert states(queue) == {"t1": "failed", "t2": "cancelled"}
    assert [time.time() - record.ended for record in queue.records("b")] == pytest.approx([600, 600], abs=60)


@pytest.mark.parametrize("way", ["release", "retry", "recover"])
def test_a_job_that_was_cancelled_while_it_ran_does_not_go_back_into_the_queue(queue, way):
    queue.add("b", [job(1)])
    claim = queue.claim("b", "me", CAPACITY, CAPACITY)
    queue.cancel("b", None)
    ways = {
        "release": lambda: queue.release("b", "me"),
        "retry": lambda: queue.retry(claim, "me", "no luck", delay=0, failed=True),
        "recover": lambda: queue.recover("b", {"me"}),
    }
    ways[way]()
    assert states(queue) == {"t1": "cancelled"}
    assert record_of(queue, "t1").ended is not None


@pytest.mark.parametrize("way", ["release", "give_back", "retry", "recover", "requeue"])
def test_a_pause_is_no_part_of_the_running_time(queue, way):
    queue.add("b", [job(1)])
    claim = queue.claim("b", "me", CAPACITY, CAPACITY)
    before = record_of(queue, "t1").started
    ways = {
        "release": lambda: queue.release("b", "me"),
        "give_back": lambda: queue.give_back("b", "me", [(claim.id, 1)]),
        "retry": lambda: queue.retry(claim, "me", "no luck", delay=0, failed=True),
        "recover": lambda: queue.recover("b", {"me"}),
        "requeue": lambda: (queue.end(claim, "me", State.FAILED, "", None), queue.requeue("b", None)),
    }
    ways[way]()
    time.sleep(0.1)
    assert queue.claim("b", "me", CAPACITY, CAPACITY) is not None
    assert record_of(queue, "t1").started - before > 0.05


def test_a_job_that_is_cancelled_in_a_pause_has_no_running_time(queue):
    queue.add("b", [job(1)])
    queue.claim("b", "me", CAPACITY, CAPACITY)
    queue.release("b", "me")
    queue.cancel("b", None)
    record = record_of(queue, "t1")
    assert (record.state, record.started) == (State.CANCELLED, None)


def test_only_given_attempts_go_back_into_the_queue(queue):
    queue.add("b", [job(1), job(2), job(3)])
    first, second, third = (queue.claim("b", "me", CAPACITY, CAPACITY) for _ in range(3))
    queue.give_back("b", "other", [(first.id, 1)])
    queue.give_back("b", "me", [(second.id, 1), (third.id, 2)])
    assert states(queue) == {"t1": "running", "t2": "queued", "t3": "running"}
    assert set(queue.held("b", "me")) == {(first.id, 1), (third.id, 1)}


def test_the_same_description_adds_no_job_and_a_changed_one_only_new_jobs(queue):
    assert queue.add("b", [job(1), job(2), job(3)]) == 3
    queue.claim("b", "me", CAPACITY, CAPACITY)
    assert queue.add("b", [job(1), job(2), job(3)]) == 0
    assert queue.add("b", [job(1), job(3, priority=7), job(4)]) == 1
    assert states(queue) == {"t1": "running", "t2": "withdrawn", "t3": "queued", "t4": "queued"}
    assert names(queue) == ["t3", "t4"]
    queue.add("b", [job(2)])
    assert states(queue)["t2"] == "queued"


def test_a_runner_that_stops_gives_its_jobs_back(queue):
    queue.add("b", [job(1), job(2)])
    queue.claim("b", "me", CAPACITY, CAPACITY)
    queue.release("b", "me")
    assert states(queue) == {"t1": "queued", "t2": "queued"}


def test_batches_share_a_queue_but_no_jobs(queue, tmp_path):
    for name in ("b", "c"):
        (tmp_path / name).mkdir()
        queue.register(name, tmp_path / name, tmp_path / name / "results")
        (tmp_path / name / "results").mkdir()
        queue.add(name, [job(1)])
    assert names(queue) == ["t1"]
    assert queue.claim("c", "me", CAPACITY, CAPACITY) is not None
    assert set(queue.batches()) == {"b", "c"}


def test_two_folders_with_a_batch_of_one_name_are_told_apart(queue, tmp_path):
    for name in ("here", "there"):
        (tmp_path / name / "results").mkdir(parents=True)
    queue.register("b", tmp_path / "here", tmp_path / "here" / "results")
    queue.register("b", tmp_path / "here", tmp_path / "here" / "results")
    with pytest.raises(InvalidInputError, match=r"give this batch another name \(name: \.\.\.\)"):
        queue.register("b", tmp_path / "there", tmp_path / "there" / "results")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("mysql://user@host/db", "name a file"),
        ("nonsense://user@host/db", "URL cannot be read"),
        ("sqlite://", "in memory"),
        (
            "postgresql://automl:secret@127.0.0.1:1/db",
            r"'postgresql\+psycopg://automl:\*\*\*@127.0.0.1:1/db' cannot be opened",
        ),
    ],
)
def test_a_queue_that_cannot_be_opened_says_why_without_the_password(place, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        JobQueue(place)
    assert "secret" not in str(caught.value)
