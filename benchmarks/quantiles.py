"""Compare the search for quantiles with quantile boosting of scikit-learn and LightGBM, on rows that no fit has seen.

For each table and split, two thirds of the rows (at most 1,000) are fitted, and the others are predicted. The libraries
fit one model for each quantile with their default parameters. Each contender appends a row to a CSV file; what the file
holds is left out, so that a run can be continued.

Example: python -m benchmarks.quantiles --data DATA --trials 12 --out quantiles.csv
Table of the results: python -m benchmarks.quantiles --data DATA --out quantiles.csv --only-report
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
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
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from automl import AutoMLRegressor
from benchmarks.run import append_row
from benchmarks.tables import DataFolder, read_table

QUANTILES = (0.1, 0.5, 0.9)
TABLES = (
    "autoprice,bodyfat,cholesterol,cpu,housing,mu284,pbc,plasma_retinol,sensory,socmob,space_ga,stock,strike,abalone"
)
MAX_TRAIN, MAX_TEST = 1_000, 3_000  # rows
COLUMNS = ["dataset", "split", "contender", "n_train", "loss", "below_low", "below_high", "crossing", "seconds"]


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


def contenders(settings: dict[str, Any], seed: int) -> dict[str, Callable[[], Any]]:
    """Return functions that make the estimators, by name."""
    lightgbm: dict[str, Any] = {"objective": "quantile", "random_state": seed, "n_jobs": 1, "verbosity": -1}
    return {
        "automl": lambda: AutoMLRegressor(quantiles=QUANTILES, **settings, random_state=seed),
        "scikit-learn": lambda: OneByOne(
            lambda level: GradientBoostingRegressor(loss="quantile", alpha=level, random_state=seed)
        ),
        "LightGBM": lambda: OneByOne(lambda level: LGBMRegressor(alpha=level, **lightgbm)),
    }


def measure(model: Any, X: pd.DataFrame, y: pd.Series) -> dict[str, float]:
    """Return the mean pinball loss, the shares of rows below the outer quantiles, and the share of crossing rows."""
    found = model.predict_quantiles(X)
    losses = [mean_pinball_loss(y, own, alpha=level) for level, own in zip(QUANTILES, found.T, strict=True)]
    below = (y.to_numpy()[:, None] <= found).mean(axis=0)
    crossing = float((np.diff(found, axis=1) < 0).any(axis=1).mean())
    return {"loss": float(np.mean(losses)), "below_low": below[0], "below_high": below[-1], "crossing": crossing}


def report(results: pd.DataFrame) -> str:
    """Return the losses, relative to those of the best contender of a table, and the coverage as Markdown tables."""
    loss = results.groupby(["dataset", "contender"])["loss"].mean().unstack()
    ratio = loss.div(loss["automl"], axis=0)
    names = list(loss.columns)
    lines = [f"| table | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    for dataset, row in loss.iterrows():
        cells = [f"**{v:.4g}**" if v == row.min() else f"{v:.4g}" for v in row]
        lines.append(f"| `{dataset}` | {' | '.join(cells)} |")
    lines.append(f"| mean rank | {' | '.join(f'{v:.2f}' for v in loss.rank(axis=1).mean())} |")
    geometric = np.exp(np.log(ratio).mean())
    lines.append(f"| loss relative to automl | {' | '.join(f'{v:.3f}' for v in geometric)} |")
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
    splits: Annotated[int, typer.Option(help="Number of random splits of each table.")] = 1,
    trials: Annotated[int | None, typer.Option(help="Configurations of a search, without a time limit.")] = None,
    time_budget: Annotated[float, typer.Option(help="Seconds of a search, without --trials.")] = 15.0,
    include: Annotated[str, typer.Option(help="Components of the search with commas; all without it.")] = "",
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the table of the results.")] = False,
) -> None:
    """Measure the tables, and print the results."""
    budget = {"time_budget": time_budget} if trials is None else {"time_budget": None, "max_trials": trials}
    settings = {**budget, "n_jobs": 1, "verbose": 0, "include": [name for name in include.split(",") if name]}
    for name in [] if only_report else tables.split(","):
        table = read_table(data, name).dropna(subset=["target"]).reset_index(drop=True)
        X, y = table.drop(columns="target"), table["target"].astype(float)
        for split in range(splits):
            shuffled = np.random.default_rng(split).permutation(len(X))
            n_train = min(2 * len(X) // 3, MAX_TRAIN)
            train, test = shuffled[:n_train], shuffled[n_train : n_train + MAX_TEST]
            known = pd.read_csv(out) if out.exists() else pd.DataFrame(columns=COLUMNS)
            done = set(known[(known["dataset"] == name) & (known["split"] == split)]["contender"])
            for contender, make in contenders({**settings, "without": [name]}, split).items():
                if contender in done:
                    continue
                start = time.perf_counter()
                with warnings.catch_warnings(action="ignore"):
                    model = make().fit(X.iloc[train], y.iloc[train])
                    seconds = time.perf_counter() - start
                    found = measure(model, X.iloc[test], y.iloc[test])
                row = {"dataset": name, "split": split, "contender": contender, "n_train": n_train, "seconds": seconds}
                append_row(out, row | found, COLUMNS)
                typer.echo(f"{name} {split} {contender}: {found['loss']:.4g}", err=True)
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
