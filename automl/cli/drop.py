"""The command ``automl drop``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import split_names
from automl.errors import InvalidInputError, check_names


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

    if not split_names(family):
        raise InvalidInputError("--family names no model family; 'automl space' lists them")
    reader, directory = RunReader(run), RunDirectory(run)
    session, families = reader.session, split_names(family)
    searched = () if session is None else session.families
    if undo or not searched:  # an earlier version has not recorded the families of the search
        tried = {configuration.family for configuration in reader.history.evaluations}
        check_names("--family", families, {*(model.name for model in MODELS), *tried, *searched})
    elif others := [name for name in families if name not in searched]:
        check_names("--family", others, {*(model.name for model in MODELS), *searched})
        raise InvalidInputError(
            f"--family: the search in '{run}' has no {others[0]}; its families are {', '.join(sorted(searched))}"
        )
    if undo:
        directory.restore_families(families)
    else:
        directory.drop_families(families)
    dropped = directory.dropped_families()
    goes_on = session is not None and not session.is_over and session.is_alive() is not False
    which = "the search" if goes_on else "the next session of the run"
    left_out = ", ".join(dropped)
    typer.echo(
        f"{which} in '{run}' proposes no more trials of {left_out}"
        if dropped
        else f"{which} in '{run}' proposes trials of all families"
    )
