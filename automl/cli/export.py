"""The command ``automl export``: the best pipeline of a saved model in another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import load_model
from automl.errors import InvalidInputError


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder in which 'automl fit' has saved a model.")],
    python: Annotated[
        bool, typer.Option("--python", help="Print a script that trains the pipeline again without this package.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the script; without it the script goes to standard output.")
    ] = None,
) -> None:
    """Print the pipeline with the largest weight of the ensemble as a script that a person can read and run."""
    if not python:
        raise InvalidInputError("the form of the export is missing; add --python for a Python script")
    from automl.export.script import python_script

    code = python_script(load_model(model), "pipeline.py" if out is None else out.name)
    if out is None:
        typer.echo(code, nl=False)
        return
    try:
        out.write_text(code, encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"'{out}' cannot be written: {error}; name another file") from error
