"""The commands ``automl meta ...``: show, build and extend a meta-database, and publish runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl.errors import InvalidInputError
from automl.plurals import plural

if TYPE_CHECKING:
    from automl.meta.build import BenchmarkTable

app = typer.Typer(
    help="Manage the meta-database: measured results on many data sets, with which each search starts.",
    no_args_is_help=True,
)

Server = Annotated[
    str | None,
    typer.Option(
        help="Address of the OpenML server, ending in /api/v1/xml.", show_default="the openml client's setting"
    ),
]
DatabasePath = Annotated[
    Path | None, typer.Option("--file", help="Path of the meta-database.", show_default="the shipped one")
]


@app.command()
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    file: DatabasePath = None,
) -> None:
    """Show the contents of the meta-database: numbers of data sets, configurations and evaluations."""
    from meta_db.store import SHIPPED, MetaDatabase, MetaDatabaseError

    try:
        with MetaDatabase(file or SHIPPED) as database:
            contents = database.info()
    except MetaDatabaseError as error:
        raise InvalidInputError(f"{error}; choose another file with --file") from error
    if as_json:
        typer.echo(json.dumps(contents, indent=2))
        return
    _show(contents)


@app.command()
def build(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder with index.csv (columns name, task, n_rows) and one NAME.parquet per row, label in 'target'."
        ),
    ] = None,
    openml_task: Annotated[
        list[int] | None,
        typer.Option(help="Number of an OpenML task, measured on all its rows and its own splits. Repeatable."),
    ] = None,
    file: Annotated[Path, typer.Option(help="Meta-database to write to. If it exists, the build continues it.")] = Path(
        "meta.sqlite"
    ),
    hours: Annotated[float, typer.Option(min=0.0, help="Hours after which the build stops.")] = 24.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Number of processes with one thread each.", show_default="all cores")
    ] = None,
    rounds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Rounds of configurations. The first is the built-in portfolio, each other one is drawn at random.",
        ),
    ] = 6,
    max_rows: Annotated[
        int, typer.Option(min=50, help="A larger table of the folder is replaced by a random sample of so many rows.")
    ] = 2_000,
    cell_seconds: Annotated[float, typer.Option(min=0.1, help="Seconds for one configuration on one table.")] = 15.0,
    server: Server = None,
) -> None:
    """Measure configurations on many tables and write the results to a meta-database.

    The tables come from a folder, from OpenML, or both.

    You can stop the command at any time; the same command continues the build.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from automl.meta.build import MeasurementProtocol, build_database
    from automl.meta.design import design
    from meta_db.store import MetaDatabase, MetaDatabaseError
    from metalearning.correction import fit_corrections

    tables = _benchmark_tables(folder, openml_task or [])
    protocol = MeasurementProtocol(max_rows=max_rows, cell_seconds=cell_seconds)
    try:
        with MetaDatabase(file, writable=True) as database:  # an error about this file comes before the downloads
            tables += _openml_tables(openml_task or [], server)
            console = Console(stderr=True)
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
                bar = progress.add_task("tables", total=rounds * len(tables))

                def show(table: BenchmarkTable, number: int, done: int) -> None:
                    progress.update(bar, advance=1, description=f"round {number}: {table.name}")
                    if not console.is_terminal and done:
                        console.print(f"round {number}: {table.name}, {plural(done, 'result')}", highlight=False)

                build_database(
                    tables,
                    database,
                    design(rounds, protocol.seed),
                    protocol=protocol,
                    time_limit=3600 * hours,
                    n_workers=workers,
                    on_visit=show,
                )
                progress.update(bar, description="fitting corrections of seconds and memory")
                fit_corrections(database)
            database.compact()
            contents = database.info()
    except MetaDatabaseError as error:
        raise InvalidInputError(f"{error}; choose another file with --file") from error
    _show(contents)


@app.command()
def add(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: the argument store of fit.")],
    name: Annotated[str, typer.Option(help="Name of the data set.")],
    file: Annotated[
        Path | None, typer.Option(help="Meta-database to write to.", show_default="your own one, $AUTOML_MEMORY")
    ] = None,
) -> None:
    """Add a finished run to your own meta-database, so that runs on similar data start with its best configurations."""
    from automl.meta.records import add_run
    from automl.trials.run_reader import RunReader
    from meta_db.store import MetaDatabase, MetaDatabaseError, user_file

    if not name.strip():
        raise InvalidInputError("--name must be the name of the data set; got an empty text")
    RunReader(run)  # an error about another folder comes before the file is made
    path = file or user_file()
    try:
        with MetaDatabase(path, writable=True) as database:
            n = add_run(run, name, database)
    except MetaDatabaseError as error:
        raise InvalidInputError(f"{error}; choose another file with --file") from error
    typer.echo(f"added {plural(n, 'configuration')} of '{name}' to '{path}'")


@app.command()
def pull(
    suite: Annotated[list[int] | None, typer.Option(help="Number of an OpenML benchmark suite. Repeatable.")] = None,
    task: Annotated[list[int] | None, typer.Option(help="Number of an OpenML task. Repeatable.")] = None,
    dataset: Annotated[list[int] | None, typer.Option(help="Number of an OpenML data set. Repeatable.")] = None,
    file: Annotated[
        Path | None, typer.Option(help="Meta-database to write to.", show_default="your own one, $AUTOML_MEMORY")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Largest number of runs to read per task.")] = 10_000,
    folds: Annotated[
        bool, typer.Option("--folds", help="Read the scores of each fold, not only their mean; slow for the server.")
    ] = False,
    server: Server = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for one answer of the server.")] = 300.0,
) -> None:
    """Download scores of scikit-learn, XGBoost and LightGBM runs from OpenML into your own meta-database.

    Nothing of yours is sent to OpenML.

    You can stop the command at any time; the same command continues it.
    """
    from meta_db.exchange.client import Connection, OpenMLError
    from meta_db.exchange.pull import PullReport, Selection
    from meta_db.exchange.pull import pull as pull_runs
    from meta_db.store import MetaDatabase, MetaDatabaseError, user_file

    if not (suite or task or dataset):
        raise InvalidInputError("nothing to pull; give at least one --suite, --task or --dataset")
    selection = Selection(suite or [], task or [], dataset or [], limit, folds)

    def show(number: int, report: PullReport) -> None:
        failure = report.failures.get(number)
        typer.echo(failure or f"task {number}: {plural(report.n_added, 'evaluation')} added so far", err=True)

    path = file or user_file()
    try:
        with MetaDatabase(path, writable=True) as database, Connection(server, timeout=timeout).open() as client:
            report = pull_runs(client, database, selection, show)
    except MetaDatabaseError as error:
        raise InvalidInputError(f"{error}; choose another file with --file") from error
    except OpenMLError as error:
        raise InvalidInputError(str(error)) from error
    typer.echo(
        f"{plural(report.n_listed, 'run')} on {plural(report.n_tasks, 'task')}; with a counterpart in the search space:"
        f" {report.n_mapped}; added to '{path}': {plural(report.n_added, 'new result')}"
    )
    for reason, n in report.reasons.most_common():
        typer.echo(f"  {n} left out: {reason}")
    if report.failures:
        raise InvalidInputError(
            f"{len(report.failures)} tasks could not be pulled, the first one: {next(iter(report.failures.values()))};"
            " run the same command again to continue"
        )


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: the argument store of fit.")],
    openml_task: Annotated[int, typer.Option(help="Number of the OpenML task whose rows and splits the run used.")],
    yes: Annotated[bool, typer.Option("--yes", help="Send the run. Without this option nothing is sent.")] = False,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="OPENML_APIKEY", help="Your OpenML key.", show_default="the openml client's setting"),
    ] = None,
    server: Server = None,
) -> None:
    """Send the best configuration of a finished run and its predictions to OpenML, as a public run."""
    from automl.meta.openml_run import find_best, publish_best
    from automl.trials.run_reader import RunReader
    from meta_db.exchange.client import Connection, OpenMLError
    from meta_db.exchange.task import check_key, fetch_task

    RunReader(run)  # an error about another folder comes before the download
    try:
        with Connection(server, api_key).open() as client:
            if yes:
                check_key()
            table = fetch_task(client, openml_task)
            if yes:
                number = publish_best(client, run, table)
                typer.echo(f"run {number} on task {openml_task} is at {client.server}")
                return
            _, best = find_best(run, table)
    except OpenMLError as error:
        raise InvalidInputError(str(error)) from error
    typer.echo(
        f"this would publish a configuration of {best.configuration.family} and its predictions for all"
        f" {len(table.folds)} folds of task {openml_task} at {client.server}; nothing was sent, add --yes to send it"
    )


def _benchmark_tables(folder: Path | None, tasks: Sequence[int]) -> list[BenchmarkTable]:
    """Return the tables of a folder, after a check that there is something to measure on."""
    from automl.meta.build import read_benchmark_tables

    if folder is None and not tasks:
        raise InvalidInputError("nothing to measure on; give a folder of tables, or at least one --openml-task")
    return [] if folder is None else read_benchmark_tables(folder)


def _openml_tables(tasks: Sequence[int], server: str | None) -> list[BenchmarkTable]:
    """Return OpenML tasks as tables to measure on."""
    if not tasks:
        return []
    from automl.meta.openml_run import as_benchmark_table
    from meta_db.exchange.client import Connection, OpenMLError
    from meta_db.exchange.task import fetch_task

    try:
        with Connection(server).open() as client:
            return [as_benchmark_table(fetch_task(client, number)) for number in tasks]
    except OpenMLError as error:
        raise InvalidInputError(str(error)) from error


def _show(contents: dict[str, object]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    nouns = {"n_datasets": "data set", "n_configurations": "configuration", "n_evaluations": "evaluation"}
    sizes = ", ".join(plural(int(str(contents[key])), noun) for key, noun in nouns.items())
    console.print(
        f"{sizes}, {contents['bytes'] / 1e6:.1f} MB",  # type: ignore[operator]
        highlight=False,
    )
    table = Table("family", "configurations", "evaluations", "finished")
    for family, counts in contents["families"].items():  # type: ignore[attr-defined]
        table.add_row(family, *(str(counts[name]) for name in ("n_configurations", "n_evaluations", "n_ok")))
    console.print(table)
