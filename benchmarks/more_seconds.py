"""Measure what more seconds buy on tables below 10,000 rows: other folds, other seeds, or other configurations.

A sample of a table is the training part, many other rows are the test part. The first configuration of the portfolio of
each family (a finalist) is fitted on all folds. Then the finalists are fitted with another partition into folds, and
with another seed on the same folds, and the second configuration of each family is fitted on the same folds. From each
set of fits, the ensemble is selected and calibrated on out-of-fold predictions as in a run, and scored on the test
rows. Its error is compared with that of the finalists' ensemble; the errors of the configurations are compared, too.

The same command continues a record that was stopped. A row of the CSV file is not written again.

Example: python -m benchmarks.more_seconds --data DATA --tables housing,churn --store STORE --out more_seconds.csv
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from automl.ensemble.calibration import calibrate
from automl.ensemble.cost import typical_cost
from automl.ensemble.selection import Ensemble, FoldBag, out_of_fold, select_members
from automl.execute.evaluate import evaluate, import_libraries
from automl.task.splits import SplitRequest, make_folds
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import Trial, TrialResult
from benchmarks.analyze import compare_pairs
from benchmarks.replay import quiet_seconds
from benchmarks.replay_store import ENSEMBLE_SIZE, SEED, choose_trials, task_with_test_rows
from benchmarks.result_file import append_row, missing_cells
from benchmarks.run import COLUMNS, METRICS
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks
from pipelines.configuration import Configuration

HERE = Path(__file__).parent
FAMILIES = (
    "lightgbm", "catboost", "xgboost", "extra_trees", "realmlp", "gaussian_process", "logistic_regression", "ridge",
)  # fmt: skip
SEEDLESS = ("gaussian_process", "logistic_regression", "ridge")  # another seed changes little
TEST_ROWS = 2_000
FINALISTS = "finalists"
OTHER_SEED = 1_000  # is added to the number of the fold, so it must differ by more than the number of folds
Array = NDArray[Any]


@dataclass(frozen=True)
class Fits:
    """The predictions of some configurations, each fitted on all folds of a partition.

    Attributes
    ----------
    out_of_fold : dict of Configuration to ndarray of shape (n_rows, n_classes) or (n_rows,)
    test : dict of Configuration to ndarray of shape (n_test, n_classes) or (n_test,)
        The mean prediction of the fold models for the test rows.
    seconds : dict of Configuration to float
        Processor seconds of all folds.
    results : list of TrialResult
    """

    out_of_fold: dict[Configuration, Array]
    test: dict[Configuration, Array]
    seconds: dict[Configuration, float]
    results: list[TrialResult]

    def mean_with(self, other: Fits) -> Fits:
        """Return the mean predictions of two fits of each configuration; one fit where the other did not finish."""

        def mean(ours: dict[Configuration, Array], theirs: dict[Configuration, Array]) -> dict[Configuration, Array]:
            return {c: (p + theirs[c]) / 2 if c in theirs else p for c, p in ours.items()}

        seconds = {c: s + other.seconds.get(c, 0.0) for c, s in self.seconds.items()}
        return Fits(mean(self.out_of_fold, other.out_of_fold), mean(self.test, other.test), seconds, self.results)

    def joined(self, other: Fits) -> Fits:
        """Return the fits of all configurations of both."""
        return Fits(
            self.out_of_fold | other.out_of_fold,
            self.test | other.test,
            self.seconds | other.seconds,
            self.results + other.results,
        )


@dataclass(frozen=True)
class MeanArtifacts(Artifacts):
    """The files of a run whose predictions are replaced by those of `fits`."""

    task: Task
    fits: Fits

    def predictions(self, configuration: Configuration, fold: int) -> NDArray[np.floating]:
        """Return the out-of-fold predictions for the scored rows of a fold."""
        return self.fits.out_of_fold[configuration][self.task.folds[fold][1]]


def read_fits(folder: Path, task: Task) -> Fits:
    """Return the configurations of a record that have finished all folds of its task."""
    artifacts, history = Artifacts(folder), RunHistory(r for r in RunDirectory(folder).read() if r.started)
    out_of_fold, test, seconds, folds = {}, {}, {}, range(len(task.folds))
    for c, e in history.evaluations.items():
        if not set(folds) <= set(e.folds):
            continue
        parts = [artifacts.predictions(c, fold) for fold in folds]
        rows = np.full((len(task.y), *parts[0].shape[1:]), np.nan)
        for fold, part in zip(folds, parts, strict=True):
            rows[task.folds[fold][1]] = part
        out_of_fold[c] = rows
        test[c] = np.mean([artifacts.holdout_predictions(c, fold) for fold in folds], axis=0, dtype=float)
        seconds[c] = sum(quiet_seconds(result) for result in e.folds.values())
    return Fits(out_of_fold, test, seconds, [r for r in history.results if r.trial.configuration in out_of_fold])


def other_partition(task: Task) -> Task:
    """Return the task with another partition of its rows into the same number of folds."""
    folds = make_folds(
        SplitRequest(task.y, task.traits.task != "regression", cv=len(task.folds), random_state=SEED + 1),
        metric=task.metric,
    )
    return replace(task, folds=folds)


def ensemble_error(task: Task, fits: Fits, folder: Path) -> float:
    """Return the error on the test rows of the ensemble that a run would build."""
    trials = FinishedTrials(RunHistory(fits.results), MeanArtifacts(folder, task, fits), task, SEED)
    members = select_members(trials, ENSEMBLE_SIZE, float("inf"), typical_cost(task, True))
    bags = [FoldBag(m.configuration, m.weight, [], tuple(range(len(task.folds)))) for m in members]
    ensemble = Ensemble(bags, task.traits.n_classes, prediction_range=task.metric.prediction_range)
    if task.traits.n_classes:
        rows, p = out_of_fold(trials, bags)
        ensemble.calibration = calibrate(task.scored(rows), p, SEED)
    return _test_error(task, ensemble.finish(sum(bag.weight * fits.test[bag.configuration] for bag in bags)))


def _test_error(task: Task, predictions: Array) -> float:
    assert task.holdout is not None
    return task.metric.best + float(task.metric.loss(task.holdout.y, predictions, None))


def sample_task(table: pd.DataFrame, kind: str, fold: int, n_rows: int) -> Task:
    """Return a task of a sample of `n_rows` rows; the test rows, which are many, are its holdout rows.

    Many test rows make small differences visible, and few training rows make fits fast.
    """
    if kind == "regression":
        shuffled = table.sample(frac=1, random_state=fold)
    else:
        frequent = table["target"].value_counts()
        shuffled = table[table["target"].isin(frequent.index[frequent >= 20])].sample(frac=1, random_state=fold)
    train, test = shuffled[:n_rows], shuffled[n_rows : n_rows + TEST_ROWS]
    return task_with_test_rows(train, test, kind)


def record_bags(folder: Path, task: Task, trials: Sequence[Trial], latest: float) -> bool:
    """Fit trials to their ends, one after another; return whether all have been tried.

    A time limit would cut fits wherever other programs use the processor.
    """
    artifacts = Artifacts(folder)
    with RunDirectory(folder).open(task, SEED) as open_run:
        tried = {result.trial.configuration for result in open_run.earlier}
        for trial in trials:
            if trial.configuration in tried:
                continue
            if time.monotonic() > latest:
                return False
            import_libraries(trial.configuration.family)
            (result,) = evaluate(task, [trial], artifacts, 1, "cpu", None)
            open_run.append(result, 0.0)
            for fold in trial.folds:
                artifacts.model_path(trial.configuration, fold).unlink(missing_ok=True)
    return True


def plans(task: Task, families: Sequence[str] = FAMILIES) -> dict[str, tuple[Task, list[Trial]]]:
    """Return the fits of a cell by their names: a task with its folds, and trials on all these folds."""
    finalists: list[Trial] = []
    further: list[Trial] = []
    for trial in choose_trials(task, 0, families):
        families = [known.configuration.family for known in finalists + further]
        if families.count(trial.configuration.family) < 2:
            (further if trial.configuration.family in families else finalists).append(trial)
    drawn = [trial for trial in finalists if trial.configuration.family not in SEEDLESS]
    return {
        FINALISTS: (task, finalists),
        "partition": (other_partition(task), finalists),
        "further": (task, further),
        "seed": (task, [replace(trial, seed=OTHER_SEED) for trial in drawn]),
    }


def ways(task: Task, fits: Mapping[str, Fits], folder: Path) -> list[dict[str, Any]]:
    """Return rows with the error of each way to spend more seconds, for the ensemble and for each configuration."""
    base = fits[FINALISTS]
    found = {FINALISTS: base}
    if "partition" in fits:
        found["second partition"] = base.mean_with(fits["partition"])
    if "seed" in fits:
        found["second seed"] = base.mean_with(fits["seed"])
    if "further" in fits:
        found["more configurations"] = base.joined(fits["further"])
    rows = []
    for name, each in found.items():
        error = ensemble_error(task, each, folder)
        rows.append({"system": name, "error": error, "fit_s": sum(each.seconds.values())})
        if name != "more configurations":
            for c, p in each.test.items():
                rows.append({"system": f"{c.family}: {name}", "error": _test_error(task, p), "fit_s": each.seconds[c]})
    return rows


def summary(results: pd.DataFrame) -> str:
    """Return a table that compares each way with the finalists, for the ensemble and for each family."""
    parts = []
    for name in results["system"].unique():
        family, _, way = name.rpartition(": ")
        base = f"{family}: {FINALISTS}" if family else FINALISTS
        if way != FINALISTS:
            pair = results[results["system"].isin([name, base])]
            seconds = pair.groupby("system")["fit_s"].sum()
            parts.append(compare_pairs(pair, name).assign(system=name, seconds=seconds[name] / seconds[base]))
    shown = ["system", "tables", "folds", "tables won %", "folds won %", "log ratio %", "standard error", "seconds"]
    return pd.concat(parts)[shown].to_string(index=False, float_format="%.2f") if parts else ""


def main(
    data: DataFolder,
    store: Annotated[Path, typer.Option(help="Folder of the recorded fits.")],
    tables: Annotated[str, typer.Option(help="Names with commas.")],
    folds: Annotated[str, typer.Option(help="Numbers of samples with commas.")] = "0,1,2",
    rows: Annotated[int, typer.Option(help="Training rows.")] = 500,
    families: Annotated[str, typer.Option(help="Families with commas.")] = ",".join(FAMILIES),
    fits: Annotated[str, typer.Option(help="Names of fits with commas.")] = "finalists,partition,further,seed",
    seconds: Annotated[float, typer.Option(help="No further fit starts after these seconds.")] = 1e9,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "more_seconds.csv",
) -> None:
    """Record and score the cells that the file lacks, and print the comparison."""
    latest, tasks = time.monotonic() + seconds, read_tasks(data)
    key = ["dataset", "fold", "system"]
    for fold, name in product(map(int, folds.split(",")), choose_tables(data, tables)):
        task = sample_task(read_table(data, name), tasks[name], fold, rows)
        metric, folder = METRICS[task.traits.task], store / f"{name}-{fold}"
        recorded = {}
        for plan, (its_task, trials) in plans(task, families.split(",")).items():
            if plan in fits.split(",") and record_bags(folder / plan, its_task, trials, latest):
                recorded[plan] = read_fits(folder / plan, its_task)
        if FINALISTS not in recorded:
            continue
        rows_of = {row["system"]: row for row in ways(task, recorded, folder)}
        for *_, system in missing_cells(out, key, [(name, fold, system) for system in rows_of]):
            row = rows_of[system]
            score = 1 - row["error"] if metric == "auc" else row["error"]
            about = {"dataset": name, "task": tasks[name], "fold": fold, "metric": metric, "n_train": len(task.y)}
            measured = {"system": row["system"], "score": score, "fit_s": row["fit_s"], "cores": 1}
            append_row(out, {**about, **measured, "date": f"{datetime.now(UTC):%Y-%m-%d}"}, COLUMNS)
            if ":" not in row["system"]:
                print(f"{name}, fold {fold}, {row['system']}: {score:.5g}, {row['fit_s']:.0f} s", flush=True)
    if out.exists():
        print(summary(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
