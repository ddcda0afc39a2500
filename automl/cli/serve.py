"""The commands ``automl serve`` and ``automl package``; heavy libraries are imported inside them."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from automl.cli.support import ModelPath, load_model, messages_on_stderr, write_message
from automl.errors import InvalidInputError

_MIB = 2**20


def serve(
    model: ModelPath,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 accepts requests of other machines.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free port.")] = 8000,
    max_rows: Annotated[int, typer.Option(min=1, help="Largest number of rows in one request.")] = 10_000,
    max_megabytes: Annotated[float, typer.Option(min=0.001, help="Largest body of one request, in MiB.")] = 10.0,
    timeout: Annotated[float, typer.Option(min=0.01, help="Seconds that one request may take.")] = 30.0,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Requests that predict at the same time.", show_default="the number of cores"),
    ] = None,
    queue: Annotated[int, typer.Option(min=0, help="Requests that may wait for a thread; others get 503.")] = 64,
    verbose: Annotated[int, typer.Option(min=0, help="0 writes no messages, 1 one line for each request.")] = 1,
) -> None:
    """Serve the predictions of a saved model over HTTP."""
    for option, value in (("--max-megabytes", max_megabytes * _MIB), ("--timeout", timeout)):
        if not math.isfinite(value):
            raise InvalidInputError(f"{option} must be a finite number")
    _check_extra("serve", "fastapi", "prometheus_client", "uvicorn")
    with messages_on_stderr(2 if verbose else 0):
        from automl.execute.machine import available_cpus
        from automl.serving.app import ServerLimits
        from automl.serving.server import serve_model

        limits = ServerLimits(max_rows, int(max_megabytes * _MIB), timeout, threads or available_cpus(), queue)
        serve_model(load_model(model, for_prediction=True), host, port, limits)


def package(
    model: ModelPath,
    out: Annotated[Path, typer.Option(help="Folder to write.")],
) -> None:
    """Write a folder from which a container image with the model and its server can be built."""
    _check_extra("package", "fastapi", "packaging", "prometheus_client", "uvicorn")
    from automl.serving.package import check_out, write_package

    check_out(out)
    write_package(model, load_model(model, for_prediction=True), out)
    write_message(1, f"wrote '{out}'; its README.md has the next commands")


def _check_extra(command: str, *libraries: str) -> None:
    missing = [name.replace("_", "-") for name in libraries if find_spec(name) is None]
    if missing:
        raise InvalidInputError(f"automl {command} needs {', '.join(missing)}: pip install 'cash-automl[serve]'")
