"""A runner claims jobs, runs each one in a process of its own, and records the outcome in the queue.

Any number of runners may share a queue. Other runners take over the jobs of a runner that has died: runners on the same
machine at once, because they see that its lock is free; runners on other machines when its leases have run out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import Any

from sqlalchemy.exc import OperationalError

from automl.jobs.attempt import Assignment, AttemptStatus, Outcome
from automl.jobs.folders import JobFolder, is_dead, lock, new_owner, runner_lock_path
from automl.jobs.job import Batch, Resources
from automl.jobs.process import JobProcess
from automl.jobs.queue import Claim, JobQueue, State
from automl.task.metric_words import MetricWords

logger = logging.getLogger("automl.jobs")

_TICK = 0.5  # seconds between two checks of the queue and of the limits
_RENEWALS = 6  # times that a lease is renewed before it would run out
_GRACE = 20.0  # seconds in which a cancelled job must save its best model
_PATIENCE = 300.0  # seconds without an answer of the database, after which the runner stops
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 60.0  # seconds before the next attempt at a job, doubled after each failure
_BUSY_DELAY = 5.0  # seconds before the next attempt at a job on which another process still works
_LOCK_PATIENCE = 5.0


@dataclass
class _Running:
    """A claimed job and its process."""

    claim: Claim
    process: JobProcess
    started: float
    kill_at: float | None = None  # moment at which the process is killed, once its end was requested
    verdict: Outcome | None = None  # decision of the runner, which replaces the outcome that the process sends
    outcome: Outcome | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.claim.id, self.claim.attempt


class Runner:
    """Works on the jobs of a batch until none is left.

    Parameters
    ----------
    capacity : Resources
        Cores and MiB of memory for all jobs that the runner runs at the same time.
    """

    def __init__(self, queue: JobQueue, batch: Batch, capacity: Resources):
        self._queue, self._batch, self._capacity = queue, batch, capacity
        self.owner = new_owner()
        self._running: list[_Running] = []
        self._next_tick, self._next_renewal = 0.0, 0.0

    def run(self) -> None:
        """Run jobs until none is left that fits the capacity; on any error, the running jobs go back into the queue."""
        path = runner_lock_path(self._batch.results, self.owner)
        with lock(path, _LOCK_PATIENCE):
            try:
                while self._step():
                    pass
            finally:
                self._stop()
                path.unlink(missing_ok=True)

    def _stop(self) -> None:
        """Kill the running jobs. Record a job that has just finished; put the other jobs back into the queue."""
        for running in self._running:
            if running.outcome is None:
                running.process.kill()
            if (known := self._finished(running.claim)) is not None:
                self._note(running.claim, known)
        self._queue.release(self._batch.name, self.owner)

    def _finished(self, claim: Claim) -> Outcome | None:
        """Return the outcome in the folder of a finished job that the queue does not know to be finished."""
        folder = JobFolder(self._batch.results, claim.name)
        known = folder.result()
        if known is None or known.state != State.FINISHED:
            return None
        folder.remove_searches()  # the attempt may have been killed before it did so
        return Outcome(AttemptStatus.FINISHED, result=known)

    def _step(self) -> bool:
        """Supervise the jobs, record outcomes, start jobs, and wait. Return False if there is nothing left to do."""
        self._retry_on_outage(self._supervise)
        self._retry_on_outage(self._note_ended)
        self._retry_on_outage(self._start)
        if not self._running and not self._retry_on_outage(lambda: self._queue.left(self._batch.name, self._capacity)):
            return False
        if self._running:
            wait([handle for running in self._running for handle in running.process.handles], timeout=_TICK)
        else:
            time.sleep(_TICK)  # other runners run the last jobs, or a job waits for its next attempt
        for running in list(self._running):
            if running.process.is_over():
                self._receive(running)
        return True

    def _retry_on_outage(self, action: Callable[[], Any]) -> Any:
        """Call a function that uses the queue until the database answers; the jobs go on meanwhile."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return action()
            except OperationalError as error:
                if time.monotonic() > deadline:
                    raise
                logger.warning("the database of the queue does not answer; trying again: %s", error.orig)
                time.sleep(2 * _TICK)

    def _supervise(self) -> None:
        """Renew the leases, give back or recover lost jobs, interrupt cancelled jobs, and enforce the limits."""
        now = time.monotonic()
        if now < self._next_tick:
            return
        name = self._batch.name
        if now >= self._next_renewal:
            self._queue.renew(name, self.owner)
            others = self._queue.owners(name) - {self.owner}
            dead = {owner for owner in others if is_dead(self._batch.results, owner)}
            lost = self._queue.recover(name, dead)
            if lost:
                logger.info("jobs of lost runners that are queued again: %d", lost)
            for owner in dead:
                runner_lock_path(self._batch.results, owner).unlink(missing_ok=True)
            self._next_renewal = now + self._queue.lease / _RENEWALS
        held = self._queue.held(name, self.owner)
        # The database may have recorded a claim although the runner got an error.
        if unknown := held.keys() - {running.key for running in self._running}:
            self._queue.give_back(name, self.owner, unknown)
        for running in self._running:
            if running.outcome is None and running.process.is_over():
                self._receive(running)  # a job that has ended can no longer exceed a limit
            if running.outcome is not None:
                continue
            if running.key not in held:
                running.verdict = Outcome(AttemptStatus.BUSY, "the lease was lost")
                running.kill_at = now
            elif held[running.key] and running.kill_at is None:
                running.process.interrupt()
                running.kill_at = now + _GRACE
            self._enforce_limits(running, now)
        self._next_tick = time.monotonic() + _TICK

    def _enforce_limits(self, running: _Running, now: float) -> None:
        limits = running.claim.job.resources
        if running.kill_at is None and limits.time_limit is not None and now - running.started > limits.time_limit:
            reason = f"took more than its time_limit of {limits.time_limit:g} s"
            running.verdict = Outcome(AttemptStatus.PERMANENT_FAILURE, reason)
            running.kill_at = now
        elif running.kill_at is None and limits.memory is not None:
            used = running.process.memory()
            if used > limits.memory:
                reason = f"used {used:.0f} MiB, more than its memory of {limits.memory:.0f} MiB; raise memory"
                running.verdict = Outcome(AttemptStatus.PERMANENT_FAILURE, reason)
                running.kill_at = now
        if running.kill_at is not None and now >= running.kill_at:
            reason = f"cancelled, and killed because it did not end within {_GRACE:g} s"
            cancelled = Outcome(AttemptStatus.CANCELLED, reason)
            running.outcome = running.verdict or cancelled
            running.process.kill()

    def _receive(self, running: _Running) -> None:
        """Take the outcome that a process has sent."""
        outcome = running.process.receive()
        if outcome.status is AttemptStatus.DIED:
            status = AttemptStatus.FAILED if running.kill_at is None else AttemptStatus.CANCELLED
            outcome = replace(outcome, status=status)
        running.outcome = outcome

    def _note_ended(self) -> None:
        for running in [running for running in self._running if running.outcome is not None]:
            assert running.outcome is not None
            self._note(running.claim, running.outcome)
            self._running.remove(running)

    def _note(self, claim: Claim, outcome: Outcome) -> None:
        name, queue = claim.name, self._queue
        if outcome.status is AttemptStatus.BUSY:
            queue.retry(claim, self.owner, outcome.reason, _BUSY_DELAY, failed=False)
            logger.info("%s: %s", name, outcome.reason)
            return
        if outcome.status is AttemptStatus.FAILED:
            failures = queue.failures(claim)
            if failures < claim.job.retries:
                delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2**failures)
                queue.retry(claim, self.owner, outcome.reason, delay, failed=True)
                logger.info("%s failed and will be tried again: %s", name, outcome.reason)
                return
        failed = outcome.status in (AttemptStatus.FAILED, AttemptStatus.PERMANENT_FAILURE)
        state = State.FAILED if failed else State(outcome.status.value)
        queue.end(claim, self.owner, state, outcome.reason, outcome.result)
        logger.info("%s %s%s", name, state.value, _facts(outcome))

    def _start(self) -> None:
        """Claim and start jobs as long as one fits the free resources."""
        while (claim := self._queue.claim(self._batch.name, self.owner, self._free(), self._capacity)) is not None:
            if (known := self._finished(claim)) is not None:  # its runner was killed before it could record that
                self._note(claim, known)
            else:
                self._running.append(self._spawn(claim))

    def _spawn(self, claim: Claim) -> _Running:
        memory = (self._capacity.memory or 0.0) * claim.job.resources.n_jobs / self._capacity.n_jobs
        assignment = Assignment(claim.job, claim.name, claim.attempt, self._batch.folder, self._batch.results, memory)
        return _Running(claim, JobProcess(assignment), time.monotonic())

    def _free(self) -> Resources:
        used = [running.claim.job.resources for running in self._running]
        memory = self._capacity.memory
        return Resources(
            self._capacity.n_jobs - sum(resources.n_jobs for resources in used),
            None if memory is None else memory - sum(resources.memory or 0.0 for resources in used),
        )


def _facts(outcome: Outcome) -> str:
    """Return the end of a log line: seconds, scores and reason."""
    result = outcome.result
    parts = []
    if result is not None:
        parts += [f"{result.seconds:.1f} s"] if result.seconds is not None else []
        words = MetricWords.of(result.metric, result.metric_class)
        scores = {"expected": result.expected_score, "test": result.test_score, "search": result.search_score}
        parts += [f"{name} {words.name} {words.text(score)}" for name, score in scores.items() if score is not None]
    parts += [outcome.reason] if outcome.reason else []
    return ": " + ", ".join(parts) if parts else ""
