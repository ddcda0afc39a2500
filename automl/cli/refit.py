"""The command ``automl refit``: train a saved model on all its rows, or on new rows, without another search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import (
    Decimal,
    Encoding,
    Separator,
    Sheet,
    Time,
    check_needed,
    file_options,
    load_model,
    messages_on_stderr,
    read_labeled,
    unsaved_if_interrupted,
    write_message,
)
from automl.errors import InvalidInputError


def refit(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder in which 'automl fit' has saved a model.")],
    out: Annotated[Path, typer.Option(help="Folder in which the new model is saved.")],
    train: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="File with new rows; without it the models are trained on the rows that the model was saved with.",
        ),
    ] = None,
    target: Annotated[
        list[str],
        typer.Option(
            metavar="COLUMN",
            help="Name of the column to predict, in the new rows; may be repeated for several targets.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    time: Time = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="Save the training rows with the new model, for a later refit.")
    ] = False,
    verbose: Annotated[int, typer.Option(min=0, help="0 writes no messages, 1 writes the main messages.")] = 1,
    encoding: Encoding = None,
    separator: Separator = None,
    decimal: Decimal = None,
    sheet: Sheet = None,
) -> None:
    """Train the models of an ensemble again, and compare the old model with the new one on the new rows."""
    if (train is None) != (not target):
        given, other = ("--target", "--train") if train is None else ("--train", "--target")
        raise InvalidInputError(f"{given} needs {other}: a table with new rows and the name of its target column")
    options = file_options(encoding, separator, decimal, sheet, train)
    if train is None:
        check_needed("--train, a table with new rows", {"--time": time}, options)
    with messages_on_stderr(verbose):
        with unsaved_if_interrupted():
            from automl.persistence import check_place

            check_place(out)
            estimator = load_model(model)
            if train is None:
                new = estimator.refit()
            else:
                X, y = read_labeled(estimator, train, target, options)
                new = estimator.refit(X, y, time=time)
        new.save(out, rows=rows)
        typer.echo(str(new.refit_report_))
        write_message(verbose, f"saved to '{out}'")
