"""The command ``automl export``: the best pipeline of a saved model as a script, or a search as a study of Optuna."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import check_file, check_needed, load_model
from automl.errors import InvalidInputError
from meta_db.files import write_text


def export(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Folder in which 'automl fit' has saved a model; for --optuna also a run directory (--store).",
        ),
    ],
    python: Annotated[
        bool, typer.Option("--python", help="Print a script that trains the pipeline again without this package.")
    ] = False,
    optuna: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write all configurations of the search as a study into Optuna's journal storage."
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(help="Name of the study for --optuna.", show_default="the name of the folder"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the script; without it the script goes to standard output.")
    ] = None,
) -> None:
    """Export the best pipeline as a script that a person can read and run, or the search as a study of Optuna."""
    if optuna is None:
        check_needed("--optuna, for example --optuna study.log", {"--study": study})
    if not python:
        check_needed("--python, which writes the script", {"--out": out})
    if python == (optuna is not None):
        if python:
            raise InvalidInputError("--python and --optuna are two forms of the export; use one of them")
        raise InvalidInputError(
            "the form of the export is missing; add --python for a Python script, or --optuna FILE for a study"
        )
    if optuna is not None:
        check_file("--optuna", optuna)
        _write_study(model, optuna, study)
        return
    if out is not None:
        check_file("--out", out)
    from automl.export.script import python_script

    code = python_script(load_model(model), "pipeline.py" if out is None else out.name)
    if out is None:
        typer.echo(code, nl=False)
        return
    try:
        write_text(out, code)
    except OSError as error:
        raise InvalidInputError(f"'{out}' cannot be written: {error}; name another file") from error


def _write_study(run: Path, file: Path, name: str | None) -> None:
    from automl.integrations.optuna import export as export_study

    written = export_study(run, file, name)
    typer.echo(f"automl: study '{written}' is in '{file}'; 'optuna-dashboard {file}' shows it", err=True)
