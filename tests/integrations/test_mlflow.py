"""Tests of the MLflow callback against a real MLflow server.

The server and the client run in environments of their own, because their pins do not suit the tested versions.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sklearn.datasets import load_iris

from automl import AutoMLClassifier
from automl.errors import AutoMLError
from automl.integrations.background import BackgroundCalls
from automl.integrations.mlflow import MLflowCallback, safe_names
from tests.factories import FAST
from tests.integrations.environments import ROOT, end_group, environment, free_port, serving


def test_names_become_names_that_mlflow_takes_and_stay_different():
    hard = ["a:b", "a.b", "../up", "/root", "x" * 400, "x" * 401, "ä 1", "a\nb", "", ".", "a//b"]
    safe = safe_names(hard)
    assert len(set(safe.values())) == len(hard)
    for name in safe.values():
        assert re.fullmatch(r"[\w. -]{1,250}", name)
        assert not name.startswith(".")


def test_calls_run_in_their_order_and_an_error_drops_the_later_ones():
    done = []

    def fail():
        raise OSError("gone")

    calls = BackgroundCalls((OSError,), tolerates=lambda error: False)
    for call in (lambda: done.append(1), fail, lambda: done.append(2)):
        calls.add(call)
    while calls.error is None:
        time.sleep(0.01)
    assert not calls.wait(5)
    assert done == [1]
    calls.close()


def test_waiting_ends_when_one_call_takes_too_long():
    release = threading.Event()
    calls = BackgroundCalls((OSError,), tolerates=lambda error: False)
    calls.add(release.wait)
    assert not calls.wait(0.1)
    release.set()
    assert calls.wait(5)
    calls.close()


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is not None, reason="MLflow is installed")
def test_a_missing_client_is_one_clear_error_before_the_search():
    with pytest.raises(AutoMLError, match=re.escape("pip install 'cash-automl[mlflow]'")):
        AutoMLClassifier(**FAST).set_callbacks(MLflowCallback()).fit(*load_iris(return_X_y=True))


def start_server(folder):
    programs, port = environment("mlflow-server", "mlflow>=3.1"), free_port()
    places = ["--backend-store-uri", "sqlite:///server.db", "--artifacts-destination", "./artifacts"]
    command = [programs / "mlflow", "server", *places, "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    uri = f"http://127.0.0.1:{port}"
    return uri, serving(command, f"{uri}/health", folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    uri, running = start_server(tmp_path_factory.mktemp("mlflow"))
    with running:
        yield uri


def client(case, uri, folder):
    programs = environment("mlflow-client", "mlflow-skinny>=3.1", shared=True)
    command = [str(programs / "python"), "-m", "tests.integrations.mlflow_cases", case, uri, str(folder)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def check(process):
    try:
        output, _ = process.communicate(timeout=300)
    finally:
        end_group(process)
    assert process.returncode == 0, output
    assert output.rstrip().endswith("passed"), output
    return output


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    ["logs_everything", "logs_into_the_active_run", "ends_as_failed", "ends_as_killed", "refuses_a_wrong_server"],
)
def test_a_fit_with_a_server(case, server, tmp_path):
    check(client(case, server, tmp_path))


@pytest.mark.slow
def test_the_blocks_of_the_page_about_mlflow_run(tmp_path):
    programs = environment("mlflow-client", "mlflow-skinny>=3.1", shared=True)
    page = ["-k", "howto/mlflow.md", "-m", "slow", "tests/docs/test_code_blocks.py"]
    command = [str(programs / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", *page]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@pytest.mark.slow
def test_a_fit_survives_the_end_of_the_server(tmp_path):
    uri, running = start_server(tmp_path)
    with running as process:
        fit = client("survives_the_end_of_the_server", uri, tmp_path)
        while fit.poll() is None and not (tmp_path / "stop").exists():
            time.sleep(0.05)
        end_group(process)
        (tmp_path / "stopped").touch()
        check(fit)


@pytest.mark.slow
@pytest.mark.alone
def test_a_slow_server_does_not_slow_the_search(server, tmp_path):
    class Slow(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            time.sleep(1)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = urllib.request.Request(server + self.path, body or None, method=self.command)
            request.add_header("Content-Type", self.headers.get("Content-Type") or "application/json")
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:
                    status, content = answer.status, answer.read()
            except urllib.error.HTTPError as error:
                status, content = error.code, error.read()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815

        def log_message(self, *args):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        check(client("is_not_slowed_by_a_slow_server", f"http://127.0.0.1:{proxy.server_port}", tmp_path))
    finally:
        proxy.shutdown()
