"""The command ``automl stop``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.errors import InvalidInputError


def stop(
    run: Annotated[
        Path, typer.Argument(metavar="RUN_DIRECTORY", help="The folder of 'automl fit ... --store' or fit(store=...).")
    ],
) -> None:
    """End the search in a run directory: its process builds the ensemble of the results so far, and the fit returns.

    A search without a finished model goes on until its first model is ready.
    """
    from automl.trials.run_directory import RunDirectory
    from automl.trials.run_reader import RunReader
    from automl.trials.session import Phase

    session = RunReader(run).session
    if session is None or session.is_over:
        raise InvalidInputError(f"the run in '{run}' is over; there is nothing to stop")
    if session.is_alive() is False:
        raise InvalidInputError(f"the process of the run in '{run}' has died; fit with the same store resumes the run")
    if session.phase is Phase.ENSEMBLE:
        typer.echo(f"the search in '{run}' has ended already; its ensemble is being built")
        return
    RunDirectory(run).request_stop()
    typer.echo(f"the search in '{run}' ends; its process now builds the ensemble and returns the model")
