"""Turns results into a table to read: ranks, win rates, errors, overruns, memory, failures.

Example: python -m benchmarks.analyse benchmarks/results/60s.csv --out benchmarks/RESULTS.md
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

REFERENCE = {
    "AutoGluon 1.6.3 best_quality": "autogluon_best",
    "FLAML 2.7.0": "flaml",
    "H2O AutoML 3.46.0.12": "h2o",
}
OURS = "automl"


def losses(results: pd.DataFrame) -> pd.DataFrame:
    """One row a (dataset, fold), one column a system; lower is better, failures are missing."""
    loss = results["score"].where(results["metric"] != "auc", -results["score"])
    return results.assign(loss=loss).pivot_table(
        index=["dataset", "fold"], columns="system", values="loss", dropna=False
    )


def complete(results: pd.DataFrame) -> pd.DataFrame:
    """The rows of those tables on which every system was run, to an end or to a failure."""
    systems = results.groupby(["dataset", "fold"])["system"].transform("nunique")
    return results[systems == results["system"].nunique()]


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """One row a system.

    A failure ranks behind everything else and counts as normalised error 1; normalised error is 0 for the best system
    of a table and 1 for the worst.
    """
    table = losses(results)
    ranks = table.rank(axis=1, na_option="bottom")
    low, high = table.min(axis=1), table.max(axis=1)
    span = (high - low).replace(0.0, 1.0)
    normalised = table.sub(low, axis=0).div(span, axis=0).fillna(1.0)
    rows = {}
    for system in table.columns:
        own = results[results["system"] == system]
        filled = table.fillna(np.inf)
        wins = (filled[OURS] < filled[system]) + 0.5 * (filled[OURS] == filled[system])
        rows[system] = {
            "mean rank": ranks[system].mean(),
            "automl wins": np.nan if system == OURS else wins.mean(),
            "normalised error": normalised[system].mean(),
            "largest overrun %": 100 * (own["fit_s"] / own["budget"] - 1).max(),
            "predict s (median)": own["predict_s"].median(),
            "peak MiB (largest)": own["peak_mib"].max(),
            "failures": int(own["error"].fillna("").ne("").sum()),
        }
    return pd.DataFrame(rows).T.sort_values("mean rank")


def reference(path: Path, budget: float) -> pd.DataFrame:
    """Published figures of peers on the first fold, in the columns of our own results."""
    known = pd.read_csv(path, comment="#")
    known = known[known["framework"].isin(list(REFERENCE))]
    return known.assign(
        system=known["framework"].map(REFERENCE), fold=0, budget=budget, peak_mib=np.nan, version=known["framework"]
    )


def report(results: pd.DataFrame, title: str) -> str:
    """Markdown for one set of systems, all measured on the same tables."""
    scores = results.pivot_table(index=["dataset", "metric"], columns="system", values="score", dropna=False)
    scores = scores.dropna(how="all")
    order = list(summary(results).index)
    return "\n\n".join(
        [
            f"## {title}",
            f"{results['dataset'].nunique()} tables, {len(order)} systems.",
            summary(results).round(3).to_markdown(),
            scores[order].round(5).reset_index().to_markdown(index=False),
        ]
    )


def main(
    path: Annotated[Path, typer.Argument(help="CSV file written by benchmarks.run.")],
    peers: Annotated[Path | None, typer.Option(help="CSV file of reference figures to compare with.")] = None,
    note: Annotated[str, typer.Option(help="What a reader has to know of this measurement.")] = "",
    out: Annotated[Path, typer.Option()] = Path(__file__).parent / "RESULTS.md",
) -> None:
    """Write the report."""
    measured = pd.read_csv(path)
    results = complete(measured)
    if results.empty:
        raise typer.BadParameter(f"{path} has no table on which every one of its systems was run")
    missing = measured["dataset"].nunique() - results["dataset"].nunique()
    versions = results.groupby("system")["version"].first().dropna().to_dict()
    budget = float(results["budget"].iloc[0])
    parts = [
        f"# Results at {budget:.0f} s",
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"measured {results['date'].min()} to {results['date'].max()}; "
        f"cores allowed: {int(results['cores'].iloc[0])}; versions: "
        + ", ".join(f"{system} {version}" for system, version in versions.items())
        + ". AUC: higher is better; logloss and rmse: lower is better.",
        *([note] if note else []),
        *([f"Left out: {missing} tables that not every system has been run on yet."] if missing else []),
        report(results, "Measured here"),
    ]
    if peers is not None:
        theirs = reference(peers, budget)
        same_rows = (measured["fold"] == 0) & measured["dataset"].isin(theirs["dataset"].unique())
        both = pd.concat([measured[same_rows & ~measured["system"].isin(REFERENCE.values())], theirs])
        parts.append(report(complete(both), "Beside reference figures of peers, same rows, measured elsewhere"))
    out.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    typer.run(main)
