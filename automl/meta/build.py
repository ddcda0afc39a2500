"""Builds a meta-database: measures configurations on many tables."""

from __future__ import annotations

import logging
import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.errors import InvalidInputError
from automl.execute.local import LocalExecutor
from automl.execute.machine import available_cpus, default_memory_limit
from automl.execute.processes import warm_up
from automl.meta.design import dominated
from automl.meta.records import provenance, record_evaluation, record_task
from automl.table_files.reading import read_table
from automl.task import validation
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings
from automl.task.splits import Fold
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory
from automl.trials.trial import Status, Trial, TrialResult
from meta_db.records import RANKED_BY
from meta_db.store import MetaDatabase
from metalearning.features import compute_metafeatures
from pipelines.build import predicted_seconds
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

logger = logging.getLogger(__name__)

_LIBRARIES = ("torch", "catboost", "xgboost")  # the workers of every table need them
_BAR_SHARE = 0.25  # share of the configurations known on a table that a first fold must reach to go on
_BAR_FROM = 20  # number of known configurations from which the bar is used


@dataclass(frozen=True)
class BenchmarkTable:
    """A table to measure configurations on.

    Attributes
    ----------
    path : Path
        Path of its file, which holds the label in the column `target`.
    data : tuple of (DataFrame, Series), optional
        Features and target, if they are not in a file.
    folds : tuple of (ndarray, ndarray)
        Rows to train on and rows to score. If given, all rows are used.
    """

    name: str
    path: Path
    is_classification: bool
    target: str = "target"
    family: str = ""
    openml_id: int | None = None
    data: tuple[pd.DataFrame, pd.Series] | None = None
    folds: tuple[Fold, ...] = ()


@dataclass(frozen=True)
class MeasurementProtocol:
    """The limits and folds of every measurement.

    Attributes
    ----------
    max_rows : int
        A larger table is replaced by a stratified subsample of so many rows.
    cell_seconds : float
        Limit for all folds of one configuration on one table, in even shares. A model that can stop early keeps its
        result so far.
    """

    max_rows: int = 2_000
    n_folds: int = 3
    cell_seconds: float = 15.0
    seed: int = 0


def read_benchmark_tables(folder: Path) -> list[BenchmarkTable]:
    """Return the tables of a folder that its ``index.csv`` lists: name, task, n_rows, optionally family and openml_id.

    Small and large tables alternate, so that a build that is stopped early has tables of every size. The files are
    ``NAME.parquet`` with the label in the column ``target``.

    Raises
    ------
    InvalidInputError
        If there is no index, or it lacks a column.
    """
    path = folder / "index.csv"
    try:
        index = pd.read_csv(path)
    except FileNotFoundError:
        raise InvalidInputError(
            f"'{folder}' has no index.csv; it needs one with the columns name, task and n_rows"
        ) from None
    except (OSError, ValueError) as error:  # such as another user's folder, or a file that is no CSV
        raise InvalidInputError(f"'{path}' cannot be read: {error}") from error
    missing = {"name", "task", "n_rows"} - set(index.columns)
    if missing:
        raise InvalidInputError(f"'{path}' lacks the columns {', '.join(sorted(missing))}")
    tables = []
    by_size = index.sort_values("n_rows", kind="stable").to_dict("records")
    for row in (by_size[i] for i in _spread(len(by_size))):
        number, family = row.get("openml_id"), row.get("family")
        tables.append(
            BenchmarkTable(
                str(row["name"]),
                folder / f"{row['name']}.parquet",
                row["task"] != "regression",
                family="" if family is None or pd.isna(family) else str(family),
                openml_id=None if number is None or pd.isna(number) else int(number),
            )
        )
    return tables


def _spread(n: int) -> list[int]:
    """Return the numbers below n in van der Corput's order: every beginning of it is spread over all numbers."""
    digits = max(1, (n - 1).bit_length())
    reversed_bits = (int(f"{i:0{digits}b}"[::-1], 2) for i in range(2**digits))
    return [i for i in reversed_bits if i < n]


def build_database(
    tables: Iterable[BenchmarkTable],
    database: MetaDatabase,
    rounds: Iterable[Sequence[Configuration]],
    *,
    protocol: MeasurementProtocol = MeasurementProtocol(),
    time_limit: float = float("inf"),
    n_workers: int | None = None,
    on_visit: Callable[[BenchmarkTable, int, int], None] = lambda table, number, done: None,
) -> None:
    """Measure configurations on tables until all are measured or the time is over.

    Each round is measured on all tables, in their order, before the next round begins. A configuration that has a
    result on a table is not measured there again; therefore a build that was stopped or killed can be continued.
    Dominated configurations are not tried on further tables. A configuration whose first fold is bad is not run on the
    other folds.

    Parameters
    ----------
    rounds : iterable of sequence of Configuration
        For example `automl.meta.design.design`.
    time_limit : float
        Seconds after which the build stops.
    n_workers : int, optional
        Processes of one thread each; all cores when None.
    on_visit : callable
        Called as ``on_visit(table, round, n_results)`` after each visit of a table.
    """
    deadline = time.monotonic() + time_limit
    n_workers = n_workers or available_cpus()
    warm_up(_LIBRARIES)
    tables = list(tables)
    for number, batch in enumerate(rounds):
        bad = dominated(database.results())
        wanted = [configuration for configuration in batch if configuration not in bad]
        for table in tables:
            if time.monotonic() >= deadline:
                return
            try:
                done = _visit(table, wanted, database, protocol, n_workers, deadline)
            except InvalidInputError as error:
                logger.warning("%s is left out: %s", table.name, error)
                continue
            on_visit(table, number, done)


def _visit(
    table: BenchmarkTable,
    batch: Sequence[Configuration],
    database: MetaDatabase,
    protocol: MeasurementProtocol,
    n_workers: int,
    deadline: float,
) -> int:
    """Measure the configurations of a batch that have no result on a table; return the number of results."""
    task, n_rows = prepare_benchmark_table(table, protocol)
    dataset = database.add_dataset(record_task(task, table.name, table.family, n_rows, table.openml_id))
    if not database.is_described(dataset):
        database.describe_dataset(dataset, _describe(table, protocol))
    space = build_space(task.traits)
    seen = {complete(space, known) for known in database.tried(dataset)}
    todo: dict[Configuration, Configuration] = {}  # complete configuration: its entry in the batch
    for entry in batch:
        completed = complete(space, entry)
        if completed is not None and completed not in seen:
            todo.setdefault(completed, entry)
    if not todo:
        return 0
    # The slowest first, so that no worker waits long at the end.
    order = sorted(todo, key=lambda configuration: -predicted_seconds(configuration, task.traits))
    known = database.fold_scores(dataset, RANKED_BY[task.traits.task]).values()
    losses = [-float(folds[0]) for folds in known if len(folds) == len(task.folds)]
    done = 0
    with tempfile.TemporaryDirectory(prefix="automl-build-") as name:
        folder = Path(name)
        task.save(folder)
        executor = LocalExecutor(folder, n_workers, memory_limit=default_memory_limit(n_workers), device="cpu")
        try:
            for results in _race(task, order, losses, executor, protocol, deadline):
                _save(task, results, Artifacts(folder), todo, database, dataset)
                done += 1
        finally:
            executor.shutdown()
    return done


def _race(
    task: Task,
    order: Sequence[Configuration],
    known: Iterable[float],
    executor: LocalExecutor,
    protocol: MeasurementProtocol,
    deadline: float,
) -> Iterator[list[TrialResult]]:
    """Yield the results of each configuration; configurations that are running at the deadline are dropped.

    Every configuration runs on the first fold. Only a configuration whose loss there is in the best quarter, of its own
    batch and of the known configurations together, runs on the other folds.
    """
    first, *others = range(len(task.folds))
    reasons: set[str] = set()

    def run(configurations: Iterable[Configuration], folds: Sequence[int]) -> Iterator[TrialResult]:
        limit = protocol.cell_seconds * len(folds) / len(task.folds)
        running = {executor.submit([Trial(c, tuple(folds), protocol.seed, "fill")], limit) for c in configurations}
        while running and (left := deadline - time.monotonic()) > 0:
            ended, running = wait(running, timeout=min(left, threading.TIMEOUT_MAX), return_when=FIRST_COMPLETED)
            for result in chain.from_iterable(future.result() for future in ended):
                if result.started:
                    yield result
                elif result.reason not in reasons:  # a broken library says nothing about the configuration
                    reasons.add(result.reason)
                    logger.warning("%s; its configurations are left out", result.reason)

    begun = {result.trial.configuration: result for result in run(order, [first])}
    losses = {c: r.folds[first].loss for c, r in begun.items() if first in r.folds and r.status is Status.OK}
    finite = [loss for loss in (*known, *losses.values()) if math.isfinite(loss)]
    bar = float(np.quantile(finite, _BAR_SHARE)) if len(finite) >= _BAR_FROM else math.inf
    going_on = [c for c in losses if others and losses[c] <= bar]
    yield from ([result] for c, result in begun.items() if c not in going_on)
    yield from ([begun[result.trial.configuration], result] for result in run(going_on, others))


def _save(
    task: Task,
    results: Sequence[TrialResult],
    artifacts: Artifacts,
    entries: Mapping[Configuration, Configuration],
    database: MetaDatabase,
    dataset: int,
) -> None:
    """Write the results of a configuration into the meta-database and remove its files."""
    ((configuration, evaluation),) = RunHistory(results).evaluations.items()
    record = record_evaluation(task, evaluation, artifacts, max(result.peak_memory for result in results))
    database.add_evaluation(dataset, entries[configuration], record, evaluation.origin, provenance(task))
    for fold in evaluation.folds:
        for path in artifacts.paths(configuration, fold):
            path.unlink()


def prepare_benchmark_table(table: BenchmarkTable, protocol: MeasurementProtocol) -> tuple[Task, int]:
    """Return the task of a table under a protocol, and the number of rows of the whole table.

    Raises
    ------
    InvalidInputError
        If the table cannot be used.
    """
    X, y = _read(table)
    if table.folds:
        return _make_task(X, y, table, protocol, table.folds), len(y)
    target, _ = validation.check_target(y, X, classification=table.is_classification)
    rows = _subsample(target, table.is_classification, protocol)
    return _make_task(X.iloc[rows], y.iloc[rows], table, protocol, protocol.n_folds), len(target)


def _read(table: BenchmarkTable) -> tuple[pd.DataFrame, pd.Series]:
    if table.data is not None:
        return table.data
    frame = read_table(table.path)
    if table.target not in frame.columns:
        raise InvalidInputError(f"'{table.path}' has no column '{table.target}'")
    return frame.drop(columns=table.target), frame[table.target]


def _make_task(
    X: pd.DataFrame, y: pd.Series, table: BenchmarkTable, protocol: MeasurementProtocol, cv: Any = None
) -> Task:
    classification = table.is_classification
    return prepare(
        TrainingData(X, y), TaskSettings(cv=cv), classification=classification, random_state=protocol.seed
    ).task


def _describe(table: BenchmarkTable, protocol: MeasurementProtocol) -> Mapping[str, float]:
    """Return the meta-features of the whole table, which are comparable with OpenML's."""
    whole = _make_task(*_read(table), table, protocol)
    return compute_metafeatures(whole.X, whole.y, whole.traits, random_state=protocol.seed).values


def _subsample(y: NDArray[Any], is_classification: bool, protocol: MeasurementProtocol) -> NDArray[np.intp]:
    """Return the rows to use, in their order; a class that would have fewer rows than there are folds is left out."""
    n = min(len(y), protocol.max_rows)
    # Rows at equal distances in the order of the target: a proportional part of each class or each range of values.
    by_target = np.lexsort((np.random.default_rng(protocol.seed).random(len(y)), y))
    rows = np.sort(by_target[np.arange(n) * len(y) // n])
    if is_classification:
        counts = np.bincount(y[rows])
        rows = rows[counts[y[rows]] >= protocol.n_folds]
    return rows
