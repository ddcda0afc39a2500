"""Measure what it saves that promoted trials go on with their training: processor seconds, and the error.

Example: python -m benchmarks.continued_training --data DATA

A search by Hyperband over models that can continue runs twice on each table, on one fold: once as it is, and once with
a callback that removes the states of all trainings, so that each promotion begins anew. With --seconds 0, both have the
same number of configurations, and the processor seconds are compared. Otherwise each search has so many processor
seconds, the default searcher takes part, and the errors on the test rows are compared. Each search is one row of a CSV
file; searches in the file are skipped.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.base import is_classifier
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import ShuffleSplit, train_test_split

from automl import AutoMLClassifier, AutoMLRegressor
from automl.trials.artifacts import Artifacts
from automl.trials.trial import TrialResult
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

RESULTS = Path(__file__).parent / "results" / "continued_training.csv"
FAMILIES = "lightgbm,xgboost,catboost,hist_gradient_boosting,extra_trees,random_forest,realmlp"
CONTINUES, RESTARTS, DEFAULT = "continues", "restarts", "smac"
KEYS = ["table", "seed", "variant", "families", "seconds", "max_trials"]
COLUMNS = [*KEYS, "configurations", "promoted_seconds", "processor_seconds", "error"]


def fit(X: pd.DataFrame, y: pd.Series, task: str, variant: str, folder: Path, **settings: Any) -> Any:
    """Search with one of the variants, and return the fitted estimator."""

    def forget_trainings(result: TrialResult, history: Iterable[TrialResult]) -> None:
        for path in Artifacts(folder).training_paths():
            path.unlink()

    estimator = AutoMLRegressor if task == "regression" else AutoMLClassifier
    return estimator(
        time_budget=None,
        n_jobs=1,
        cv=ShuffleSplit(1, test_size=0.25, random_state=0),
        searcher=DEFAULT if variant == DEFAULT else "hyperband",
        store=folder,
        callbacks=[forget_trainings] if variant == RESTARTS else [],
        verbose=0,
        **settings,
    ).fit(X, y)


def measure(model: Any, X: pd.DataFrame, y: pd.Series) -> dict[str, Any]:
    """Return the processor seconds of a search and its error: the log loss, or for numbers the root mean squared error.

    ``promoted_seconds`` are those of the configurations that were promoted at least once.
    """
    results = [result for result in model.history_ if result.started]
    n_rungs = Counter(result.trial.configuration for result in results)
    promoted = [result for result in results if n_rungs[result.trial.configuration] > 1]
    if is_classifier(model):
        error = log_loss(y, model.predict_proba(X))
    else:
        error = root_mean_squared_error(y, model.predict(X))
    return {
        "configurations": len({result.trial.configuration for result in results}),
        "promoted_seconds": round(sum(result.processor_seconds or 0.0 for result in promoted), 2),
        "processor_seconds": round(sum(result.processor_seconds or 0.0 for result in results), 2),
        "error": round(float(error), 6),
    }


def ratios(results: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a column of each table by variant, the mean over the seeds, with the ratio of the first two variants."""
    wide = results.pivot_table(index="table", columns="variant", values=column, sort=False)
    if {CONTINUES, RESTARTS} <= set(wide.columns):
        wide["continues / restarts"] = wide[CONTINUES] / wide[RESTARTS]
    return wide


def summary(results: pd.DataFrame) -> str:
    """Return tables of the seconds at equal trials, and of the errors at equal seconds."""
    parts = []
    for (families, seconds), group in results.groupby(["families", "seconds"], sort=False):
        for column in ["error"] if seconds else ["promoted_seconds", "processor_seconds", "error"]:
            table = ratios(group, column)
            text = f"{column}, {families}, {f'{seconds:g} processor seconds' if seconds else 'equal trials'}"
            if "continues / restarts" in table:
                logs = np.log(table["continues / restarts"].dropna())
                error = logs.std(ddof=1) / np.sqrt(len(logs)) if len(logs) > 1 else float("nan")
                text += f"; mean ratio {np.exp(logs.mean()):.3f}, factor of its standard error {np.exp(error):.3f}"
            parts.append(f"{text}\n{table.round(4).to_string()}")
    return "\n\n".join(parts)


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names with commas.")] = "kin8nm,elevators,coil2000,banana,abalone",
    families: Annotated[str, typer.Option(help="Model families with commas.")] = FAMILIES,
    max_trials: Annotated[int, typer.Option(help="Configurations of a search without seconds.")] = 18,
    seconds: Annotated[float, typer.Option(help="Processor seconds of each search; 0: equal trials.")] = 0.0,
    rows: Annotated[int, typer.Option(help="Largest number of training rows.")] = 6_000,
    seeds: Annotated[int, typer.Option(help="Number of searches on each table.")] = 1,
    variants: Annotated[str, typer.Option(help="Names with commas; empty: all that fit.")] = "",
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = RESULTS,
) -> None:
    """Run each search that is not in the file yet, and print the tables."""
    tasks = read_tasks(data)
    chosen = list(filter(None, variants.split(","))) or [CONTINUES, RESTARTS, *([DEFAULT] if seconds else [])]
    limits = {"max_processor_seconds": seconds} if seconds else {"max_trials": max_trials}
    for seed in range(seeds):
        for name in choose_tables(data, tables):
            frame = read_table(data, name)
            X, y = frame.drop(columns="target"), frame["target"]
            n_test = max(len(X) // 4, len(X) - rows)
            X, X_test, y, y_test = train_test_split(X, y, test_size=n_test, random_state=seed)
            cells = [(name, seed, variant, families, seconds, 0 if seconds else max_trials) for variant in chosen]
            for about in missing_cells(out, KEYS, cells):
                print(*about, file=sys.stderr)
                with tempfile.TemporaryDirectory() as folder:
                    settings = {"include": families.split(","), "random_state": seed, **limits}
                    model = fit(X, y, tasks[name], about[2], Path(folder), **settings)
                row = dict(zip(KEYS, about, strict=True)) | measure(model, X_test, y_test)
                append_row(out, row, COLUMNS)
    print(summary(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
