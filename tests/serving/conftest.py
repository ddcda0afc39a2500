"""One small model for all tests of the server, and one server in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx
import numpy as np
import pandas as pd
import pytest

from automl import AutoMLClassifier
from automl.serving.app import ServedApp, ServerLimits


def make_rows(n=120, seed=0):
    """A table with a column of each kind that a server meets."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": rng.normal(3000, 900, n).round(2),
            "city": rng.choice(["Rome", "Oslo", "Bonn"], n),
            "member": rng.random(n) < 0.5,
            "joined": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), unit="D"),
            "note": [f"bought {rng.integers(50)} blue boxes and {rng.integers(50)} bags" for _ in range(n)],
            "country": "Italy",
        }
    )
    rows.loc[rng.random(n) < 0.1, "income"] = np.nan
    return rows


def make_labels(rows):
    return np.where((rows["age"] > 45) ^ (rows["city"] == "Oslo"), "yes", "no")


def as_json(rows):
    """The rows as a client would send them in JSON."""
    records = rows.to_dict("records")
    plain = [{name: _json_value(value) for name, value in record.items()} for record in records]
    return {"rows": plain}


def _json_value(value):
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d")
    return None if isinstance(value, float) and np.isnan(value) else value


@pytest.fixture(scope="session")
def rows():
    return make_rows()


@pytest.fixture(scope="session")
def estimator(rows):
    fast = {"include": ["decision_tree"], "time_budget": None, "max_trials": 1, "cv": 2, "n_jobs": 1, "verbose": 0}
    return AutoMLClassifier(**fast, random_state=0).fit(rows, make_labels(rows))


@pytest.fixture(scope="session")
def model_folder(estimator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "model"
    estimator.save(folder)
    return folder


@contextmanager
def running_server(folder, *options, python=sys.executable, **environment):
    """Start ``automl serve`` in a process of its own; give its process, its address and its log so far."""
    command = [python, "-m", "automl", "serve", folder, "--port", 0, *options]
    process = subprocess.Popen(
        [str(part) for part in command], stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
    )
    log = []
    try:
        for line in process.stderr:
            log.append(line)
            if found := re.search(r"on (http://\S+);", line):
                break
        else:
            raise AssertionError("".join(log))
        reading = threading.Thread(target=lambda: log.extend(process.stderr), daemon=True)
        reading.start()
        process.log_reader = reading
        yield process, found[1], log
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture(scope="session")
def address(model_folder):
    with running_server(model_folder, "--max-rows", 200, "--max-megabytes", 0.1) as (_, address, _log):
        yield address


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


@contextmanager
def client_of(estimator, **limits):
    """Give a client of the application in this process, for limits that a shared server must not have.

    An argument of a request that is a function is called for each request.
    """
    import asyncio

    app = ServedApp(estimator, ServerLimits(**limits))

    def post(*arguments, times=1, **named):
        async def send():
            transport = httpx.ASGITransport(app.asgi, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                own = [{name: v() if callable(v) else v for name, v in named.items()} for _ in range(times)]
                return await asyncio.gather(*(client.post(*arguments, **each) for each in own))

        return asyncio.run(send())

    yield post
    app.pool.close()
