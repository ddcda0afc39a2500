"""The folder of a job keeps the right files, also after an interrupted commit."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

import automl
from automl.jobs.batch import write_results
from automl.jobs.folders import JobFolder
from automl.jobs.queue import JobQueue
from automl.jobs.result import JobResult
from automl.jobs.spec import read_batch

FOREST = {"forest": {"max_trials": 2, "time_budget": 600, "cv": 2, "include": ["random_forest"]}}


@pytest.mark.slow
def test_the_history_that_is_kept_is_of_the_table_that_the_model_was_fitted_on(tmp_path):
    load_breast_cancer(as_frame=True).frame.to_csv(tmp_path / "cancer.csv", index=False)
    table = {"path": str(tmp_path / "cancer.csv"), "target": "target"}
    description = {"results": str(tmp_path / "results"), "tables": [table], "settings": FOREST}
    [job] = read_batch(description).jobs
    folder = JobFolder(tmp_path / "results", job.name)
    for number in range(20):  # searches on earlier states of the table
        search = folder.search(f"{number:016x}")
        search.mkdir(parents=True)
        (search / "history.jsonl").write_text('{"of": "another table"}\n')
    summary = automl.run_jobs(description)
    assert list(summary["state"]) == ["finished"]
    names = ["expected_score", "expected_low", "expected_high"]
    score, low, high = (float(summary[name][0]) for name in names)
    assert 0.9 < low < score < high <= 1
    result = json.loads((folder.final / "result.json").read_text())
    assert [result[name] for name in names] == [score, low, high]
    assert (pd.read_csv(tmp_path / "results" / "summary.csv")[names] == [score, low, high]).all(axis=None)
    history = [json.loads(line) for line in (folder.final / "history.jsonl").read_text().splitlines()]
    assert len(history) == 2
    assert all("configuration" in line for line in history)
    assert not list(folder.final.glob("search-*"))


def test_an_interrupted_commit_keeps_the_search(tmp_path):
    folder = JobFolder(tmp_path, "job")
    folder.open()
    search = folder.search("0" * 16)
    search.mkdir()
    (search / "history.jsonl").write_text("{}\n")
    folder.final.mkdir()
    (folder.final / "file").touch()  # the kernel refuses to rename another folder to this name
    with pytest.raises(OSError, match="not empty"):
        folder.commit(JobResult(state="finished"), search, keep_search=False)
    assert (search / "history.jsonl").read_text() == "{}\n"


@pytest.mark.parametrize(
    "content", ['{"state": ', *(pytest.param(text, marks=pytest.mark.slow) for text in ("", "[]", "{}"))]
)
def test_a_damaged_result_is_made_again(tmp_path, content):
    table = {"call": "tests.jobs.workshop:table", "target": "y"}
    settings = {"dummy": {"estimator": "sklearn.dummy:DummyClassifier"}}
    description = {"results": str(tmp_path / "results"), "tables": [table], "settings": settings}
    name = automl.run_jobs(description)["job"][0]
    result = tmp_path / "results" / name / "result.json"
    result.write_text(content)
    (tmp_path / "results" / "jobs.sqlite").unlink()
    assert list(automl.run_jobs(description)["state"]) == ["finished"]
    assert json.loads(result.read_text())["state"] == "finished"


def test_a_summary_that_was_read_earlier_never_replaces_a_later_one(tmp_path):
    table = {"call": "tests.jobs.workshop:table", "target": "y"}
    batch = read_batch({"results": str(tmp_path / "results"), "tables": [table]})
    read, go_on = threading.Event(), threading.Event()

    class SlowQueue(JobQueue):
        def records(self, batch):
            found = super().records(batch)
            read.set()
            go_on.wait(60)
            return found

    with closing(JobQueue(batch.queue)) as queue, closing(SlowQueue(batch.queue)) as slow:
        queue.add(batch.name, batch.jobs)
        with ThreadPoolExecutor(2) as pool:
            earlier = pool.submit(write_results, slow, batch)
            read.wait(60)
            queue.cancel(batch.name, None)
            later = pool.submit(write_results, queue, batch)
            wait([later], timeout=1)
            go_on.set()
            assert [list(end.result()["state"]) for end in (earlier, later)] == [["queued"], ["cancelled"]]
    for found in (
        pd.read_csv(tmp_path / "results" / "summary.csv"),
        pd.read_parquet(tmp_path / "results" / "summary.parquet"),
    ):
        assert list(found["state"]) == ["cancelled"]
