"""Record configurations on all folds of a table, so that whole runs can be replayed on the results.

A store is a folder with one folder NAME-FOLD for each table and test fold, in the form of a run directory: the task,
the history, and for each configuration and fold the predictions for the scored rows and for the test rows. The test
rows take the place of the guard's holdout rows. Models are removed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl.ensemble.selection import Member, select_members
from automl.execute.local import LocalExecutor
from automl.execute.machine import default_memory_limit
from automl.refit.members import facts_of, train_on_all_rows
from automl.search.baselines import RandomSearcher
from automl.search.trial_limits import fold_seconds
from automl.task.prepare import TrainingData, prepare
from automl.task.task import ALL_ROWS, HoldoutRows, Task
from automl.trials.artifacts import Artifacts
from automl.trials.candidates import rank
from automl.trials.finished import FinishedTrials
from automl.trials.history import Evaluation, RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import Trial, TrialResult
from benchmarks.requirements import MissingRequirementError
from benchmarks.splits import split
from pipelines.configuration import Configuration
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, complete

SEED = 0
ENSEMBLE_SIZE = 25


@dataclass(frozen=True)
class RecordedTable:
    """The recorded results on one table.

    Attributes
    ----------
    name : str
    fold : int
        Number of the test fold.
    results : dict of Configuration to Evaluation
        The results of each configuration on all folds of the task, in the order of the record.
    """

    name: str
    fold: int
    task: Task
    artifacts: Artifacts
    results: dict[Configuration, Evaluation]


def make_task(table: pd.DataFrame, kind: str, fold: int) -> Task:
    """Return the task of the training part of a fold; its holdout rows are the test rows."""
    return task_with_test_rows(*split(table, kind, fold), kind)


def task_with_test_rows(train: pd.DataFrame, test: pd.DataFrame, kind: str) -> Task:
    """Return the task of a table, whose holdout rows are test rows; test rows of unknown classes are left out."""
    data = TrainingData(train.drop(columns="target"), train["target"])
    prepared = prepare(data, classification=kind != "regression", random_state=SEED)
    if prepared.classes is not None:
        test = test[test["target"].isin(prepared.classes)]
    target = test["target"]
    y = target.to_numpy(float) if prepared.classes is None else np.searchsorted(prepared.classes, target)
    X = prepared.reader.transform(test.drop(columns="target"))
    return replace(prepared.task, holdout=HoldoutRows(X, y, metric=prepared.task.metric))


def choose_trials(task: Task, n_random: int, include: Sequence[str] = ()) -> list[Trial]:
    """Return trials on all folds: the hand-made portfolio in the space of a task, and so many random configurations.

    The first entry of each family comes before the second entry of any family, so that a record that is stopped early
    holds all families.

    Parameters
    ----------
    include : sequence of str
        Families; all families if it is empty.
    """
    space = build_space(task.traits, include, seed=SEED)
    completed = (complete(space, entry) for entry in PORTFOLIO if not include or entry["model"] in include)
    turns, placed = Counter[str](), list[tuple[int, Configuration]]()
    for configuration in dict.fromkeys(c for c in completed if c is not None):
        placed.append((turns[configuration.family], configuration))
        turns[configuration.family] += 1
    portfolio = [configuration for _, configuration in sorted(placed, key=lambda pair: pair[0])]
    searcher = RandomSearcher(space, seed=SEED, initial=portfolio)
    proposed = searcher.suggest(RunHistory(), len(portfolio) + n_random)
    return [replace(trial, folds=tuple(range(len(task.folds))), seed=SEED) for trial in proposed]


def record(folder: Path, task: Task, trials: Sequence[Trial], budget: float, n_workers: int, latest: float) -> int:
    """Run trials, unless their configurations are recorded already, and return how many are recorded.

    Parameters
    ----------
    budget : float
        Seconds of the runs that will be replayed: a fit gets the limit that it would have in such a run.
    latest : float
        Time of `time.monotonic` after which no trial starts.
    """
    with RunDirectory(folder).open(task, SEED) as open_run:
        history = RunHistory(open_run.earlier)
        task.save(folder)
        todo = [left for trial in trials if (left := _missing_folds(trial, history))]
        limit = fold_seconds(budget, n_workers, len(task.folds), task.traits.n_rows)
        executor = LocalExecutor(folder, n_workers, memory_limit=default_memory_limit(n_workers), device="cpu")
        running, started = set[Any](), time.monotonic()
        try:
            while todo or running:
                while todo and len(running) <= n_workers and time.monotonic() < latest:
                    trial = todo.pop(0)
                    running.add(executor.submit([trial], limit * len(trial.folds)))
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for result in chain.from_iterable(future.result() for future in done):
                    open_run.append(result, open_run.earlier_seconds + time.monotonic() - started)
                    history.append(result)
                    _remove_models(result, Artifacts(folder))
                    if left := _missing_folds(result.trial, history):
                        todo.insert(0, left)  # the limit has ended the trial between two folds
        finally:
            executor.shutdown()
    return history.n_run


def record_models_of_all_rows(folder: Path, n_models: int, n_workers: int) -> int:
    """Train likely members on all rows, unless these models are recorded already, and return how many are recorded.

    The members of the ensemble of all results come first, then the configurations of the lowest loss.
    """
    task, artifacts = Task.open(folder), Artifacts(folder)
    history = RunHistory(RunDirectory(folder).read())
    members = select_members(FinishedTrials(history, artifacts, task, SEED), ENSEMBLE_SIZE, float("inf"))
    chosen = {m.configuration for m in members}
    members += [Member(e, 0.0) for e in rank(history) if e.configuration not in chosen]
    likely = dict(list(facts_of(members, history, task).items())[:n_models])
    missing = {c: facts for c, facts in likely.items() if not artifacts.holdout_path(c, ALL_ROWS).exists()}
    executor = LocalExecutor(folder, n_workers, memory_limit=default_memory_limit(n_workers), device="cpu")
    try:
        models, failed = train_on_all_rows(missing, executor, artifacts, SEED)
    finally:
        executor.shutdown()
    for configuration, reason in failed.items():
        print(f"{configuration.family} {configuration.id} has no model of all rows: {reason}")
    for configuration in models:
        artifacts.model_path(configuration, ALL_ROWS).unlink()
    return len(likely) - len(failed)


def _missing_folds(trial: Trial, history: RunHistory) -> Trial | None:
    """Return the trial on the folds that are not recorded; None if there are none, or if further folds would fail."""
    known = history.evaluations.get(trial.configuration)
    if known is None:
        return trial
    missing = tuple(fold for fold in trial.folds if fold not in known.folds)
    return replace(trial, folds=missing) if missing and known.extendable else None


def _remove_models(result: TrialResult, artifacts: Artifacts) -> None:
    for fold in result.trial.folds:
        artifacts.model_path(result.trial.configuration, fold).unlink(missing_ok=True)


def read_tables(store: Path) -> list[RecordedTable]:
    """Return the recorded tables of a store.

    Raises
    ------
    MissingRequirementError
        If the store holds none.
    """
    folders = sorted(path.parent for path in store.glob("*/run.json"))
    if not folders:
        raise MissingRequirementError(f"'{store}' holds no recorded tables; record some with: benchmarks.replay record")
    tables = []
    for folder in folders:
        name, _, fold = folder.name.rpartition("-")
        known = RunHistory(result for result in RunDirectory(folder).read() if result.started)
        tables.append(RecordedTable(name, int(fold), Task.open(folder), Artifacts(folder), known.evaluations))
    return tables
