"""Fill the memory: measure configurations on a folder of tables."""

from __future__ import annotations

import logging
import math
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
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
from automl.task import validation
from automl.task.files import read_table
from automl.task.prepare import TrainingData, prepare
from automl.task.splits import Fold
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.history import RunHistory
from automl.trials.trial import Status, Trial, TrialResult
from meta_db.records import RANKED_BY
from meta_db.store import MetaDatabase
from metalearning.features import describe
from pipelines.build import predicted_seconds
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

logger = logging.getLogger(__name__)

_LIBRARIES = ("torch", "catboost", "xgboost")  # that the workers of every table will need
_BAR_SHARE = 0.25  # of the configurations known on a table: who is behind them after one fold is not run on the others
_BAR_FROM = 20  # as many have to be known first


@dataclass(frozen=True)
class BenchmarkTable:
    """A table, and what is known of it.

    Attributes
    ----------
    path : Path
        Of its file, with the label in the column `target`.
    table : tuple of (DataFrame, Series), optional
        Features and target, where they are not in a file.
    folds : tuple of (ndarray, ndarray)
        Rows to train on and rows to score, where they are given; all rows are used then.
    """

    name: str
    path: Path
    is_classification: bool
    target: str = "target"
    family: str = ""
    openml_id: int | None = None
    table: tuple[pd.DataFrame, pd.Series] | None = None
    folds: tuple[Fold, ...] = ()


@dataclass(frozen=True)
class MeasurementProtocol:
    """How every cell is measured.

    Attributes
    ----------
    max_rows : int
        Larger tables give a stratified, seeded subsample.
    cell_seconds : float
        Limit for all folds of one configuration on one table, in even shares; what can stop early does so with what it
        has.
    """

    max_rows: int = 2_000
    n_folds: int = 3
    cell_seconds: float = 15.0
    seed: int = 0


def read_benchmark_tables(folder: Path) -> list[BenchmarkTable]:
    """Tables of a folder, as its ``index.csv`` lists them: name, task, n_rows, and where known family and openml_id.

    Small and large ones by turns, so that a build that is stopped early knows tables of every size. Files are
    ``NAME.parquet`` with the label in the column ``target``.

    Raises
    ------
    InvalidInputError
        If there is no index, or a column is missing in it.
    """
    path = folder / "index.csv"
    if not path.exists():
        raise InvalidInputError(f"'{folder}' has no index.csv; it needs one with the columns name, task and n_rows")
    index = pd.read_csv(path)
    missing = {"name", "task", "n_rows"} - set(index.columns)
    if missing:
        raise InvalidInputError(f"'{path}' lacks the columns {', '.join(sorted(missing))}")
    sources = []
    by_size = index.sort_values("n_rows", kind="stable").to_dict("records")
    for row in (by_size[i] for i in _spread(len(by_size))):
        number, family = row.get("openml_id"), row.get("family")
        sources.append(
            BenchmarkTable(
                str(row["name"]),
                folder / f"{row['name']}.parquet",
                row["task"] != "regression",
                family="" if family is None or pd.isna(family) else str(family),
                openml_id=None if number is None or pd.isna(number) else int(number),
            )
        )
    return sources


def _spread(n: int) -> list[int]:
    """The numbers below n in an order whose every beginning is spread over all of them (van der Corput's)."""
    digits = max(1, (n - 1).bit_length())
    turned = (int(f"{i:0{digits}b}"[::-1], 2) for i in range(2**digits))
    return [i for i in turned if i < n]


def build_database(
    sources: Iterable[BenchmarkTable],
    database: MetaDatabase,
    rounds: Iterable[Sequence[Configuration]],
    *,
    protocol: MeasurementProtocol = MeasurementProtocol(),
    time_limit: float = float("inf"),
    n_workers: int | None = None,
    on_visit: Callable[[BenchmarkTable, int, int], None] = lambda source, number, done: None,
) -> None:
    """Measure configurations on tables until all is measured or the time is up.

    Each round is measured on all tables, in their order, before the next begins. What has a result is not measured
    again, so that a run that was stopped, in whatever way, goes on where it was. Configurations that lose nearly
    everywhere are not tried on further tables; those that are behind on a table after their first fold are not run on
    the others.

    Parameters
    ----------
    rounds : iterable of sequence of Configuration
        For example `automl.meta.design.design`.
    time_limit : float
        Seconds.
    n_workers : int, optional
        Processes of one thread each; all cores when None.
    on_visit : callable
        Called as ``on_visit(source, round, n_done)`` after each visit of a table.
    """
    deadline = time.monotonic() + time_limit
    n_workers = n_workers or available_cpus()
    warm_up(_LIBRARIES)
    sources = list(sources)
    for number, batch in enumerate(rounds):
        lost = dominated(database.results())
        hopeful = [configuration for configuration in batch if configuration not in lost]
        for source in sources:
            if time.monotonic() >= deadline:
                return
            try:
                done = _visit(source, hopeful, database, protocol, n_workers, deadline)
            except InvalidInputError as error:
                logger.warning("%s is left out: %s", source.name, error)
                continue
            on_visit(source, number, done)


def _visit(
    source: BenchmarkTable,
    batch: Sequence[Configuration],
    database: MetaDatabase,
    protocol: MeasurementProtocol,
    n_workers: int,
    deadline: float,
) -> int:
    """Measure what is missing of a batch on one table; returns how many cells were added."""
    task, n_rows = prepare_benchmark_table(source, protocol)
    dataset = database.add_dataset(record_task(task, source.name, source.family, n_rows, source.openml_id))
    if not database.is_described(dataset):
        database.describe_dataset(dataset, _describe(source, protocol))
    space = build_space(task.traits)
    seen = {complete(space, known) for known in database.tried(dataset)}
    todo: dict[Configuration, Configuration] = {}  # what runs on this table, and the entry that it comes from
    for entry in batch:
        completed = complete(space, entry)
        if completed is not None and completed not in seen:
            todo.setdefault(completed, entry)
    if not todo:
        return 0
    # The dearest first, so that no worker idles long at the end.
    order = sorted(todo, key=lambda configuration: -predicted_seconds(configuration, task.traits))
    known = database.fold_scores(dataset, RANKED_BY[task.traits.task]).values()
    losses = [-float(folds[0]) for folds in known if len(folds) == len(task.folds)]
    done = 0
    with tempfile.TemporaryDirectory(prefix="automl-fill-") as name:
        folder = Path(name)
        task.save(folder)
        executor = LocalExecutor(folder, n_workers, memory_limit=default_memory_limit(n_workers), device="cpu")
        try:
            for results in _race(task, order, losses, executor, protocol, deadline):
                _note(task, results, Artifacts(folder), todo, database, dataset)
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
    """What came of each configuration, in one part or two; those that the deadline meets are dropped.

    All run on the first fold; the other folds are for those among the best quarter there, of them and what is known.
    """
    first, *others = range(len(task.folds))

    def run(configurations: Iterable[Configuration], folds: Sequence[int]) -> Iterator[TrialResult]:
        limit = protocol.cell_seconds * len(folds) / len(task.folds)
        running = {executor.submit([Trial(c, tuple(folds), protocol.seed, "fill")], limit) for c in configurations}
        while running and (left := deadline - time.monotonic()) > 0:
            ended, running = wait(running, timeout=min(left, threading.TIMEOUT_MAX), return_when=FIRST_COMPLETED)
            for future in ended:
                yield from future.result()

    begun = {result.trial.configuration: result for result in run(order, [first])}
    losses = {c: r.folds[first].loss for c, r in begun.items() if first in r.folds and r.status is Status.OK}
    finite = [loss for loss in (*known, *losses.values()) if math.isfinite(loss)]
    bar = float(np.quantile(finite, _BAR_SHARE)) if len(finite) >= _BAR_FROM else math.inf
    going_on = [c for c in losses if others and losses[c] <= bar]
    yield from ([result] for c, result in begun.items() if c not in going_on)
    yield from ([begun[result.trial.configuration], result] for result in run(going_on, others))


def _note(
    task: Task,
    results: Sequence[TrialResult],
    artifacts: Artifacts,
    entries: Mapping[Configuration, Configuration],
    database: MetaDatabase,
    dataset: int,
) -> None:
    """Write what came of a configuration into the memory and remove its files."""
    ((configuration, evaluation),) = RunHistory(results).evaluations.items()
    record = record_evaluation(task, evaluation, artifacts, max(result.peak_memory for result in results))
    database.add_evaluation(dataset, entries[configuration], record, evaluation.origin, provenance(task))
    for fold in evaluation.folds:
        for path in artifacts.paths(configuration, fold):
            path.unlink()


def prepare_benchmark_table(source: BenchmarkTable, protocol: MeasurementProtocol) -> tuple[Task, int]:
    """Return the task of a table under a protocol, and the number of rows of the whole table.

    Raises
    ------
    InvalidInputError
        If the table cannot be used.
    """
    X, y = _read(source)
    if source.folds:
        return _make_task(X, y, source, protocol, source.folds), len(y)
    target, _ = validation.check_target(y, X, classification=source.is_classification)
    rows = _subsample(target, source.is_classification, protocol)
    return _make_task(X.iloc[rows], y.iloc[rows], source, protocol, protocol.n_folds), len(target)


def _read(source: BenchmarkTable) -> tuple[pd.DataFrame, pd.Series]:
    if source.table is not None:
        return source.table
    table = read_table(source.path)
    if source.target not in table.columns:
        raise InvalidInputError(f"'{source.path}' has no column '{source.target}'")
    return table.drop(columns=source.target), table[source.target]


def _make_task(
    X: pd.DataFrame, y: pd.Series, source: BenchmarkTable, protocol: MeasurementProtocol, cv: Any = None
) -> Task:
    classification = source.is_classification
    return prepare(TrainingData(X, y), classification=classification, cv=cv, random_state=protocol.seed).task


def _describe(source: BenchmarkTable, protocol: MeasurementProtocol) -> Mapping[str, float]:
    """Meta-features of the whole table, so that they are comparable with OpenML's."""
    whole = _make_task(*_read(source), source, protocol)
    return describe(whole.X, whole.y, whole.traits, random_state=protocol.seed).values


def _subsample(y: NDArray[Any], is_classification: bool, protocol: MeasurementProtocol) -> NDArray[np.intp]:
    """Rows to use, in their order; classes that would keep fewer rows than there are folds are left out."""
    n = min(len(y), protocol.max_rows)
    # Rows at equal distances in the order of the target: of each class, or each stretch of values, its due part.
    by_target = np.lexsort((np.random.default_rng(protocol.seed).random(len(y)), y))
    rows = np.sort(by_target[np.arange(n) * len(y) // n])
    if is_classification:
        counts = np.bincount(y[rows])
        rows = rows[counts[y[rows]] >= protocol.n_folds]
    return rows
