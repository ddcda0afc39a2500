"""Measure the warnings about the data: false alarms, planted leaks, wrong labels, and seconds.

Examples:
python -m benchmarks.data_warnings alarms --data DATA --out benchmarks/results/data_warnings.csv
python -m benchmarks.data_warnings leaks --data DATA --out benchmarks/results/leaks.csv
python -m benchmarks.data_warnings labels --data DATA --out benchmarks/results/labels.csv
python -m benchmarks.data_warnings seconds

Each run appends rows to a CSV file; runs in the file are skipped. The out-of-fold predictions of the fits are kept in a
folder, so that a changed rule can be measured without new fits: remove the CSV file and run the command again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from automl import AutoMLClassifier, AutoMLRegressor
from automl.checks.columns import check_identifiers, check_missing_cells
from automl.checks.data_checks import DataChecks
from automl.checks.equal_rows import check_equal_rows
from automl.checks.labels import suspect_table
from automl.checks.leak import check_leak
from automl.checks.predictions import RowPredictions
from automl.checks.target import check_rare_classes, check_target_values
from automl.checks.time_order import check_time_order
from automl.checks.warning import DataWarning
from automl.task.prepare import PreparedTask, TrainingData, prepare
from automl.task.settings import TaskSettings
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

app = typer.Typer(help=__doc__, add_completion=False)

HERE = Path(__file__).parent
_LEAK_TABLES = "abalone,australian,churn,cmc,diabetes,eucalyptus,housing,kin8nm,kr_vs_kp,meta,plasma_retinol,soybean"
_LABEL_TABLES = "breast_w,car,churn,pendigits,splice,satimage,led24,letter"
_FAMILIES = "lightgbm,extra_trees,logistic_regression,ridge,lda,k_nearest_neighbors"
_KEPT = Path("build") / "data_warnings"

_CODES = (
    "equal_rows", "missing_by_class", "rare_classes", "time_order", "leak", "identifier", "constant_target",
)  # fmt: skip
_NOISES = {"copy": 0.0, "1 % noise": 0.01, "2 % noise": 0.02, "5 % noise": 0.05, "correlated": 0.0, "twice": 0.0}
_KINDS = (*_NOISES, "monotone", "category")
_FLIPS = (("any", 0.0), ("any", 0.05), ("any", 0.1), ("any", 0.2), ("by class", 0.1), ("by class", 0.2))

Tables = Annotated[str, typer.Option(help="Names with commas; empty for all tables.")]
Trials = Annotated[int, typer.Option(help="Trials of one search.")]
Rows = Annotated[int, typer.Option(help="Evenly spaced rows of a table that a search is run on, at most.")]
Include = Annotated[str, typer.Option(help="Names of components with commas.")]
Kept = Annotated[Path, typer.Option(help="Folder of the predictions of finished fits.")]


def split_target(table: pd.DataFrame, task: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return the table without its target, and the target as numbers or texts."""
    y = table["target"]
    return table.drop(columns="target"), y.astype(float) if task == "regression" else y.astype(str)


def some_rows(table: pd.DataFrame, task: str, most: int) -> pd.DataFrame:
    """Return evenly spaced rows, with at least two rows of each class."""
    kept = table.iloc[np.unique(np.linspace(0, len(table) - 1, min(len(table), most)).astype(int))]
    if task == "regression":
        return kept
    return kept[kept["target"].astype(str).map(kept["target"].astype(str).value_counts()) > 1]


def search(X: pd.DataFrame, y: pd.Series, task: str, trials: int, include: str, kept: Path) -> RowPredictions:
    """Return the out-of-fold predictions of the ensemble of a small search in one process, or read them from a file."""
    if kept.exists():
        with np.load(kept) as arrays:
            return RowPredictions(arrays["rows"], arrays["y"], arrays["predictions"])
    kind = AutoMLRegressor if task == "regression" else AutoMLClassifier
    model: Any = kind(
        time_budget=None, max_trials=trials, n_jobs=1, random_state=0, verbose=0,
        cv=3, include=tuple(filter(None, include.split(","))), initial_configurations="default",
    )  # fmt: skip
    record: RowPredictions = model.fit(X, y)._row_predictions
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(kept, rows=record.rows, y=record.y, predictions=record.predictions)
    return record


def prepare_table(X: pd.DataFrame, y: pd.Series, task: str, cv: int | None = 3) -> PreparedTask:
    """Return the task that `search` has, or with None the task of the default folds."""
    return prepare(TrainingData(X, y), TaskSettings(cv=cv), classification=task != "regression", random_state=0)


def warn_before(prepared: PreparedTask) -> tuple[list[DataWarning], dict[str, float]]:
    """Return the warnings before a search, and the processor seconds of each check."""
    task, columns = prepared.task, prepared.reader.columns_
    names = [] if prepared.classes is None else [repr(str(label)) for label in prepared.classes]
    checks: dict[str, Callable[[], list[DataWarning]]] = {
        "equal_rows": lambda: check_equal_rows(task),
        "time_order": lambda: check_time_order(task, columns),
        "identifier": lambda: check_identifiers(task, columns),
        "constant_target": lambda: check_target_values(task, names),
        "rare_classes": lambda: check_rare_classes(task, names),
        "missing_by_class": lambda: check_missing_cells(task, columns, names),
    }
    found: list[DataWarning] = []
    taken = {}
    for code, check in checks.items():
        started = time.process_time()
        found += check()
        taken[f"{code}_s"] = round(time.process_time() - started, 4)
    return found, taken


def warn_after(prepared: PreparedTask, record: RowPredictions) -> tuple[list[DataWarning], float]:
    """Return the warnings after a search, and their processor seconds."""
    started = time.process_time()
    found = check_leak(prepared.task, prepared.reader.columns_, record)
    return found, round(time.process_time() - started, 4)


@app.command()
def alarms(
    data: DataFolder,
    tables: Tables = "",
    trials: Trials = 8,
    include: Include = _FAMILIES,
    rows: Rows = 3_000,
    kept: Kept = _KEPT,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "data_warnings.csv",
) -> None:
    """Run the checks before the search on whole tables as they are, and the check after it on a search of some rows."""
    columns = ["dataset", "task", "rows", "columns", "searched_rows", *(f"{code}_s" for code in _CODES), "codes"]
    messages = out.with_name(f"{out.stem}_messages.csv")
    tasks = read_tasks(data)
    for (name,) in missing_cells(out, ["dataset"], [(name,) for name in choose_tables(data, tables)]):
        table, task = read_table(data, name), tasks[name]
        prepared = prepare_table(*split_target(table, task), task, cv=None)
        found, taken = warn_before(prepared)
        X, y = split_target(some_rows(table, task, rows), task)
        started = time.perf_counter()
        record = search(X, y, task, trials, include, kept / f"{name}.npz")
        searched = time.perf_counter() - started
        after, taken["leak_s"] = warn_after(prepare_table(X, y, task), record)
        found += after
        row = {
            "dataset": name, "task": task, "rows": len(table), "columns": len(prepared.reader.columns_),
            "searched_rows": len(X), **taken, "codes": " ".join(each.code for each in found),
        }  # fmt: skip
        for each in found:
            fields = {"dataset": name, "code": each.code, "column": each.column, "severity": each.severity}
            append_row(messages, {**fields, "message": each.message}, [*fields, "message"])
        append_row(out, row, columns)
        print(f"{name}: {row['codes'] or 'none'} ({searched:.0f} s)", flush=True)
    results = pd.read_csv(out, keep_default_na=False)
    codes = results["codes"].str.split()
    counts = pd.DataFrame({"tables": [int(codes.map(lambda each, c=c: c in each).sum()) for c in _CODES]}, index=_CODES)
    counts["percent"] = (100 * counts["tables"] / len(results)).round(1)
    counts["most processor s"] = [results[f"{code}_s"].max() for code in _CODES]
    print(counts.sort_values("tables", ascending=False).to_markdown())
    print(f"{len(results)} tables, {(results['codes'] != '').sum()} with a warning")


def noisy_copy(y: pd.Series, noise: float, rng: np.random.Generator) -> NDArray[Any]:
    """Return the target with noise.

    A number has normal noise of `noise` times the standard deviation; of the classes, the share `noise` is random.
    """
    if y.dtype == float:
        return np.asarray(y.to_numpy() + noise * y.std() * rng.normal(size=len(y)))
    codes = pd.factorize(y)[0].astype(float)
    other = rng.integers(0, int(codes.max()) + 1, len(y))
    return np.where(rng.random(len(y)) < noise, other, codes)


def monotone(y: pd.Series, rng: np.random.Generator) -> NDArray[Any]:
    """Return a growing function of the target: of the ranks, or numbers in the interval of a class."""
    if y.dtype == float:
        return np.asarray(np.exp(4 * y.rank(pct=True)))
    return np.asarray(np.exp(0.3 * (pd.factorize(y)[0] + 0.95 * rng.random(len(y)))))


def category(y: pd.Series, rng: np.random.Generator) -> NDArray[Any]:
    """Return texts that follow from the target: 20 ranges of a number, or three texts for each class."""
    if y.dtype == float:
        codes = pd.qcut(y, 20, labels=False, duplicates="drop").to_numpy()
        return np.array([f"range {code}" for code in rng.permutation(20)[codes]], dtype=object)
    codes = 3 * pd.factorize(y)[0] + rng.integers(0, 3, len(y))
    return np.array([f"kind {code}" for code in rng.permutation(codes.max() + 1)[codes]], dtype=object)


def plant(X: pd.DataFrame, y: pd.Series, kind: str, seed: int = 0) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with a leak at a random place, and the names of the columns that may be named."""
    rng = np.random.default_rng(seed)
    derived = {"category": category, "monotone": monotone}
    parts = {"planted": derived[kind](y, rng) if kind in derived else noisy_copy(y, _NOISES[kind], rng)}
    names = ["planted"]
    if kind == "correlated":  # the leak is the best of three columns that correlate
        parts |= {f"similar_{i}": noisy_copy(y, 0.4, rng) for i in range(2)}
    if kind == "twice":
        parts["again"] = monotone(y, rng)
        names.append("again")
    planted = X.copy()
    for name, values in parts.items():
        planted.insert(int(rng.integers(0, planted.shape[1] + 1)), name, values)
    return planted, names


@app.command()
def leaks(
    data: DataFolder,
    tables: Tables = _LEAK_TABLES,
    trials: Trials = 2,
    include: Include = "extra_trees,ridge,logistic_regression",
    rows: Rows = 1_000,
    kept: Kept = _KEPT / "leaks",
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "leaks.csv",
) -> None:
    """Plant leaks of several kinds in tables, and count the tables in which the check finds them."""
    columns = ["dataset", "task", "rows", "kind", "found", "others"]
    tasks = read_tasks(data)
    for name, kind in missing_cells(out, ["dataset", "kind"], product(choose_tables(data, tables), _KINDS)):
        task = tasks[name]
        X, y = split_target(some_rows(read_table(data, name), task, rows), task)
        planted, names = plant(X, y, kind)
        record = search(planted, y, task, trials, include, kept / f"{name}_{kind.replace(' ', '_')}.npz")
        found, _ = warn_after(prepare_table(planted, y, task), record)
        row = {
            "dataset": name, "task": task, "rows": len(X), "kind": kind,
            "found": any(each.column in names for each in found),
            "others": sum(each.column not in names for each in found),
        }  # fmt: skip
        append_row(out, row, columns)
        print(f"{name} {kind}: {'found' if row['found'] else 'not found'}", flush=True)
    results = pd.read_csv(out)
    print(
        results.groupby("kind")
        .agg(tables=("found", "size"), found=("found", "sum"), others=("others", "sum"))
        .loc[list(_KINDS)]
        .to_markdown()
    )


def flip(y: NDArray[Any], share: float, kind: str, seed: int = 0) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return labels of which a share is replaced, and the mask of these rows.

    Parameters
    ----------
    kind : {"any", "by class"}
        "any": by another label at random; "by class": the labels of every second class, counted from the largest,
        become the label of the next class, so that the noise depends on the class.
    """
    rng = np.random.default_rng(seed)
    codes, classes = pd.factorize(y, sort=True)
    flipped = np.zeros(len(y), dtype=bool)
    n_flipped = round(share * len(y))
    if kind == "any":
        flipped[rng.choice(len(y), n_flipped, replace=False)] = True
        moved = (codes + rng.integers(1, len(classes), len(y))) % len(classes)
    else:
        order = np.argsort(-np.bincount(codes), kind="stable")
        place = np.argsort(order)[codes]
        source = np.flatnonzero(place % 2 == 0)
        flipped[rng.choice(source, min(n_flipped, len(source) // 2), replace=False)] = True
        moved = order[(place + 1) % len(classes)]
    return np.asarray(classes)[np.where(flipped, moved, codes)], flipped


@app.command()
def labels(
    data: DataFolder,
    tables: Tables = _LABEL_TABLES,
    trials: Trials = 10,
    include: Include = _FAMILIES,
    rows: Rows = 1_500,
    kept: Kept = _KEPT / "labels",
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "wrong_labels.csv",
) -> None:
    """Replace labels, and compare them with the suspicious labels."""
    columns = ["dataset", "rows", "classes", "kind", "flipped", "suspects", "precision", "recall", "first", "label"]
    tasks = read_tasks(data)
    cells = [(name, kind, share) for name in choose_tables(data, tables) for kind, share in _FLIPS]
    for name, kind, share in missing_cells(out, ["dataset", "kind", "flipped"], cells):
        X, y = split_target(some_rows(read_table(data, name), tasks[name], rows), tasks[name])
        given, flipped = flip(y.to_numpy(), share, kind)
        file = kept / f"{name}_{kind.replace(' ', '_')}_{share}.npz"
        record = search(X, pd.Series(given), tasks[name], trials, include, file)
        suspects = suspect_table(record, np.unique(given))
        found = suspects["row"].to_numpy()
        hits = flipped[found]
        right = suspects["likelier"].to_numpy() == y.to_numpy()[found]
        row = {
            "dataset": name, "rows": len(X), "classes": y.nunique(), "kind": kind, "flipped": share,
            "suspects": len(found),
            "precision": round(float(hits.mean()), 3) if len(found) and share else "",
            "recall": round(float(hits.sum() / flipped.sum()), 3) if share else "",
            "first": round(float(hits[: flipped.sum() // 2].mean()), 3) if len(found) and share else "",
            "label": round(float(right[hits].mean()), 3) if hits.any() else "",
        }  # fmt: skip
        append_row(out, row, columns)
        print(f"{name} {kind} {share}: precision {row['precision']}, recall {row['recall']}", flush=True)
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
