"""Runs to watch."""

import asyncio
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread

import httpx
import pytest
import uvicorn
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier
from automl.serving.sockets import address_of, listen
from automl.trials.run_reader import RunReader
from automl.trials.session import FILE
from automl.watch.app import make_app
from automl.watch.sources import RunSource
from tests.factories import FAST

HOST = "127.0.0.1"


class Client:
    """Asks an application in this process."""

    def __init__(self, app):
        self._app = app

    def get(self, path, headers=None):
        """Return the answer to a request."""
        with ThreadPoolExecutor(1) as pool:  # the thread of a browser's tests has a loop of its own
            return pool.submit(lambda: asyncio.run(self._get(path, headers))).result()

    async def _get(self, path, headers):
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            return await client.get(path, headers=headers)


def client_of(source):
    """A client of the pages of a source."""
    return Client(make_app(source, HOST))


def watch_run(folder):
    """A client of the page of a run."""
    return client_of(RunSource(RunReader(folder), "Run"))


def edit_session(folder, **values):
    """Change what the run directory says about its session."""
    path = folder / FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a finished run, and the page after its second trial."""
    folder, pages = tmp_path_factory.mktemp("watch") / "run", []

    def look(result, history):
        if len(history.results) == 2:
            pages.append(watch_run(folder).get("/").text)

    X, y = load_breast_cancer(return_X_y=True)
    AutoMLClassifier(**FAST | {"verbose": 1}, store=folder, callbacks=[look]).fit(X[::3], y[::3])
    return folder, pages[0]


@pytest.fixture
def folder(finished, tmp_path):
    """A copy of the folder of a finished run."""
    shutil.copytree(finished[0], tmp_path / "run")
    return tmp_path / "run"


@contextmanager
def served(source):
    """The address of the pages of a source, which a thread serves."""
    listener = listen(HOST, 0)
    server = uvicorn.Server(uvicorn.Config(make_app(source, HOST), log_config=None))
    thread = Thread(target=server.run, args=([listener],))
    thread.start()
    yield address_of(listener)
    server.should_exit = True
    thread.join()
    listener.close()
