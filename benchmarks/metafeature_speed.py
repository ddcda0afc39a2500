"""Measure the seconds of meta-features, cheap and full.

Example: python -m benchmarks.metafeature_speed --rows 100000 --columns 50
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from scipy import sparse

from metalearning.features import compute_metafeatures
from pipelines.component import TableTraits, TaskType

Array = NDArray[Any]


def make(rows: int, columns: int, task: TaskType, n_classes: int, kind: str) -> tuple[Any, Array, TableTraits]:
    """Return a table with a target that depends on it.

    `kind` is "numeric", "mixed" (half of the columns are categories, some cells are missing) or "sparse".
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, columns))
    signal = X[:, 0] * X[:, columns // 2] + X[:, -1] + 0.5 * rng.normal(size=rows)
    y = signal if task == "regression" else pd.qcut(signal, n_classes, labels=False).astype(np.intp)
    categorical: tuple[int, ...] = ()
    if kind == "mixed":
        categorical = tuple(range(columns // 2))
        X[:, : columns // 2] = np.clip(np.floor(4 * X[:, : columns // 2] + 10), 0, 19)
        X[rng.random(X.shape) < 0.05] = np.nan
    if kind == "sparse":
        X[rng.random(X.shape) < 0.9] = 0
    traits = TableTraits(
        task, rows, columns, 0 if task == "regression" else n_classes, categorical, (20,) * len(categorical),
        kind == "mixed", kind == "sparse",
    )  # fmt: skip
    return sparse.csr_matrix(X) if kind == "sparse" else X, y, traits


def main(
    rows: Annotated[int, typer.Option(help="Rows of each table.")] = 100_000,
    columns: Annotated[int, typer.Option(help="Columns of each table.")] = 50,
    repeats: Annotated[int, typer.Option(help="Measurements of each table.")] = 5,
) -> None:
    """Print one row for each kind of table."""
    cases: list[tuple[TaskType, int, str]] = [
        ("binary", 2, "numeric"),
        ("binary", 2, "mixed"),
        ("multiclass", 100, "mixed"),
        ("multiclass", 300, "numeric"),
        ("regression", 0, "mixed"),
        ("binary", 2, "sparse"),
    ]
    found = []
    for task, n_classes, kind in cases:
        X, y, traits = make(rows, columns, task, n_classes, kind)
        compute_metafeatures(X, y, traits)  # the first call imports and initializes libraries
        taken = [measure(X, y, traits, level, repeats) for level in ("cheap", "full")]
        found.append((task, n_classes, kind, *(seconds for level in taken for seconds in level)))
    shown = ["task", "classes", "table", "cheap s", "worst", "busy", "full s", "worst", "busy"]
    print(f"{rows} rows, {columns} columns, {repeats} repeats")
    print(pd.DataFrame(found, columns=shown).to_markdown(index=False, floatfmt=".3f"))


def measure(X: Any, y: Array, traits: TableTraits, level: Any, repeats: int) -> tuple[float, float, float]:
    """Return median and largest wall-clock seconds, and the median of the processor seconds."""
    clock, busy = [], []
    for _ in range(repeats):
        start, start_busy = time.perf_counter(), time.process_time()
        compute_metafeatures(X, y, traits, level=level)
        clock.append(time.perf_counter() - start)
        busy.append(time.process_time() - start_busy)
    return float(np.median(clock)), max(clock), float(np.median(busy))


if __name__ == "__main__":
    typer.run(main)
