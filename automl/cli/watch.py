"""The command ``automl watch``; heavy libraries are imported inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl.cli.support import messages_on_stderr
from automl.errors import InvalidInputError

if TYPE_CHECKING:
    from automl.watch.queue_source import QueueSource
    from automl.watch.sources import RunSource

_SQLITE = b"SQLite format 3\x00"


def watch(
    place: Annotated[
        str,
        typer.Argument(
            metavar="RUN_DIRECTORY|BATCH",
            help="The folder of 'automl fit ... --store FOLDER' or fit(store=...); or the YAML file of a batch of jobs "
            "or its queue: an SQLite file or a PostgreSQL URL.",
        ),
    ],
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Show the run or the queue in this terminal, without a server.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 accepts requests of other machines.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free port.")] = 8001,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    batch: Annotated[str | None, typer.Option("--batch", help="Name of the batch, if the queue has several.")] = None,
) -> None:
    """Watch a run or a queue of jobs while it goes on: a page on this machine, or a view in the terminal.

    Watching only reads. With --terminal the command ends when the run or the last job has ended; the exit code is 1 if
    the run failed or its process died.
    """
    if terminal:
        if _is_queue(place):
            from automl.jobs.batch import open_batch

            with open_batch(place, batch, read_only=True) as (queue, known):
                from automl.watch.queue_terminal import show_queue

                show_queue(queue, known)
            return
        from automl.watch.terminal import show_run

        if not show_run(Path(place)):
            raise typer.Exit(1)
        return
    missing = [name for name in ("jinja2", "matplotlib", "starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise InvalidInputError(
            f"automl watch needs {', '.join(missing)}: pip install 'cash-automl[report,serve]', or add --terminal"
        )
    with messages_on_stderr(2), open_source(place, batch) as source:
        from automl.watch.server import serve_pages

        serve_pages(source, f"'{place}'" if "://" not in place else "the queue", host, port, open_browser)


@contextmanager
def open_source(place: str, batch: str | None) -> Iterator[RunSource | QueueSource]:
    """Open the run or the queue that a page shows."""
    if _is_queue(place):
        from automl.jobs.batch import open_batch

        with open_batch(place, batch, read_only=True) as (queue, known):
            from automl.watch.queue_source import QueueSource

            yield QueueSource(queue, known)
    else:
        from automl.trials.run_reader import RunReader
        from automl.watch.run_view import title_of
        from automl.watch.sources import RunSource

        yield RunSource(RunReader(Path(place)), title_of(Path(place)))


def _is_queue(place: str) -> bool:
    """Return whether a place is a batch or a queue and not a run directory."""
    if "://" in place or place.lower().endswith((".yaml", ".yml")):
        return True
    try:
        with Path(place).open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False
