"""The commands ``automl jobs ...``; heavy libraries are imported inside them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from automl.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(help="Batches: many tables times many settings, in a durable queue.", no_args_is_help=True)

_INTERRUPTED = 130  # what shells return after Ctrl-C
_ROWS_SHOWN = 50

Place = Annotated[str, typer.Argument(metavar="BATCH", help="The YAML file, or the store: an SQLite file or a URL.")]
BatchName = Annotated[str | None, typer.Option("--batch", help="Name of the batch, where the store holds several.")]
Cores = Annotated[int, typer.Option("--n-jobs", help="Cores for all jobs together; -1 for all.")]
Memory = Annotated[float | None, typer.Option(help="MiB for all jobs together; 80 % of what is free if not given.")]
Verbose = Annotated[int, typer.Option(min=0, help="0 is silent.")]


@app.command()
def run(
    description: Annotated[str, typer.Argument(metavar="FILE", help="The batch, as YAML.")],
    n_jobs: Cores = -1,
    memory: Memory = None,
    verbose: Verbose = 1,
) -> None:
    """Run a batch, or go on with it; what is finished is not repeated. Several runners may share the work."""
    with _log_to_stderr(verbose):
        from automl.jobs.batch import run_jobs

        _end(run_jobs(description, n_jobs=n_jobs, memory=memory), verbose)


@app.command()
def resume(
    place: Place, batch: BatchName = None, n_jobs: Cores = -1, memory: Memory = None, verbose: Verbose = 1
) -> None:
    """Go on with a batch, failed and cancelled jobs included, as it stands in its store."""
    with _log_to_stderr(verbose):
        from automl.jobs.batch import resume_jobs

        _end(resume_jobs(place, batch, n_jobs=n_jobs, memory=memory), verbose)


@app.command()
def status(
    place: Place,
    batch: BatchName = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object with an entry a job.")] = False,
) -> None:
    """Say how many jobs are in which state, and show those that run or have failed."""
    from automl.jobs.batch import open_batch
    from automl.jobs.folders import summarize

    with open_batch(place, batch) as (queue, known):
        summary = summarize(queue.records(known.name))
    if as_json:
        typer.echo(summary.set_index("job").to_json(orient="index", indent=2))
        return
    typer.echo(_counts(summary))
    _show(summary[summary["state"].isin(["running", "failed"])], ["job", "state", "attempts", "reason"])


@app.command()
def cancel(
    place: Place,
    jobs: Annotated[list[str] | None, typer.Argument(metavar="[JOB]...", help="Names, as 'status' shows them.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All jobs of the batch.")] = False,
    batch: BatchName = None,
) -> None:
    """Cancel jobs: queued ones never begin, running ones end soon and keep the best they have."""
    from automl.jobs.batch import open_batch

    if everything == bool(jobs):
        raise InvalidInputError("name the jobs to cancel, or say --all")
    with open_batch(place, batch) as (queue, known):
        unknown = sorted(set(jobs or []) - {row.name for row in queue.records(known.name)})
        if unknown:
            raise InvalidInputError(f"there is no job '{unknown[0]}'; 'automl jobs results' lists all")
        typer.echo(f"{queue.cancel(known.name, None if everything else jobs)} jobs cancelled")


@app.command()
def results(
    place: Place,
    batch: BatchName = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="All columns, as CSV.")] = False,
) -> None:
    """Write summary.csv and summary.parquet as far as the jobs have come, and show them."""
    from automl.jobs.batch import open_batch, write_results

    with open_batch(place, batch) as (queue, known):
        summary = write_results(queue, known)
    if as_csv:
        summary.to_csv(sys.stdout, index=False)
    else:
        _show(summary, ["job", "state", "metric", "test_score", "search_score", "seconds"])
        typer.echo(f"automl: summary and folders are in '{known.results}'", err=True)


def _end(summary: pd.DataFrame, verbose: int) -> None:
    """Say what became of the jobs; exit code 1 unless all that were asked for are finished."""
    if verbose:
        typer.echo(_counts(summary))
    if not summary["state"].isin(["finished", "withdrawn"]).all():
        raise typer.Exit(1)


def _counts(summary: pd.DataFrame) -> str:
    counts = summary["state"].value_counts(sort=False)
    return f"{len(summary)} jobs: " + ", ".join(f"{n} {state}" for state, n in counts.items())


def _show(table: pd.DataFrame, columns: list[str]) -> None:
    if len(table):
        typer.echo(table[columns].head(_ROWS_SHOWN).to_string(index=False, na_rep="", float_format="{:.4g}".format))
    if len(table) > _ROWS_SHOWN:
        typer.echo(f"... and {len(table) - _ROWS_SHOWN} more")


@contextmanager
def _log_to_stderr(verbose: int) -> Iterator[None]:
    """Send the runner's log lines to standard error, or nowhere; Ctrl-C ends with one line."""
    handler = logging.StreamHandler() if verbose else logging.NullHandler()
    handler.setFormatter(logging.Formatter("automl: %(message)s"))
    logger = logging.getLogger("automl.jobs")
    level = logger.level
    logger.addHandler(handler)
    if verbose:
        logger.setLevel(logging.INFO)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("automl: stopped; run the same command again to go on", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
