"""Compare the importance of columns with the truth on synthetic tables, and time explanations of single rows.

The rows come from known functions, so that the true importance of a column can be computed: the loss of score of the
function itself when the cells of the column are exchanged between 20,000 rows. Each table appends a row to a CSV file.

Example: python -m benchmarks.explanations --seconds 20 --out explanations.csv
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from scipy import stats

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.result_file import append_row, missing_cells

Array = NDArray[Any]
Function = Callable[[pd.DataFrame], Array]

HERE = Path(__file__).parent
COLUMNS = ["table", "seed", "n_rows", "n_columns", "seconds", "spearman", "noise_first", "covered",
           "importance_seconds", "explain_seconds", "shap_spearman", "added_up"]  # fmt: skip
_TRUE_ROWS = 20_000


def numbers(rng: np.random.Generator, n: int, d: int) -> pd.DataFrame:
    """Return a table of independent numbers."""
    return pd.DataFrame(rng.normal(size=(n, d)), columns=[f"x{i}" for i in range(d)])


def pairs(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return ten numbers; the columns 0 and 1, 2 and 3, and so on have a correlation of 0.7."""
    table = numbers(rng, n, 10)
    for i in range(0, 10, 2):
        table[f"x{i + 1}"] = 0.7 * table[f"x{i}"] + np.sqrt(1 - 0.7**2) * table[f"x{i + 1}"]
    return table


def mixed(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return a table with numbers, categories, dates and missing cells."""
    table = numbers(rng, n, 4)
    table["city"] = rng.choice(["Oslo", "Rome", "Paris", "Lima"], n)
    table["size"] = rng.choice(["small", "large"], n)
    table["day"] = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    table["noise"] = rng.choice(list("abcdef"), n)
    table.loc[rng.random(n) < 0.1, "x0"] = np.nan
    return table


def linear(X: pd.DataFrame) -> Array:
    """Return a weighted sum of ten numbers."""
    return np.asarray(X.to_numpy() @ np.array([3, 2.5, 2, 1.6, 1.3, 1, 0.75, 0.5, 0.3, 0.0]))


def friedman(X: pd.DataFrame) -> Array:
    """Return the function of Friedman (1991) on standard normal numbers, and three columns of noise."""
    u = stats.norm.cdf(X.to_numpy())
    curved = 10 * np.sin(np.pi * u[:, 0] * u[:, 1]) + 20 * (u[:, 2] - 0.5) ** 2
    return np.asarray(curved + 10 * u[:, 3] + 5 * u[:, 4])


def interactions(X: pd.DataFrame) -> Array:
    """Return products of numbers, of which none has an effect alone."""
    x = X.to_numpy().T
    return np.asarray(3 * x[0] * x[1] + 2 * np.sign(x[2]) * x[3] + 1.2 * np.abs(x[4]) + 0.5 * x[5])


def one_of_each_pair(X: pd.DataFrame) -> Array:
    """Return curved effects of the first column of each pair."""
    x = X.to_numpy()[:, ::2]
    return np.asarray((x + np.abs(x)) @ np.array([3, 2, 1.3, 0.8, 0.5]))


def both_of_each_pair(X: pd.DataFrame) -> Array:
    """Return curved effects of both columns of each pair; in one pair they have opposite signs."""
    x = X.to_numpy()
    return np.asarray((x + np.abs(x)) @ np.array([3, 0.6, 2.4, 1.9, 1.5, -1.2, 1, 0.8, 0.4, 0.25]))


def mixed_effects(X: pd.DataFrame) -> Array:
    """Return effects of numbers, categories, the season and missing cells."""
    season = np.cos(2 * np.pi * X["day"].dt.day_of_year / 365)
    city = X["city"].map({"Oslo": -2.0, "Rome": 0.0, "Paris": 1.0, "Lima": 2.5})
    known = X["x0"].fillna(2.0)
    return np.asarray(1.2 * known + 0.7 * X["x1"] ** 2 + city + 1.2 * season + (X["size"] == "large") * 0.6)


def probabilities(scores: Array) -> Array:
    """Return the probabilities of classes from scores of shape (n,) or (n, n_classes)."""
    logits = np.column_stack([np.zeros(len(scores)), scores]) if scores.ndim == 1 else scores
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def three_classes(X: pd.DataFrame) -> Array:
    """Return the scores of three classes."""
    x = X.to_numpy().T
    return np.column_stack([2 * x[0] + x[2], 1.5 * x[1] - x[0] + 0.6 * x[4], 1.2 * np.abs(x[3]) - x[1]])


# By name: the columns, the function, and the number of classes (0 for regression).
TABLES: dict[str, tuple[Callable[[np.random.Generator, int], pd.DataFrame], Function, int]] = {
    "linear": (lambda rng, n: numbers(rng, n, 10), linear, 0),
    "friedman": (lambda rng, n: numbers(rng, n, 8), friedman, 0),
    "interactions": (lambda rng, n: numbers(rng, n, 8), interactions, 0),
    "mixed": (mixed, mixed_effects, 0),
    "two_classes": (lambda rng, n: numbers(rng, n, 10), lambda X: 1.2 * linear(X) / 2, 2),
    "mixed_classes": (mixed, lambda X: 1.5 * mixed_effects(X) - 2, 2),
    "three_classes": (lambda rng, n: numbers(rng, n, 7), three_classes, 3),
    "twenty_columns": (lambda rng, n: numbers(rng, n, 20), lambda X: X.to_numpy() @ np.linspace(3, 0.11, 20) ** 1.5, 0),
    "one_of_each_pair": (pairs, one_of_each_pair, 0),
    "both_of_each_pair": (pairs, both_of_each_pair, 0),
}


def make(name: str, n: int, seed: int) -> tuple[pd.DataFrame, Array]:
    """Return a table and its target."""
    rng = np.random.default_rng(seed)
    columns, function, n_classes = TABLES[name]
    X = columns(rng, n)
    effect = function(X)
    if not n_classes:
        return X, effect + rng.normal(size=n) * 0.3 * effect.std()
    p = probabilities(effect)
    return X, (rng.random(n)[:, None] > np.cumsum(p, axis=1)).sum(axis=1)


def true_importance(name: str, seed: int) -> pd.Series:
    """Return the growth of the expected loss of the true function when the cells of a column are exchanged."""
    rng = np.random.default_rng(seed + 1_000)
    columns, function, n_classes = TABLES[name]
    X = columns(rng, _TRUE_ROWS)
    effect = function(X)
    noise = 0.3 * effect.std()
    found = {}
    for column in X:
        changed = function(X.assign(**{str(column): X[column].to_numpy()[rng.permutation(len(X))]}))
        if n_classes:
            p, q = probabilities(effect), probabilities(changed)
            found[column] = float((p * (np.log(p + 1e-12) - np.log(q + 1e-12))).sum(axis=1).mean())
        else:
            found[column] = float(np.sqrt(noise**2 + ((effect - changed) ** 2).mean()) - noise)
    return pd.Series(found)


def measure(name: str, n_rows: int, seconds: float, seed: int) -> dict[str, object]:
    """Fit, and compare importance and SHAP values with the truth."""
    X, y = make(name, n_rows, seed)
    truth = true_importance(name, seed)
    classes = TABLES[name][2] > 0
    kind, scoring = (AutoMLClassifier, "neg_log_loss") if classes else (AutoMLRegressor, None)
    model = kind(time_budget=seconds, scoring=scoring, random_state=seed, verbose=0).fit(X, y)
    started = time.perf_counter()
    table = model.importance().set_index("name")
    importance_seconds = time.perf_counter() - started
    model.explain(X[:1])
    started = time.perf_counter()
    explanation = model.explain(X[1:2])
    explain_seconds = time.perf_counter() - started
    explained = model.explain(X[:30], max_evaluations=1_000)
    total = explained.base + explained.values.sum(axis=1)
    strength = np.abs(explained.values).mean(axis=0)
    strength = strength if strength.ndim == 1 else strength.mean(axis=1)
    order = table.loc[truth.index]
    relevant = truth > 1e-9
    worst = order["importance"][relevant].min()
    inside = (order["low"] <= truth) & (truth <= order["high"])
    return {
        "n_columns": X.shape[1],
        "spearman": float(stats.spearmanr(truth, order["importance"]).statistic),
        "noise_first": int((order["importance"][~relevant] > worst).sum()),
        "covered": float(inside.mean()),
        "importance_seconds": importance_seconds,
        "explain_seconds": explain_seconds,
        "shap_spearman": float(stats.spearmanr(truth, strength).statistic),
        "added_up": float(max(np.abs(total - explained.predictions).max(), _gap(explanation))),
    }


def _gap(explanation: Any) -> float:
    return float(np.abs(explanation.base + explanation.values.sum(axis=1) - explanation.predictions).max())


def main(
    tables: Annotated[str, typer.Option(help="Names with commas; empty for all.")] = "",
    n_rows: Annotated[int, typer.Option(help="Rows of a table.")] = 2_000,
    seconds: Annotated[float, typer.Option(help="Seconds of one search.")] = 20.0,
    seeds: Annotated[int, typer.Option(help="Number of seeds.")] = 1,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = HERE / "results" / "explanations.csv",
) -> None:
    """Measure the tables, and print one line for each."""
    cells = [(seed, name) for seed in range(seeds) for name in (tables.split(",") if tables else TABLES)]
    for seed, name in missing_cells(out, ["seed", "table"], cells):
        start = {"table": name, "seed": seed, "n_rows": n_rows, "seconds": seconds}
        row = start | measure(name, n_rows, seconds, seed)
        append_row(out, row, COLUMNS)
        print(
            f"{name}: Spearman {row['spearman']:.3f}, importance in {row['importance_seconds']:.1f} s, one row "
            f"explained in {row['explain_seconds']:.2f} s, SHAP Spearman {row['shap_spearman']:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
