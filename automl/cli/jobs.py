"""The commands ``automl jobs ...``; heavy libraries are imported inside them."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.errors import InvalidInputError, OtherVersionError
from automl.jobs.duration import in_words
from automl.plurals import plural, short_number

if TYPE_CHECKING:
    import pandas as pd

    from automl.jobs.dry_run import CheckedTable, DryRun
    from automl.jobs.job import Batch
    from automl.jobs.queue import JobQueue

app = typer.Typer(
    help="Fit many tables under many settings: each table under each setting is one job of a batch.",
    no_args_is_help=True,
)

_ROWS_SHOWN = 50

Place = Annotated[
    str,
    typer.Argument(metavar="BATCH", help="YAML file of the batch, or its queue: an SQLite file or a PostgreSQL URL."),
]
Description = Annotated[str, typer.Argument(metavar="FILE", help="YAML file that describes the batch.")]
BatchName = Annotated[str | None, typer.Option("--batch", help="Name of the batch, if the queue has several.")]
Cores = Annotated[int, typer.Option("--n-jobs", help="Cores for all jobs that run at the same time; -1 for all cores.")]
Memory = Annotated[
    float | None,
    typer.Option(help="Memory in MiB for all jobs that run at the same time.", show_default="80 % of the free memory"),
]
Verbose = Annotated[int, typer.Option(min=0, help="0 shows no messages.")]


@app.command()
def run(
    description: Description,
    n_jobs: Cores = -1,
    memory: Memory = None,
    verbose: Verbose = 1,
) -> None:
    """Run the jobs of a batch. Finished jobs do not run again. Several runners may share a batch."""
    _check_limits(n_jobs, memory)
    with _log_to_stderr(verbose):
        from automl.jobs.batch import run_jobs

        _end(run_jobs(description, n_jobs=n_jobs, memory=memory), verbose)


@app.command()
def check(
    description: Description,
    n_jobs: Cores = -1,
    memory: Memory = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a batch without a fit: its jobs, what they need, how long they take here, and all its problems.

    The tables in files are read; nothing is downloaded, and no function is called. The exit code is 1 if there are
    problems.
    """
    from automl.jobs.dry_run import check_jobs

    _check_limits(n_jobs, memory)
    found = check_jobs(description, n_jobs, memory)
    typer.echo(json.dumps(_as_json(found), indent=2) if as_json else _describe(found))
    if found.problems:
        raise typer.Exit(1)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the YAML file, by which editors complete and check the file."""
    from automl.jobs.schema import batch_schema

    typer.echo(json.dumps(batch_schema(), indent=2))


@app.command()
def resume(
    place: Place, batch: BatchName = None, n_jobs: Cores = -1, memory: Memory = None, verbose: Verbose = 1
) -> None:
    """Go on with a batch, and run its failed and cancelled jobs again."""
    _check_limits(n_jobs, memory)
    with _log_to_stderr(verbose):
        from automl.jobs.batch import resume_jobs

        _end(resume_jobs(place, batch, n_jobs=n_jobs, memory=memory), verbose)


@app.command()
def status(
    place: Place,
    batch: BatchName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object with an entry for each job.")] = False,
) -> None:
    """Print the number of jobs in each state, the running and the failed jobs, and the time left."""
    from automl.jobs.folders import summarize
    from automl.jobs.time_left import find_time_left

    with _open_to_read(place, batch) as (queue, known):
        records = queue.records(known.name)
    summary, left = summarize(records), find_time_left(records, known.results)
    if as_json:
        summary["seconds_left"] = left.of_jobs
        typer.echo(summary.set_index("job").to_json(orient="index", indent=2))
        return
    typer.echo(_counts(summary))
    summary["left"] = [in_words(seconds) if seconds == seconds else "" for seconds in left.of_jobs]
    columns = ["job", "state", "attempts", "left", "reason"]
    _show(summary[summary["state"].isin(["running", "failed"])].astype({"left": "string"}), columns)
    if left.n_open:
        typer.echo(str(left))


@app.command()
def logs(
    place: Place,
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="Name of a job, or its start; 'automl jobs results' lists all jobs.")
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for further lines until the job ends.")] = False,
    batch: BatchName = None,
) -> None:
    """Print the log of one job."""
    from automl.jobs.folders import JobFolder
    from automl.jobs.logs import find_job, read_log

    with _open_to_read(place, batch) as (queue, known):
        record = find_job(queue.records(known.name), job)

        def is_open() -> bool:
            return find_job(queue.records(known.name), record.name).state in ("queued", "running")

        for text in read_log(JobFolder(known.results, record.name), follow, is_open):
            typer.echo(text, nl=False)


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
        typer.echo(f"{plural(n_cancelled, 'job')} cancelled")


@app.command()
def results(
    place: Place,
    batch: BatchName = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all columns as CSV.")] = False,
) -> None:
    """Write summary.csv and summary.parquet, also while jobs still run, and print the summary."""
    from automl.jobs.batch import write_results

    with _open_to_read(place, batch) as (queue, known):
        summary = write_results(queue, known)
    if as_csv:
        summary.to_csv(sys.stdout, index=False)
    else:
        _show(summary, ["job", "state", "metric", "expected_score", "test_score", "search_score", "seconds"])
        typer.echo(f"automl: the summary and the folders of the jobs are in '{known.results}'", err=True)


def _check_limits(n_jobs: int, memory: float | None) -> None:
    """Check the limits of a runner, which the library does not call by the names of options."""
    if n_jobs < 1 and n_jobs != -1:
        raise InvalidInputError(f"--n-jobs must be a whole number of cores, or -1 for all cores; got {n_jobs}")
    if memory is not None and not 0 < memory < math.inf:
        raise InvalidInputError(f"--memory must be a number of MiB above 0; got {memory}")


@contextmanager
def _open_to_read(place: str, batch: str | None) -> Iterator[tuple[JobQueue, Batch]]:
    """Open a batch to read it, so that this process waits for no runner, and no runner waits for it.

    A queue of an older version is brought up to date first.
    """
    from automl.jobs.batch import open_batch

    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open_batch(place, batch, read_only=True))
        except OtherVersionError:
            with open_batch(place, batch):
                pass
            opened = stack.enter_context(open_batch(place, batch, read_only=True))
        yield opened


def _describe(found: DryRun) -> str:
    """Return the result of a dry run as text."""
    capacity, n_tables = found.capacity, len(found.tables)
    lines = [f"{plural(found.n_jobs, 'job')} of {plural(n_tables, 'table')}"]
    if found.n_finished:
        lines[0] += f"; {found.n_finished} finished already"
    if found.tables:
        lines.append(_render_tables(found.tables))
    limit = "no limit of memory" if found.most_memory is None else f"at most {found.most_memory:.0f} MiB"
    lines.append(
        f"the largest job needs {plural(found.most_cores, 'core')} and has {limit}"
        if found.n_jobs
        else "no job can run"
    )
    lines.append(f"this runner has {plural(capacity.n_jobs, 'core')} and {capacity.memory or 0:.0f} MiB for jobs")
    n_open = found.n_jobs - found.n_finished
    if n_open > found.n_unknown:
        lines.append(
            f"expected time of the open jobs: {in_words(found.job_seconds)} one after the other, "
            f"{in_words(found.wall_seconds)} on this machine, and some seconds for the start of each job"
        )
    if found.n_unknown:
        lines.append(f"not counted, because nothing says how long they take: {plural(found.n_unknown, 'job')}")
    lines += [f"problem: {problem}" for problem in found.problems] or ["no problems"]
    return "\n".join(lines)


def _render_tables(tables: Sequence[CheckedTable]) -> str:
    import pandas as pd

    shown = pd.DataFrame(
        [
            {
                "table": table.name,
                "jobs": table.jobs,
                "rows": _number(table.n_rows),
                "test rows": _number(table.n_test_rows),
                "columns": _number(table.n_columns),
                "task": table.task or "-",
                "source": table.source,
            }
            for table in tables[:_ROWS_SHOWN]
        ]
    )
    more = f"\n... and {len(tables) - _ROWS_SHOWN} more" if len(tables) > _ROWS_SHOWN else ""
    return shown.to_string(index=False) + more


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _as_json(found: DryRun) -> dict[str, Any]:
    """Return the result of a dry run as values that JSON can hold."""
    fields = {name: value for name, value in vars(found).items() if name not in ("batch", "tables", "capacity")}
    tables = [asdict(table) for table in found.tables]
    capacity = {"n_jobs": found.capacity.n_jobs, "memory": found.capacity.memory}
    return {"batch": found.batch.name, **fields, "capacity": capacity, "tables": tables}


def _end(summary: pd.DataFrame, verbose: int) -> None:
    """Print the number of jobs in each state; the exit code is 1 unless all jobs of the description are finished."""
    if verbose:
        typer.echo(_counts(summary))
    if not summary["state"].isin(["finished", "withdrawn"]).all():
        raise typer.Exit(1)


def _counts(summary: pd.DataFrame) -> str:
    counts = summary["state"].value_counts(sort=False)
    return f"{plural(len(summary), 'job')}: " + ", ".join(f"{n} {state}" for state, n in counts.items())


def _show(table: pd.DataFrame, columns: list[str]) -> None:
    """Print the first rows of a table; texts are at the left of their columns."""
    shown = table[columns].head(_ROWS_SHOWN)
    for name in map(str, shown.select_dtypes("string").columns):
        text = shown[name].fillna("")
        width = int(text.str.len().max()) if len(text) else 0
        shown = shown.assign(**{name: text.str.ljust(width)}).rename(columns={name: name.ljust(width)})
    if len(shown):
        printed = shown.to_string(index=False, na_rep="", float_format=short_number)
        typer.echo("\n".join(line.rstrip() for line in printed.splitlines()))
    if len(table) > _ROWS_SHOWN:
        typer.echo(f"... and {len(table) - _ROWS_SHOWN} more")


@contextmanager
def _log_to_stderr(verbose: int) -> Iterator[None]:
    """Send the runner's log lines to standard error, or nowhere; Ctrl-C says how to go on."""
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
        raise KeyboardInterrupt("stopped; run the same command again to go on") from None
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
