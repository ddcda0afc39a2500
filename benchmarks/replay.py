"""Replay whole runs on recorded predictions and seconds, to judge a rule of the engine on many tables in minutes.

Loop, racing, forecasts, candidates, ensemble, calibration and the choice of the models of all rows are those of a fit.
Only workers and clock are simulated: a trial takes its recorded seconds, and its predictions are read from the store.
A replay repeats bit for bit.

Examples:
python -m benchmarks.replay record --data DATA --tables wine,churn --out STORE
python -m benchmarks.replay run --store STORE --rules one_first_fold,no_shrinkage --out replay.csv
"""

from __future__ import annotations

import heapq
import importlib
import itertools
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any
from unittest import mock

import numpy as np
import pandas as pd
import typer
from sklearn.pipeline import Pipeline

from automl.ensemble.calibration import calibrate
from automl.ensemble.cost import typical_cost
from automl.ensemble.selection import Ensemble, FoldBag, out_of_fold, predicting_folds, select_members
from automl.refit.members import add_models
from automl.run.all_rows import members_in_time, reserved_share
from automl.search.budget import Budget
from automl.search.forecast import RuntimeModel, make_forecasts
from automl.search.initial import default_portfolio
from automl.search.loop import search
from automl.search.racing import Racing
from automl.search.simulation import Clock, SimulatedBudget
from automl.task.task import ALL_ROWS, Task
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from benchmarks.analyze import compare_pairs, compare_sizes
from benchmarks.replay_store import (
    ENSEMBLE_SIZE,
    SEED,
    RecordedTable,
    choose_trials,
    make_task,
    read_tables,
    record,
    record_models_of_all_rows,
)
from benchmarks.result_file import append_row
from benchmarks.run import COLUMNS, METRICS
from benchmarks.tables import DataFolder, check_names, choose_tables, read_table, read_tasks
from pipelines.configuration import Configuration
from pipelines.space import build_space

BASE = "base"
# A rule is a change of constants of the engine, by their modules.
RULES: dict[str, Mapping[str, Any]] = {
    BASE: {},
    "one_first_fold": {"automl.search.rungs._FIRST_FOLDS_ROWS": 1},
    "no_family_handicap": {"automl.search.racing._FAMILY_HANDICAP": 0.0},
    "no_folds_advantage": {"automl.search.racing._FOLDS_ADVANTAGE": 0.0},
    "explore_half": {"automl.search.racing_policies._EXPLORE_SHARE": (0.5, 0.5, 0.4, 0.2, 0.0)},
    "no_caps": {
        "automl.search.racing.max_candidates": lambda n_rows: 1_000,
        "automl.search.racing.max_per_family": lambda n_rows: 1_000,
        "automl.trials.candidates.max_candidates": lambda n_rows: 1_000,
        "automl.trials.candidates.max_per_family": lambda n_rows: 1_000,
    },
    "no_shrinkage": {"automl.ensemble.selection._SHRINKAGE_ROWS": 0.0},
    "no_bags_of_rows": {"automl.ensemble.selection._BAG_ROWS": 0},
    "single_best": {f"{__name__}.ENSEMBLE_SIZE": 1},
    "no_models_of_all_rows": {"automl.run.all_rows._SHARE_BESIDE": 0.0},
    "no_calibration": {f"{__name__}.calibrate": lambda *known: None},
}
_NO_MODEL = Pipeline([("recorded", "passthrough")])  # in place of a model whose predictions are recorded
START_SECONDS = 1.0  # of the clock, before the first trial; an assumption
app = typer.Typer(add_completion=False, help=__doc__)


class RecordedExecutor:
    """An executor whose workers take the recorded seconds of each trial, and return its recorded results.

    A fit that took more seconds than its limit ends without a result. In a real run, a model that can stop early would
    return what it has; the record holds such models for the limit of its own budget.

    Parameters
    ----------
    table : RecordedTable
    n_workers : int
    clock : Clock
        Is set to the end of the first trial by `wait`.
    """

    def __init__(self, table: RecordedTable, n_workers: int, clock: Clock):
        self.n_workers, self.fleet_size = n_workers, 1
        self.memory_limit: float | None = None
        self._table, self._clock = table, clock
        self._free = [clock.now] * n_workers  # the time at which each worker ends its last trial
        self._events: list[tuple[float, int, Future[list[TrialResult]], TrialResult]] = []
        self._ids = itertools.count()

    def submit(self, trials: Sequence[Trial], time_limit: float | None = None) -> Future[list[TrialResult]]:
        """Give a trial to the worker that is free first."""
        (trial,) = trials
        result = self._result(trial, float("inf") if time_limit is None else time_limit)
        begin = max(self._clock.now, heapq.heappop(self._free))
        heapq.heappush(self._free, begin + result.seconds)
        future: Future[list[TrialResult]] = Future()
        heapq.heappush(self._events, (begin + result.seconds, next(self._ids), future, result))
        return future

    def _result(self, trial: Trial, limit: float) -> TrialResult:
        """Return the result of a trial within its limit, by the rules of `automl.execute.evaluate`."""
        recorded = self._table.results[trial.configuration]
        done: dict[int, FoldResult] = {}
        used = 0.0
        for fold in trial.folds:
            if done and used / len(done) > limit - used:  # no further fold starts
                break
            if fold not in recorded.folds:
                status = Status.TIMEOUT if recorded.status is Status.OK else recorded.status
                reason = recorded.reason or "the fold is not recorded"
                return TrialResult(trial, status, done, min(limit, used + recorded.fold_seconds), reason=reason)
            known = recorded.folds[fold]
            seconds = quiet_seconds(known)
            if used + seconds > limit:
                return TrialResult(trial, Status.TIMEOUT, done, limit, reason="it took more seconds than its limit")
            used += seconds
            done[fold] = known
        return TrialResult(trial, Status.OK, done, used)

    def wait(self, running: Iterable[Future[Any]], timeout: float | None = None, **options: Any) -> tuple[Any, Any]:
        """Wait like `concurrent.futures.wait`: set the clock to the end of the first trial or of the time limit."""
        latest = float("inf") if timeout is None else self._clock.now + timeout
        self._clock.now = max(self._clock.now, min(self._events[0][0], latest))
        done = set()
        while self._events and self._events[0][0] <= self._clock.now:
            _, _, future, result = heapq.heappop(self._events)
            future.set_result([result])
            done.add(future)
        return done, set(running) - done

    def shutdown(self) -> None:
        """Do nothing, because there are no processes."""


def quiet_seconds(result: FoldResult) -> float:
    """Return the seconds of a fit and its predictions as if nothing else had run: processor seconds of one thread."""
    busy = float(result.info.get("cpu_seconds", result.fit_seconds))
    return busy + result.predict_seconds * min(1.0, busy / max(result.fit_seconds, 1e-9))


class RecordedSearcher:
    """Proposes the recorded configurations in a given order."""

    def __init__(self, order: Sequence[Configuration]):
        self._order = list(order)

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """Return the next configurations that were not tried."""
        tried = history.tried
        return [Trial(c, origin="initial") for c in self._order if c not in tried][:n]


def replay(table: RecordedTable, seconds: float, n_workers: int, order: str = "portfolio") -> tuple[float, RunHistory]:
    """Replay a run on a table; return the error of its ensemble on the test rows, and its history.

    Parameters
    ----------
    order : str
        Order of the configurations: "portfolio" (the hand-made portfolio as a search starts with it, then the others),
        "recorded", "shuffled", or a JSON file with a list of ids.
    """
    task, clock = table.task, Clock(START_SECONDS)
    budget: Budget = SimulatedBudget(seconds, clock=clock)
    budget = replace(budget, refit_share=reserved_share(task, budget))
    runtime, _ = make_forecasts(task)
    executor = RecordedExecutor(table, n_workers, clock)
    searcher = RecordedSearcher(order_configurations(table, order, runtime, budget))
    history = RunHistory()
    racing = Racing(searcher, len(task.folds), task.traits.n_rows, runtime, budget, n_workers, seed=SEED)
    with mock.patch("automl.search.loop.wait", executor.wait):
        search(racing, executor, history, budget, lambda result: None)
    return error_on_test_rows(table, history, budget.refit_seconds, n_workers), history


def order_configurations(
    table: RecordedTable, order: str, runtime: RuntimeModel, budget: Budget
) -> list[Configuration]:
    """Return the recorded configurations in the order in which the searcher proposes them."""
    recorded = list(table.results)
    if order == "recorded":
        return recorded
    if order == "shuffled":
        return [recorded[i] for i in np.random.default_rng(SEED).permutation(len(recorded))]
    if order == "portfolio":
        first = default_portfolio(build_space(table.task.traits, seed=SEED), runtime, budget)
        return list(dict.fromkeys([*(c for c in first if c in table.results), *recorded]))
    places = {id: place for place, id in enumerate(json.loads(Path(order).read_text()))}
    return sorted((c for c in recorded if c.id in places), key=lambda c: places[c.id])


def error_on_test_rows(table: RecordedTable, history: RunHistory, seconds: float = 0.0, n_workers: int = 1) -> float:
    """Return the error on the test rows of the ensemble that a run would build from its history.

    Parameters
    ----------
    seconds : float
        Seconds in which members are trained on all rows as well; a model that is not recorded counts as a failed one.
    """
    task, artifacts = table.task, table.artifacts
    trials = FinishedTrials(history, artifacts, task, SEED)
    if not any(e.folds for e in history.evaluations.values()):
        return float("nan")
    cost = typical_cost(task, measured=True)
    members = select_members(trials, ENSEMBLE_SIZE, float("inf"), cost)
    bags = [FoldBag(m.configuration, m.weight, [], tuple(predicting_folds(m.evaluation, task))) for m in members]
    ensemble = Ensemble(bags, task.traits.n_classes, prediction_range=task.metric.prediction_range)
    if task.traits.n_classes:
        rows, p = out_of_fold(trials, bags)
        ensemble.calibration = calibrate(task.scored(rows), p, SEED)
    planned, _ = members_in_time(bags, task, history, seconds, n_workers)
    of_all_rows = {c: _NO_MODEL for c in planned if artifacts.holdout_path(c, ALL_ROWS).exists()}
    mean = sum(
        bag.weight * np.mean([artifacts.holdout_predictions(bag.configuration, f) for f in bag.folds], axis=0)
        for bag in add_models(bags, of_all_rows)
    )
    assert task.holdout is not None
    return task.metric.best + float(task.metric.loss(task.holdout.y, ensemble.finish(mean), None))


def patched(changes: Mapping[str, Any]) -> ExitStack:
    """Return a context in which constants of the engine have other values.

    Raises
    ------
    typer.BadParameter
        If there is no such constant.
    """
    stack = ExitStack()
    for path, value in changes.items():
        module, _, name = path.rpartition(".")
        try:
            stack.enter_context(mock.patch.object(importlib.import_module(module), name, value))
        except (ImportError, AttributeError, ValueError):
            stack.close()
            raise typer.BadParameter(f"there is no constant '{path}'") from None
    return stack


def _row(table: RecordedTable, rule: str, error: float, history: RunHistory, budget: float) -> dict[str, Any]:
    """Return the row of a replay, in the columns of `benchmarks.run`."""
    task: Task = table.task
    metric = METRICS[task.traits.task]
    worked = sum(result.seconds for result in history.results)
    return {
        "dataset": table.name, "task": task.traits.task, "fold": table.fold, "system": rule, "version": "replay",
        "metric": metric, "score": 1 - error if metric == "auc" else error, "fit_s": worked, "budget": budget,
        "n_train": len(task.y), "error": "" if np.isfinite(error) else "no model", "date": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


@app.command("record")
def record_command(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="Folder of the store.")],
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")],
    folds: Annotated[str, typer.Option(help="Test folds with commas, from 0 to 4.")] = "0",
    budget: Annotated[float, typer.Option(help="Seconds of the runs that are replayed; they limit each fit.")] = 60.0,
    workers: Annotated[int, typer.Option(help="Worker processes, and workers of the runs that are replayed.")] = 2,
    random: Annotated[int, typer.Option(help="Random configurations beside the portfolio.")] = 0,
    include: Annotated[str, typer.Option(help="Families with commas; all if empty.")] = "",
    seconds: Annotated[float, typer.Option(help="Seconds after which no further configuration starts.")] = 1e9,
    all_rows: Annotated[int, typer.Option(help="Configurations that are also trained on all rows.")] = 0,
) -> None:
    """Record the portfolio on all folds of tables; the same command continues a record that was stopped."""
    tasks, latest = read_tasks(data), time.monotonic() + seconds
    for fold in map(int, folds.split(",")):
        for name in choose_tables(data, tables):
            task = make_task(read_table(data, name), tasks[name], fold)
            trials = choose_trials(task, random, [family for family in include.split(",") if family])
            n = record(out / f"{name}-{fold}", task, trials, budget, workers, latest)
            print(f"{name} fold {fold}: {n} of {len(trials)} configurations are recorded", flush=True)
            if all_rows:
                n = record_models_of_all_rows(out / f"{name}-{fold}", all_rows, workers)
                print(f"{name} fold {fold}: {n} models of all rows are recorded", flush=True)


@app.command("run")
def run_command(
    store: Annotated[Path, typer.Option(help="Folder of the store.")],
    out: Annotated[Path, typer.Option(help="CSV file to append to.")],
    rules: Annotated[str, typer.Option(help=f"Rules with commas: {', '.join(RULES)}.")] = "",
    change: Annotated[
        list[str], typer.Option("--set", help="MODULE.NAME=VALUE: another value of a constant; one more rule each.")
    ] = [],  # noqa: B006
    order: Annotated[
        str, typer.Option(help="Order of proposals: portfolio, recorded, shuffled, or a JSON file with ids.")
    ] = "portfolio",
    budget: Annotated[float, typer.Option(help="Simulated seconds of a run; those of the record.")] = 60.0,
    workers: Annotated[int, typer.Option(help="Simulated workers.")] = 2,
) -> None:
    """Replay runs with and without changes of the engine, and compare each change with the engine as it is."""
    names = [rule for rule in rules.split(",") if rule]
    check_names(names, list(RULES), "in benchmarks/replay.py", "rule")
    chosen = {BASE: RULES[BASE], **{name: RULES[name] for name in names}}
    for text in change:
        path, _, value = text.partition("=")
        chosen[text] = {path: json.loads(value)}
    rows = []
    for table in read_tables(store):
        for rule, changes in chosen.items():
            with patched(changes):
                error, history = replay(table, budget, workers, order)
            rows.append(_row(table, rule, error, history, budget))
            append_row(out, rows[-1], COLUMNS)
            print(f"{table.name} fold {table.fold} {rule}: error {error:.5g}, {history.n_run} configurations")
    results = pd.DataFrame(rows)
    for rule in list(chosen)[1:]:
        pair = results[results["system"].isin([rule, BASE])]
        print(compare_pairs(pair, rule).round(3).to_markdown())
        print(compare_sizes(pair, rule).round(3).reset_index().to_markdown(index=False))


if __name__ == "__main__":
    app()
