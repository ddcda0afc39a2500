"""Measure the seconds and the bytes of reports on tables of different sizes.

Each table is searched with a few configurations of fast families; LightGBM is one of them on small tables. The report
is then written in each form, by a model that holds its training rows, so that no section is left out. Each form
collects the content anew, except for the estimate of the score, which a model keeps. The seconds of the processor do
not depend on other programs as much as those of the clock do.

Example: python -m benchmarks.report_cost --data DATA --out report_cost.csv
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from automl import AutoMLClassifier, AutoMLRegressor
from automl.report.method import FORMATS
from benchmarks.result_file import append_row
from benchmarks.tables import DataFolder, read_table

HERE = Path(__file__).parent
COLUMNS = ["table", "n_rows", "n_columns", "n_classes", "format", "seconds", "cpu_seconds", "bytes", "load"]
TABLES = ("small", "churn", "hundred_classes", "wide", "1201_bng_breasttumor")
_MAX_ROWS = 100_000
_BOOSTED_CELLS = 200_000  # of a table on which LightGBM is one of the families


def synthetic(n_rows: int, n_columns: int, n_classes: int) -> tuple[pd.DataFrame, NDArray[np.str_]]:
    """Return a table of numbers, some of them missing, and classes whose means differ."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, n_classes, n_rows)
    values = rng.normal(size=(n_rows, n_columns)) + rng.normal(size=(n_classes, n_columns))[codes]
    X = pd.DataFrame(values, columns=[f"column {i}" for i in range(n_columns)])
    return X.mask(rng.random(X.shape) < 0.05), np.array([f"class {code}" for code in codes])


def make(name: str, data: Path) -> tuple[pd.DataFrame, object, bool]:
    """Return a table, its target, and whether the target is a class."""
    sizes = {"small": (100, 5, 2), "hundred_classes": (10_000, 20, 100), "wide": (2_000, 2_000, 3)}
    if name in sizes:
        return *synthetic(*sizes[name]), True
    table = read_table(data, name).head(_MAX_ROWS)
    y = table.pop("target")
    return table, y, not pd.api.types.is_float_dtype(y)


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names with commas; empty for all.")] = "",
    max_trials: Annotated[int, typer.Option(help="Configurations of each search.")] = 10,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "report_cost.csv",
    keep: Annotated[Path | None, typer.Option(help="Folder in which the reports are kept.")] = None,
) -> None:
    """Measure the tables, and print one line for each report."""
    for name in tables.split(",") if tables else TABLES:
        X, y, is_class = make(name, data)
        kind = AutoMLClassifier if is_class else AutoMLRegressor
        fast = ["decision_tree", "lda" if is_class else "ridge"]
        include = [*fast, "lightgbm"] if X.size <= _BOOSTED_CELLS and name != "hundred_classes" else fast
        model = kind(
            time_budget=None, max_trials=max_trials, include=include, cv=3, n_jobs=1, random_state=0, verbose=0
        )
        model.fit(X, y)
        n_classes = len(model.classes_) if is_class else 0
        with tempfile.TemporaryDirectory() as temporary:
            for format in FORMATS:
                path = (keep or Path(temporary)) / f"{name}.{format}"
                started, cpu = time.perf_counter(), time.process_time()
                model.report(path, format)
                seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
                known = {"table": name, "n_rows": len(X), "n_columns": X.shape[1], "n_classes": n_classes}
                size, load = path.stat().st_size, os.getloadavg()[0]
                cost = {"format": format, "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "bytes": size}
                append_row(out, known | cost | {"load": round(load, 1)}, COLUMNS)
                print(
                    f"{name} ({len(X):,} x {X.shape[1]:,}, {n_classes} classes), {format}: {seconds:.1f} s, processor "
                    f"{cpu:.1f} s, {size:,} bytes, load {load:.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    typer.run(main)
