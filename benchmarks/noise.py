"""What the benchmarks of wrong labels and of wrong numbers share: options, contenders, the loop over cells, and wins.

Both make a share of the training targets wrong, and score on rows with right targets. The contenders are single models
with and without each option, and whole searches with and without ``noisy_labels``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pandas as pd
import typer
from numpy.typing import NDArray

from benchmarks.result_file import append_row, missing_cells
from benchmarks.tables import check_names

MAX_TEST = 1_000  # rows
PLAIN = "plain"
SEARCH = "automl"
SEARCHES: Mapping[str, bool] = {PLAIN: False, "noisy_labels": True}

OutFile = Annotated[Path, typer.Option(help="CSV file of the results.")]
Tables = Annotated[str, typer.Option(help="Names of tables with commas.")]
Families = Annotated[str, typer.Option(help=f"Families with commas; '{SEARCH}' for searches.")]
Shares = Annotated[str, typer.Option(help="Shares of wrong targets with commas.")]
Rows = Annotated[int, typer.Option(help="Training rows.")]
Trials = Annotated[int, typer.Option(help="Configurations of a search.")]
Include = Annotated[str, typer.Option(help="Model families of a search with commas; all without it.")]
OnlyReport = Annotated[bool, typer.Option("--only-report", help="Print the table of the results.")]

SHARES = "0,0.1,0.2,0.4"
ROWS = 500
TRIALS = 10


class Data(NamedTuple):
    """Training rows with right targets, and test rows."""

    X: pd.DataFrame
    y: NDArray[Any]
    X_test: pd.DataFrame
    y_test: NDArray[Any]


def search_settings(trials: int, include: str) -> dict[str, Any]:
    """Return the arguments of the estimators of all searches."""
    families = include.split(",") if include else ()
    fixed = {"time_budget": None, "n_jobs": 1, "random_state": 0, "verbose": 0}
    return {**fixed, "max_trials": trials, "include": families}


def contenders(families: str, options: Mapping[str, Iterable[str]]) -> list[tuple[str, str]]:
    """Return the pairs of family and option.

    Parameters
    ----------
    families : str
        Names with commas.
    options : mapping of str to iterable of str
        The options of each family that can be measured, apart from searches.

    Raises
    ------
    MissingRequirementError
        If a family cannot be measured.
    """
    named, known = [name for name in families.split(",") if name], {**options, SEARCH: tuple(SEARCHES)}
    check_names(named, list(known), "to measure", "family")
    return [(family, option) for family in named for option in known[family]]


def measure_cells(
    out: Path,
    columns: Sequence[str],
    cells: tuple[Sequence[str], str, Sequence[tuple[str, str]]],
    measure: Callable[[str, float, str, str], dict[str, Any]],
    shown: str,
) -> None:
    """Measure the cells that a CSV file does not hold, and append a row for each.

    Parameters
    ----------
    columns : sequence of str
        The first four are the keys: table, share of wrong targets, family and option.
    cells : tuple
        Names of the tables, shares with commas, and the pairs of family and option.
    measure : callable
        ``measure(table, share, family, option)`` returns the values of the further columns.
    shown : str
        The column that is printed after each cell.
    """
    names, shares, pairs = cells
    every = [(name, share, *pair) for name, share, pair in product(names, map(float, shares.split(",")), pairs)]
    for cell in missing_cells(out, columns[:4], every):
        row = measure(*cell)
        append_row(out, {**dict(zip(columns, cell, strict=False)), **row}, columns)
        typer.echo(f"{' '.join(map(str, cell))}: {shown} {row[shown]:.3f}", err=True)


def beside_plain(
    results: pd.DataFrame, option: str, scores: Sequence[str], plain: Sequence[str] = (PLAIN,)
) -> pd.DataFrame:
    """Return the results, and in columns ``SCORE_plain`` the scores of the same family without an option.

    Parameters
    ----------
    option : str
        The column of the options.
    plain : sequence of str
        The values of this column that stand for no option.
    """
    keys = ["family", "share", "dataset"]
    without = results[results[option].isin(plain)][[*keys, *scores]]
    return results.merge(without, on=keys, suffixes=("", "_plain"))


def count_wins(greater: pd.Series, smaller: pd.Series) -> str:
    """Return on how many tables a score is greater than the other; tables with equal scores do not count."""
    return f"{(greater > smaller).sum()} of {(greater != smaller).sum()}"
