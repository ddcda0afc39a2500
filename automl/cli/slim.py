"""The command ``automl slim``: save a smaller copy of a model that predicts in less time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import load_model, messages_on_stderr, write_message


def slim(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder in which 'automl fit' has saved a model.")],
    out: Annotated[Path | None, typer.Option(help="Folder in which the smaller model is saved.")] = None,
    milliseconds: Annotated[float | None, typer.Option(help="The longest time for a single row.")] = None,
    megabytes: Annotated[float | None, typer.Option(help="The largest size of the models on the disk.")] = None,
    max_loss: Annotated[
        float | None, typer.Option(help="The most that the score may fall below the best score of the table.")
    ] = None,
    verbose: Annotated[int, typer.Option(min=0, help="0 writes no messages, 1 writes the main messages.")] = 1,
) -> None:
    """Save a smaller model within limits; without --out, list the models that are possible."""
    with messages_on_stderr(verbose):
        from automl.persistence import check_place

        if out is None:
            typer.echo(load_model(model).frontier_.to_string(index=False))
            return
        check_place(out)
        small = load_model(model).slim(milliseconds, megabytes, max_loss)
        small.save(out)
        write_message(verbose, f"saved to '{out}': {small.frontier_['members'].iloc[0]}")
