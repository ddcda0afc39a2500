"""The results of ``automl benchmark``: files, and tables on a terminal."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pandas as pd
from rich.console import Console
from rich.table import Table

from automl.comparison.cross_validation import NestedResult
from automl.comparison.plot import critical_difference_plot
from automl.comparison.tables import TableComparison, compare_over_tables
from automl.errors import AutoMLError, InvalidInputError
from meta_db.files import replace_file

logger = logging.getLogger("automl")

_WIDTH = 120  # characters in a line, where the output is a file or a pipe


@dataclass(frozen=True)
class BenchmarkReport:
    """The scores of several tables, their summaries, and the comparisons of the estimators.

    Attributes
    ----------
    scores, summary, comparison : DataFrame
        Scores, `summary` and `compare` of `NestedResult`, with the name of the table in a first column `table`.
    over_tables : dict of TableComparison
        One comparison over all tables for each metric, or one named "default metrics" if each table has a metric of its
        own. Empty if there is a single table or a single estimator.
    folds : DataFrame
        The chosen configuration and the estimate of each outer fold, as in `NestedResult`.
    """

    scores: pd.DataFrame
    summary: pd.DataFrame
    comparison: pd.DataFrame
    over_tables: Mapping[str, TableComparison]
    folds: pd.DataFrame

    @classmethod
    def from_results(cls, results: Mapping[str, NestedResult], by_metric: bool) -> Self:
        """Make the report.

        Parameters
        ----------
        results : dict of NestedResult
            The result of each table by its name.
        by_metric : bool
            Whether all tables have the same metrics; else each table has a default metric of its own.
        """
        scores = _stacked({name: result.scores for name, result in results.items()})
        over: dict[str, TableComparison] = {}
        if len(results) > 1 and scores["estimator"].nunique() > 1:
            if by_metric or scores["metric"].nunique() == 1:
                over = {str(metric): compare_over_tables(rows) for metric, rows in scores.groupby("metric", sort=False)}
            else:
                over = {"default metrics": compare_over_tables(scores)}
        return cls(
            scores=scores,
            summary=_stacked({name: result.summary() for name, result in results.items()}),
            comparison=_stacked({name: result.compare() for name, result in results.items()}),
            over_tables=over,
            folds=_stacked({name: result.folds for name, result in results.items() if result.folds is not None}),
        )

    def write(self, folder: Path) -> None:
        """Write CSV files, and a critical-difference plot for each comparison over tables.

        Raises
        ------
        InvalidInputError
            If a file cannot be written.
        """
        tables = {name: getattr(self, name) for name in ("scores", "summary", "comparison")}
        texts = ["" if chosen is None else json.dumps(chosen) for chosen in self.folds["configuration"]]
        tables["folds"] = self.folds.assign(configuration=texts)
        if self.over_tables:
            tables["pairs_over_tables"] = pd.concat(
                [over.pairs.assign(compared=compared) for compared, over in self.over_tables.items()],
                ignore_index=True,
            )
            tables["ranks"] = pd.concat(
                [
                    over.ranks.rename_axis("estimator")
                    .reset_index()
                    .assign(
                        compared=compared,
                        tables=over.n_tables,
                        critical_difference=over.critical_difference,
                        friedman_p=over.friedman_p,
                    )
                    for compared, over in self.over_tables.items()
                ],
                ignore_index=True,
            )
        for name, table in tables.items():
            with _written(folder / f"{name}.csv") as partial:
                table.to_csv(partial, index=False)
        for compared, over in self.over_tables.items():
            try:
                figure = critical_difference_plot(over)
            except AutoMLError as error:  # matplotlib is missing; the tables are complete without the plot
                logger.info("no plot: %s", error)
                return
            with _written(folder / f"critical_difference_{compared.replace(' ', '_')}.png") as partial:
                figure.savefig(partial, format="png", dpi=150)

    def show(self) -> None:
        """Print rich tables to standard output."""
        console = Console(highlight=False, width=None if Console().is_terminal else _WIDTH)
        for (name, metric), rows in self.summary.groupby(["table", "metric"], sort=False):
            _show_summary(console, f"{name}: {metric} on outer folds, greater is better", rows)
            pairs = self.comparison[(self.comparison["table"] == name) & (self.comparison["metric"] == metric)]
            if len(pairs):
                _show_pairs(console, f"{name}: {metric}, corrected t-test and Bayesian t-test", pairs)
        for compared, over in self.over_tables.items():
            _show_over(console, compared, over)


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """Yield the path of a temporary file that replaces `path` when the block ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as partial:
            yield partial
    except OSError as error:
        raise InvalidInputError(f"'{path}' cannot be written: {error}; name another folder") from error


def _stacked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables in one table, with the name of their table in a first column."""
    parts = [table.assign(table=name) for name, table in tables.items()]
    stacked = pd.concat(parts, ignore_index=True)
    return stacked[["table", *(column for column in stacked.columns if column != "table")]]


def _show_summary(console: Console, title: str, rows: pd.DataFrame) -> None:
    failed = ["failed"] if rows["failed"].any() else []
    covered = ["coverage"] if rows["coverage"].notna().any() else []
    shown = rows.assign(**{"seconds per fit": _format(rows["fit_seconds"], "{:.1f}")})
    shown["coverage"] = _format(rows["coverage"], "{:.0%}")
    for column in ("mean", "std"):
        shown[column] = _format(rows[column], "{:.4f}")
    _show(console, title, shown[["estimator", "mean", "std", "folds", *failed, *covered, "seconds per fit"]])


def _show_pairs(console: Console, title: str, rows: pd.DataFrame) -> None:
    shown = rows[["first", "second"]].assign(difference=_format(rows["difference"], "{:+.4f}"))
    for column in ("p", "p_holm", "first_better", "equivalent", "second_better"):
        shown[column.replace("_", " ")] = _format(rows[column], "{:.3f}")
    _show(console, title, shown)


def _show_over(console: Console, compared: str, over: TableComparison) -> None:
    friedman = "" if pd.isna(over.friedman_p) else f", Friedman p = {over.friedman_p:.3g}"
    ranks = _format(over.ranks, "{:.2f}").rename_axis("estimator").rename("mean rank").reset_index()
    _show(console, f"{compared}: mean ranks over {over.n_tables} tables, 1 is best{friedman}", ranks)
    pairs = over.pairs[["first", "second"]].copy()
    pairs["rank difference"] = _format(over.pairs["rank_difference"], "{:+.2f}")
    tests = {"p_nemenyi": "p Nemenyi", "p_wilcoxon": "p Wilcoxon", "p_holm": "p Wilcoxon (Holm)"}
    for column, head in tests.items():
        if over.pairs[column].notna().any():  # differences of different metrics are not tested
            pairs[head] = _format(over.pairs[column], "{:.3f}")
    _show(console, f"{compared}: pairs; critical difference {over.critical_difference:.2f} at {over.alpha:g}", pairs)


def _format(numbers: pd.Series, pattern: str) -> pd.Series:
    return numbers.map(lambda number: "-" if pd.isna(number) else pattern.format(number))


def _show(console: Console, title: str, shown: pd.DataFrame) -> None:
    console.print(title, style="bold", markup=False)
    table = Table()
    for column in shown.columns:
        text = column in ("estimator", "first", "second")
        table.add_column(str(column), justify="left" if text else "right", overflow="fold")
    for cells in shown.itertuples(index=False):
        table.add_row(*map(str, cells))
    console.print(table)
