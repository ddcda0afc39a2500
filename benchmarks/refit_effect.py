"""Compare the bags of a search with their refit: scores on new rows, seconds, and the size of the saved models.

Half of a table is searched. The bag and `refit()` of the bag predict a quarter of the table that no fit has seen. Then
`refit(X, y)` trains the same configurations on the last quarter of the rows. Each table appends a row to a CSV file.

Example: python -m benchmarks.refit_effect --data DATA --tables car,diabetes --seconds 20 --out refit.csv
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

HERE = Path(__file__).parent
COLUMNS = ["dataset", "metric", "seconds", "members", "models", "bag", "refit", "new_rows", "refit_seconds",
           "new_rows_seconds", "bag_mb", "refit_mb", "bag_predict_ms", "refit_predict_ms", "verdict"]  # fmt: skip


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of a call, and its seconds."""
    started = time.perf_counter()
    result = call()
    return result, time.perf_counter() - started


def megabytes(model: Any) -> float:
    """Return the size of a saved model."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 1e6


def measure(table: pd.DataFrame, task: str, seconds: float, seed: int) -> dict[str, object]:
    """Search half of a table, refit twice, and score all models on the same quarter."""
    X, y = table.drop(columns="target"), table["target"]
    y = y.astype(float) if task == "regression" else y.astype(str)
    shuffled = X.sample(frac=1, random_state=seed).index
    a, b = len(X) // 2, 3 * len(X) // 4
    train, new, test = shuffled[:a], shuffled[a:b], shuffled[b:]
    kind = AutoMLRegressor if task == "regression" else AutoMLClassifier
    bag = kind(time_budget=seconds, random_state=seed, verbose=0).fit(X.loc[train], y.loc[train])
    one, refit_seconds = timed(lambda: bag.refit())
    later, new_rows_seconds = timed(lambda: bag.refit(X.loc[new], y.loc[new]))
    scores = {name: bag.scorer_(model, X.loc[test], y.loc[test])
              for name, model in (("bag", bag), ("refit", one), ("new_rows", later))}  # fmt: skip
    milliseconds = [1000 * timed(partial(model.predict, X.loc[test]))[1] for model in (bag, one)]
    return {
        "metric": later.refit_report_.metric,
        "members": len(bag._ensemble.bags),
        "models": sum(len(members.models) for members in bag._ensemble.bags),
        **scores,
        "refit_seconds": refit_seconds,
        "new_rows_seconds": new_rows_seconds,
        "bag_mb": megabytes(bag),
        "refit_mb": megabytes(one),
        "bag_predict_ms": milliseconds[0],
        "refit_predict_ms": milliseconds[1],
        "verdict": later.refit_report_.verdict.split(":")[0],
    }


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names with commas; empty for all tables with enough rows.")] = "",
    seconds: Annotated[float, typer.Option(help="Seconds of one search.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the search.")] = 0,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "refit.csv",
) -> None:
    """Measure the tables, and print one line for each."""
    tasks = read_tasks(data)
    for (name,) in missing_cells(out, ["dataset"], [(name,) for name in choose_tables(data, tables, 400)]):
        row = {"dataset": name, "seconds": seconds} | measure(read_table(data, name), tasks[name], seconds, seed)
        append_row(out, row, COLUMNS)
        print(
            f"{name}: bag {row['bag']:.4g}, refit {row['refit']:.4g} in {row['refit_seconds']:.1f} s, refit on new "
            f"rows {row['new_rows']:.4g} in {row['new_rows_seconds']:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
