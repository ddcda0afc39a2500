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

app = typer.Typer(
    help="Fit many tables under many settings: each table under each setting is one job of a batch.",
    no_args_is_help=True,
)

_INTERRUPTED = 130  # exit code of shells after Ctrl-C
_ROWS_SHOWN = 50

Place = Annotated[
    str,
    typer.Argument(metavar="BATCH", help="YAML file of the batch, or its queue: an SQLite file or a PostgreSQL URL."),
]
BatchName = Annotated[str | None, typer.Option("--batch", help="Name of the batch, if the queue has several.")]
Cores = Annotated[int, typer.Option("--n-jobs", help="Cores for all jobs that run at the same time; -1 for all cores.")]
Memory = Annotated[
    float | None,
    typer.Option(help="Memory in MiB for all jobs that run at the same time.", show_default="80 % of the free memory"),
]
Verbose = Annotated[int, typer.Option(min=0, help="0 shows no messages.")]


@app.command()
def run(
    description: Annotated[str, typer.Argument(metavar="FILE", help="YAML file that describes the batch.")],
    n_jobs: Cores = -1,
    memory: Memory = None,
    verbose: Verbose = 1,
) -> None:
    """Run the jobs of a batch. Finished jobs do not run again. Several runners may share a batch."""
    with _log_to_stderr(verbose):
        from automl.jobs.batch import run_jobs

        _end(run_jobs(description, n_jobs=n_jobs, memory=memory), verbose)


@app.command()
def resume(
    place: Place, batch: BatchName = None, n_jobs: Cores = -1, memory: Memory = None, verbose: Verbose = 1
) -> None:
    """Go on with a batch, and run its failed and cancelled jobs again."""
    with _log_to_stderr(verbose):
        from automl.jobs.batch import resume_jobs

        _end(resume_jobs(place, batch, n_jobs=n_jobs, memory=memory), verbose)


@app.command()
def status(
    place: Place,
    batch: BatchName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with an entry for each job.")] = False,
) -> None:
    """Print the number of jobs in each state, and the running and the failed jobs."""
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
    jobs: Annotated[
        list[str] | None, typer.Argument(metavar="JOB", help="Names of jobs, as 'automl jobs results' lists them.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Cancel all jobs of the batch.")] = False,
    batch: BatchName = None,
) -> None:
    """Cancel jobs. Queued jobs do not start; running jobs end soon and keep the best model that they have."""
    from automl.jobs.batch import open_batch

    if everything == bool(jobs):
        raise InvalidInputError("name the jobs to cancel, or add --all for all jobs; not both")
    with open_batch(place, batch) as (queue, known):
        unknown = sorted(set(jobs or []) - {row.name for row in queue.records(known.name)})
        if unknown:
            raise InvalidInputError(f"there is no job '{unknown[0]}'; 'automl jobs results' lists all jobs")
        n_cancelled = queue.cancel(known.name, None if everything else jobs)
        typer.echo(f"{_plural(n_cancelled)} cancelled")


@app.command()
def results(
    place: Place,
    batch: BatchName = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all columns as CSV.")] = False,
) -> None:
    """Write summary.csv and summary.parquet, also while jobs still run, and print the summary."""
    from automl.jobs.batch import open_batch, write_results

    with open_batch(place, batch) as (queue, known):
        summary = write_results(queue, known)
    if as_csv:
        summary.to_csv(sys.stdout, index=False)
    else:
        _show(summary, ["job", "state", "metric", "test_score", "search_score", "seconds"])
        typer.echo(f"automl: the summary and the folders of the jobs are in '{known.results}'", err=True)


def _end(summary: pd.DataFrame, verbose: int) -> None:
    """Print the number of jobs in each state; the exit code is 1 unless all jobs of the description are finished."""
    if verbose:
        typer.echo(_counts(summary))
    if not summary["state"].isin(["finished", "withdrawn"]).all():
        raise typer.Exit(1)


def _counts(summary: pd.DataFrame) -> str:
    counts = summary["state"].value_counts(sort=False)
    return f"{_plural(len(summary))}: " + ", ".join(f"{n} {state}" for state, n in counts.items())


def _plural(n_jobs: int) -> str:
    return "1 job" if n_jobs == 1 else f"{n_jobs} jobs"


def _show(table: pd.DataFrame, columns: list[str]) -> None:
    """Print the first rows of a table; texts are at the left of their columns."""
    shown = table[columns].head(_ROWS_SHOWN)
    for name in map(str, shown.select_dtypes("string").columns):
        text = shown[name].fillna("")
        width = int(text.str.len().max()) if len(text) else 0
        shown = shown.assign(**{name: text.str.ljust(width)}).rename(columns={name: name.ljust(width)})
    if len(shown):
        printed = shown.to_string(index=False, na_rep="", float_format="{:.4g}".format)
        typer.echo("\n".join(line.rstrip() for line in printed.splitlines()))
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
