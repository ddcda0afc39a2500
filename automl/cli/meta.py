"""The commands ``automl meta ...``: build, look into and add to the memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl.errors import InvalidInputError

if TYPE_CHECKING:
    from automl.meta.build import BenchmarkTable

app = typer.Typer(help="The memory that warm-starts the search.", no_args_is_help=True)

Server = Annotated[
    str | None,
    typer.Option(help="OpenML's address, ending in /api/v1/xml; as the openml client is configured if not given."),
]
DatabasePath = Annotated[Path | None, typer.Option("--file", help="The database; the shipped one if not given.")]


@app.command()
def info(
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    file: DatabasePath = None,
) -> None:
    """Say what the memory holds."""
    from meta_db.store import SHIPPED, MetaDatabase, MetaDatabaseError

    try:
        with MetaDatabase(file or SHIPPED) as database:
            said = database.info()
    except MetaDatabaseError as error:
        raise InvalidInputError(f"--file: {error}") from error
    if as_json:
        typer.echo(json.dumps(said, indent=2))
        return
    _show(said)


@app.command()
def build(
    folder: Annotated[Path | None, typer.Argument(help="Tables NAME.parquet (label: 'target') and index.csv.")] = None,
    openml_task: Annotated[
        list[int] | None, typer.Option(help="Number of an OpenML task: all its rows, its own splits; may be repeated.")
    ] = None,
    file: Annotated[Path, typer.Option(help="The database to fill; goes on where it was.")] = Path("meta.sqlite"),
    hours: Annotated[float, typer.Option(min=0.0, help="Stop after so long.")] = 24.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of one thread each; all cores if not given.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of configurations; the first is the portfolio.")] = 6,
    max_rows: Annotated[int, typer.Option(min=50, help="Larger tables give a subsample.")] = 2_000,
    cell_seconds: Annotated[float, typer.Option(min=0.1, help="Limit of one configuration on one table.")] = 15.0,
    server: Server = None,
) -> None:
    """Measure configurations on tables; may be stopped and started again at any time.

    Tables are those of a folder, or OpenML's.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from automl.meta.build import MeasurementProtocol, build_database
    from automl.meta.design import design
    from meta_db.store import MetaDatabase, MetaDatabaseError
    from metalearning.correction import fit_corrections

    sources = _benchmark_tables(folder, openml_task or [], server)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("tables", total=rounds * len(sources))

        def show(source: BenchmarkTable, number: int, done: int) -> None:
            progress.update(bar, advance=1, description=f"round {number}: {source.name}")
            if not console.is_terminal and done:
                console.print(f"round {number}: {source.name}, {done} results", highlight=False)

        try:
            with MetaDatabase(file, writable=True) as database:
                protocol = MeasurementProtocol(max_rows=max_rows, cell_seconds=cell_seconds)
                build_database(
                    sources,
                    database,
                    design(rounds, protocol.seed),
                    protocol=protocol,
                    time_limit=3600 * hours,
                    n_workers=workers,
                    on_visit=show,
                )
                progress.update(bar, description="learning what fits take")
                fit_corrections(database)
                database.compact()
                said = database.info()
        except MetaDatabaseError as error:
            raise InvalidInputError(f"--file: {error}") from error
    _show(said)


@app.command()
def add(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: what fit had as its argument store.")],
    name: Annotated[str, typer.Option(help="Of the data set.")],
    file: Annotated[Path | None, typer.Option(help="The database; your own memory if not given.")] = None,
) -> None:
    """Remember a finished run of yours, so that the next one on similar data starts with what it found."""
    from automl.meta.records import add_run
    from meta_db.store import MetaDatabase, MetaDatabaseError, user_file

    path = file or user_file()
    try:
        with MetaDatabase(path, writable=True) as database:
            n = add_run(run, name, database)
    except MetaDatabaseError as error:
        raise InvalidInputError(f"--file: {error}") from error
    typer.echo(f"{n} configurations of '{name}' are in '{path}'")


@app.command()
def pull(
    suite: Annotated[list[int] | None, typer.Option(help="Number of a benchmark suite; may be repeated.")] = None,
    task: Annotated[list[int] | None, typer.Option(help="Number of a task; may be repeated.")] = None,
    dataset: Annotated[list[int] | None, typer.Option(help="Number of a data set; may be repeated.")] = None,
    file: Annotated[Path | None, typer.Option(help="The database; your own memory if not given.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Runs of a task to look at.")] = 10_000,
    folds: Annotated[bool, typer.Option("--folds", help="Scores of each fold; slow for the server.")] = False,
    server: Server = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for one answer.")] = 300.0,
) -> None:
    """Add what scikit-learn, XGBoost and LightGBM runs on OpenML scored; asks OpenML, sends nothing of yours.

    May be stopped and started again at any time.
    """
    from meta_db.exchange.client import Connection, OpenMLError
    from meta_db.exchange.pull import PullReport, Selection
    from meta_db.exchange.pull import pull as pull_runs
    from meta_db.store import MetaDatabase, MetaDatabaseError, user_file

    if not (suite or task or dataset):
        raise InvalidInputError("name at least one --suite, --task or --dataset")
    selection = Selection(suite or [], task or [], dataset or [], limit, folds)

    def tell(number: int, report: PullReport) -> None:
        said = report.failures.get(number) or f"{report.n_added} evaluations added so far"
        typer.echo(f"task {number}: {said}", err=True)

    path = file or user_file()
    try:
        with MetaDatabase(path, writable=True) as database, Connection(server, timeout=timeout).open() as session:
            report = pull_runs(session, database, selection, tell)
    except MetaDatabaseError as error:
        raise InvalidInputError(f"--file: {error}") from error
    except OpenMLError as error:
        raise InvalidInputError(str(error)) from error
    typer.echo(
        f"{report.n_listed} runs on {report.n_tasks} tasks: {report.n_mapped} are in the space,"
        f" {report.n_added} of them are new in '{path}'"
    )
    for reason, n in report.reasons.most_common():
        typer.echo(f"  {n} left out: {reason}")
    if report.failures:
        raise InvalidInputError(
            f"{len(report.failures)} tasks could not be pulled, the first: {next(iter(report.failures.values()))};"
            " the same command goes on where it was"
        )


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run: what fit had as its argument store.")],
    openml_task: Annotated[int, typer.Option(help="Number of the task whose rows and splits the run used.")],
    yes: Annotated[bool, typer.Option("--yes", help="Really send it.")] = False,
    api_key: Annotated[
        str | None, typer.Option(envvar="OPENML_APIKEY", help="Your key; as the openml client has it if not given.")
    ] = None,
    server: Server = None,
) -> None:
    """Publish the best configuration of a finished run, with its predictions, as a run on OpenML."""
    from automl.meta.openml_run import find_best, publish_best
    from meta_db.exchange.client import Connection, OpenMLError
    from meta_db.exchange.task import fetch_task

    try:
        with Connection(server, api_key).open() as session:
            table = fetch_task(session, openml_task)
            if yes:
                number = publish_best(session, run, table)
                typer.echo(f"run {number} on task {openml_task} is at {session.server}")
                return
            _, best = find_best(run, table)
    except OpenMLError as error:
        raise InvalidInputError(str(error)) from error
    typer.echo(
        f"would publish a {best.configuration.family} with its predictions for all {len(table.folds)} folds of task"
        f" {openml_task} at {session.server}; nothing was sent, add --yes to send it"
    )


def _benchmark_tables(folder: Path | None, tasks: Sequence[int], server: str | None) -> list[BenchmarkTable]:
    """Tables to measure on."""
    from automl.meta.build import read_benchmark_tables
    from automl.meta.openml_run import as_benchmark_table
    from meta_db.exchange.client import Connection, OpenMLError
    from meta_db.exchange.task import fetch_task

    if folder is None and not tasks:
        raise InvalidInputError("name a folder of tables, or at least one --openml-task")
    sources = [] if folder is None else read_benchmark_tables(folder)
    if tasks:
        try:
            with Connection(server).open() as session:
                sources += [as_benchmark_table(fetch_task(session, number)) for number in tasks]
        except OpenMLError as error:
            raise InvalidInputError(str(error)) from error
    return sources


def _show(said: dict[str, object]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"{said['n_datasets']} data sets, {said['n_configurations']} configurations, "
        f"{said['n_evaluations']} evaluations, {said['bytes'] / 1e6:.1f} MB",  # type: ignore[operator]
        highlight=False,
    )
    table = Table("family", "configurations", "evaluations", "finished")
    for family, counts in said["families"].items():  # type: ignore[attr-defined]
        table.add_row(family, *(str(counts[name]) for name in ("n_configurations", "n_evaluations", "n_ok")))
    console.print(table)
