"""Measure what a search for small differences between groups changes on rows that it has not seen.

Example: python -m benchmarks.fair_choice --data FOLDER

Each table has two classes and a column with a sensitive feature, which the models see. Two searches with the same
number of trials run on the same training rows: one for the score (ROC AUC) alone, and one for the score and the
demographic parity difference. From each frontier, the row is chosen whose difference on out-of-fold rows is lowest
among the rows with a score of at most `--loss` below the best one. The figures are those of the test rows. Each search
is one row of a CSV file; searches in the file are skipped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from automl import AutoMLClassifier
from automl.task.sensitive import DEMOGRAPHIC_PARITY
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, check_names, read_table, read_tasks

RESULTS = Path(__file__).parent / "results" / "fair_choice.csv"
TABLES = (
    "heart_c:sex,free_light_chain_death:sex,smoker:gender,health_plan_1996:ethnicity,own_health_plan:race,"
    "covid_result:gender,car_crash_death:sex,vote_2016:female"
)
MODELS = ("lightgbm", "logistic_regression", "lda", "gaussian_nb", "decision_tree")
OBJECTIVES = {"score": ("score",), "score and difference": ("score", DEMOGRAPHIC_PARITY)}
KEYS = ["table", "seed", "objectives"]
MAX_ROWS = 3_000  # for training; as many test rows at most


def split(table: pd.DataFrame, seed: int) -> list[Any]:
    """Return training and test rows of the features and of the target."""
    known = table.dropna(subset=["target"])
    n = min(MAX_ROWS, len(known) // 2)
    X, y = known.drop(columns="target"), known["target"]
    return train_test_split(X, y, train_size=n, test_size=n, random_state=seed, stratify=y)


def measure(model: Any, X: pd.DataFrame, y: pd.Series, feature: str) -> tuple[float, float]:
    """Return the score and the difference on test rows."""
    groups = model.scores_by_group(feature, X, y)
    score = roc_auc_score(np.asarray(y) == model.classes_[1], model.predict_proba(X)[:, 1])
    return float(score), float(groups.loc["largest difference", "predicted_share"])


def choose(clf: Any, loss: float) -> Any:
    """Return the model of the frontier with the lowest difference on out-of-fold rows."""
    scores = clf.frontier_["score"].to_numpy(dtype=np.float64)
    rows = [clf.choose(int(row)) for row in np.flatnonzero(scores >= scores[0] - loss)]
    return min(rows, key=lambda row: row.scores_by_group().loc["largest difference", "predicted_share"])


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="NAME:COLUMN with commas; the column is the sensitive feature.")] = TABLES,
    seeds: Annotated[int, typer.Option(help="Splits of each table.")] = 1,
    trials: Annotated[int, typer.Option(help="Trials of a search.")] = 30,
    loss: Annotated[float, typer.Option(help="Score that the choice may cost.")] = 0.02,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = RESULTS,
) -> None:
    """Run the searches, and print the means over the tables."""
    features = dict(entry.split(":") for entry in tables.split(","))
    check_names(list(features), list(read_tasks(data)), f"in the index of '{data}'", "table")
    cells = [(name, seed, label) for seed in range(seeds) for name in features for label in OBJECTIVES]
    for name, seed, label in missing_cells(out, KEYS, cells):
        X, X_test, y, y_test = split(read_table(data, name), seed)
        clf = AutoMLClassifier(
            time_budget=None, max_trials=trials, include=MODELS, scoring="roc_auc", objectives=OBJECTIVES[label],
            n_jobs=1, cv=4, random_state=seed, verbose=0,
        ).fit(X, y, sensitive_features=features[name])  # fmt: skip
        row: dict[str, object] = dict(zip(KEYS, (name, seed, label), strict=True))
        for kind, model in (("best", clf), ("chosen", choose(clf, loss))):
            found = measure(model, X_test, y_test, features[name])
            row |= dict(zip((f"{kind} score", f"{kind} difference"), np.round(found, 5).tolist(), strict=True))
        append_row(out, row, list(row))
        print(*row.values(), file=sys.stderr, flush=True)
    results = pd.read_csv(out)
    columns = [column for column in results if column not in KEYS]
    print(results.groupby("objectives")[columns].mean().round(4).to_string())
    pairs = results.pivot_table(index="table", columns="objectives", values="chosen difference")
    print(f"lower difference with both objectives: {int((pairs.iloc[:, 1] < pairs.iloc[:, 0]).sum())} of {len(pairs)}")


if __name__ == "__main__":
    typer.run(main)
