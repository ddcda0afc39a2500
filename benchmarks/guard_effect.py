"""What does `guard` cost, and does it speak where it should? Searches with and without, on true and shuffled labels.

The same small part of a table is searched three times: without a guard, with one, and with one after the labels have
been shuffled, where all that a search finds is noise. The cost is what the rows given away take from the score on the
large rest of the table; a guard that speaks on real labels is a false alarm, one that keeps silent on shuffled ones a
miss. Each run appends a row to a CSV file; runs that are there are skipped.

Example: python -m benchmarks.guard_effect --data DATA --seconds 20 --out benchmarks/results/guard.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.honest_estimate import SCORING, MeasurementProtocol, parts, score_on
from benchmarks.run import METRICS

HERE = Path(__file__).parent
RUNS = {"without": (None, False), "guarded": (0.1, False), "shuffled": (0.1, True)}  # guard, labels shuffled
console = Console()


def measure(table: pd.DataFrame, task: str, run: str, seconds: float, n_train: int, seed: int) -> dict[str, object]:
    """One search: its loss on the rest of the table, and whether the guard spoke."""
    guard, shuffled = RUNS[run]
    train, test = parts(table, task, MeasurementProtocol(seconds, None, n_train, 20_000, -1, ()), seed)
    X, y = train.drop(columns="target"), train["target"]
    if shuffled:
        y = y.sample(frac=1, random_state=seed)
    kind = AutoMLRegressor if task == "regression" else AutoMLClassifier
    model = kind(time_budget=seconds, scoring=SCORING[METRICS[task]], guard=guard, random_state=seed, verbose=0)
    model.fit(X, y.astype(float) if task == "regression" else y.astype(str).to_numpy())
    looks = pd.DataFrame({"parted": []}) if guard is None else model.guard_curve_
    return {"score": score_on(model, test, task), "looks": len(looks), "parted": bool(looks["parted"].any())}


def summary(results: pd.DataFrame) -> str:
    """What the guard cost, and how often it spoke."""
    wide = results.pivot_table(index=["dataset", "seed"], columns="run", values="score")
    metric = results.groupby(["dataset", "seed"])["metric"].first()
    error = wide.where(metric != "auc", 1 - wide)
    worse = 100 * (error["guarded"] / error["without"] - 1)
    spoke = results[results["run"] != "without"].astype({"parted": int}).groupby("run")["parted"].agg(["sum", "count"])
    told = ", ".join(f"{run} labels {row['sum']} of {row['count']}" for run, row in spoke.iterrows())
    return f"error with a guard: median {worse.median():+.1f} %, mean {worse.mean():+.1f} %; it spoke on {told}"


def main(
    data: Annotated[Path, typer.Option(help="Folder of NAME.parquet tables with a column 'target', and index.csv.")],
    tables: Annotated[str, typer.Option(help="Names with commas; all with enough rows when empty.")] = "",
    seconds: Annotated[float, typer.Option(help="Of one search.")] = 20.0,
    n_train: Annotated[int, typer.Option(help="Rows to search on.")] = 300,
    seeds: Annotated[int, typer.Option()] = 1,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "guard.csv",
) -> None:
    """Measure, then print cost and alarms."""
    index = pd.read_csv(data / "index.csv").set_index("name")
    rows = pd.read_csv(out).to_dict("records") if out.exists() else []
    done = {(row["dataset"], row["seed"], row["run"]) for row in rows}
    for name in tables.split(",") if tables else index.index[index["n_rows"] >= 4 * n_train]:
        table, task = pd.read_parquet(data / f"{name}.parquet"), str(index.loc[name, "task"])
        for seed in range(seeds):
            for run in RUNS:
                if (name, seed, run) in done:
                    continue
                row = {"dataset": name, "seed": seed, "run": run, "metric": METRICS[task], "seconds": seconds}
                row |= measure(table, task, run, seconds, n_train, seed)
                rows.append(row)
                pd.DataFrame(rows).to_csv(out, index=False)
                console.print(f"{name} seed {seed} {run}: {row['metric']} {row['score']:.4g}, spoke: {row['parted']}")
    console.print(summary(pd.DataFrame(rows)), highlight=False)


if __name__ == "__main__":
    typer.run(main)
