"""Compare the search for several targets with scikit-learn's models of several targets, on rows that no fit has seen.

Columns of real tables serve as further targets. For each table and split, two thirds of the rows (at most 500) are
fitted, and the others are predicted. All contenders get the same seconds, or the same number of configurations: the
models of scikit-learn are tuned by random search with three folds, which begins with their defaults. Each contender
appends a row to a CSV file; what the file holds is left out, so that a run can be continued.

Example: python -m benchmarks.several_targets --data DATA --trials 8 --out several_targets.csv
Table of the results: python -m benchmarks.several_targets --data DATA --out several_targets.csv --only-report
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_linnerud, make_multilabel_classification
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import KFold
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
    "linnerud": ["Weight", "Waist", "Pulse"],
}
CLASSES = {
    "vote": ["target", "immigration", "education-spending", "superfund-right-to-sue", "crime"],
    "cmc": ["target", "Wifes_education", "Husbands_education", "Media_exposure"],
    "flags": ["red", "green", "blue", "gold", "white", "black", "orange"],
    "synthetic": [f"label_{j}" for j in range(6)],
}
MAX_TRAIN, MAX_TEST = 500, 3_000  # rows
COLUMNS = ["dataset", "task", "split", "contender", "n_train", "n_targets", "loss", "accuracy", "tried", "seconds"]

Parameters = Mapping[str, Any]


def read(data: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features and targets of a table, without rows that lack a target."""
    if name == "synthetic":
        X, y = make_multilabel_classification(1_500, 20, n_classes=6, n_labels=2, random_state=0)
        return pd.DataFrame(X).add_prefix("x"), pd.DataFrame(y, columns=CLASSES[name])
    if name == "linnerud":
        return load_linnerud(return_X_y=True, as_frame=True)
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


def forest_parameters(rng: np.random.Generator) -> Parameters:
    """Return random hyperparameters of a forest."""
    return {"max_features": float(rng.uniform(0.2, 1)), "min_samples_leaf": int(rng.integers(1, 11))}


def boosting_parameters(rng: np.random.Generator) -> Parameters:
    """Return random hyperparameters of histogram gradient boosting."""
    return {
        "learning_rate": float(np.exp(rng.uniform(np.log(0.02), np.log(0.3)))),
        "max_iter": int(rng.integers(30, 301)),
        "max_leaf_nodes": int(rng.integers(4, 64)),
        "min_samples_leaf": int(rng.integers(3, 41)),
        "l2_regularization": float(np.exp(rng.uniform(np.log(1e-3), np.log(10)))),
    }


@dataclass(frozen=True)
class Limits:
    """What a contender may use: seconds, or a number of configurations."""

    seconds: float | None
    trials: int | None


@dataclass(frozen=True)
class Tuned:
    """A model of scikit-learn whose hyperparameters are found by random search with three folds.

    Attributes
    ----------
    make : callable
        Returns the unfitted model for some hyperparameters.
    draw : callable
        Returns random hyperparameters for a generator.
    """

    make: Callable[[Parameters], Any]
    draw: Callable[[np.random.Generator], Parameters]

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, limits: Limits, seed: int) -> tuple[Any, int]:
        """Return the best model, trained on all rows, and the number of configurations that were tried."""
        rng, started, n_tried = np.random.default_rng(seed), time.monotonic(), 0
        best: tuple[float, Parameters] = (np.inf, {})
        folds = list(KFold(3, shuffle=True, random_state=seed).split(X))
        while n_tried < (limits.trials or np.inf):
            parameters: Parameters = self.draw(rng) if n_tried else {}  # the defaults first
            losses = []
            for train, test in folds:
                model = self.make(parameters).fit(X.iloc[train], y.iloc[train])
                losses.append(score(model, X.iloc[test], y.iloc[test], y.iloc[train])[0])
            best = min(best, (float(np.mean(losses)), parameters), key=lambda pair: pair[0])
            n_tried += 1
            # The fit on all rows, and one more configuration, must end in time.
            spent = time.monotonic() - started
            if limits.seconds is not None and spent * (1 + 1.5 / n_tried) > limits.seconds:
                break
        return self.make(best[1]).fit(X, y), n_tried


@dataclass(frozen=True)
class Search:
    """The search of this project."""

    classification: bool

    def fit(self, X: pd.DataFrame, y: pd.DataFrame, limits: Limits, seed: int) -> tuple[Any, int]:
        """Return the fitted estimator, and the number of configurations that were tried."""
        settings: dict[str, Any] = {"time_budget": limits.seconds, "max_trials": limits.trials, "n_jobs": 1}
        if self.classification:
            model: Any = AutoMLClassifier(**settings, scoring="neg_log_loss", verbose=0, random_state=seed)
        else:
            model = AutoMLRegressor(**settings, verbose=0, random_state=seed)
        model.fit(X, y)
        return model, len(model.leaderboard_)


def contenders(classification: bool, binary: bool, seed: int) -> dict[str, Search | Tuned]:
    """Return the contenders by name."""
    forest: Any = RandomForestClassifier if classification else RandomForestRegressor
    booster: Any = HistGradientBoostingClassifier if classification else HistGradientBoostingRegressor
    several: Any = MultiOutputClassifier if classification else MultiOutputRegressor
    chain: Any = ClassifierChain if classification else RegressorChain
    found: dict[str, Search | Tuned] = {
        "automl": Search(classification),
        "forest": Tuned(lambda p: forest_pipeline(forest(300, random_state=seed, **p)), forest_parameters),
        "boosting": Tuned(lambda p: boosting(several(booster(random_state=seed, **p))), boosting_parameters),
    }
    if binary or not classification:  # scikit-learn's chain takes labels of two classes only
        found["boosting chain"] = Tuned(
            lambda p: boosting(chain(booster(random_state=seed, **p), cv=3, random_state=seed)), boosting_parameters
        )
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
    """Return the mean losses over the splits as a Markdown table, with the mean ranks and the configurations tried."""
    mean = results.groupby(["task", "dataset", "contender"])["loss"].mean().unstack()
    rank = mean.rank(axis=1)
    tried = results.groupby("contender")["tried"].mean()
    lines = [f"| table | {' | '.join(mean.columns)} |", f"|---|{'---:|' * len(mean.columns)}"]
    for dataset, row in mean.droplevel("task").iterrows():
        cells = [f"**{v:.4f}**" if v == row.min() else "" if np.isnan(v) else f"{v:.4f}" for v in row]
        lines.append(f"| `{dataset}` | {' | '.join(cells)} |")
    lines.append(f"| mean rank | {' | '.join(f'{v:.2f}' for v in rank.mean())} |")
    lines.append(f"| configurations, mean | {' | '.join(f'{tried[name]:.0f}' for name in mean.columns)} |")
    return "\n".join(lines)


def measure(name: str, X: pd.DataFrame, y: pd.DataFrame, split: int, limits: Limits, out: Path) -> None:
    """Append the results of the contenders that the file lacks for one split of a table."""
    shuffled = np.random.default_rng(split).permutation(len(X))
    n_train = min(2 * len(X) // 3, MAX_TRAIN)
    train, test = shuffled[:n_train], shuffled[n_train : n_train + MAX_TEST]
    task = "classes" if name in CLASSES else "numbers"
    labels = y.apply(lambda column: pd.factorize(column, sort=True)[0]) if name in CLASSES else y
    binary = all(y[column].nunique() == 2 for column in y)
    tools = contenders(name in CLASSES, binary, split)
    for *_, contender in missing_cells(out, ["dataset", "split", "contender"], product([name], [split], tools)):
        started = time.monotonic()
        with warnings.catch_warnings(action="ignore"):
            model, n_tried = tools[contender].fit(X.iloc[train], labels.iloc[train], limits, split)
            seconds = time.monotonic() - started
            loss, accuracy = score(model, X.iloc[test], labels.iloc[test], labels.iloc[train])
        row = (name, task, split, contender, n_train, y.shape[1], loss, accuracy, n_tried, round(seconds, 1))
        append_row(out, dict(zip(COLUMNS, row, strict=True)), COLUMNS)
        typer.echo(f"{name} {split} {contender}: {loss:.4f}", err=True)


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the results.")] = Path("several_targets.csv"),
    tables: Annotated[str, typer.Option(help="Names of tables with commas; all without it.")] = "",
    splits: Annotated[int, typer.Option(help="Number of random splits of each table.")] = 2,
    trials: Annotated[int | None, typer.Option(help="Configurations of a contender, without a time limit.")] = None,
    time_budget: Annotated[float, typer.Option(help="Seconds of a contender, without --trials.")] = 30.0,
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the table of the results.")] = False,
) -> None:
    """Measure the tables, and print the results."""
    limits = Limits(time_budget, None) if trials is None else Limits(None, trials)
    names = [] if only_report else tables.split(",") if tables else [*NUMBERS, *CLASSES]
    for split, name in product(range(splits), names):
        measure(name, *read(data, name), split, limits, out)
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
