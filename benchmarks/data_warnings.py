"""Measure the warnings about the data: false alarms, planted leaks, wrong labels, and seconds.

Examples:
python -m benchmarks.data_warnings alarms --data DATA --out benchmarks/results/data_warnings.csv
python -m benchmarks.data_warnings leaks --data DATA --out benchmarks/results/leaks.csv
python -m benchmarks.data_warnings labels --data DATA --out benchmarks/results/labels.csv
python -m benchmarks.data_warnings seconds

Each run appends rows to a CSV file; runs in the file are skipped.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from automl import AutoMLClassifier, AutoMLRegressor
from automl.checks.data_checks import DataChecks
from automl.checks.leak import check_leak
from automl.checks.predictions import RowPredictions
from automl.checks.warning import DataWarning
from automl.task.prepare import PreparedTask, TrainingData, prepare
from automl.task.task import Task
from benchmarks.run import append_row
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

app = typer.Typer(help=__doc__, add_completion=False)

HERE = Path(__file__).parent
_LEAK_TABLES = "abalone,australian,churn,cmc,diabetes,eucalyptus,housing,kin8nm,plasma_retinol,satimage,space_ga,vowel"
_LABEL_TABLES = "churn,satimage,segment,splice,twonorm"
_NOISES = (0.0, 0.02, 0.05)

Tables = Annotated[str, typer.Option(help="Names with commas; empty for all tables.")]
Trials = Annotated[int, typer.Option(help="Configurations of one search.")]
Rows = Annotated[int, typer.Option(help="Evenly spaced rows of a table that a search is run on, at most.")]
Include = Annotated[str, typer.Option(help="Names of components with commas.")]


def split_target(table: pd.DataFrame, task: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return the table without its target, and the target as numbers or texts."""
    y = table["target"]
    return table.drop(columns="target"), y.astype(float) if task == "regression" else y.astype(str)


def search(X: pd.DataFrame, y: pd.Series, task: str, trials: int, include: str, seconds: float | None = None) -> Any:
    """Return an estimator that was fitted in one process."""
    kind = AutoMLRegressor if task == "regression" else AutoMLClassifier
    model = kind(
        time_budget=None, max_trials=trials, n_jobs=1, random_state=0, verbose=0,
        cv=3, include=tuple(filter(None, include.split(","))), initial_configurations="default",
    )  # fmt: skip
    return model.fit(X, y)


def warn_before(X: Any, y: Any, task: str) -> tuple[list[DataWarning], float, PreparedTask]:
    """Return the warnings before a search, their processor seconds, and the task."""
    prepared = prepare(TrainingData(X, y), classification=task != "regression", random_state=0)
    checks = DataChecks(prepared, lambda line: None)
    started = time.process_time()
    checks.before_search()
    return checks.warnings, time.process_time() - started, prepared


def some_rows(table: pd.DataFrame, task: str, most: int) -> pd.DataFrame:
    """Return evenly spaced rows, with at least two rows of each class."""
    kept = table.iloc[np.unique(np.linspace(0, len(table) - 1, min(len(table), most)).astype(int))]
    if task == "regression":
        return kept
    return kept[kept["target"].astype(str).map(kept["target"].astype(str).value_counts()) > 1]


def predict_out_of_fold(task: Task, most: int) -> RowPredictions:
    """Return out-of-fold predictions of a LightGBM for evenly spaced rows, which stand for those of an ensemble."""
    rows = np.unique(np.linspace(0, len(task.y) - 1, min(len(task.y), most)).astype(np.intp))
    X, y, n_classes = task.X[rows], task.y[rows], task.traits.n_classes
    p = np.zeros((len(rows), n_classes)) if n_classes else np.zeros(len(rows))
    kind = LGBMClassifier if n_classes else LGBMRegressor
    for train, test in KFold(3, shuffle=True, random_state=0).split(rows):
        model = kind(n_estimators=60, min_child_samples=5, n_jobs=1, verbose=-1).fit(X[train], y[train])
        if n_classes:
            p[np.ix_(test, model.classes_)] = model.predict_proba(X[test])
        else:
            p[test] = model.predict(X[test])
    return RowPredictions(rows.astype(np.int32), y, p.astype(np.float32))


@app.command()
def alarms(
    data: DataFolder,
    tables: Tables = "",
    rows: Annotated[
        int, typer.Option(help="Evenly spaced rows of a table that models are trained on, at most.")
    ] = 5_000,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "data_warnings.csv",
) -> None:
    """Run all checks on tables as they are; a LightGBM stands for the ensemble."""
    columns = ["dataset", "task", "rows", "columns", "before_s", "after_s", "codes"]
    tasks = read_tasks(data)
    done = set(pd.read_csv(out)["dataset"]) if out.exists() else set()
    for name in choose_tables(data, tables):
        if name in done:
            continue
        table, task = read_table(data, name), tasks[name]
        found, before, prepared = warn_before(*split_target(table, task), task)
        record = predict_out_of_fold(prepared.task, rows)
        started = time.process_time()
        found += check_leak(prepared.task, prepared.reader.columns_, record)
        row = {
            "dataset": name, "task": task, "rows": len(table), "columns": len(prepared.reader.columns_),
            "before_s": round(before, 3), "after_s": round(time.process_time() - started, 3),
            "codes": " ".join(each.code for each in found),
        }  # fmt: skip
        append_row(out, row, columns)
        print("\n".join([f"{name}: {row['codes'] or 'none'}", *(f"  {each.message}" for each in found)]), flush=True)
    results = pd.read_csv(out, keep_default_na=False)
    codes = results["codes"].str.split().explode().dropna()
    counts = codes[codes != ""].groupby(codes).size().rename("warnings").to_frame()
    counts["tables"] = [
        int(results["codes"].str.split().map(lambda each, code=code: code in each).sum()) for code in counts.index
    ]
    counts["percent of tables"] = (100 * counts["tables"] / len(results)).round(1)
    print(counts.to_markdown())


def plant(X: pd.DataFrame, y: pd.Series, task: str, noise: float, seed: int = 0) -> pd.DataFrame:
    """Return the table with a column that is the target with noise.

    A number has normal noise of `noise` times the standard deviation; of the classes, the share `noise` is random.
    """
    rng = np.random.default_rng(seed)
    if task == "regression":
        leak = y.to_numpy() + noise * y.std() * rng.normal(size=len(y))
    else:
        codes = pd.factorize(y)[0].astype(float)
        other = rng.integers(0, int(codes.max()) + 1, len(y))
        leak = np.where(rng.random(len(y)) < noise, other, codes)
    place = int(rng.integers(0, X.shape[1] + 1))
    planted = X.copy()
    planted.insert(place, "planted", leak)
    return planted


@app.command()
def leaks(
    data: DataFolder,
    tables: Tables = _LEAK_TABLES,
    trials: Trials = 1,
    include: Include = "extra_trees",
    rows: Rows = 2_000,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "leaks.csv",
) -> None:
    """Plant a leak in tables, and count the tables in which the check finds it."""
    columns = ["dataset", "task", "rows", "noise", "found", "others"]
    tasks = read_tasks(data)
    done = set(pd.read_csv(out)[["dataset", "noise"]].itertuples(index=False, name=None)) if out.exists() else set()
    for name in choose_tables(data, tables):
        for noise in _NOISES:
            if (name, noise) in done:
                continue
            X, y = split_target(some_rows(read_table(data, name), tasks[name], rows), tasks[name])
            model = search(plant(X, y, tasks[name], noise), y, tasks[name], trials, include)
            found = [each for each in model.warnings_ if each.code == "leak"]
            row = {
                "dataset": name, "task": tasks[name], "rows": len(X), "noise": noise,
                "found": any(each.column == "planted" for each in found),
                "others": sum(each.column != "planted" for each in found),
            }  # fmt: skip
            append_row(out, row, columns)
            print(f"{name} noise {noise}: {'found' if row['found'] else 'not found'}", flush=True)
    results = pd.read_csv(out)
    print(
        results.groupby("noise")
        .agg(tables=("found", "size"), found=("found", "sum"), others=("others", "sum"))
        .to_markdown()
    )


def flip(y: NDArray[Any], share: float, seed: int = 0) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return labels of which a share is replaced by another label at random, and the mask of these rows."""
    rng = np.random.default_rng(seed)
    codes, classes = pd.factorize(y, sort=True)
    flipped = np.zeros(len(y), dtype=bool)
    flipped[rng.choice(len(y), round(share * len(y)), replace=False)] = True
    moved = (codes + rng.integers(1, len(classes), len(y))) % len(classes)
    return np.asarray(classes)[np.where(flipped, moved, codes)], flipped


@app.command()
def labels(
    data: DataFolder,
    tables: Tables = _LABEL_TABLES,
    trials: Trials = 2,
    include: Include = "lightgbm,extra_trees",
    rows: Rows = 2_000,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "wrong_labels.csv",
) -> None:
    """Flip labels at random, and compare them with the suspicious labels."""
    columns = ["dataset", "rows", "classes", "flipped", "suspects", "precision", "recall", "first", "label"]
    tasks = read_tasks(data)
    done = set(pd.read_csv(out)[["dataset", "flipped"]].itertuples(index=False, name=None)) if out.exists() else set()
    for name in choose_tables(data, tables):
        for share in (0.05, 0.1, 0.2):
            if (name, share) in done:
                continue
            X, y = split_target(some_rows(read_table(data, name), tasks[name], rows), tasks[name])
            given, flipped = flip(y.to_numpy(), share)
            model = search(X, pd.Series(given), tasks[name], trials, include)
            suspects = model.suspect_labels_
            found = suspects["row"].to_numpy()
            hits = flipped[found]
            right = suspects["likelier"].to_numpy() == y.to_numpy()[found]
            row = {
                "dataset": name, "rows": len(X), "classes": y.nunique(), "flipped": share, "suspects": len(found),
                "precision": round(float(hits.mean()), 3) if len(found) else 0.0,
                "recall": round(float(hits.sum() / flipped.sum()), 3),
                "first": round(float(hits[: flipped.sum() // 2].mean()), 3) if len(found) else 0.0,
                "label": round(float(right[hits].mean()), 3) if hits.any() else 0.0,
            }  # fmt: skip
            append_row(out, row, columns)
            print(f"{name} {share}: precision {row['precision']}, recall {row['recall']}", flush=True)
    print(pd.read_csv(out).to_markdown(index=False))


@app.command()
def seconds(
    rows: Annotated[int, typer.Option(help="Rows of the table.")] = 100_000,
    columns: Annotated[int, typer.Option(help="Columns of the table.")] = 50,
    repeats: Annotated[int, typer.Option(help="Measurements of each table.")] = 5,
) -> None:
    """Measure the seconds of the checks before the search."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, columns)), columns=[f"x{i}" for i in range(columns)])
    for i in range(0, columns, 5):
        X[f"x{i}"] = pd.Categorical(rng.integers(0, 30, rows).astype(str))
        X[f"x{i + 1}"] = X[f"x{i + 1}"].mask(rng.random(rows) < 0.1)
    X = X[[f"x{i}" for i in range(columns)]]
    X["x2"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(rows), unit="min")
    signal = X["x3"] + rng.normal(size=rows)
    targets = {"binary": (signal > 0).astype(str), "multiclass": pd.cut(signal, 20).astype(str), "regression": signal}
    found = []
    for task, y in targets.items():
        prepared = prepare(TrainingData(X, y), classification=task != "regression", random_state=0)
        taken = []
        for _ in range(repeats):
            started, processor = time.perf_counter(), time.process_time()
            DataChecks(prepared, lambda line: None).before_search()
            taken.append((time.process_time() - processor, time.perf_counter() - started))
        own, wall = np.median(taken, axis=0)
        found.append({"task": task, "rows": rows, "columns": columns, "processor s": own, "wall-clock s": wall})
    print(pd.DataFrame(found).round(3).to_markdown(index=False))


if __name__ == "__main__":
    app()
