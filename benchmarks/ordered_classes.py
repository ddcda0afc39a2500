"""Measure what the order of classes is worth: in the training, in the score of the search, and in the decision.

The targets are grades, classes with an order, or numbers that are cut into five classes of equal size. For each table
and split, single configurations are fitted with each ordering (`pipelines/steps/ordering.py`), and whole searches with
the order, with the order in the score only, and without the order. All of them predict rows that no fit has seen. Each
fit appends a row to a CSV file; what the file holds is left out, so that a run can be continued.

Example: python -m benchmarks.ordered_classes --data DATA --rows 400 --trials 8 --out ordered_classes.csv
Tables of the results: python -m benchmarks.ordered_classes --data DATA --out ordered_classes.csv --only-report
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from automl import AutoMLClassifier
from automl.task.ordered_classes import fit_kappa_decision, median_codes
from automl.task.prepare import TrainingData, prepare
from benchmarks.result_file import append_row
from benchmarks.tables import DataFolder, read_table
from pipelines.build import build_pipeline, fit_preprocessing
from pipelines.component import FitContext
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, choices, complete

GRADES = ("1027_esl", "1028_swd", "1029_lev", "1030_era", "abalone")
ORDERS: Mapping[str, tuple[str, ...]] = {
    "eucalyptus": ("none", "low", "average", "good", "best"),
    "car": ("unacc", "acc", "good", "vgood"),
    "nursery": ("not_recom", "very_recom", "priority", "spec_prior"),
    "autos": ("-1", "0", "1", "2", "3"),
    "balance_scale": ("L", "B", "R"),
}
NUMBERS = ("housing", "stock")
TABLES = ",".join((*GRADES, *ORDERS, *NUMBERS))
FAMILIES = "lightgbm,catboost,extra_trees,logistic_regression,realmlp"
FEWEST_ROWS = 10  # of a grade; rarer grades are merged with the next one towards the middle
N_PARTS = 5
MAX_TEST = 2_000  # rows
SEARCH = "automl"
SCORE_ONLY = "score only"  # the models do not know the order
SEARCHES = ("unordered", SCORE_ONLY, "ordered")
SCORES = ["probability_score", "rank_error", "rank_error_mode", "kappa", "kappa_mode", "kappa_median", "right"]
COLUMNS = ["dataset", "split", "family", "contender", "n_train", "n_classes", *SCORES, "seconds"]

Array = NDArray[Any]


def read(data: Path, name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return features, and the target as an ordered categorical of texts; classes with few rows are left out."""
    table = read_table(data, name).dropna(subset=["target"]).reset_index(drop=True)
    target = table["target"]
    if name in ORDERS:
        labels, order = target.astype(str), list(ORDERS[name])
    else:
        if name in NUMBERS:
            values = pd.qcut(target, N_PARTS, labels=False)
        else:
            counts = target.round().value_counts().sort_index()
            common = counts[counts >= FEWEST_ROWS].index
            values = target.round().clip(common.min(), common.max()).astype(int)
        labels, order = "grade " + values.astype(str), [f"grade {value}" for value in sorted(values.unique())]
    kept = labels[labels.isin(order)].index
    y = pd.Series(pd.Categorical(labels[kept], categories=order, ordered=True))
    return table.drop(columns="target").loc[kept].reset_index(drop=True), y


def measure(p: Array, true: Array) -> dict[str, float]:
    """Return the scores of probabilities in the order of the classes, with each decision.

    Parameters
    ----------
    p : ndarray of shape (n_samples, n_classes)
    true : ndarray of int, shape (n_samples,)
        Ranks of the true classes.
    """
    ranks = range(p.shape[1])
    mode, median = p.argmax(axis=1), median_codes(p, ranks)
    reached = true[:, None] <= np.arange(p.shape[1] - 1)

    def kappa(labels: Array) -> float:
        return float(cohen_kappa_score(true, labels, weights="quadratic"))

    found = [
        ((p.cumsum(axis=1)[:, :-1] - reached) ** 2).mean(),
        np.abs(true - median).mean(),
        np.abs(true - mode).mean(),
        kappa(fit_kappa_decision(p, ranks).codes(p, ranks)),
        kappa(mode),
        kappa(median),
        (true == mode).mean(),
    ]
    return dict(zip(SCORES, map(float, found), strict=True))


def fit_configurations(
    X: pd.DataFrame, y: pd.Series, X_test: pd.DataFrame, family: str, done: set[str]
) -> Iterator[tuple[str, Array]]:
    """Yield each ordering of the first configuration of a family, and its probabilities in the order of the classes."""
    prepared = prepare(TrainingData(X, y), classification=True)
    task = prepared.task
    space = build_space(task.traits)
    first = next(entry for entry in PORTFOLIO if entry["model"] == family)
    order = np.argsort(task.traits.ranks)
    for ordering in choices(space, "ordering"):
        configuration = complete(space, {**first, "ordering": ordering})
        if configuration is None or configuration["ordering"] != ordering or ordering in done:
            continue
        pipeline = build_pipeline(configuration, FitContext(task.traits))
        features = fit_preprocessing(pipeline, configuration, task.X, task.y, None)
        pipeline[-1].fit(features, task.y, sample_weight=None)
        yield ordering, np.asarray(pipeline.predict_proba(prepared.reader.transform(X_test)))[:, order]


def search(
    X: pd.DataFrame, y: pd.Series, X_test: pd.DataFrame, done: set[str], settings: Mapping[str, Any]
) -> Iterator[tuple[str, Array]]:
    """Yield each kind of search, and its probabilities in the order of the classes."""
    models = list(settings["include"])
    for contender in (name for name in SEARCHES if name not in done):
        include = [*models, "ordering:none"] if contender == SCORE_ONLY else models
        clf = AutoMLClassifier(**{**settings, "include": include})
        clf.fit(X, y.astype(str) if contender == "unordered" else y)
        p = pd.DataFrame(clf.predict_proba(X_test), columns=clf.classes_)
        yield contender, p.reindex(columns=y.cat.categories, fill_value=0.0).to_numpy()


def report(results: pd.DataFrame) -> str:
    """Return the results as Markdown tables: the orderings of each family, the searches, and the decisions."""
    keys = ["dataset", "split"]
    lines = [
        "| family | ordering | tables | ranked probability score | better | rank error | kappa |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for family, own in results.groupby("family", sort=False):
        plain = own[own["contender"].isin(["none", "unordered"])].groupby("dataset")[SCORES].mean()
        for contender, rows in own.groupby("contender", sort=False):
            found = rows.groupby("dataset")[SCORES].mean()
            both = plain.index.intersection(found.index)
            change = found.loc[both, "probability_score"] / plain.loc[both, "probability_score"] - 1
            better = "" if (change == 0).all() else f"{(change < 0).sum()} of {len(both)}"
            mean = found.loc[both].mean()
            cells = [f"{mean['probability_score']:.4f} ({change.mean():+.1%})", better, f"{mean['rank_error']:.3f}"]
            lines.append(f"| {family} | {contender} | {len(both)} | {' | '.join(cells)} | {mean['kappa']:.3f} |")
    lines += ["", "| decision | rank error | kappa |", "|---|---:|---:|"]
    of_tables = results.groupby([*keys, "family", "contender"])[SCORES].mean().mean()
    lines.append(f"| most probable class | {of_tables['rank_error_mode']:.3f} | {of_tables['kappa_mode']:.3f} |")
    lines.append(f"| median class | {of_tables['rank_error']:.3f} | {of_tables['kappa_median']:.3f} |")
    lines.append(f"| highest expected kappa | | {of_tables['kappa']:.3f} |")
    return "\n".join(lines)


def main(
    data: DataFolder,
    out: Annotated[Path, typer.Option(help="CSV file of the results.")] = Path("ordered_classes.csv"),
    tables: Annotated[str, typer.Option(help="Names of tables with commas.")] = TABLES,
    splits: Annotated[int, typer.Option(help="Number of random splits of each table.")] = 1,
    rows: Annotated[int, typer.Option(help="Training rows, at most two thirds of all.")] = 400,
    families: Annotated[str, typer.Option(help="Families of single configurations with commas; or none.")] = FAMILIES,
    trials: Annotated[int, typer.Option(help="Configurations of a search; 0 for no search.")] = 0,
    include: Annotated[str, typer.Option(help="Components of the search with commas; all without it.")] = "",
    only_report: Annotated[bool, typer.Option("--only-report", help="Print the tables of the results.")] = False,
) -> None:
    """Measure the tables, and print the results."""
    for name in [] if only_report else tables.split(","):
        X, y = read(data, name)
        for split in range(splits):
            shuffled = np.random.default_rng(split).permutation(len(X))
            n_train = min(2 * len(X) // 3, rows)
            train, test = shuffled[:n_train], shuffled[n_train:][:MAX_TEST]
            for family in [*(one for one in families.split(",") if one), *([SEARCH] if trials else [])]:
                known = pd.read_csv(out) if out.exists() else pd.DataFrame(columns=COLUMNS)
                at = (known["dataset"] == name) & (known["split"] == split) & (known["family"] == family)
                done = set(known[at]["contender"])
                part = X.iloc[train], y.iloc[train], X.iloc[test]
                settings = {
                    "time_budget": None,
                    "max_trials": trials,
                    "n_jobs": 1,
                    "verbose": 0,
                    "random_state": split,
                    "without": [name],
                    "include": [one for one in include.split(",") if one],
                }
                start = time.perf_counter()
                with warnings.catch_warnings(action="ignore"):
                    fits = (
                        search(*part, done, settings) if family == SEARCH else fit_configurations(*part, family, done)
                    )
                    for contender, p in fits:
                        found = measure(p, y.cat.codes.to_numpy()[test])
                        row = {"dataset": name, "split": split, "family": family, "contender": contender}
                        sizes = {"n_train": n_train, "n_classes": p.shape[1], "seconds": time.perf_counter() - start}
                        append_row(out, row | sizes | found, COLUMNS)
                        typer.echo(f"{name} {split} {family} {contender} {found['probability_score']:.4f}", err=True)
                        start = time.perf_counter()
    typer.echo(report(pd.read_csv(out)))


if __name__ == "__main__":
    typer.run(main)
