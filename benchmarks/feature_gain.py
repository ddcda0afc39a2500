"""Measure what the generation of features changes: one model with and without it, on the same rows.

Each cell (table, fold, system) appends a row to a CSV file of the same columns as `benchmarks.run`; cells in the file
are skipped. At the end, each generation is compared with the same model without it.

Example: python -m benchmarks.feature_gain --data DATA --tables churn,abalone --out features.csv
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from benchmarks.analyze import compare_pairs
from benchmarks.result_file import append_row, missing_cells
from benchmarks.run import COLUMNS, METRICS, score
from benchmarks.splits import split
from benchmarks.tables import DataFolder, check_names, choose_tables, read_table, read_tasks
from pipelines.build import build_pipeline, fit_preprocessing
from pipelines.component import FitContext, task_type
from pipelines.prediction import fast_predict, fast_transform
from pipelines.space import build_space, complete
from pipelines.table.reader import TableReader

HERE = Path(__file__).parent
_LIGHTGBM = {"model": "lightgbm", "encoding": "native", "imputation": "none", "scaling": "none", "generation": "none"}
_LINEAR = {"encoding": "one_hot", "imputation": "median", "scaling": "robust_clip", "generation": "none"}
_COMBINED = {"generation": "combined_features"}
_MEANS = "generation:combined_features:target_means"
# The name of a system is that of the model, and after a blank that of the generation.
SYSTEMS: Mapping[str, Mapping[str, Any]] = {
    "lightgbm": _LIGHTGBM,
    "lightgbm combined": {**_LIGHTGBM, **_COMBINED},
    "lightgbm combined with means": {**_LIGHTGBM, **_COMBINED, _MEANS: True},
    "lightgbm arithmetic": {**_LIGHTGBM, "generation": "arithmetic", "encoding": "target"},
    "lightgbm pairs": {**_LIGHTGBM, "generation": "categorical_interactions"},
    "linear": _LINEAR,
    "linear combined": {**_LINEAR, **_COMBINED},
    "linear combined with means": {**_LINEAR, **_COMBINED, _MEANS: True},
}


def measure(table: pd.DataFrame, task: str, fold: int, rows: int, entry: Mapping[str, Any]) -> dict[str, float]:
    """Return the score on the test rows of a fold, and the processor seconds of the fit and of the predictions."""
    train, test = split(table.sample(min(rows, len(table)), random_state=0), task, fold)
    reader = TableReader()
    X, X_test = reader.fit_transform(train.drop(columns="target")), reader.transform(test.drop(columns="target"))
    labels = None if task == "regression" else np.unique(train["target"].astype(str))
    y = train["target"].to_numpy(float) if labels is None else np.searchsorted(labels, train["target"].astype(str))
    n_classes = 0 if labels is None else len(labels)
    traits = reader.traits(task_type(n_classes), n_classes)
    model = {"model": "ridge" if labels is None else "logistic_regression", **entry}
    configuration = complete(build_space(traits), model)
    assert configuration is not None
    pipeline = build_pipeline(configuration, FitContext(traits, random_state=fold))
    started = time.process_time()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        prepared = fit_preprocessing(pipeline, configuration, X, y, None)
        pipeline[-1].fit(prepared, y, sample_weight=None)
        fitted = time.process_time()
        for _, step in pipeline.steps[:-1]:
            X_test = fast_transform(step)(X_test)
        predictions = fast_predict(pipeline[-1])(X_test)
    ended = time.process_time()
    classes = np.empty(0) if labels is None else labels
    value = score(test["target"], predictions, classes, METRICS[task])
    return {"score": value, "fit_s": fitted - started, "predict_s": ended - fitted, "n_train": len(train)}


def summary(results: pd.DataFrame) -> str:
    """Return a table that compares each generation with the same model without it."""
    parts = []
    for name in results["system"].unique():
        base = name.split(" ")[0]
        if name != base and base in set(results["system"]):
            pair = results[results["system"].isin([name, base])]
            compared = compare_pairs(pair, name)
            seconds = pair.groupby("system")["fit_s"].sum()
            parts.append(compared.assign(system=name, **{"fit s": seconds[name], "fit s without": seconds[base]}))
    shown = [
        "system",
        "tables",
        "tables won %",
        "folds won %",
        "log ratio %",
        "standard error",
        "fit s",
        "fit s without",
    ]
    return pd.concat(parts)[shown].to_string(index=False, float_format="%.1f") if parts else ""


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names with commas; empty for all tables with 500 rows.")] = "",
    folds: Annotated[str, typer.Option(help="Numbers with commas, from 0 to 4.")] = "0,1,2",
    systems: Annotated[str, typer.Option(help="Names with commas; empty for all.")] = "",
    rows: Annotated[int, typer.Option(help="Longer tables are sampled.")] = 8_000,
    seconds: Annotated[float, typer.Option(help="No further cell starts after these seconds.")] = 1e9,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "features.csv",
) -> None:
    """Measure the cells that the file lacks, and print the comparison."""
    started = time.perf_counter()
    tasks, chosen = read_tasks(data), [name for name in systems.split(",") if name] or list(SYSTEMS)
    check_names(chosen, list(SYSTEMS), "in this benchmark", "system")
    cells = product(map(int, folds.split(",")), choose_tables(data, tables, 500), chosen)
    for fold, name, system in missing_cells(out, ["fold", "dataset", "system"], cells):
        if time.perf_counter() - started > seconds:
            break
        measured = measure(read_table(data, name), tasks[name], fold, rows, SYSTEMS[system])
        row = {"dataset": name, "task": tasks[name], "fold": fold, "system": system, "metric": METRICS[tasks[name]]}
        append_row(out, {**row, **measured, "cores": 1, "date": f"{datetime.now(UTC):%Y-%m-%d}"}, COLUMNS)
        print(f"{name}, fold {fold}, {system}: {measured['score']:.5g} in {measured['fit_s']:.2f} s", flush=True)
    if out.exists():
        print(summary(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
