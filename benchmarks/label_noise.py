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
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from automl import AutoMLClassifier
from benchmarks import noise
from benchmarks.tables import DataFolder, choose_tables, read_table
from pipelines.build import build_pipeline, fit_preprocessing
from pipelines.component import FitContext, task_type
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, complete
from pipelines.table.reader import TableReader

TABLES = "banana,car,credit_a,diabetes,segment,spambase,waveform5000,yeast"
LEAST_CLASS_ROWS = 10
LEAST_PROBABILITY = 0.005
CLEANED: Mapping[str, Any] = {"cleaning": "confident_learning"}
# Families, and the changes of their first configuration of the portfolio.
OPTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "lightgbm": {noise.PLAIN: {}, "cleaning": CLEANED},
    "extra_trees": {noise.PLAIN: {}, "cleaning": CLEANED},
    "logistic_regression": {noise.PLAIN: {}, "cleaning": CLEANED},
    "realmlp": {
        noise.PLAIN: {},
        "loss_power 0.7": {"model:realmlp:loss_power": 0.7},
        "label_smoothing 0.1": {"model:realmlp:label_smoothing": 0.1},
        "forgotten_share 0.2": {"model:realmlp:forgotten_share": 0.2},
    },
}
FAMILIES = ",".join([*OPTIONS, noise.SEARCH])
COLUMNS = ["dataset", "share", "family", "option", "n_train", "n_classes", "accuracy", "loss", "corrected", "seconds"]

Array = NDArray[Any]


def read(data: Path, name: str, n_rows: int) -> noise.Data:
    """Return `n_rows` training rows, at most two thirds of all, and test rows, without rare classes.

    The labels are class codes.
    """
    table = read_table(data, name).dropna(subset=["target"])
    counts = table["target"].value_counts()
    table = table[table["target"].isin(counts.index[counts >= LEAST_CLASS_ROWS])]
    y = pd.factorize(table["target"].astype(str), sort=True)[0]
    n_train = min(n_rows, 2 * len(y) // 3)
    train, test = train_test_split(np.arange(len(y)), train_size=n_train, stratify=y, random_state=0)
    test, X = test[: noise.MAX_TEST], table.drop(columns="target")
    return noise.Data(X.iloc[train], y[train], X.iloc[test], y[test])


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


def fit_configuration(data: noise.Data, y: Array, family: str, changes: Mapping[str, Any]) -> Array:
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


def search(data: noise.Data, y: Array, noisy_labels: bool, settings: Mapping[str, Any]) -> Array:
    """Search with or without `noisy_labels`, and predict the test rows."""
    clf = AutoMLClassifier(**settings, noisy_labels=noisy_labels)
    return np.asarray(clf.fit(data.X, y).predict_proba(data.X_test))


def measure(data: noise.Data, share: float, family: str, option: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of one contender on the test rows."""
    n_classes = int(data.y.max()) + 1
    y, start = flip(data.y, share, n_classes), time.perf_counter()
    with warnings.catch_warnings(action="ignore"):
        if family == noise.SEARCH:
            p = search(data, y, noise.SEARCHES[option], settings)
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
    paired = noise.beside_plain(results, "option", ["accuracy"])
    for (family, option, share), both in paired.groupby(["family", "option", "share"], sort=False):
        means = both[["accuracy", "loss", "corrected"]].mean()
        wins = "" if option == noise.PLAIN else noise.count_wins(both["accuracy"], both["accuracy_plain"])
        lines.append(
            f"| {family}, {option} | {share:.0%} | {len(both)} | {means['accuracy']:.3f} | {means['loss']:.3f} | "
            f"{means['corrected']:.3f} | {wins} |"
        )
    return "\n".join(lines)


def main(
    data: DataFolder,
    out: noise.OutFile = Path("label_noise.csv"),
    tables: noise.Tables = TABLES,
    families: noise.Families = FAMILIES,
    shares: noise.Shares = noise.SHARES,
    rows: noise.Rows = noise.ROWS,
    trials: noise.Trials = noise.TRIALS,
    folds: Annotated[int, typer.Option(help="Folds of a search.")] = 3,
    include: noise.Include = "",
    only_report: noise.OnlyReport = False,
) -> None:
    """Measure the tables, and print the results."""
    settings = {**noise.search_settings(trials, include), "cv": folds}
    names = [] if only_report else choose_tables(data, tables)

    def measure_cell(name: str, share: float, family: str, option: str) -> dict[str, Any]:
        return measure(read(data, name, rows), share, family, option, {**settings, "without": [name]})

    noise.measure_cells(out, COLUMNS, (names, shares, noise.contenders(families, OPTIONS)), measure_cell, "accuracy")
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
