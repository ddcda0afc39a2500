"""`automl watch` beside a real `automl fit` and a real queue: over HTTP, in a browser and in a terminal."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import httpx
import pytest
import yaml
from sklearn.datasets import load_breast_cancer

from automl.jobs.batch import open_batch, run_jobs
from automl.watch.queue_source import QueueSource
from tests.watch.conftest import client_of

pytestmark = pytest.mark.slow

ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": "1"}


def automl(*arguments, **options):
    """Start a command."""
    command = [sys.executable, "-m", "automl", *map(str, arguments)]
    return subprocess.Popen(command, env=ENVIRONMENT, text=True, stderr=subprocess.PIPE, **options)


def wait_for(find, seconds=300):
    """Return the first true value of a function."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := find():
            return found
        time.sleep(0.2)
    raise AssertionError(f"nothing after {seconds} s")


@pytest.fixture
def run(tmp_path, request):
    """A folder in which a fit runs, and the process of the fit.

    The fit runs until it is killed, on a slow machine, too. With a number of trials as its parameter, it pauses until
    it gets SIGCONT, and ends after these trials.
    """
    max_trials = getattr(request, "param", None)
    limits = ["--time-budget", 3600, "--cv", 3, "--include", "decision_tree,lda,logistic_regression"]
    if max_trials is not None:
        limits += ["--max-trials", max_trials]
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    X.assign(target=y.map({0: "malignant", 1: "benign"})).to_csv(tmp_path / "table.csv", index=False)
    options = ["--target", "target", "--out", "model", "--store", "run", "--n-jobs", 1, *limits]
    fit = automl("fit", "table.csv", *options, cwd=tmp_path, start_new_session=True)
    wait_for((tmp_path / "run" / "history.jsonl").exists)
    if max_trials is not None:
        fit.send_signal(signal.SIGSTOP)
    yield tmp_path / "run", fit
    with suppress(ProcessLookupError):  # it has ended
        os.killpg(fit.pid, signal.SIGKILL)
    fit.communicate()


@pytest.fixture
def page(run):
    """The address of the page of the run."""
    watcher = automl("watch", run[0], "--port", 0)
    line = watcher.stderr.readline()
    yield re.search(r"http://\S+?(?=;)", line)[0]
    watcher.send_signal(signal.SIGTERM)
    _, rest = watcher.communicate(timeout=30)
    assert watcher.returncode == 0
    assert rest == "automl: the server has stopped\n"


def test_the_page_follows_the_search_until_its_process_is_killed(run, page):
    folder, fit = run

    def n_trials():
        found = re.search(r"(\d+) trials? on", httpx.get(f"{page}/fragment", timeout=60).text)
        return int(found[1]) if found else 0

    assert "The search is running." in httpx.get(page, timeout=60).text
    before = n_trials()
    wait_for(lambda: n_trials() > before)
    os.kill(fit.pid, signal.SIGKILL)
    wait_for(lambda: "has died without a result" in httpx.get(f"{page}/fragment", timeout=60).text)
    ended = automl("watch", folder, "--terminal", stdout=subprocess.PIPE)
    out, _ = ended.communicate(timeout=60)
    assert ended.returncode == 1
    assert "process died" in out


def test_the_page_changes_in_a_browser_and_the_place_of_the_reader_stays(run, page, browser):
    problems = []
    context = browser.new_context(viewport={"width": 1000, "height": 500})
    shown = context.new_page()
    shown.on("pageerror", lambda error: problems.append(str(error)))
    shown.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    shown.on("request", lambda request: None if request.url.startswith(page) else problems.append(request.url))
    shown.goto(page)
    shown.evaluate("window.isFirst = true")
    count = "Number(document.querySelector('#search').textContent.match(/(\\d+) trials? on/)[1])"
    wait_for(lambda: shown.evaluate("document.querySelectorAll('#parallel-table tbody tr').length > 2"))
    shown.click("#parallel summary")
    shown.click("#best-table th:first-child button")
    shown.evaluate("scrollTo(0, document.querySelector('#parallel').offsetTop)")
    before = shown.evaluate(count)
    wait_for(lambda: shown.evaluate(count) > before)
    families = shown.evaluate("[...document.querySelectorAll('#best-table tbody th')].map(cell => cell.textContent)")
    assert families == sorted(families)
    assert shown.evaluate("document.querySelector('#parallel details').open")
    assert shown.evaluate("window.isFirst")
    top = shown.evaluate("document.querySelector('#parallel').getBoundingClientRect().top")
    assert abs(top) < 200  # rows above may have been added
    context.close()
    assert problems == []


@pytest.mark.parametrize("run", [6], indirect=True)
def test_the_terminal_follows_the_search_to_its_end_and_the_page_then_has_the_report(run, page):
    folder, fit = run
    watcher = automl("watch", folder, "--terminal", stdout=subprocess.PIPE)
    first = watcher.stdout.readline()
    fit.send_signal(signal.SIGCONT)
    out, err = watcher.communicate(timeout=300)
    assert (watcher.returncode, err) == (0, "")
    assert first.startswith("running, ")
    assert "\nended, " in f"\n{out}"
    assert "The run has ended: max_trials reached." in out
    assert fit.wait(120) == 0
    wait_for(lambda: "Open the full report" in httpx.get(page, timeout=60).text)
    report = httpx.get(f"{page}/report.html", timeout=120)
    assert "sandbox" in report.headers["Content-Security-Policy"]
    assert "What the model does" in report.text


def test_a_queue_shows_its_jobs_their_errors_and_their_runs(tmp_path):
    table = "tests.jobs.workshop:table"
    automl_settings = {"time_budget": None, "max_trials": 2, "include": ["decision_tree"], "cv": 2}
    batch = {
        "results": str(tmp_path / "results"),
        "tables": [{"call": table, "name": "good", "target": "y"}, {"call": table, "name": "bad", "target": "z"}],
        "settings": {"tree": automl_settings},
    }
    (tmp_path / "jobs.yaml").write_text(yaml.safe_dump(batch))
    summary = run_jobs(tmp_path / "jobs.yaml", n_jobs=1)
    states = dict(zip(summary["table"], summary["state"], strict=True))
    assert states == {"good": "finished", "bad": "failed"}
    good = next(name for name in summary["job"] if "good" in name)
    with open_batch(str(tmp_path / "jobs.yaml"), read_only=True) as (queue, known):
        client = client_of(QueueSource(queue, known))
        text = client.get("/").text
        assert "2 of 2</strong> jobs have ended" in text
        assert "'z'" in text or "&#39;z&#39;" in text
        assert f"/job/{good}/report.html" in text
        assert "The job is finished." in client.get(f"/job/{good}/").text
        assert "What the model does" in client.get(f"/job/{good}/report.html").text
        assert client.get("/job/..%2f..%2fetc/").status_code == 404


def test_a_port_in_use_and_a_wrong_folder_are_one_line_each(finished, tmp_path):
    server = automl("watch", finished[0], "--port", 0)
    port = re.search(r":(\d+);", server.stderr.readline())[1]
    second = automl("watch", finished[0], "--port", port)
    _, err = second.communicate(timeout=60)
    assert (second.returncode, err.count("\n")) == (2, 1)
    assert "choose another --host or --port" in err
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=30)
    assert server.returncode == 0
    wrong = automl("watch", tmp_path)
    _, err = wrong.communicate(timeout=60)
    assert (wrong.returncode, err.count("\n")) == (2, 1)
    assert "--store" in err
