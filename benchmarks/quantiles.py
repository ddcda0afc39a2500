"""Compare the search for quantiles with quantile boosting of scikit-learn and LightGBM, on rows that no fit has seen.

For each table and split, two thirds of the rows (at most 1,000) are fitted, and the others are predicted. The libraries
fit one model for each quantile, with their default parameters or with those that a random search has found, which gets
as many processor seconds or configurations as the search of this package. Each contender appends a row to a CSV file;
what the file holds is left out, so that a run can be continued.

Example: python -m benchmarks.quantiles --data DATA --seconds 60 --out quantiles.csv
Table of the results: python -m benchmarks.quantiles --data DATA --out quantiles.csv --only-report
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from itertools import count, product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from lightgbm import LGBMRegressor
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import mean_pinball_loss
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from automl import AutoMLRegressor
from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import DataFolder, check_names, read_table

QUANTILES = (0.1, 0.5, 0.9)
TABLES = (
    "autoprice,bodyfat,cholesterol,cpu,housing,mu284,pbc,plasma_retinol,sensory,socmob,space_ga,stock,strike,abalone"
)
MAX_TRAIN, MAX_TEST = 1_000, 3_000  # rows
CONTENDERS = ("automl", "scikit-learn", "LightGBM", "random search")
N_FOLDS = 5  # of the random search
COLUMNS = ["dataset", "split", "contender", "n_train", "loss", "below_low", "below_high", "crossing", "seconds"]


def _between(low: float, high: float, whole: bool = False) -> Callable[[np.random.Generator], Any]:
    """Return the function that draws a number between two ones, uniformly on the logarithmic scale."""

    def draw(rng: np.random.Generator) -> Any:
        value = math.exp(rng.uniform(math.log(low), math.log(high)))
        return round(value) if whole else value

    return draw


# What the random search draws; each table of ranges is that of a library.
SCIKIT_LEARN = {
    "n_estimators": _between(50, 500, True), "learning_rate": _between(0.01, 0.3), "max_depth": _between(1, 8, True),
    "min_samples_leaf": _between(1, 50, True), "subsample": _between(0.5, 1), "max_features": _between(0.3, 1),
}  # fmt: skip
LIGHTGBM = {
    "n_estimators": _between(50, 500, True), "learning_rate": _between(0.01, 0.3), "num_leaves": _between(3, 100, True),
    "min_child_samples": _between(2, 50, True), "subsample": _between(0.5, 1), "colsample_bytree": _between(0.3, 1),
    "reg_lambda": _between(1e-3, 30),
}  # fmt: skip


class OneByOne:
    """A model for each quantile, behind one-hot encoding and the imputation of medians."""

    def __init__(self, make: Callable[[float], Any]):
        self._make = make

    def fit(self, X: pd.DataFrame, y: pd.Series) -> OneByOne:
        """Fit the models."""
        categories = make_column_selector(dtype_exclude=np.number)
        encoder = OneHotEncoder(handle_unknown="ignore", max_categories=30, sparse_output=False)
        numbers = (SimpleImputer(strategy="median"), make_column_selector(dtype_include=np.number))
        columns = make_column_transformer((encoder, categories), numbers)
        self._models = [make_pipeline(columns, self._make(level)).fit(X, y) for level in QUANTILES]
        return self

    def predict_quantiles(self, X: pd.DataFrame) -> np.ndarray:
        """Return the predictions of the models, which may cross."""
        return np.column_stack([model.predict(X) for model in self._models])


class RandomSearch:
    """A random search over the quantile boosting of both libraries, which begins with their defaults.

    The configuration with the lowest mean pinball loss on inner folds is fitted to all rows. The search ends after a
    number of configurations, or after processor seconds; the last fit does not count, as in a search of this package.
    """

    def __init__(self, trials: int | None, seconds: float, seed: int):
        self._trials, self._seconds, self._seed = trials, seconds, seed

    def fit(self, X: pd.DataFrame, y: pd.Series) -> OneByOne:
        """Search, and return the model of all rows."""
        rng, started = np.random.default_rng(self._seed), time.process_time()
        folds = list(KFold(N_FOLDS, shuffle=True, random_state=self._seed).split(X))
        best = (math.inf, scikit_learn({}, self._seed))
        for number in count():
            make = self._draw(number, rng)
            losses = []
            for train, test in folds:
                model = OneByOne(make).fit(X.iloc[train], y.iloc[train])
                losses.append(pinball_loss(y.iloc[test], model.predict_quantiles(X.iloc[test])))
                is_over = self._trials is None and time.process_time() - started > self._seconds
                if is_over:
                    break
            if len(losses) == N_FOLDS and np.mean(losses) < best[0]:
                best = (float(np.mean(losses)), make)
            if is_over or number + 1 == self._trials:
                break
        return OneByOne(best[1]).fit(X, y)

    def _draw(self, number: int, rng: np.random.Generator) -> Callable[[float], Any]:
        """Return the constructor of a configuration: the libraries take turns."""
        library, space = ((scikit_learn, SCIKIT_LEARN), (lightgbm, LIGHTGBM))[number % 2]
        return library({name: draw(rng) for name, draw in space.items()} if number >= 2 else {}, self._seed)


def scikit_learn(parameters: dict[str, Any], seed: int) -> Callable[[float], Any]:
    """Return the function that makes the model of a level."""
    return lambda level: GradientBoostingRegressor(loss="quantile", alpha=level, random_state=seed, **parameters)


def lightgbm(parameters: dict[str, Any], seed: int) -> Callable[[float], Any]:
    """Return the function that makes the model of a level."""
    settings: dict[str, Any] = {
        "objective": "quantile",
        "random_state": seed,
        "n_jobs": 1,
        "verbosity": -1,
        "subsample_freq": 1,
    }
    return lambda level: LGBMRegressor(alpha=level, **settings, **parameters)


def make(contender: str, settings: dict[str, Any], seed: int) -> Any:
    """Return a contender; its method `fit` returns what predicts the quantiles."""
    if contender == "automl":
        return AutoMLRegressor(quantiles=QUANTILES, **settings, random_state=seed)
    if contender == "random search":
        return RandomSearch(settings["max_trials"], settings["max_processor_seconds"], seed)
    return OneByOne({"scikit-learn": scikit_learn, "LightGBM": lightgbm}[contender]({}, seed))


def pinball_loss(y: pd.Series, found: np.ndarray) -> float:
    """Return the mean over the quantiles of the mean pinball losses."""
    return float(
        np.mean([mean_pinball_loss(y, own, alpha=level) for level, own in zip(QUANTILES, found.T, strict=True)])
    )


def measure(model: Any, X: pd.DataFrame, y: pd.Series) -> dict[str, float]:
    """Return the mean pinball loss, the shares of rows below the outer quantiles, and the share of crossing rows."""
    found = model.predict_quantiles(X)
    below = (y.to_numpy()[:, None] <= found).mean(axis=0)
    crossing = float((np.diff(found, axis=1) < 0).any(axis=1).mean())
    return {"loss": pinball_loss(y, found), "below_low": below[0], "below_high": below[-1], "crossing": crossing}


def report(results: pd.DataFrame) -> str:
    """Return the losses, also relative to a contender, and the coverage as Markdown tables, for complete tables."""
    loss = results.groupby(["dataset", "contender"])["loss"].mean().unstack().dropna()
    results, base = results[results["dataset"].isin(loss.index)], next(name for name in CONTENDERS if name in loss)
    ratio = loss.div(loss[base], axis=0)
    names = list(loss.columns)
    lines = [f"| table | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for dataset, row in loss.iterrows():
        cells = [f"**{v:.4g}**" if v == row.min() else f"{v:.4g}" for v in row]
        lines.append(f"| `{dataset}` | {' | '.join(cells)} |")
    lines.append(f"| mean rank | {' | '.join(f'{v:.2f}' for v in loss.rank(axis=1).mean())} |")
    geometric = np.exp(np.log(ratio).mean())
    lines.append(f"| loss relative to {base} | {' | '.join(f'{v:.3f}' for v in geometric)} |")
    inside = results.assign(inside=results["below_high"] - results["below_low"])
    shown = inside.groupby("contender")[["below_low", "below_high", "inside", "crossing", "seconds"]].mean()
    header = ["at most the lowest quantile", "at most the highest one", "between the two", "crossing rows", "seconds"]
    lines += ["", f"| contender | {' | '.join(header)} |", f"|---|{'---:|' * len(header)}"]
    for name, row in shown.iterrows():
        cells = [f"{v:.1%}" for v in row.iloc[:4]] + [f"{row.iloc[4]:.1f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the results.")] = Path("quantiles.csv"),
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")] = TABLES,
    contenders: Annotated[str, typer.Option(help="Names with commas.")] = ",".join(CONTENDERS),
    splits: Annotated[int, typer.Option(help="Number of random splits of each table.")] = 1,
    trials: Annotated[int | None, typer.Option(help="Configurations of a search, without a time limit.")] = None,
    seconds: Annotated[float, typer.Option(help="Processor seconds of a search, without --trials.")] = 60.0,
    include: Annotated[str, typer.Option(help="Components of the search with commas; all without it.")] = "",
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the table of the results.")] = False,
) -> None:
    """Measure the tables, and print the results."""
    budget = {"time_budget": None, "max_trials": trials, "max_processor_seconds": seconds if trials is None else None}
    settings = {**budget, "n_jobs": 1, "verbose": 0, "include": [name for name in include.split(",") if name]}
    check_names(contenders.split(","), CONTENDERS, "in this benchmark", "contender")
    cells = product([] if only_report else tables.split(","), range(splits), contenders.split(","))
    for name, split, contender in missing_cells(out, COLUMNS[:3], cells):
        table = read_table(data, name).dropna(subset=["target"]).reset_index(drop=True)
        X, y = table.drop(columns="target"), table["target"].astype(float)
        shuffled = np.random.default_rng(split).permutation(len(X))
        n_train = min(2 * len(X) // 3, MAX_TRAIN)
        train, test = shuffled[:n_train], shuffled[n_train : n_train + MAX_TEST]
        start = time.perf_counter()  # the processor seconds of worker processes are not known here
        with warnings.catch_warnings(action="ignore"):
            model = make(contender, {**settings, "without": [name]}, split).fit(X.iloc[train], y.iloc[train])
            taken = time.perf_counter() - start
            found = measure(model, X.iloc[test], y.iloc[test])
        row = {"dataset": name, "split": split, "contender": contender, "n_train": n_train, "seconds": taken}
        append_row(out, row | found, COLUMNS)
        typer.echo(f"{name} {split} {contender}: {found['loss']:.4g}", err=True)
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
