"""Measure what helps against wrong labels: flip labels of the training rows, and score on rows with right labels.

A label is replaced by another class, drawn at random (symmetric noise). For each table and share of wrong labels,
single configurations with and without each option are fitted, and whole searches with and without ``noisy_labels``.
Each fit appends a row to a CSV file; what the file holds is left out, so that a run can be continued.

Example: python -m benchmarks.label_noise --data DATA --rows 500 --trials 10 --out label_noise.csv
Table of the results: python -m benchmarks.label_noise --data DATA --out label_noise.csv --only-report
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from automl import AutoMLClassifier
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, read_table
from pipelines.build import build_pipeline, fit_preprocessing
from pipelines.component import FitContext, task_type
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, complete
from pipelines.table.reader import TableReader

TABLES = ("banana", "car", "credit_a", "diabetes", "segment", "spambase", "waveform5000", "yeast")
MAX_TEST = 1_000  # rows
LEAST_CLASS_ROWS = 10
LEAST_PROBABILITY = 0.005
PLAIN = "plain"
CLEANED: Mapping[str, Any] = {"cleaning": "confident_learning"}
# Families, and the changes of their first configuration of the portfolio.
OPTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "lightgbm": {PLAIN: {}, "cleaning": CLEANED},
    "extra_trees": {PLAIN: {}, "cleaning": CLEANED},
    "logistic_regression": {PLAIN: {}, "cleaning": CLEANED},
    "realmlp": {
        PLAIN: {},
        "loss_power 0.7": {"model:realmlp:loss_power": 0.7},
        "label_smoothing 0.1": {"model:realmlp:label_smoothing": 0.1},
        "forgotten_share 0.2": {"model:realmlp:forgotten_share": 0.2},
    },
}
SEARCH = "automl"
SEARCHES: Mapping[str, bool] = {PLAIN: False, "noisy_labels": True}
COLUMNS = ["dataset", "share", "family", "option", "n_train", "n_classes", "accuracy", "loss", "corrected", "seconds"]

Array = NDArray[Any]


class Data(NamedTuple):
    """Training rows with right labels, and test rows; labels are class codes."""

    X: pd.DataFrame
    y: Array
    X_test: pd.DataFrame
    y_test: Array


def read(data: Path, name: str, n_rows: int) -> Data:
    """Return `n_rows` training rows, at most two thirds of all, and test rows, without rare classes."""
    table = read_table(data, name).dropna(subset=["target"])
    counts = table["target"].value_counts()
    table = table[table["target"].isin(counts.index[counts >= LEAST_CLASS_ROWS])]
    y = pd.factorize(table["target"].astype(str), sort=True)[0]
    n_train = min(n_rows, 2 * len(y) // 3)
    train, test = train_test_split(np.arange(len(y)), train_size=n_train, stratify=y, random_state=0)
    test, X = test[:MAX_TEST], table.drop(columns="target")
    return Data(X.iloc[train], y[train], X.iloc[test], y[test])


def flip(y: Array, share: float, n_classes: int) -> Array:
    """Return labels of which about this share is replaced by another class."""
    rng = np.random.default_rng(0)
    wrong = rng.random(len(y)) < share
    return np.where(wrong, (y + rng.integers(1, n_classes, len(y))) % n_classes, y)


def corrected(p: Array, share: float) -> Array:
    """Return the probabilities of right labels, given those of labels of which a known share is wrong.

    With symmetric noise, the probability of a class is ``p = other + (1 - share - other) * right``, where ``other`` is
    the share divided by the number of other classes.
    """
    other = share / (p.shape[1] - 1)
    right = np.clip((p - other) / (1 - share - other), LEAST_PROBABILITY, None)
    return np.asarray(right / right.sum(axis=1, keepdims=True))


def fit_configuration(data: Data, y: Array, family: str, changes: Mapping[str, Any]) -> Array:
    """Fit the first configuration of a family in the portfolio with some changes, and predict the test rows."""
    n_classes, reader = int(data.y.max()) + 1, TableReader()
    X = reader.fit_transform(data.X)
    traits = replace(reader.traits(task_type(n_classes), n_classes, False, len(y)), noisy_labels=True)
    first = next(entry for entry in PORTFOLIO if entry["model"] == family)
    configuration = complete(build_space(traits), {**first, **changes})
    assert configuration is not None
    pipeline = build_pipeline(configuration, FitContext(traits))
    pipeline[-1].fit(fit_preprocessing(pipeline, configuration, X, y, None), y, sample_weight=None)
    return np.asarray(pipeline.predict_proba(reader.transform(data.X_test)))


def search(data: Data, y: Array, noisy_labels: bool, settings: Mapping[str, Any]) -> Array:
    """Search with or without `noisy_labels`, and predict the test rows."""
    clf = AutoMLClassifier(**settings, noisy_labels=noisy_labels, n_jobs=1, random_state=0, verbose=0)
    return np.asarray(clf.fit(data.X, y).predict_proba(data.X_test))


def measure(data: Data, share: float, family: str, option: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of one contender on the test rows."""
    n_classes = int(data.y.max()) + 1
    y, start = flip(data.y, share, n_classes), time.perf_counter()
    with warnings.catch_warnings(action="ignore"):
        if family == SEARCH:
            p = search(data, y, SEARCHES[option], settings)
        else:
            p = fit_configuration(data, y, family, OPTIONS[family][option])
    seconds, labels = time.perf_counter() - start, range(n_classes)
    p = np.clip(p, LEAST_PROBABILITY, None)
    p /= p.sum(axis=1, keepdims=True)
    accuracy, better = float((p.argmax(axis=1) == data.y_test).mean()), corrected(p, share)
    losses = [float(log_loss(data.y_test, one, labels=labels)) for one in (p, better)]
    return dict(zip(COLUMNS[4:], (len(y), n_classes, accuracy, *losses, seconds), strict=True))


def report(results: pd.DataFrame) -> str:
    """Return the mean scores over the tables, and on how many tables an option is better, as a Markdown table."""
    lines = [
        "| family, option | wrong labels | tables | accuracy | log loss | corrected log loss | better in accuracy |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    keys, scores = ["family", "share", "dataset"], ["accuracy", "loss", "corrected"]
    plain = results[results["option"] == PLAIN][[*keys, "accuracy"]]
    paired = results.merge(plain, on=keys, suffixes=("", "_plain"))
    for (family, option, share), both in paired.groupby(["family", "option", "share"], sort=False):
        means, better = both[scores].mean(), (both["accuracy"] > both["accuracy_plain"]).sum()
        equal = (both["accuracy"] == both["accuracy_plain"]).sum()
        wins = "" if option == PLAIN else f"{better} of {len(both) - equal}"
        lines.append(
            f"| {family}, {option} | {share:.0%} | {len(both)} | {means['accuracy']:.3f} | {means['loss']:.3f} | "
            f"{means['corrected']:.3f} | {wins} |"
        )
    return "\n".join(lines)


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the results.")] = Path("label_noise.csv"),
    tables: Annotated[str, typer.Option(help="Names of tables with commas; eight tables without it.")] = "",
    families: Annotated[str, typer.Option(help="Families with commas, 'automl' for searches; all without it.")] = "",
    shares: Annotated[str, typer.Option(help="Shares of wrong labels with commas.")] = "0,0.1,0.2,0.4",
    rows: Annotated[int, typer.Option(help="Training rows.")] = 500,
    trials: Annotated[int, typer.Option(help="Configurations of a search.")] = 10,
    folds: Annotated[int, typer.Option(help="Folds of a search.")] = 3,
    include: Annotated[str, typer.Option(help="Model families of a search with commas; all without it.")] = "",
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the table of the results.")] = False,
) -> None:
    """Measure the tables, and print the results."""
    settings = {
        "time_budget": None,
        "max_trials": trials,
        "cv": folds,
        "include": include.split(",") if include else (),
    }
    wanted = families.split(",") if families else [*OPTIONS, SEARCH]
    contenders = [(family, option) for family in wanted for option in {**OPTIONS, SEARCH: SEARCHES}[family]]
    names = [] if only_report else tables.split(",") if tables else TABLES
    cells = [
        (n, share, *contender) for n in names for share in map(float, shares.split(",")) for contender in contenders
    ]
    for cell in missing_cells(out, COLUMNS[:4], cells):
        name, share, family, option = cell
        row = measure(read(data, name, rows), share, family, option, {**settings, "without": [name]})
        append_row(out, {**dict(zip(COLUMNS, cell, strict=False)), **row}, COLUMNS)
        typer.echo(f"{name} {share} {family} {option}: accuracy {row['accuracy']:.3f}", err=True)
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
