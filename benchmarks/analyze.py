"""Turn results into readable tables: ranks, win rates, errors, overruns, memory, failures.

Examples:
python -m benchmarks.analyze benchmarks/results/60s.csv --title 'Results at 60 s' --out benchmarks/RESULTS.md
python -m benchmarks.analyze benchmarks/results/nets.csv --ours net_realmlp,net_tabm --out tables.md
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from automl.plurals import plural

REFERENCE = {
    "AutoGluon 1.6.3 best_quality": "autogluon_best",
    "FLAML 2.7.0": "flaml",
    "H2O AutoML 3.46.0.12": "h2o",
}
# Two systems with errors below these bounds count as equal; a ratio of such errors would dominate every mean.
NEGLIGIBLE = {"auc": 0.001, "logloss": 0.01, "rmse": 0.0}
SIZES = {"to 1,000": 1_000, "to 10,000": 10_000, "to 50,000": 50_000, "above 50,000": np.inf}  # training rows
_NORMAL = 1.96  # half-width of a 95 % interval in standard errors


def errors(results: pd.DataFrame) -> pd.DataFrame:
    """Return the errors (1 - AUC, log loss or RMSE): one row for each (dataset, metric, fold), one column a system.

    The error of a failure is infinite. Cells that were not run are missing.
    """
    error = results["score"].where(results["metric"] != "auc", 1.0 - results["score"]).fillna(np.inf)
    return results.assign(error=error).pivot(index=["dataset", "metric", "fold"], columns="system", values="error")


def per_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the mean error over the folds of each table."""
    return errors.groupby(["dataset", "metric"]).mean()


def complete(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the cells (dataset, fold) on which every system was run, failures included."""
    systems = results.groupby(["dataset", "fold"])["system"].transform("nunique")
    return results[systems == results["system"].nunique()]


def summary(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each system; a table counts once, with the mean of its folds.

    A failure ranks behind everything else and counts as normalized error 1. The normalized error is 0 for the best
    system of a table and 1 for the worst.
    """
    table = per_table(errors(results)).replace(np.inf, np.nan)
    ranks = table.rank(axis=1, na_option="bottom")
    low, high = table.min(axis=1), table.max(axis=1)
    span = (high - low).replace(0.0, 1.0)
    normalized = table.sub(low, axis=0).div(span, axis=0).fillna(1.0)
    rows = {}
    for system in table.columns:
        own = results[results["system"] == system]
        rows[system] = {
            "mean rank": ranks[system].mean(),
            "normalized error": normalized[system].mean(),
            "largest overrun %": 100 * (own["fit_s"] / own["budget"] - 1).max(),
            "fit s (median)": own["fit_s"].median(),
            "predict s (median)": own["predict_s"].median(),
            "peak MiB (largest)": own["peak_mib"].max(),
            "failures": int(own["score"].isna().sum()),
        }
    return pd.DataFrame(rows).T.sort_values("mean rank")


def compare_pairs(results: pd.DataFrame, ours: str) -> pd.DataFrame:
    """Compare one system with each rival on the cells on which both were run; return one row for each rival.

    A system that fails loses. The other figures are about the cells on which both succeeded. Each table and fold is a
    pair, and a table counts once, with the mean of its folds. `error ratio` is the geometric mean of the quotients of
    their errors, below 1 where ours is better. `log ratio %` is the same mean in hundredths of the natural logarithm,
    and `standard error` is that of this mean over the tables. `metric %` says by how many percent the metric of ours
    is better. `tables won, 95 %` is the Wilson interval of the share of tables.
    """
    error = errors(results)
    rows = {}
    for rival in error.columns.drop(ours):
        folds = error[[ours, rival]].dropna()
        tables = per_table(folds)
        finite = folds.loc[np.isfinite(folds.to_numpy(float)).all(axis=1)]
        log_ratio = log_ratios(finite, ours, rival)
        metric = finite.index.get_level_values("metric")
        gain = ((1 - finite[ours]) / (1 - finite[rival]) - 1).where(metric == "auc", 1 - np.exp(log_ratio))
        ratios, gains = (means_of_tables(values) for values in (log_ratio, gain))
        share = won(tables, ours, rival)
        low, high = wilson_interval(share, len(tables))
        rows[rival] = {
            "tables": len(tables),
            "tables won %": 100 * share,
            "tables won, 95 %": f"{100 * low:.0f} to {100 * high:.0f}",
            "folds": len(folds),
            "folds won %": 100 * won(folds, ours, rival),
            "error ratio": np.exp(ratios.mean()),
            "log ratio %": 100 * ratios.mean(),
            "standard error": 100 * ratios.std() / np.sqrt(max(1, len(ratios))),
            "metric % (mean)": 100 * gains.mean(),
            "metric % (median)": 100 * gains.median(),
        }
    return pd.DataFrame(rows).T.infer_objects().rename_axis(f"{ours} against")


def compare_sizes(results: pd.DataFrame, ours: str) -> pd.DataFrame:
    """Compare one system with each rival for each class of training rows; the results need the column `n_train`."""
    sized = results.dropna(subset="n_train")
    size = pd.cut(sized["n_train"], [0, *SIZES.values()], labels=list(SIZES))
    parts = {
        name: compare_pairs(part, ours).drop(columns=["folds", "folds won %"])
        for name, part in sized.groupby(size, observed=True)
        if ours in set(part["system"])
    }
    return pd.concat(parts, names=["training rows"]) if parts else pd.DataFrame()


def log_ratios(errors: pd.DataFrame, ours: str, rival: str) -> pd.Series:
    """Return the natural logarithm of the quotient of two systems' errors; negligible errors count as equal."""
    clipped = errors.clip(lower=errors.index.get_level_values("metric").map(NEGLIGIBLE).to_numpy(), axis=0)
    ratio = (clipped[ours] / clipped[rival]).fillna(1.0)  # both may be 0
    return pd.Series(np.log(ratio.to_numpy(float)), ratio.index)


def means_of_tables(values: pd.Series) -> pd.Series[float]:
    """Return the mean over the folds of each table."""
    return pd.Series(values.groupby(["dataset", "metric"]).mean().to_numpy(float), dtype=float)


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share of n cases (Wilson, JASA 22, 1927); an equal result counts half."""
    middle = (share + _NORMAL**2 / (2 * n)) / (1 + _NORMAL**2 / n)
    half = _NORMAL / (1 + _NORMAL**2 / n) * np.sqrt(share * (1 - share) / n + _NORMAL**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def won(errors: pd.DataFrame, ours: str, rival: str) -> float:
    """Return the share of the rows in which ours has the smaller error; a row with equal errors counts half."""
    return float(((errors[ours] < errors[rival]) + 0.5 * (errors[ours] == errors[rival])).mean())


def reference(path: Path, budget: float) -> pd.DataFrame:
    """Return published figures of peers on the first fold, in the columns of our own results."""
    known = pd.read_csv(path, comment="#")
    known = known[known["framework"].isin(list(REFERENCE))]
    return known.assign(
        system=known["framework"].map(REFERENCE), fold=0, budget=budget, peak_mib=np.nan, version=known["framework"]
    )


def report(results: pd.DataFrame, title: str, ours: list[str]) -> str:
    """Return Markdown: all systems on their common tables, then each of `ours` against every other system."""
    cells = results["system"].value_counts()
    scarce = sorted(cells.index[cells < cells.max() / 2])
    common = complete(results[~results["system"].isin(scarce)])
    if common.empty:
        raise typer.BadParameter("there is no table on which every system was run")
    scores = common.pivot_table(index=["dataset", "metric"], columns="system", values="score", dropna=False)
    scores = scores.dropna(how="all")
    ranking = summary(common)
    n_tables, n_folds, missing = len(scores), common["fold"].nunique(), results["dataset"].nunique() - len(scores)
    facts = [
        f"{plural(n_tables, 'table')}, {plural(n_folds, 'fold')}, {len(ranking)} systems.",
        *([f"Left out: {missing} tables on which not every system has been run yet."] if missing else []),
        *([f"Compared in pairs only, because they were run on too few tables: {', '.join(scarce)}."] if scarce else []),
    ]
    return "\n\n".join(
        [
            f"## {title}",
            " ".join(facts),
            ranking.round(3).to_markdown(),
            scores[list(ranking.index)].round(5).reset_index().to_markdown(index=False),
            "In pairs, on the folds on which both systems were run:",
            *[compare_pairs(results, system).round(3).to_markdown() for system in ours],
            *_size_report(results, ours),
        ]
    )


def _size_report(results: pd.DataFrame, ours: list[str]) -> list[str]:
    """Return the comparison by classes of training rows, where the results say the rows."""
    if "n_train" not in results or results["n_train"].isna().all():
        return []
    tables = [compare_sizes(results, system).round(3).reset_index().to_markdown(index=False) for system in ours]
    return ["In pairs, by the number of training rows:", *tables]


def main(
    path: Annotated[Path, typer.Argument(help="CSV file written by benchmarks.run.")],
    peers: Annotated[Path | None, typer.Option(help="CSV file of reference figures to compare with.")] = None,
    ours: Annotated[str, typer.Option(help="Systems to compare with each other system, with commas.")] = "automl",
    title: Annotated[str, typer.Option(help="First line of the report.")] = "Results",
    note: Annotated[str, typer.Option(help="A remark about the measurement, printed below the first line.")] = "",
    out: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path(__file__).parent / "RESULTS.md",
) -> None:
    """Write the report."""
    measured = pd.read_csv(path)
    versions = measured.groupby("system")["version"].first().dropna().to_dict()
    budget = float(measured["budget"].iloc[0])
    parts = [
        f"# {title}",
        f"At most {budget:.0f} s for each fit. Machine: {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; measured {measured['date'].min()} to {measured['date'].max()}; "
        f"cores allowed: {int(measured['cores'].iloc[0])}; versions: "
        + ", ".join(f"{system} {version}" for system, version in versions.items())
        + ". AUC: higher is better; logloss and rmse: lower is better.",
        *([note] if note else []),
        report(measured, "Measured here", ours.split(",")),
    ]
    if peers is not None:
        theirs = reference(peers, budget)
        same_rows = (measured["fold"] == 0) & measured["dataset"].isin(theirs["dataset"].unique())
        both = pd.concat([measured[same_rows & ~measured["system"].isin(REFERENCE.values())], theirs])
        parts.append(
            report(both, "With reference figures of peers on the same rows, measured elsewhere", ours.split(","))
        )
    out.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    typer.run(main)
