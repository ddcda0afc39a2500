"""Measure `expected_gain`: the forecast of a short run against the gain of a real longer run on the same rows.

Each table is fitted twice, with the same folds. The gain of the longer run is the mean of two differences: that of
`estimate_` and that of the scores on the test rows. All gains are in percent of the distance between the score of the
short run and that of a constant prediction. Each pair appends a row to a CSV file; pairs in the file are skipped.

Example: python -m benchmarks.further_gain --data DATA --out further_gain.csv
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from scipy.stats import spearmanr

from automl import AutoMLClassifier, AutoMLRegressor
from automl.ensemble.further_gain import forecast_doublings
from benchmarks.honest_estimate import SCORING, score_on
from benchmarks.result_file import append_row, missing_cells
from benchmarks.run import METRICS
from benchmarks.splits import split
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks
from benchmarks.worker import ignore_own_meta_database

HERE = Path(__file__).parent
COLUMNS = [
    "dataset", "metric", "seconds", "longer", "configurations", "doublings", "scale", "last_gain", "last_error",
    "estimate_gain", "test_gain",
]  # fmt: skip
KEY = ["dataset", "seconds", "longer"]
TABLES = (
    "abalone,car_crash_death,churn,computer_price,cps_earnings_1988,cpu_act,credit_a,cylinder_bands,diabetes,eucalyptus,"
    "hotel_rate,housing,kin8nm,led24,letter,satimage,segment,spambase,splice,stock,storm_status,tic_tac_toe,vote_2016,"
    "vowel"
)


def measure(
    name: str, table: pd.DataFrame, task: str, seconds: float, longer: float, n_jobs: int
) -> dict[str, Any] | None:
    """Fit twice and return a row; None where the short run has no score over time."""
    train, test = split(table, task, 0)
    kind = AutoMLRegressor if task == "regression" else AutoMLClassifier
    settings: dict[str, Any] = {
        "scoring": SCORING[METRICS[task]],
        "n_jobs": n_jobs,
        "without": [name],
        "random_state": 0,
        "verbose": 0,
    }
    models = [
        kind(time_budget=budget, **settings).fit(train.drop(columns="target"), train["target"])
        for budget in (seconds, longer)
    ]
    if not hasattr(models[0], "score_over_time_"):
        return None
    first, last = (model.score_over_time_ for model in models)
    curve = models[0]._score_curve
    sign = 1 if METRICS[task] == "auc" else -1
    reached = [sign * score_on(model, test, task) for model in models]
    return {
        "metric": METRICS[task], "configurations": int(first["configurations"].iloc[-1]),
        "doublings": float(np.log2(last["seconds"].iloc[-1] / first["seconds"].iloc[-1])),
        "scale": curve.scale, "last_gain": curve.points[-2].gain, "last_error": curve.points[-2].error,
        "estimate_gain": models[1].estimate_.score - models[0].estimate_.score, "test_gain": reached[1] - reached[0],
    }  # fmt: skip


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row for the forecast and for each alternative: errors in percent of the scale, ranks and coverage."""
    scale = results["scale"]
    true = 100 * (results["estimate_gain"] + results["test_gain"]) / 2 / scale
    forecasts = [
        forecast_doublings(gain, distance, doublings)
        for gain, distance, doublings in zip(results["last_gain"], scale, results["doublings"], strict=True)
    ]
    gain, low, high = (100 * np.array(part) / scale for part in zip(*forecasts, strict=True))
    alternatives = {
        "forecast": gain,
        "no gain": np.zeros(len(results)),
        "same gain for each doubling": 100 * results["last_gain"].clip(lower=0) * results["doublings"] / scale,
        "mean gain of the other tables": pd.Series(
            [np.delete(true.to_numpy(), i).mean() for i in range(len(true))], index=true.index
        ),
    }
    rows = {}
    for name, values in alternatives.items():
        error = np.abs(true - values)
        varies = np.ptp(np.asarray(values)) > 0
        rows[name] = {
            "mean error": error.mean(),
            "median error": error.median(),
            "largest error": error.max(),
            "rank correlation": spearmanr(values, true).statistic if varies else np.nan,
        }
    rows["forecast"] |= {"coverage %": 100 * float(np.mean((true >= low) & (true <= high)))}
    rows["forecast"] |= {"above %": 100 * float(np.mean(true > high)), "below %": 100 * float(np.mean(true < low))}
    return pd.DataFrame(rows).T


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")] = TABLES,
    seconds: Annotated[float, typer.Option(help="Seconds of the short run.")] = 60.0,
    longer: Annotated[float, typer.Option(help="Seconds of the longer run.")] = 300.0,
    n_jobs: Annotated[int, typer.Option(help="Worker processes of one run.")] = 1,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "further_gain.csv",
) -> None:
    """Measure the tables, then print the errors of the forecast and of simpler ones."""
    ignore_own_meta_database()
    tasks = read_tasks(data)
    for name, *_ in missing_cells(out, KEY, [(name, seconds, longer) for name in choose_tables(data, tables)]):
        row = measure(name, read_table(data, name), tasks[name], seconds, longer, n_jobs)
        if row is None:
            print(f"{name}: no score over time", flush=True)
            continue
        append_row(out, {"dataset": name, "seconds": seconds, "longer": longer, **row}, COLUMNS)
        gains = f"{row['estimate_gain']:.4g} by the estimate, {row['test_gain']:.4g} on test rows"
        print(f"{name}: gain {gains}", flush=True)
    if out.exists():
        print(summary(pd.read_csv(out)).round(2).to_markdown())


if __name__ == "__main__":
    typer.run(main)
