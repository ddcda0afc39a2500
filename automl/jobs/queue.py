"""The durable queue has one row for each job, in SQLite, or in PostgreSQL if several machines share the queue.

The clock of the database measures the leases. SQLite uses the clock of the machine; this is one clock for all runners,
because the file must be on a local disk. The clocks of the runners do not matter.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, and_, case, false, func, or_, select, update
from sqlalchemy.engine import CursorResult

from automl.errors import InvalidInputError
from automl.jobs.database import BATCHES, JOBS, connect, insert, now
from automl.jobs.job import Job, Resources
from automl.jobs.result import JobResult

LEASE = 30.0  # seconds after which a runner that does not renew its leases has lost its jobs
MAX_LOST_RUNNERS = 10  # number of runners that a job may lose; then the job counts as the cause, and fails
_CHUNK = 500  # names in one SQL statement


class State(StrEnum):
    """The state of a job. Withdrawn: the job waited, and the description no longer names it."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True)
class Claim:
    """The right of one runner to run a job; the number `attempt` distinguishes it from earlier claims."""

    batch: str
    id: str
    name: str  # name of the job and of its folder
    attempt: int
    job: Job


@dataclass(frozen=True)
class JobRecord:
    """The record of a job in the queue."""

    job: Job
    name: str
    state: State
    attempts: int
    failures: int
    owner: str | None
    reason: str
    result: JobResult | None
    started: float | None  # start of the latest attempt, in seconds since 1970
    ended: float | None


class JobQueue:
    """The queue; each method is one transaction.

    Parameters
    ----------
    place : str
        Path of an SQLite file, which is created if it is missing; or URL of a PostgreSQL database.
    lease : float
        Seconds for which a claim is valid after it was made or renewed.
    read_only : bool
        Whether this object only reads: it waits for no writer of an SQLite file, and no writer waits for it.

    Raises
    ------
    InvalidInputError
        If the database is of another kind or cannot be opened.
    """

    def __init__(self, place: str, lease: float = LEASE, read_only: bool = False):
        self.lease = lease
        self._engine = connect(place, read_only)
        self._now = now(self._engine)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def register(self, batch: str, folder: Path, results: Path) -> None:
        """Record a batch and its folders.

        Raises
        ------
        InvalidInputError
            If the queue has a batch of this name with other folders.
        """
        values = {"folder": str(folder), "results": str(results)}
        with self._engine.begin() as connection:
            connection.execute(insert(self._engine, BATCHES).values(name=batch, **values).on_conflict_do_nothing())
            known = connection.execute(select(BATCHES).where(BATCHES.c.name == batch)).one()
            same = known.folder == str(folder) or known.results == str(results) or self._lies_in(results)
            if not same and Path(known.results).exists():
                raise InvalidInputError(
                    f"the queue already has a batch '{batch}' from '{known.folder}'; give this batch another name "
                    "(name: ...)"
                )
            connection.execute(update(BATCHES).where(BATCHES.c.name == batch).values(**values))

    def _lies_in(self, folder: Path) -> bool:
        """Return whether the queue is a file in a folder; then it can only belong to the batch in this folder."""
        file = self._engine.url.database or ""
        return self._engine.dialect.name == "sqlite" and Path(file).absolute().is_relative_to(folder.absolute())

    def batches(self) -> dict[str, tuple[Path, Path]]:
        """Return the name of each batch, with its folder and the folder of its results."""
        with self._engine.begin() as connection:
            return {row.name: (Path(row.folder), Path(row.results)) for row in connection.execute(select(BATCHES))}

    def add(self, batch: str, jobs: Sequence[Job]) -> int:
        """Queue new jobs, update the jobs that wait, and withdraw waiting jobs that are no longer in the description.

        Returns
        -------
        int
            Number of new jobs.
        """
        of_batch = JOBS.c.batch == batch
        with self._engine.begin() as connection:
            known = {
                row.id: row
                for row in connection.execute(select(JOBS.c.id, JOBS.c.payload, JOBS.c.state).where(of_batch))
            }
            first = connection.scalar(select(func.coalesce(func.max(JOBS.c.position), 0)).where(of_batch)) or 0
            new = [
                {"batch": batch, "id": job.id, "position": first + i, "state": State.QUEUED, **_columns(job)}
                for i, job in enumerate(jobs, start=1)
                if job.id not in known
            ]
            if new:
                connection.execute(insert(self._engine, JOBS).on_conflict_do_nothing(), new)
            for job in jobs:
                row = known.get(job.id)
                waits = row is not None and row.state in (State.QUEUED, State.WITHDRAWN)
                if row is not None and waits and (row.payload != job.to_json() or row.state == State.WITHDRAWN):
                    # The name of a job never changes, because a folder of this name may exist.
                    values = {key: value for key, value in _columns(job).items() if key != "name"}
                    statement = update(JOBS).where(of_batch, JOBS.c.id == job.id, JOBS.c.state == row.state)
                    connection.execute(statement.values(state=State.QUEUED, **values))
            gone = set(known) - {job.id for job in jobs}
            for ids in _chunks(gone):
                queued = and_(of_batch, JOBS.c.state == State.QUEUED, JOBS.c.id.in_(ids))
                connection.execute(update(JOBS).where(queued).values(state=State.WITHDRAWN))
        return len(new)

    def claim(self, batch: str, owner: str, free: Resources, total: Resources) -> Claim | None:
        """Claim the next job that fits the free resources; return None if there is none.

        No job starts before a waiting job of higher priority. Among jobs of the same priority, the first one that fits
        starts.

        Parameters
        ----------
        free, total : Resources
            Resources of the runner that are unused now, and all its resources. A job that needs more than `total` waits
            for another runner.
        """
        ready = and_(JOBS.c.batch == batch, JOBS.c.state == State.QUEUED, JOBS.c.ready_at <= self._now)
        with self._engine.begin() as connection:
            top = connection.scalar(
                select(JOBS.c.priority).where(ready, _fits(total)).order_by(JOBS.c.priority.desc()).limit(1)
            )
            if top is None:
                return None
            row = connection.execute(
                select(JOBS.c.id, JOBS.c.name, JOBS.c.attempts, JOBS.c.payload)
                .where(ready, _fits(free), JOBS.c.priority == top)
                .order_by(JOBS.c.position)
                .limit(1)
                .with_for_update(skip_locked=True)
            ).first()
            if row is None:
                return None
            connection.execute(
                update(JOBS)
                .where(JOBS.c.batch == batch, JOBS.c.id == row.id)
                .values(
                    state=State.RUNNING,
                    owner=owner,
                    attempts=row.attempts + 1,
                    lease=self._now + self.lease,
                    started=self._now,
                    ended=None,
                    reason="",
                )
            )
        return Claim(batch, row.id, row.name, row.attempts + 1, Job.from_json(row.payload))

    def left(self, batch: str, total: Resources) -> int:
        """Return the number of running jobs and of queued jobs that fit the resources of a runner."""
        open_ = or_(JOBS.c.state == State.RUNNING, and_(JOBS.c.state == State.QUEUED, _fits(total)))
        with self._engine.begin() as connection:
            return connection.scalar(select(func.count()).where(JOBS.c.batch == batch, open_)) or 0

    def renew(self, batch: str, owner: str) -> None:
        """Renew the leases of all jobs of a runner."""
        with self._engine.begin() as connection:
            connection.execute(update(JOBS).where(*_held(batch, owner)).values(lease=self._now + self.lease))

    def held(self, batch: str, owner: str) -> dict[tuple[str, int], bool]:
        """Return the (id, attempt) of each job that a runner holds, and whether the job should be cancelled."""
        columns = select(JOBS.c.id, JOBS.c.attempts, JOBS.c.cancel).where(*_held(batch, owner))
        with self._engine.begin() as connection:
            return {(row.id, row.attempts): row.cancel for row in connection.execute(columns)}

    def end(self, claim: Claim, owner: str, state: State, reason: str, result: JobResult | None) -> bool:
        """Record how a job ended. If the claim was lost, record nothing and return False."""
        values = {
            "state": state,
            "reason": reason,
            "result": json.dumps({} if result is None else result.to_dict()),
            "cancel": False,
        }
        if state is State.FAILED:
            values["failures"] = JOBS.c.failures + 1
        return self._give_up(claim, owner, {**values, "ended": self._now})

    def retry(self, claim: Claim, owner: str, reason: str, delay: float, failed: bool) -> bool:
        """Queue a job again after `delay` seconds, unless it was cancelled. Return False if the claim was lost.

        Parameters
        ----------
        failed : bool
            Whether this counts as a failure of the job; the number of failures is limited by its `retries`.
        """
        values = {"reason": reason, "ready_at": self._now + delay, "failures": JOBS.c.failures + int(failed)}
        return self._give_up(claim, owner, {**self._queued_again(), **values})

    def failures(self, claim: Claim) -> int:
        """Return the number of failures of a job."""
        where = JOBS.c.batch == claim.batch, JOBS.c.id == claim.id
        with self._engine.begin() as connection:
            return connection.scalar(select(JOBS.c.failures).where(*where)) or 0

    def _give_up(self, claim: Claim, owner: str, values: Mapping[str, Any]) -> bool:
        mine = (*_held(claim.batch, owner), JOBS.c.id == claim.id, JOBS.c.attempts == claim.attempt)
        with self._engine.begin() as connection:
            done: CursorResult[Any] = connection.execute(
                update(JOBS).where(*mine).values(owner=None, lease=None, **values)
            )
        return done.rowcount == 1

    def release(self, batch: str, owner: str) -> None:
        """Queue all jobs of a runner that stops, except cancelled ones."""
        with self._engine.begin() as connection:
            values = {"owner": None, "lease": None, "reason": "its runner was stopped", **self._queued_again()}
            connection.execute(update(JOBS).where(*_held(batch, owner)).values(**values))

    def give_back(self, batch: str, owner: str, jobs: Collection[tuple[str, int]]) -> None:
        """Queue some jobs of a runner, except cancelled ones.

        Parameters
        ----------
        jobs : collection of (str, int)
            The id and the attempt of each job. A job that has another attempt by now is left as it is.
        """
        values = {
            "owner": None,
            "lease": None,
            "reason": "its runner lost the connection to the database",
            **self._queued_again(),
        }
        with self._engine.begin() as connection:
            for id_, attempt in jobs:
                mine = (*_held(batch, owner), JOBS.c.id == id_, JOBS.c.attempts == attempt)
                connection.execute(update(JOBS).where(*mine).values(**values))

    def _queued_again(
        self, given_up: ColumnElement[bool] | None = None, last: ColumnElement[float] | None = None
    ) -> dict[str, Any]:
        """Return the values of a job that no longer runs: cancelled if that was requested, failed, or else queued.

        Parameters
        ----------
        given_up : expression, optional
            Whether the job fails; by default it does not.
        last : expression, optional
            When the job last ran, in seconds since 1970; now by default.
        """
        given_up = false() if given_up is None else given_up
        last = self._now if last is None else last
        return {
            "state": case((JOBS.c.cancel, State.CANCELLED), (given_up, State.FAILED), else_=State.QUEUED),
            "ended": case((or_(JOBS.c.cancel, given_up), last), else_=None),
            "cancel": False,
        }

    def owners(self, batch: str) -> set[str]:
        """Return the names of the runners that hold jobs."""
        running = and_(JOBS.c.batch == batch, JOBS.c.state == State.RUNNING)
        with self._engine.begin() as connection:
            return set(connection.scalars(select(JOBS.c.owner).where(running).distinct()))

    def recover(self, batch: str, dead: Collection[str]) -> int:
        """Queue the jobs of dead runners, and the jobs whose leases have run out; return their number.

        A job that has lost `MAX_LOST_RUNNERS` runners, perhaps because it crashes the machine, fails.
        """
        lost = and_(
            JOBS.c.batch == batch,
            JOBS.c.state == State.RUNNING,
            or_(JOBS.c.lease < self._now, JOBS.c.owner.in_(list(dead))),
        )
        too_often = JOBS.c.lost_runners + 1 >= MAX_LOST_RUNNERS
        # A runner may be missed long after its end. Until its lease ran out, it may have worked.
        last = case((JOBS.c.lease < self._now, JOBS.c.lease), else_=self._now)
        values = {
            **self._queued_again(too_often, last),
            "reason": case((too_often, f"its runner was lost {MAX_LOST_RUNNERS} times"), else_="its runner was lost"),
            "lost_runners": JOBS.c.lost_runners + 1,
            "owner": None,
            "lease": None,
        }
        with self._engine.begin() as connection:
            done: CursorResult[Any] = connection.execute(update(JOBS).where(lost).values(**values))
        return done.rowcount

    def cancel(self, batch: str, names: Collection[str] | None) -> int:
        """Cancel queued jobs, and mark running jobs to be cancelled by their runners; return their number.

        Without names, all jobs of the batch are cancelled.
        """
        total = 0
        with self._engine.begin() as connection:
            for chosen in _chosen(batch, names):
                queued, running = (and_(chosen, JOBS.c.state == state) for state in (State.QUEUED, State.RUNNING))
                values = {"state": State.CANCELLED, "reason": "cancelled before it began", "ended": self._now}
                # The time since the start of an earlier attempt is no running time.
                total += _count(connection, update(JOBS).where(queued).values(**values, started=None))
                total += _count(connection, update(JOBS).where(running).values(cancel=True))
        return total

    def requeue(self, batch: str, names: Collection[str] | None) -> int:
        """Queue failed and cancelled jobs again, with all their retries; return their number."""
        over = JOBS.c.state.in_([State.FAILED, State.CANCELLED])
        values = {
            "state": State.QUEUED,
            "failures": 0,
            "lost_runners": 0,
            "ready_at": 0.0,
            "reason": "",
            "cancel": False,
            "ended": None,
        }
        with self._engine.begin() as connection:
            return sum(
                _count(connection, update(JOBS).where(over, chosen).values(**values))
                for chosen in _chosen(batch, names)
            )

    def records(self, batch: str) -> list[JobRecord]:
        """Return the records of all jobs, in the order of the description."""
        with self._engine.begin() as connection:
            found = connection.execute(select(JOBS).where(JOBS.c.batch == batch).order_by(JOBS.c.position)).all()
        return [
            JobRecord(
                job=Job.from_json(row.payload),
                name=row.name,
                state=State(row.state),
                attempts=row.attempts,
                failures=row.failures,
                owner=row.owner,
                reason=row.reason,
                result=JobResult.from_dict(found) if (found := json.loads(row.result)) else None,
                started=row.started,
                ended=row.ended,
            )
            for row in found
        ]


def _columns(job: Job) -> dict[str, Any]:
    """Return the columns that the description of a job determines."""
    return {
        "name": job.name,
        "payload": job.to_json(),
        "priority": job.priority,
        "n_jobs": job.resources.n_jobs,
        "memory": job.resources.memory or 0.0,
    }


def _fits(capacity: Resources) -> ColumnElement[bool]:
    memory = float("inf") if capacity.memory is None else capacity.memory
    return and_(JOBS.c.n_jobs <= capacity.n_jobs, JOBS.c.memory <= memory)


def _held(batch: str, owner: str) -> tuple[ColumnElement[bool], ...]:
    return JOBS.c.batch == batch, JOBS.c.owner == owner, JOBS.c.state == State.RUNNING


def _chosen(batch: str, names: Collection[str] | None) -> Iterable[ColumnElement[bool]]:
    """Yield conditions that select the jobs of these names, in parts; without names, all jobs of the batch."""
    if names is None:
        return [JOBS.c.batch == batch]
    return [and_(JOBS.c.batch == batch, JOBS.c.name.in_(chunk)) for chunk in _chunks(names)]


def _chunks(names: Collection[str]) -> Iterable[list[str]]:
    listed = sorted(names)
    return (listed[i : i + _CHUNK] for i in range(0, len(listed), _CHUNK))


def _count(connection: Connection, statement: Update) -> int:
    done: CursorResult[Any] = connection.execute(statement)
    return done.rowcount
