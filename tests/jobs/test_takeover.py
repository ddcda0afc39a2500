"""The runners that count as dead, whose jobs other runners take at once."""

from __future__ import annotations

import socket
import threading
import time

import pytest

import automl
from automl.jobs.batch import open_batch, open_queue
from automl.jobs.folders import is_dead
from automl.jobs.job import Resources
from automl.jobs.queue import State
from automl.jobs.runner import Runner
from automl.jobs.spec import read_batch
from tests.jobs.workshop import DUMMY, lines

TABLE = "tests.jobs.workshop:table"


def describe(tmp_path, n=2, **arguments):
    arguments = {"marks": str(tmp_path / "marks"), **arguments}
    return {
        "results": str(tmp_path / "results"),
        "defaults": {"target": "y"},
        "tables": [{"call": TABLE, "arguments": {"seed": seed, **arguments}} for seed in range(n)],
        "settings": DUMMY,
    }


def claim_as(owner, description):
    """Let a runner claim the first job, and create its lock file without a lock."""
    batch = read_batch(description)
    with open_queue(batch.queue) as queue:
        queue.register(batch.name, batch.folder, batch.results)
        queue.add(batch.name, batch.jobs)
        claim = queue.claim(batch.name, owner, Resources(1, 1000.0), Resources(1, 1000.0))
    path = batch.results / ".work" / "runners" / f"{owner}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return claim, path


def own_machine(tmp_path):
    """Return the part of a runner's name that identifies this machine."""
    batch = read_batch(describe(tmp_path))
    with open_queue(batch.queue) as queue:
        return Runner(queue, batch, Resources(1, 1000.0)).owner.rsplit("-", 2)[0]


def test_a_runner_on_another_machine_keeps_its_jobs_and_its_lock_file(tmp_path):
    # File locks may be local to each machine (NFS with nolock, SMB): that of a live runner then looks free.
    description = describe(tmp_path)
    owner = "other-host-4711-0123abcd"
    claim, path = claim_as(owner, description)
    got = []
    runner = threading.Thread(target=lambda: got.append(automl.run_jobs(description, n_jobs=1)))
    runner.start()
    with open_batch(str(tmp_path / "results" / "jobs.sqlite")) as (queue, batch):
        while not lines(tmp_path / "marks", "end 1"):
            time.sleep(0.05)
        time.sleep(2)  # more than the time between two checks of the queue
        [first, _] = queue.records(batch.name)
        assert (first.state, first.owner, first.attempts) == (State.RUNNING, owner, 1)
        assert path.exists()
        assert queue.end(claim, owner, State.FINISHED, "", None)
    runner.join(120)
    assert list(got[0]["state"]) == ["finished", "finished"]
    assert [line.split()[1] for line in lines(tmp_path / "marks", "start")] == ["1"]


def test_a_runner_on_another_machine_of_the_same_host_name_is_not_taken_for_dead(tmp_path):
    owner = f"{socket.gethostname()}-00000000-4711-0123abcd"  # the boot id of another kernel
    claim_as(owner, describe(tmp_path))
    assert not is_dead(tmp_path / "results", owner)


@pytest.mark.parametrize("host", [None, "node-7-of-12"])
def test_a_dead_runner_on_this_machine_loses_its_jobs_at_once(tmp_path, monkeypatch, host):
    if host is not None:
        monkeypatch.setattr(socket, "gethostname", lambda: host)
    owner = f"{own_machine(tmp_path)}-4711-0123abcd"
    description = describe(tmp_path)
    _, path = claim_as(owner, description)
    started = time.monotonic()
    assert list(automl.run_jobs(description, n_jobs=1)["state"]) == ["finished", "finished"]
    assert time.monotonic() - started < 20  # the lease is of 30 seconds
    assert not path.exists()
