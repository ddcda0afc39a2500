"""The server under load, at its end, and after a kill."""

import signal
import threading
import time

import httpx
import pytest

from benchmarks.serving_load import make_bodies, send
from tests.serving.conftest import make_rows, running_server

JSON = {"Content-Type": "application/json"}


def keep_sending(address, body, stop, answers):
    """Send requests one after the other until `stop` is set or the server is gone."""
    with httpx.Client(timeout=60) as client:
        while not stop.is_set():
            try:
                answers.append(client.post(f"{address}/predict", content=body, headers=JSON).status_code)
            except httpx.TransportError as error:
                answers.append(error)
                return


def start_clients(address, n_clients, n_rows, stop):
    (body,) = make_bodies(make_rows(), n_rows, "json", 1)
    answers = [[] for _ in range(n_clients)]
    threads = [threading.Thread(target=keep_sending, args=(address, body, stop, each)) for each in answers]
    for thread in threads:
        thread.start()
    while not all(answers):
        time.sleep(0.01)
    return threads, answers


@pytest.mark.slow
def test_sigterm_finishes_the_running_requests(model_folder):
    with running_server(model_folder, "--threads", 1) as (process, address, log):
        (body,) = make_bodies(make_rows(), 10_000, "json", 1)
        answers = []
        sender = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{address}/predict", content=body, headers=JSON, timeout=60))
        )
        sender.start()
        while "automl_requests_running 2.0" not in httpx.get(f"{address}/metrics").text:
            assert not answers, "the request ended before it was seen; send more rows"
        process.send_signal(signal.SIGTERM)
        sender.join(60)
        assert process.wait(30) == 0
        process.log_reader.join(10)
    assert answers[0].status_code == 200
    assert len(answers[0].json()["predictions"]) == 10_000
    assert "running requests are finished first" in "".join(log)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/health")


@pytest.mark.slow
def test_clients_of_a_killed_server_see_only_connection_errors_and_a_new_server_answers(model_folder):
    stop = threading.Event()
    with running_server(model_folder) as (process, address, _log):
        threads, answers = start_clients(address, 4, 20, stop)
        process.kill()
        for thread in threads:
            thread.join(60)
    assert {answer for each in answers for answer in each[:-1]} <= {200}
    assert all(isinstance(each[-1], httpx.TransportError) for each in answers)
    port = address.rpartition(":")[2]
    with running_server(model_folder, "--port", port) as (_, again, _log):
        assert again == address
        stop.clear()
        threads, answers = start_clients(address, 2, 20, stop)
        stop.set()
        for thread in threads:
            thread.join(60)
    assert {answer for each in answers for answer in each} == {200}


@pytest.mark.slow
def test_thousands_of_requests_from_several_clients_end_without_an_error(model_folder, record_property):
    with running_server(model_folder, "--verbose", 1) as (_, address, _log):
        load = send(address, make_bodies(make_rows(), 1, "json"), "application/json", 8, 3_000)
        text = httpx.get(f"{address}/metrics").text
    record_property("p50_milliseconds", round(load.percentile(50), 1))
    record_property("p99_milliseconds", round(load.percentile(99), 1))
    assert load.statuses == {"200": 3_000}
    assert 'automl_requests_total{code="200",path="/predict"} 3000.0' in text


@pytest.mark.slow
def test_a_prediction_beyond_its_time_limit_does_not_delay_the_end(model_folder):
    with running_server(model_folder, "--timeout", 0.2, "--threads", 1) as (process, address, log):
        (body,) = make_bodies(make_rows(), 10_000, "json", 1)
        codes = [httpx.post(f"{address}/predict", content=body, headers=JSON, timeout=60).status_code]
        while 504 not in codes and len(codes) < 20:
            codes.append(httpx.post(f"{address}/predict", content=body, headers=JSON, timeout=60).status_code)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.log_reader.join(10)
    assert 504 in codes
    assert "the server has stopped" in "".join(log)
