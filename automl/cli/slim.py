"""The command ``automl slim``: save a copy of a model that is smaller, or has another trade-off of its objectives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import check_needed, load_model, messages_on_stderr, write_message
from automl.errors import InvalidInputError


def slim(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder in which 'automl fit' has saved a model.")],
    out: Annotated[Path | None, typer.Option(help="Folder in which the smaller model is saved.")] = None,
    milliseconds: Annotated[
        float | None, typer.Option(help="Longest time in which the model may predict a single row, in milliseconds.")
    ] = None,
    megabytes: Annotated[
        float | None, typer.Option(help="Largest size of the model on the disk, in megabytes.")
    ] = None,
    max_loss: Annotated[
        float | None, typer.Option(help="Largest difference between the score and the best score in the list.")
    ] = None,
    row: Annotated[
        int | None,
        typer.Option(min=0, help="The model of this row of the list, in place of limits; the first row is 0."),
    ] = None,
    verbose: Annotated[int, typer.Option(min=0, help="0 writes no messages, 1 writes the main messages.")] = 1,
) -> None:
    """Save a smaller model within limits, or one from the list; without --out, list the models that are possible."""
    if out is None:
        options = {"--milliseconds": milliseconds, "--megabytes": megabytes, "--max-loss": max_loss, "--row": row}
        check_needed("--out, the folder in which the smaller model is saved", options)
    with messages_on_stderr(verbose):
        from automl.persistence import check_place

        if out is None:
            typer.echo(load_model(model).frontier_.rename_axis("row").reset_index().to_string(index=False))
            return
        check_place(out)
        limits = (milliseconds, megabytes, max_loss)
        if row is None and all(limit is None for limit in limits):
            raise InvalidInputError(
                "--out needs --milliseconds, --megabytes, --max-loss or --row; 'automl slim MODEL' lists the models"
            )
        if row is not None and any(limit is not None for limit in limits):
            raise InvalidInputError("--row already names a model; leave out --milliseconds, --megabytes and --max-loss")
        estimator = load_model(model)
        n_models = len(estimator.frontier_)
        if row is not None and row >= n_models:
            raise InvalidInputError(
                f"--row must be from 0 to {n_models - 1}, as 'automl slim MODEL' lists the models; got {row}"
            )
        small = estimator.slim(*limits) if row is None else estimator.choose(row)
        small.save(out)
        write_message(verbose, f"saved to '{out}': {small.frontier_['members'].iloc[0]}")
