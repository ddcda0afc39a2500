"""The command ``automl report``: write a report about a saved model into one file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import (
    Decimal,
    Encoding,
    ModelPath,
    Separator,
    Sheet,
    check_file,
    check_needed,
    file_options,
    load_model,
    messages_on_stderr,
    read_labeled,
    write_message,
)
from automl.errors import InvalidInputError

_SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".json": "json"}


class ReportFormat(StrEnum):
    """The form of a report."""

    HTML = "html"
    MARKDOWN = "markdown"
    JSON = "json"


def report(
    model: ModelPath,
    out: Annotated[Path, typer.Option(help="File of the report.")] = Path("report.html"),
    train: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="The training table, for counts of missing cells and distinct values."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="A table with known labels that was not used for training."),
    ] = None,
    target: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="Name of the column to predict, in these tables; may be repeated for several targets.",
            show_default="the target of the model",
        ),
    ] = [],  # noqa: B006 - typer copies it
    format: Annotated[
        ReportFormat | None,
        typer.Option(help="The form of the report.", show_default="by the name of the file, else html"),
    ] = None,
    verbose: Annotated[int, typer.Option(min=0, help="0 writes no messages, 1 writes the main messages.")] = 1,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Write a report about a saved model: one page that needs no network, or the same as Markdown or JSON."""
    options = file_options(encoding, separator, decimal, sheet, train, test)
    if train is None and test is None:
        check_needed("--train or --test, a table with known labels", {"--target": target}, options)
    with messages_on_stderr(verbose):
        check_file("--out", out)
        estimator = load_model(model)
        layout, known = estimator._ensemble.targets, estimator._target_name
        columns = target or (list(layout.names) if layout is not None else [] if known is None else [known])
        if not columns and (train is not None or test is not None):
            raise InvalidInputError("--target: the model does not know the name of its target; give it")
        tables = {
            name: None if path is None else read_labeled(estimator, path, columns, options)
            for name, path in (("train", train), ("test", test))
        }
        form = format.value if format is not None else _SUFFIXES.get(out.suffix.lower(), "html")
        estimator.report(out, form, **tables)
        write_message(verbose, f"report written to '{out}' ({out.stat().st_size / 1024:,.0f} kB)")
