"""The queue in both databases: who gets which job, and when."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from automl.errors import InvalidInputError
from automl.jobs.job import Job, Resources, Setting, Table
from automl.jobs.queue import MOST_LOSSES, JobStore, State

ROOM = Resources(n_jobs=2, memory=1000.0)


def job(number, *, priority=0, n_jobs=1, memory=None, setting="quick"):
    table = Table(f"t{number}", "call", "tests.jobs.workshop:table", {"seed": number}, target="y")
    return Job(table, Setting(setting), Resources(n_jobs, memory), priority)


@pytest.fixture
def open_store(place):
    with ExitStack() as stack:

        def make(lease=30.0):
            store = JobStore(place, lease)
            stack.callback(store.close)
            return store

        yield make


@pytest.fixture
def store(open_store):
    return open_store()


def states(store):
    return {row.job.table.name: row.state for row in store.rows("b")}


def names(store, owner="me", room=ROOM):
    """Names of all jobs that a runner gets, one after the other."""
    claims = iter(lambda: store.claim("b", owner, room, room), None)
    return [claim.job.table.name for claim in claims]


def test_larger_priorities_come_first_and_equals_in_the_order_of_the_description(store):
    store.add("b", [job(1), job(2, priority=5), job(3, priority=-1), job(4, priority=5)])
    assert names(store) == ["t2", "t4", "t1", "t3"]


def test_a_job_that_waits_for_cores_is_overtaken_by_its_equals_only(store):
    store.add("b", [job(1, priority=1, n_jobs=2), job(2, priority=1), job(3)])
    one_core = Resources(1, 1000.0)
    first = store.claim("b", "me", one_core, ROOM)
    assert first is not None
    assert first.job.table.name == "t2"
    assert store.claim("b", "me", one_core, ROOM) is None
    second = store.claim("b", "me", ROOM, ROOM)
    assert second is not None
    assert second.job.table.name == "t1"


def test_what_a_runner_has_no_room_for_is_left_to_others(store):
    store.add("b", [job(1, n_jobs=3), job(2, memory=1001.0), job(3, memory=999.0)])
    assert names(store) == ["t3"]
    assert store.left("b", ROOM) == 1  # the one that runs
    assert names(store, "large", Resources(4, 2000.0)) == ["t1", "t2"]


def test_many_runners_at_once_get_each_job_once(open_store):
    open_store().add("b", [job(n) for n in range(60)])
    owners = [f"r{i}" for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        got = [name for taken in pool.map(lambda owner: names(open_store(), owner), owners) for name in taken]
    got += names(open_store())  # PostgreSQL passes over rows that somebody is just looking at
    assert sorted(got) == sorted(f"t{n}" for n in range(60))


def test_two_who_open_an_empty_database_at_once_both_can(open_store):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: open_store().add("b", [job(1)]), range(4)))
    assert names(open_store()) == ["t1"]


def test_a_lease_that_runs_out_gives_the_job_to_another_and_the_first_may_not_end_it(open_store):
    store = open_store()
    store.add("b", [job(1)])
    stale = store.claim("b", "slow", ROOM, ROOM)
    assert store.recover("b", []) == 0
    open_store(lease=-1).renew("b", "slow")  # as if the seconds had passed
    assert store.recover("b", []) == 1
    fresh = open_store().claim("b", "fast", ROOM, ROOM)
    assert (stale.attempt, fresh.attempt) == (1, 2)
    assert store.held("b", "slow") == {}
    assert not store.end(stale, "slow", State.FINISHED, "", {})
    assert store.end(fresh, "fast", State.FINISHED, "", {"test_score": 0.5})
    [row] = store.rows("b")
    assert (row.state, row.attempts, row.result) == (State.FINISHED, 2, {"test_score": 0.5})


def test_a_renewed_lease_does_not_run_out(open_store):
    store = open_store(lease=-1)
    store.add("b", [job(1), job(2)])
    store.claim("b", "me", ROOM, ROOM)
    store.claim("b", "silent", ROOM, ROOM)
    open_store().renew("b", "me")
    assert store.recover("b", []) == 1
    assert states(store) == {"t1": "running", "t2": "queued"}


def test_jobs_of_a_dead_runner_are_free_at_once(store):
    store.add("b", [job(1), job(2)])
    store.claim("b", "dead", ROOM, ROOM)
    store.claim("b", "alive", ROOM, ROOM)
    assert store.owners("b") == {"dead", "alive"}
    assert store.recover("b", {"dead"}) == 1
    assert names(store) == ["t1"]


def test_a_job_that_brings_down_runner_after_runner_is_given_up(store):
    store.add("b", [job(1)])
    for _ in range(MOST_LOSSES):
        assert store.claim("b", "dead", ROOM, ROOM) is not None
        store.recover("b", {"dead"})
    assert store.claim("b", "me", ROOM, ROOM) is None
    [row] = store.rows("b")
    assert (row.state, row.reason) == (State.FAILED, f"its runner was lost {MOST_LOSSES} times")


def test_a_retry_waits_and_is_counted_where_the_job_is_at_fault(store):
    store.add("b", [job(1)])
    claim = store.claim("b", "me", ROOM, ROOM)
    assert store.retry(claim, "me", "no luck", delay=0, failed=True)
    claim = store.claim("b", "me", ROOM, ROOM)
    assert store.failures(claim) == 1
    store.retry(claim, "me", "another's fault", delay=600, failed=False)
    assert store.failures(claim) == 1
    assert store.claim("b", "me", ROOM, ROOM) is None
    assert store.left("b", ROOM) == 1


def test_cancelling_ends_what_waits_and_asks_what_runs(store):
    store.add("b", [job(1), job(2), job(3)])
    claim = store.claim("b", "me", ROOM, ROOM)
    names_ = [row.name for row in store.rows("b")]
    assert store.cancel("b", names_[:2]) == 2
    assert store.held("b", "me") == {(claim.id, 1): True}
    assert states(store) == {"t1": "running", "t2": "cancelled", "t3": "queued"}
    store.recover("b", {"me"})  # its runner dies before it could obey
    assert states(store)["t1"] == "cancelled"
    assert store.requeue("b", None) == 2
    assert names(store) == ["t1", "t2", "t3"]
    assert not any(store.held("b", "me").values())


def test_the_same_description_adds_nothing_and_a_changed_one_only_what_is_new(store):
    assert store.add("b", [job(1), job(2), job(3)]) == 3
    store.claim("b", "me", ROOM, ROOM)
    assert store.add("b", [job(1), job(2), job(3)]) == 0
    assert store.add("b", [job(1), job(3, priority=7), job(4)]) == 1
    assert states(store) == {"t1": "running", "t2": "withdrawn", "t3": "queued", "t4": "queued"}
    assert names(store) == ["t3", "t4"]
    store.add("b", [job(2)])
    assert states(store)["t2"] == "queued"


def test_a_runner_that_stops_gives_its_jobs_back(store):
    store.add("b", [job(1), job(2)])
    store.claim("b", "me", ROOM, ROOM)
    store.release("b", "me")
    assert states(store) == {"t1": "queued", "t2": "queued"}


def test_batches_share_a_store_but_no_jobs(store, tmp_path):
    for name in ("b", "c"):
        (tmp_path / name).mkdir()
        store.register(name, tmp_path / name, tmp_path / name / "results")
        (tmp_path / name / "results").mkdir()
        store.add(name, [job(1)])
    assert names(store) == ["t1"]
    assert store.claim("c", "me", ROOM, ROOM) is not None
    assert set(store.batches()) == {"b", "c"}


def test_two_folders_with_a_batch_of_one_name_are_told_apart(store, tmp_path):
    for name in ("here", "there"):
        (tmp_path / name / "results").mkdir(parents=True)
    store.register("b", tmp_path / "here", tmp_path / "here" / "results")
    store.register("b", tmp_path / "here", tmp_path / "here" / "results")
    with pytest.raises(InvalidInputError, match=r"give this one another \(name: \.\.\.\)"):
        store.register("b", tmp_path / "there", tmp_path / "there" / "results")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("mysql://user@host/db", "take a file"),
        ("nonsense://user@host/db", "URL cannot be read"),
        ("sqlite://", "in memory"),
        (
            "postgresql://automl:secret@127.0.0.1:1/db",
            r"'postgresql\+psycopg://automl:\*\*\*@127.0.0.1:1/db' cannot be opened",
        ),
    ],
)
def test_a_store_that_cannot_be_opened_says_why_without_the_password(place, said):
    with pytest.raises(InvalidInputError, match=said) as caught:
        JobStore(place)
    assert "secret" not in str(caught.value)
