"""Measure requests per second and their latency for `automl serve`, with several clients at the same time.

Example: python -m benchmarks.serving_load --data DATA --table credit_a --clients 1,4,16

The model is fitted on the table first, or taken from `--model`. The server runs in a process of its own, as users start
it; the clients are threads of this process with one connection each. Both share the cores of the machine.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import pandas as pd
import typer

from automl import AutoMLClassifier, AutoMLRegressor
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks

TYPES = {"csv": "text/csv", "json": "application/json"}


@dataclass
class Load:
    """The measurements of the clients: the seconds of each request, and the counts of statuses and errors."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    wall_seconds: float = 0.0

    def percentile(self, q: float) -> float:
        """Return a percentile of the latency in milliseconds."""
        return 1e3 * float(np.percentile(self.seconds, q))


@contextmanager
def server(model: Path, *options: str) -> Iterator[str]:
    """Start ``automl serve`` with a model; yield its address, and stop it with SIGTERM."""
    command = [sys.executable, "-m", "automl", "serve", str(model), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(line)
            if found := re.search(r"on (http://\S+);", line):
                break
        else:
            raise RuntimeError("".join(log))
        reader = threading.Thread(target=lambda: [*process.stderr], daemon=True)  # type: ignore[misc]
        reader.start()
        try:
            yield found[1]
        finally:
            process.terminate()
            process.wait(60)
            reader.join()


def send(address: str, bodies: list[bytes], kind: str, n_clients: int, n_requests: int) -> Load:
    """Send requests from several clients, each of which sends the next request after the response.

    Parameters
    ----------
    bodies : list of bytes
        Bodies of requests, which the clients send in turn.
    kind : str
        Content type.
    """
    load, lock, place = Load(), threading.Lock(), urlsplit(address)
    counter = iter(range(n_requests))

    def client() -> None:
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        while True:
            with lock:
                number = next(counter, None)
            if number is None:
                return
            start = time.perf_counter()
            try:
                connection.request("POST", "/predict", bodies[number % len(bodies)], {"Content-Type": kind})
                response = connection.getresponse()
                response.read()
                status = str(response.status)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                status = type(error).__name__
            seconds = time.perf_counter() - start
            with lock:
                load.seconds.append(seconds)
                load.statuses[status] = load.statuses.get(status, 0) + 1

    threads = [threading.Thread(target=client) for _ in range(n_clients)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.wall_seconds = time.perf_counter() - start
    return load


def processor_seconds(address: str) -> float:
    """Return the processor time that the server has used since its start."""
    with urlopen(f"{address}/metrics") as response:
        found = re.search(r"^process_cpu_seconds_total (\S+)$", response.read().decode(), re.MULTILINE)
    assert found is not None
    return float(found[1])


def make_bodies(rows: pd.DataFrame, n_rows: int, kind: str, n_bodies: int = 50) -> list[bytes]:
    """Return bodies of requests with `n_rows` rows each, in JSON or CSV."""
    rng = np.random.default_rng(0)
    parts = [rows.iloc[rng.integers(len(rows), size=n_rows)] for _ in range(n_bodies)]
    if kind == "csv":
        return [part.to_csv(index=False).encode() for part in parts]
    records = [json.loads(part.to_json(orient="records", date_format="iso")) for part in parts]
    return [json.dumps({"rows": record}).encode() for record in records]


def fit_model(rows: pd.DataFrame, task: str, budget: float, folder: Path) -> None:
    """Fit a model on a table, and save it."""
    make = AutoMLRegressor if task == "regression" else AutoMLClassifier
    make(time_budget=budget, random_state=0, verbose=0).fit(rows.drop(columns="target"), rows["target"]).save(folder)


def main(
    data: DataFolder,
    table: Annotated[str, typer.Option(help="Name of the table.")],
    model: Annotated[Path | None, typer.Option(help="Model of this table; without it, a model is fitted.")] = None,
    budget: Annotated[float, typer.Option(help="Seconds of the fit.")] = 60.0,
    clients: Annotated[str, typer.Option(help="Numbers of clients, separated by commas.")] = "1,4,16",
    rows: Annotated[str, typer.Option(help="Numbers of rows in a request, separated by commas.")] = "1,100",
    requests: Annotated[int, typer.Option(help="Number of requests for each line.")] = 2000,
    kind: Annotated[str, typer.Option(help="json or csv.")] = "json",
) -> None:
    """Print requests per second, the latency in milliseconds, and the processor time of the server for one request."""
    choose_tables(data, table)
    labeled = read_table(data, table)
    table_rows = labeled.drop(columns="target")
    with tempfile.TemporaryDirectory() as temporary:
        if model is None:
            model = Path(temporary) / "model"
            fit_model(labeled, read_tasks(data)[table], budget, model)
        print("| rows | clients | requests | errors | requests/s | p50 ms | p99 ms | processor ms |")
        print("|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
        with server(model) as address:
            for n_rows in map(int, rows.split(",")):
                bodies = make_bodies(table_rows, n_rows, kind)
                send(address, bodies, TYPES[kind], 1, min(20, requests))
                for n_clients in map(int, clients.split(",")):
                    before = processor_seconds(address)
                    load = send(address, bodies, TYPES[kind], n_clients, requests)
                    busy = 1e3 * (processor_seconds(address) - before) / requests
                    errors = requests - load.statuses.get("200", 0)
                    rate, p50, p99 = requests / load.wall_seconds, load.percentile(50), load.percentile(99)
                    print(
                        f"| {n_rows} | {n_clients} | {requests} | {errors} | {rate:.0f} | {p50:.1f} | {p99:.1f} | "
                        f"{busy:.1f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    typer.run(main)
