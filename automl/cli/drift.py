"""The command ``automl drift``: compare new rows with the training rows of a saved model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.support import (
    Decimal,
    Encoding,
    ModelPath,
    Separator,
    Sheet,
    TablePath,
    file_options,
    load_model,
    messages_on_stderr,
)
from automl.errors import InvalidInputError

if TYPE_CHECKING:
    from automl.base import BaseAutoML
    from automl.drift.report import DriftReport

_ALL_ROWS = 2**31 - 1


def drift(
    model: ModelPath,
    table: TablePath,
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="File with training rows, for an adversarial model; not needed if the model was saved with its rows.",
        ),
    ] = None,
    level: Annotated[float, typer.Option(help="Largest probability of a false alarm.")] = 0.05,
    adversarial: Annotated[
        bool,
        typer.Option("--adversarial/--no-adversarial", help="Train an adversarial model if training rows are known."),
    ] = True,
    every: Annotated[bool, typer.Option("--all", help="List all columns, not only those that differ.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with status 1 if there is drift.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Compare new rows with the training rows of a saved model: schema, each column, and all columns together.

    Labels are not needed. The model keeps a sketch of each column, so that no training rows are needed either, except
    for the adversarial model.
    """
    options = file_options(encoding, separator, decimal, sheet, table, train)
    with messages_on_stderr(1):
        estimator = load_model(model, for_prediction=True)
        new = _read(estimator, table, options)
        old = None if train is None else _read(estimator, train, options)
        report = estimator.check_drift(new, old, level=level, adversarial=adversarial)
    if as_json:
        typer.echo(json.dumps(_as_json(report), indent=2, default=str))
    else:
        _show(report, every)
    if exit_code and report.drifted:
        raise typer.Exit(1)


def _read(estimator: BaseAutoML, path: Path, options: Any) -> Any:
    """Return a table whose cells are read as in training."""
    from automl.cli.chunks import ChunkedTable

    chunk = next(iter(ChunkedTable(path, estimator, _ALL_ROWS, options).chunks()), None)
    if chunk is None:
        raise InvalidInputError(f"'{path}' holds no row")
    return chunk.table


def _as_json(report: DriftReport) -> dict[str, Any]:
    columns = report.columns.astype(object).where(report.columns.notna(), None)
    model = {"auc": report.auc, "p": report.auc_p, "distinguishes": report.is_distinguishable}
    return {
        "drifted": report.drifted,
        "verdict": report.verdict,
        "n_rows": report.n_rows,
        "n_training_rows": report.n_training_rows,
        "level": report.level,
        "adversarial": model if report.auc == report.auc else None,
        "columns": columns.to_dict("records"),
        "notes": list(report.notes),
    }


def _show(report: DriftReport, every: bool) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    console = Console()
    console.print(report.verdict, highlight=False, markup=False, soft_wrap=True)
    has_model = report.auc == report.auc
    shown = report.columns
    if not every:
        shown = shown[shown["drifted"].astype(bool)]
        if not len(shown) and report.is_distinguishable:
            shown = report.columns.sort_values("importance", ascending=False).head(3)
    if len(shown):
        titles = ["distance", "adjusted p", *(["adversarial"] if has_model else [])]
        table = Table(Column("column", overflow="fold"), *titles, Column("note", overflow="fold"))
        for row in shown.to_dict("records"):
            share = [f"{row['importance']:.0%}"] if has_model else []
            numbers = [_number(row["distance"]), _number(row["adjusted_p"])]
            table.add_row(str(row["name"]), *numbers, *share, row["note"])
        console.print(table, markup=False)
    for note in report.notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)


def _number(value: float) -> str:
    return f"{value:.2g}" if value == value else ""
