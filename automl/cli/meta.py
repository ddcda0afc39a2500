"""The commands ``automl meta ...``: build, look into and add to the memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from automl.errors import InvalidInputError

app = typer.Typer(help="The memory that warm-starts the search.", no_args_is_help=True)

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
    folder: Annotated[Path, typer.Argument(help="Tables NAME.parquet (label: 'target') and index.csv.")],
    file: Annotated[Path, typer.Option(help="The database to fill; goes on where it was.")] = Path("meta.sqlite"),
    hours: Annotated[float, typer.Option(min=0.0, help="Stop after so long.")] = 24.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of one thread each; all cores if not given.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of configurations; the first is the portfolio.")] = 6,
    max_rows: Annotated[int, typer.Option(min=50, help="Larger tables give a subsample.")] = 2_000,
    cell_seconds: Annotated[float, typer.Option(min=0.1, help="Limit of one configuration on one table.")] = 15.0,
) -> None:
    """Measure configurations on a folder of tables; may be stopped and started again at any time."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from automl.fill import Protocol, Source, fill, read_sources
    from automl.fill_design import design
    from meta_db.store import MetaDatabase, MetaDatabaseError
    from metalearning.runtime import teach

    sources = read_sources(folder)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("tables", total=rounds * len(sources))

        def show(source: Source, number: int, done: int) -> None:
            progress.update(bar, advance=1, description=f"round {number}: {source.name}")
            if not console.is_terminal and done:
                console.print(f"round {number}: {source.name}, {done} results", highlight=False)

        try:
            with MetaDatabase(file, writable=True) as database:
                protocol = Protocol(max_rows=max_rows, cell_seconds=cell_seconds)
                fill(
                    sources,
                    database,
                    design(rounds, protocol.seed),
                    protocol=protocol,
                    time_limit=3600 * hours,
                    n_workers=workers,
                    on_visit=show,
                )
                progress.update(bar, description="learning how long fits take")
                teach(database)
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
    from automl.memory import add_run
    from meta_db.store import MetaDatabase, MetaDatabaseError, user_file

    path = file or user_file()
    try:
        with MetaDatabase(path, writable=True) as database:
            n = add_run(run, name, database)
    except MetaDatabaseError as error:
        raise InvalidInputError(f"--file: {error}") from error
    typer.echo(f"{n} configurations of '{name}' are in '{path}'")


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
