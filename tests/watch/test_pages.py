"""The pages of `automl watch` in a real browser, in several states of a run and of a queue."""

import json
import shutil
import time

import pytest

from automl.jobs.folders import JobFolder
from automl.jobs.job import Resources
from automl.jobs.queue import JobQueue, State
from automl.jobs.result import JobResult
from automl.jobs.spec import read_batch
from automl.trials.run_reader import RunReader
from automl.watch.queue_source import QueueSource
from automl.watch.sources import RunSource
from tests.report.browser import opened_pages, overflow, violations
from tests.report.pages import HOSTILE
from tests.watch.conftest import edit_session, served

OWNER = "worker-7-0123abcd-4321-1"
LONG = "ValueError: the solver did not converge; " + "/a/path/without/any/blank" * 6
STATES = ("first", "running", "failed", "ended")


def set_state(folder, state):
    """Change the folder of a finished run into that of a run in another state."""
    lines = (folder / "history.jsonl").read_text().splitlines(keepends=True)
    if state == "first":
        lines = lines[:1]
    if state in ("running", "failed"):
        broken = json.loads(lines[-1]) | {"status": "crash", "reason": LONG, "results": {}}
        broken["configuration"]["model"] = HOSTILE[0]
        lines += [json.dumps(broken) + "\n"] * 2
    (folder / "history.jsonl").write_text("".join(lines))
    if state in ("first", "running"):
        edit_session(folder, phase="search", elapsed=40.0, updated=time.time(), budget_seconds=100.0, max_trials=None)
    if state == "failed":
        edit_session(folder, phase="failed", reason=LONG)


def make_queue(place, run):
    """Make a queue with a job in each state, and return it with its batch. The first job has a run and a report."""
    names = ["customers-with-a-very-long-name-of-the-table", *HOSTILE[3:], "b", "c", "d"]
    batch = read_batch(
        {
            "name": "monthly",
            "results": str(place / "results"),
            "tables": [
                {"call": "tests.jobs.workshop:table", "arguments": {"seed": i}, "name": name, "target": "y"}
                for i, name in enumerate(names)
            ],
            "settings": {"tree": {"time_budget": 60, "include": ["decision_tree"]}},
        }
    )
    queue = JobQueue(str(place / "queue.db"))
    queue.register(batch.name, batch.folder, batch.results)
    queue.add(batch.name, batch.jobs)
    known = {"metric": "roc_auc", "expected_score": 0.91, "expected_low": 0.87, "expected_high": 0.94, "seconds": 61.2}
    for state, reason in ((State.FINISHED, ""), (State.FAILED, LONG), (State.CANCELLED, "cancelled"), (None, "")):
        claim = queue.claim(batch.name, OWNER, Resources(8), Resources(8))
        if state is not None:
            result = JobResult(test_score=0.9, **known) if state is State.FINISHED else None
            queue.end(claim, OWNER, state, reason, result)
        if state is State.FINISHED:
            final = JobFolder(batch.results, claim.name).final
            shutil.copytree(run, final)
            (final / "report.html").write_text("<title>Report</title>")
            (final / "log.txt").write_text("a line\n" * 50 + LONG)
            job = claim.name
    return queue, batch, job


@pytest.fixture(scope="module")
def addresses(finished, tmp_path_factory):
    """The address of each page: of a run in four states, of a queue, and of the run of a job."""
    place = tmp_path_factory.mktemp("pages")
    queue, batch, job = make_queue(place, finished[0])
    servers, known = [], {}
    try:
        for state in STATES:
            folder = place / state
            shutil.copytree(finished[0], folder)
            set_state(folder, state)
            servers.append(served(RunSource(RunReader(folder), f"Run directory data/{state}")))
            known[state] = servers[-1].__enter__()
        servers.append(served(QueueSource(queue, batch)))
        known["queue"] = servers[-1].__enter__() + "/"
        known["job"] = f"{known['queue']}job/{job}/"
        yield known
    finally:
        for server in servers:
            server.__exit__(None, None, None)
        queue.close()


@pytest.fixture
def open_page(browser, addresses):
    """Return a function that opens a page by its name; at the end it checks that nothing went wrong in the page."""
    with opened_pages(browser, *addresses.values()) as open_address:
        yield lambda name, width=1280, scheme="light": open_address(addresses[name], width, scheme)


def check(page):
    assert overflow(page) == []
    assert violations(page) == []
    assert overflow(page) == []  # with all details open


def test_the_page_of_a_running_search_is_accessible_on_a_phone(open_page):
    check(open_page("running", 400, "dark"))


@pytest.mark.slow
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [*STATES, "queue", "job"])
def test_each_page_is_accessible_and_fits_its_window(open_page, name, width, scheme):
    check(open_page(name, width, scheme))
