"""Compare a search that knows the order of the classes with one that does not, on rows that no fit has seen.

The targets are grades: whole numbers of a few values. For each table and split, two thirds of the rows (at most 1,000)
are fitted, and the others are predicted. Each contender appends a row to a CSV file; what the file holds is left out,
so that a run can be continued.

Example: python -m benchmarks.ordered_classes --data DATA --trials 6 --out ordered_classes.csv
Table of the results: python -m benchmarks.ordered_classes --data DATA --out ordered_classes.csv --only-report
"""

from __future__ import annotations

import warnings
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.metrics import cohen_kappa_score

from automl import AutoMLClassifier
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, read_table

TABLES = "1027_esl,1028_swd,1029_lev,1030_era"
FEWEST_ROWS = 10  # of a grade; rarer grades are merged with the next one towards the middle
MAX_TRAIN = 1_000
COLUMNS = ["dataset", "split", "contender", "n_train", "n_classes", "probability_score", "rank_error", "kappa", "right"]


def read(data: Path, name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return features and grades as an ordered categorical of texts, without rare grades at both ends."""
    table = read_table(data, name).dropna(subset=["target"])
    values = table["target"].round()
    counts = values.value_counts().sort_index()
    common = counts[counts >= FEWEST_ROWS].index
    grades = values.clip(common.min(), common.max()).astype(int)
    order = [f"grade {grade}" for grade in sorted(grades.unique())]
    y = pd.Series(pd.Categorical("grade " + grades.astype(str), categories=order, ordered=True))
    return table.drop(columns="target").reset_index(drop=True), y


def measure(model: Any, X: pd.DataFrame, y: pd.Series) -> dict[str, float]:
    """Return the scores of ordered classes, and the share of right labels."""
    order = list(y.cat.categories)
    p = pd.DataFrame(model.predict_proba(X), columns=model.classes_).reindex(columns=order, fill_value=0.0).to_numpy()
    true = y.cat.codes.to_numpy()
    predicted = np.array([order.index(label) for label in model.predict(X)])
    reached = true[:, None] <= np.arange(len(order) - 1)
    return {
        "probability_score": float(((p.cumsum(axis=1)[:, :-1] - reached) ** 2).mean()),
        "rank_error": float(np.abs(true - predicted).mean()),
        "kappa": float(cohen_kappa_score(true, predicted, weights="quadratic")),
        "right": float((true == predicted).mean()),
    }


def report(results: pd.DataFrame) -> str:
    """Return the mean scores over the splits that both contenders have measured, as a Markdown table."""
    both = results.groupby(["dataset", "split"])["contender"].transform("nunique") == 2
    mean = results[both].groupby(["dataset", "contender"])[COLUMNS[5:]].mean().reset_index()
    lines = [
        "| table | classes | ranked probability score | rank error | kappa | right labels |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in mean.to_dict("records"):
        cells = [f"{row['probability_score']:.4f}", f"{row['rank_error']:.3f}", f"{row['kappa']:.3f}"]
        lines.append(f"| `{row['dataset']}` | {row['contender']} | {' | '.join(cells)} | {row['right']:.1%} |")
    return "\n".join(lines)


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the results.")] = Path("ordered_classes.csv"),
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")] = TABLES,
    splits: Annotated[int, typer.Option(help="Number of random splits of each table.")] = 2,
    trials: Annotated[int | None, typer.Option(help="Configurations of a search, without a time limit.")] = None,
    time_budget: Annotated[float, typer.Option(help="Seconds of a search, without --trials.")] = 15.0,
    include: Annotated[str, typer.Option(help="Components of the search with commas; all without it.")] = "",
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the table of the results.")] = False,
) -> None:
    """Measure the tables, and print the results."""
    budget = {"time_budget": time_budget} if trials is None else {"time_budget": None, "max_trials": trials}
    settings: dict[str, Any] = {
        **budget,
        "n_jobs": 1,
        "verbose": 0,
        "include": [name for name in include.split(",") if name],
    }
    cells = product([] if only_report else tables.split(","), range(splits), ("ordered", "unordered"))
    for name, split, contender in missing_cells(out, COLUMNS[:3], cells):
        X, y = read(data, name)
        shuffled = np.random.default_rng(split).permutation(len(X))
        n_train = min(2 * len(X) // 3, MAX_TRAIN)
        train, test = shuffled[:n_train], shuffled[n_train:]
        target = y if contender == "ordered" else y.astype(str)
        model = AutoMLClassifier(**settings, random_state=split, without=[name])
        with warnings.catch_warnings(action="ignore"):
            model.fit(X.iloc[train], target.iloc[train])
            found = measure(model, X.iloc[test], y.iloc[test])
        row = {"dataset": name, "split": split, "contender": contender, "n_train": n_train}
        append_row(out, row | {"n_classes": y.nunique()} | found, COLUMNS)
        typer.echo(f"{name} {split} {contender}: {found['probability_score']:.4f}", err=True)
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
