"""Measure the coverage and the size of prediction intervals and prediction sets on rows that no fit has seen.

For each table and split, two thirds of the rows are searched, and the other rows are predicted. Each level appends a
row to a CSV file; tables and splits that the file holds are left out, so that a run can be continued. With --mapie,
the same best pipeline is also wrapped by MAPIE (`pip install mapie`), which fits it again on five folds.

Example: python -m benchmarks.intervals --data DATA --trials 4 --out intervals.csv
Table of the results: python -m benchmarks.intervals --data DATA --out intervals.csv --only-report
"""

from __future__ import annotations

import copy
import time
import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.pipeline import Pipeline

from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import AutoMLError
from benchmarks.requirements import MissingRequirementError, require_package
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

HERE = Path(__file__).parent
LEVELS = (0.8, 0.9, 0.95)
LEAST_TEST = 1_000  # rows of a test that judges a single table
COLUMNS = ["dataset", "task", "split", "n_train", "n_test", "level", "coverage", "size", "constant_size",
           "mapie_coverage", "mapie_size", "members", "fit_seconds", "predict_seconds"]  # fmt: skip


def measure(
    table: pd.DataFrame, task: str, split: int, settings: dict[str, Any], most_rows: tuple[int, int], mapie: bool
) -> list[dict[str, Any]]:
    """Fit one model and return a row for each level; `most_rows` are those of training and of the test."""
    X, y = table.drop(columns="target"), table["target"]
    y = y.astype(float) if task == "regression" else y.astype(str)
    shuffled = np.random.default_rng(split).permutation(len(X))
    n_train = min(2 * len(X) // 3, most_rows[0])
    train, test = shuffled[:n_train], shuffled[n_train : n_train + most_rows[1]]
    kind = AutoMLRegressor if task == "regression" else AutoMLClassifier
    started = time.perf_counter()
    model = kind(**settings, random_state=split).fit(X.iloc[train], y.iloc[train])
    fitted = time.perf_counter()
    new = X.iloc[test], y.iloc[test].to_numpy()
    # Without a scale, the residuals of all rows count the same.
    plain = copy.copy(model)
    plain._conformal = tuple(replace(record, has_scale=True) for record in model._conformal)
    rows = []
    for level in LEVELS:
        coverage, size = _score(*_predict(model, new[0], level), *new, model)
        constant = _score(*_predict(plain, new[0], level), *new, model)[1] if task == "regression" else np.nan
        rows.append({"level": level, "coverage": coverage, "size": size, "constant_size": constant})
    seconds = {"fit_seconds": fitted - started, "predict_seconds": (time.perf_counter() - fitted) / len(LEVELS)}
    known = {"n_train": len(train), "n_test": len(test), "members": len(model._ensemble.bags)} | seconds
    if mapie:
        _add_mapie(rows, model, X.iloc[train], y.iloc[train].to_numpy(), *new)
    return [row | known for row in rows]


def _predict(model: Any, X: pd.DataFrame, level: float) -> tuple[Any, bool]:
    """Return intervals or sets, and whether they are intervals."""
    is_regression = hasattr(model, "predict_interval")
    return (model.predict_interval(X, level) if is_regression else model.predict_set(X, level)), is_regression


def _score(answer: Any, is_regression: bool, X: pd.DataFrame, y: np.ndarray, model: Any) -> tuple[float, float]:
    """Return the coverage, and the mean width in standard deviations of the target, or the mean number of classes."""
    if is_regression:
        low, high = answer.T
        return float(((low <= y) & (y <= high)).mean()), float((high - low).mean() / y.std())
    known = np.isin(y, model.classes_)  # a rare class may occur in no training row
    inside = np.zeros(len(y), dtype=bool)
    inside[known] = answer[np.flatnonzero(known), np.searchsorted(model.classes_, y[known])]
    return float(inside.mean()), float(answer.sum(axis=1).mean())


def _add_mapie(
    rows: list[dict[str, Any]], model: Any, X: pd.DataFrame, y: np.ndarray, X_new: pd.DataFrame, y_new: np.ndarray
) -> None:
    """Add the coverage and the size of MAPIE's CV+ around the best pipeline; it gets the output of the table reader."""
    from mapie.classification import CrossConformalClassifier
    from mapie.regression import CrossConformalRegressor

    pipeline = model.best_pipeline_
    *steps, (name, last) = pipeline.steps[1:]
    table = pipeline[0]
    settings = {"confidence_level": list(LEVELS), "cv": 5, "random_state": 0}
    with warnings.catch_warnings(action="ignore"):
        try:
            if hasattr(model, "predict_interval"):
                inner = Pipeline([*steps, (name, last)])
                wrapped = CrossConformalRegressor(inner, **settings).fit_conformalize(table.transform(X), y)
                answers = wrapped.predict_interval(table.transform(X_new))[1]
            else:
                inner, y = Pipeline([*steps, (name, last.classifier)]), np.searchsorted(model.classes_, y)
                wrapped = CrossConformalClassifier(inner, conformity_score="aps", **settings)
                answers = wrapped.fit_conformalize(table.transform(X), y).predict_set(table.transform(X_new))[1]
        except ValueError as error:  # MAPIE refuses missing values, and rare classes that a fold lacks
            print(f"MAPIE: {str(error).splitlines()[0]}", flush=True)
            return
    for number, row in enumerate(rows):
        answer = answers[:, :, number]
        is_regression = hasattr(model, "predict_interval")
        row["mapie_coverage"], row["mapie_size"] = _score(answer, is_regression, X_new, y_new, model)


def report(results: pd.DataFrame) -> str:
    """Return the table of the results as Markdown: one row for each kind of task and level."""
    lines = ["| task | level | fits | tables | mean coverage | worst table | size | constant width | MAPIE coverage | "
             "MAPIE size / size |", "|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    results = results.assign(kind=np.where(results["task"] == "regression", "intervals", "sets"))
    for (kind, level), own in results.groupby(["kind", "level"]):
        large = own[own["n_test"] >= LEAST_TEST].groupby("dataset")["coverage"].mean()
        worst = f"{large.min():.3f} ({large.idxmin()})" if len(large) else "none"
        constant = np.nanmean(own["constant_size"] / own["size"]) if kind == "intervals" else np.nan
        ratio = own["mapie_size"] / own["size"]
        both = ratio.notna()
        mapie = f"{own.loc[both, 'mapie_coverage'].mean():.3f} | {np.exp(np.log(ratio[both]).mean()):.2f}"
        cells = [str(kind), f"{level:g}", str(len(own)), str(own["dataset"].nunique()), f"{own['coverage'].mean():.3f}",
                 worst, f"{own['size'].mean():.2f}", "" if np.isnan(constant) else f"{constant:.2f} times",
                 mapie if both.any() else " | "]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names with commas; empty for all tables with 300 rows or more.")] = "",
    trials: Annotated[int, typer.Option(help="Configurations of a search.")] = 8,
    include: Annotated[str, typer.Option(help="Model families with commas; empty for all.")] = "",
    train_rows: Annotated[int, typer.Option(help="Largest number of training rows.")] = 2_000,
    test_rows: Annotated[int, typer.Option(help="Largest number of test rows.")] = 4_000,
    splits: Annotated[int, typer.Option(help="Splits of each table.")] = 1,
    mapie: Annotated[bool, typer.Option("--mapie", help="Also measure MAPIE.")] = False,
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the table of the file, and end.")] = False,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "intervals.csv",
) -> None:
    """Measure the tables, and print one line for each, and a table at the end."""
    if mapie:
        require_package("mapie", "mapie")
    names = [] if only_report else choose_tables(data, tables, 300)
    tasks = read_tasks(data)
    settings = {"time_budget": None, "max_trials": trials, "n_jobs": 1, "verbose": 0,
                "include": [name for name in include.split(",") if name]}  # fmt: skip
    for split, name in missing_cells(out, ["split", "dataset"], product(range(splits), names)):
        try:
            rows = measure(read_table(data, name), tasks[name], split, settings, (train_rows, test_rows), mapie)
        except AutoMLError as error:
            print(f"{name}: {error}", flush=True)
            continue
        for row in rows:
            append_row(out, {"dataset": name, "task": tasks[name], "split": split} | row, COLUMNS)
        shown = ", ".join(f"{row['coverage']:.3f} at {row['level']:g}" for row in rows)
        print(f"{name}, split {split}: coverage {shown}; {rows[0]['fit_seconds']:.0f} s", flush=True)
    if not out.exists():
        raise MissingRequirementError(f"there is no file '{out}'; run without --only-report first")
    print(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
