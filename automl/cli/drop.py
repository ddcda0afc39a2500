"""The command ``automl drop``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import split_names
from automl.errors import check_names


def drop(
    run: Annotated[
        Path, typer.Argument(metavar="RUN_DIRECTORY", help="The folder of 'automl fit ... --store' or fit(store=...).")
    ],
    family: Annotated[
        list[str],
        typer.Option(metavar="FAMILIES", help="Names of model families, separated by commas; may be repeated."),
    ],
    undo: Annotated[bool, typer.Option("--undo", help="Let the search propose these families again.")] = False,
) -> None:
    """Let the search in a run directory propose no more trials of some model families.

    Trials that run now end as usual, and models that are there stay candidates for the ensemble. Later sessions of the
    run keep to it. A search without a finished model goes on unchanged until its first model is ready.
    """
    from automl.trials.run_directory import RunDirectory
    from automl.trials.run_reader import RunReader
    from pipelines.models import MODELS

    reader, directory = RunReader(run), RunDirectory(run)
    tried = {configuration.family for configuration in reader.history.evaluations}
    families = split_names(family)
    check_names("--family", families, {*(model.name for model in MODELS), *tried})
    if undo:
        directory.restore_families(families)
    else:
        directory.drop_families(families)
    session, dropped = reader.session, directory.dropped_families()
    goes_on = session is not None and not session.is_over and session.is_alive() is not False
    which = "the search" if goes_on else "the next session of the run"
    left_out = ", ".join(dropped)
    typer.echo(
        f"{which} in '{run}' proposes no more trials of {left_out}"
        if dropped
        else f"{which} in '{run}' proposes trials of all families"
    )
