"""Measure what losses that follow the metric, and transforms of the target, change in the errors of single models.

Each family is fitted to three folds of each table with its default hyperparameters, once for each loss and transform,
without a limit of seconds: the fits are repeatable. Tables with more rows are sampled.
Every fit is scored by all metrics. Each fit appends a row to a CSV file, and fits that are in the file are left out, so
that the command can be repeated until it is complete.

Example: python -m benchmarks.loss_gain --data DATA --out build/losses.csv --seconds 200
"""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from ConfigSpace import ConfigurationSpace
from sklearn import metrics
from sklearn.model_selection import KFold

from automl.task.training_losses import is_skewed
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, check_names, choose_tables, read_table
from pipelines.build import build_pipeline
from pipelines.component import FitContext
from pipelines.losses import SQUARED_ERROR
from pipelines.models import MODELS
from pipelines.space import build_space, complete
from pipelines.steps.target import LOSS_NAMES, TargetRegressor
from pipelines.table.reader import TableReader

TABLES = (
    "autoprice,cpu,plasma_retinol,housing,strike,cps_earnings_1988,hotel_rate,computer_price,abalone,race_time,"
    "movie_rating,restaurant_score,film_stars"
)
TRANSFORMS = ("none", "log_target", "log1p_target", "quantile_target")
MEASURED = {
    *((SQUARED_ERROR, name) for name in TRANSFORMS),
    *((loss, "none") for loss in LOSS_NAMES),
    ("absolute_error", "log_target"),
    ("percentage_error", "log_target"),
}
N_FOLDS = 3
COLUMNS = ["table", "skewed", "fold", "family", "loss", "target", "seconds", "mae", "mape", "rmsle", "rmse", "poisson",
           "gamma"]  # fmt: skip
BASELINE = (SQUARED_ERROR, "none")
UNCORRECTED = "_median"  # suffix of a transform without the factor from the median to the mean


def variants(family: str, y: np.ndarray) -> list[tuple[str, str]]:
    """Return the pairs of loss and transform that are measured for a family and a target."""
    model = next(model for model in MODELS if model.name == family)
    least = {"gamma": float(np.nextafter(0, 1)), "poisson": 0.0, "tweedie": 0.0}
    losses = [
        loss
        for loss in LOSS_NAMES
        if (loss == SQUARED_ERROR or (loss if loss != "percentage_error" else "absolute_error") in model.losses)
        and y.min() >= least.get(loss, -np.inf)
    ]
    transforms = [name for name in TRANSFORMS if y.min() >= 0 or not name.startswith("log")]
    return [pair for pair in product(losses, transforms) if pair in MEASURED]


def errors(y: np.ndarray, predicted: np.ndarray, low: float) -> dict[str, float]:
    """Return the errors of predictions; `low` is the smallest positive target, for the deviances."""
    out = {"mae": metrics.mean_absolute_error(y, predicted), "rmse": metrics.root_mean_squared_error(y, predicted)}
    if y.min() < 0:
        return out
    out["rmsle"] = metrics.root_mean_squared_log_error(y, np.maximum(predicted, 0))
    positive = np.maximum(predicted, 1e-3 * low)
    out["poisson"] = metrics.mean_poisson_deviance(y, positive)
    if y.min() > 0:
        out["mape"] = metrics.mean_absolute_percentage_error(y, predicted)
        out["gamma"] = metrics.mean_gamma_deviance(y, positive)
    return out


def fit(
    rows: tuple[Any, np.ndarray], space: ConfigurationSpace, partial: dict[str, str], context: FitContext
) -> tuple[Any, float]:
    """Return a fitted pipeline of a configuration, and its seconds."""
    configuration = complete(space, partial)
    if configuration is None:
        raise ValueError(f"the space lacks {partial}")
    pipeline = build_pipeline(configuration, context)
    started = time.perf_counter()
    with warnings.catch_warnings(action="ignore"):
        pipeline.fit(*rows)
    return pipeline, time.perf_counter() - started


def measure(
    data: Path, table: str, families: list[str], n_rows: int, wanted: list[str], out: Path, until: float
) -> None:
    """Fit and score all variants on a table that the file does not hold yet, until the time is over."""
    frame = read_table(data, table)
    frame = frame.sample(min(n_rows, len(frame)), random_state=0).reset_index(drop=True)
    y = frame.pop("target").to_numpy(dtype=float)
    reader = TableReader()
    X = reader.fit_transform(frame)
    traits = reader.traits("regression", n_rows=round(len(y) * (1 - 1 / N_FOLDS)))
    space = build_space(replace(traits, losses=LOSS_NAMES, target_transforms=TRANSFORMS))
    low = float(y[y > 0].min()) if (y > 0).any() else 1.0
    about = {"table": table, "skewed": int(is_skewed(y))}
    folds = list(KFold(N_FOLDS, shuffle=True, random_state=0).split(X))
    cells = [(table, fold, f, *pair) for fold in range(N_FOLDS) for f in families for pair in variants(f, y)]
    for _, fold, family, loss, target in missing_cells(out, ["table", "fold", "family", "loss", "target"], cells):
        if time.perf_counter() > until:
            break
        if wanted and f"{loss}:{target}" not in wanted:
            continue
        train, test = folds[fold]
        partial = {"model": family, "encoding": "native", "loss": loss, "target": target}
        model, seconds = fit((X[train], y[train]), space, partial, FitContext(traits, 0, 1))
        row = about | {"fold": fold, "family": family, "loss": loss, "target": target, "seconds": round(seconds, 3)}
        append_row(out, row | errors(y[test], model.predict(X[test]), low), COLUMNS)
        if isinstance(model[-1], TargetRegressor) and model[-1].factor_ != 1.0:
            model[-1].factor_ = 1.0
            changed = {"target": f"{target}{UNCORRECTED}"}
            append_row(out, row | changed | errors(y[test], model.predict(X[test]), low), COLUMNS)


def compare(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the log ratio of the error of each variant to squared error without a transform, over the tables."""
    scored = results[results[metric].notna() & (results[metric] > 0)]
    keys = ["table", "skewed", "fold", "family"]
    is_baseline = (scored["loss"] == BASELINE[0]) & (scored["target"] == BASELINE[1])
    both = scored[~is_baseline].merge(scored[is_baseline][[*keys, metric]], on=keys, suffixes=("", "_baseline"))
    both["log_ratio"] = np.log(both[metric] / both[f"{metric}_baseline"])
    means = both.groupby(["family", "loss", "target", "skewed", "table"])["log_ratio"].mean()
    grouped = means.groupby(["family", "loss", "target", "skewed"])
    summary = pd.DataFrame(
        {
            "n_tables": grouped.size(),
            "mean": grouped.mean(),
            "se": grouped.sem(),
            "won": grouped.agg(lambda values: (values < 0).sum()),
        }
    )
    return summary.reset_index()


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the fits.")],
    tables: Annotated[str, typer.Option(help="Names with commas.")] = TABLES,
    families: Annotated[str, typer.Option(help="Names with commas.")] = "lightgbm,catboost,realmlp,ridge,random_forest",
    rows: Annotated[int, typer.Option(help="Largest number of rows of a table.")] = 5_000,
    pairs: Annotated[str, typer.Option(help="Pairs LOSS:TRANSFORM with commas; all pairs if empty.")] = "",
    seconds: Annotated[float, typer.Option(help="Stop after these seconds; 0 prints the comparison only.")] = 200.0,
) -> None:
    """Measure errors by loss and by transform of the target."""
    chosen = [name for name in families.split(",") if name]
    check_names(chosen, [model.name for model in MODELS], "in the catalog", "family")
    until = time.perf_counter() + seconds
    for table in choose_tables(data, tables):
        measure(data, table, chosen, rows, pairs.split(",") if pairs else [], out, until)
    results = pd.read_csv(out)
    for metric in COLUMNS[7:]:
        print(f"\n{metric}: log ratio to squared error without a transform")
        print(compare(results, metric).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    typer.run(main)
