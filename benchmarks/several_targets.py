"""Compare the search for several targets with scikit-learn's models of several targets, on rows that no fit has seen.

Columns of real tables serve as further targets. For each table and split, two thirds of the rows (at most 1,000) are
fitted, and the others are predicted. Each contender appends a row to a CSV file; what the file holds is left out, so
that a run can be continued.

Example: python -m benchmarks.several_targets --data DATA --trials 30 --out several_targets.csv
Table of the results: python -m benchmarks.several_targets --data DATA --out several_targets.csv --only-report
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, read_table

# Tables and the columns that are targets.
NUMBERS = {
    "abalone": ["target", "Shucked weight", "Viscera weight", "Shell weight"],
    "666_rmftsa_ladata": ["target", "Carbon_Monoxide", "Nitrogen_Dioxide", "Hydrocarbons", "Ozone"],
    "autoprice": ["target", "horsepower", "city-mpg", "highway-mpg"],
    "522_pm10": ["target", "temperature_at_2m", "wind_speed"],
    "227_cpu_small": ["target", "rchar", "wchar"],
}
CLASSES = {
    "vote": ["target", "immigration", "education-spending", "superfund-right-to-sue", "crime"],
    "cmc": ["target", "Wifes_education", "Husbands_education", "Media_exposure"],
    "flags": ["red", "green", "blue", "gold", "white", "black", "orange"],
    "synthetic": [f"label_{j}" for j in range(6)],
}
MAX_TRAIN, MAX_TEST = 1_000, 3_000  # rows
COLUMNS = ["dataset", "task", "split", "contender", "n_train", "n_targets", "loss", "accuracy"]


def read(data: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features and targets of a table, without rows that lack a target."""
    if name == "synthetic":
        X, y = make_multilabel_classification(1_500, 20, n_classes=6, n_labels=2, random_state=0)
        return pd.DataFrame(X).add_prefix("x"), pd.DataFrame(y, columns=CLASSES[name])
    targets = {**NUMBERS, **CLASSES}[name]
    table = read_table(data, name).dropna(subset=targets).reset_index(drop=True)
    y = table[targets].astype(float if name in NUMBERS else str)
    return table.drop(columns=targets), y


def forest_pipeline(forest: Any) -> Any:
    """Return a forest behind one-hot encoding and the imputation of medians."""
    categories = make_column_selector(dtype_exclude=np.number)
    encoder = OneHotEncoder(handle_unknown="ignore", max_categories=30, sparse_output=False)
    numbers = (SimpleImputer(strategy="median"), make_column_selector(dtype_include=np.number))
    return make_pipeline(make_column_transformer((encoder, categories), numbers), forest)


def boosting(model: Any) -> Any:
    """Return a booster behind one-hot encoding; it takes missing numbers as they are."""
    categories = make_column_selector(dtype_exclude=np.number)
    encoder = OneHotEncoder(handle_unknown="ignore", max_categories=30, sparse_output=False)
    return make_pipeline(make_column_transformer((encoder, categories), remainder="passthrough"), model)


def contenders(classification: bool, binary: bool, settings: dict[str, Any], seed: int) -> dict[str, Callable[[], Any]]:
    """Return functions that make the estimators, by name."""
    if not classification:
        booster = HistGradientBoostingRegressor(random_state=seed)
        return {
            "automl": lambda: AutoMLRegressor(**settings, random_state=seed),
            "forest": lambda: forest_pipeline(RandomForestRegressor(300, random_state=seed)),
            "boosting": lambda: boosting(MultiOutputRegressor(booster)),
            "boosting chain": lambda: boosting(RegressorChain(booster, cv=3, random_state=seed)),
        }
    classifier = HistGradientBoostingClassifier(random_state=seed)
    found: dict[str, Callable[[], Any]] = {
        "automl": lambda: AutoMLClassifier(**settings, scoring="neg_log_loss", random_state=seed),
        "forest": lambda: forest_pipeline(RandomForestClassifier(300, random_state=seed)),
        "boosting": lambda: boosting(MultiOutputClassifier(classifier)),
    }
    if binary:  # scikit-learn's chain takes labels of two classes only
        found["boosting chain"] = lambda: boosting(ClassifierChain(classifier, cv=3, random_state=seed))
    return found


def score(model: Any, X: pd.DataFrame, y: pd.DataFrame, train: pd.DataFrame) -> tuple[float, float]:
    """Return the mean loss over the targets, and the mean accuracy (of classes).

    The loss of numbers is the root mean squared error, divided by that of the mean of the training rows. The loss of
    classes is the log loss, with probabilities of at least 0.001.
    """
    if all(dtype.kind == "f" for dtype in y.dtypes):
        predicted = np.asarray(model.predict(X))
        constant = [root_mean_squared_error(y[c], np.full(len(y), train[c].mean())) for c in y]
        errors = [root_mean_squared_error(y[c], predicted[:, j]) for j, c in enumerate(y)]
        return float(np.mean(np.array(errors) / constant)), float("nan")
    found = model.predict_proba(X)
    if isinstance(found, np.ndarray):  # a chain: the probability of the second class of each label
        found = [np.column_stack([1 - p, p]) for p in found.T]
    losses, hits = [], []
    for column, p in zip(y, found, strict=True):
        labels = np.unique(train[column])
        known = np.isin(y[column], labels)
        clipped = np.clip(p, 1e-3, 1)
        losses.append(log_loss(y[column][known], (clipped / clipped.sum(1, keepdims=True))[known], labels=labels))
        hits.append(accuracy_score(y[column], labels[p.argmax(axis=1)]))
    return float(np.mean(losses)), float(np.mean(hits))


def report(results: pd.DataFrame) -> str:
    """Return the mean losses over the splits as a Markdown table, and how often each contender has the lowest."""
    mean = results.groupby(["task", "dataset", "contender"])["loss"].mean().unstack()
    rank = mean.rank(axis=1)
    lines = [f"| table | {' | '.join(mean.columns)} |", f"|---|{'---:|' * len(mean.columns)}"]
    for dataset, row in mean.droplevel("task").iterrows():
        cells = [f"**{v:.4f}**" if v == row.min() else "" if np.isnan(v) else f"{v:.4f}" for v in row]
        lines.append(f"| `{dataset}` | {' | '.join(cells)} |")
    lines.append(f"| mean rank | {' | '.join(f'{v:.2f}' for v in rank.mean())} |")
    return "\n".join(lines)


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the results.")] = Path("several_targets.csv"),
    tables: Annotated[str, typer.Option(help="Names of tables with commas; all without it.")] = "",
    splits: Annotated[int, typer.Option(help="Number of random splits of each table.")] = 2,
    trials: Annotated[int | None, typer.Option(help="Configurations of a search, without a time limit.")] = None,
    time_budget: Annotated[float, typer.Option(help="Seconds of a search, without --trials.")] = 15.0,
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the table of the results.")] = False,
) -> None:
    """Measure the tables, and print the results."""
    budget = {"time_budget": time_budget} if trials is None else {"time_budget": None, "max_trials": trials}
    settings = {**budget, "n_jobs": 1, "verbose": 0}
    names = [] if only_report else tables.split(",") if tables else [*NUMBERS, *CLASSES]
    for name, split in product(names, range(splits)):
        X, y = read(data, name)
        binary = all(y[column].nunique() == 2 for column in y)
        labels = y.apply(lambda column: pd.factorize(column, sort=True)[0]) if name in CLASSES else y
        shuffled = np.random.default_rng(split).permutation(len(X))
        n_train = min(2 * len(X) // 3, MAX_TRAIN)
        train, test = shuffled[:n_train], shuffled[n_train : n_train + MAX_TEST]
        make = contenders(name in CLASSES, binary, settings, split)
        for *_, contender in missing_cells(out, ["dataset", "split", "contender"], product([name], [split], make)):
            with warnings.catch_warnings(action="ignore"):
                model = make[contender]().fit(X.iloc[train], labels.iloc[train])
                loss, accuracy = score(model, X.iloc[test], labels.iloc[test], labels.iloc[train])
            task = "classes" if name in CLASSES else "numbers"
            row = (name, task, split, contender, n_train, y.shape[1], loss, accuracy)
            append_row(out, dict(zip(COLUMNS, row, strict=True)), COLUMNS)
            typer.echo(f"{name} {split} {contender}: {loss:.4f}", err=True)
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
