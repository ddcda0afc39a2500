"""The page of a run shows what the run directory says, changes only with it, and answers only this machine."""

import json
import sqlite3

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier
from automl.cli.watch import open_source
from automl.errors import InvalidInputError
from automl.jobs.batch import open_batch
from automl.trials.run_reader import RunReader
from automl.watch.run_view import view_run
from automl.watch.terminal import run_line
from tests.factories import FAST
from tests.watch.conftest import client_of, edit_session, watch_run


def last_line(folder):
    return (folder / "history.jsonl").read_text().splitlines()[-1]


def test_the_page_of_a_search_says_that_it_runs_and_how_far_it_is(finished):
    page = finished[1]
    assert "The search is running." in page
    assert "2 trials on" in page
    assert 'http-equiv="refresh"' in page


def test_the_page_of_one_trial_names_it_in_the_singular_and_has_no_words_about_a_missing_figure(folder):
    first = (folder / "history.jsonl").read_text().splitlines()[0]
    (folder / "history.jsonl").write_text(first + "\n")
    edit_session(folder, n_rows=1, n_features=1)
    page = watch_run(folder).get("/").text
    assert "1 trial on 1 configuration." in page
    assert "1 row, 1 feature<" in page
    assert "the line is the mean score" not in page
    assert "blue line" not in page
    assert run_line(view_run(RunReader(folder), "Run")).startswith("ended, 1 trial, 1 configuration, best ")


def test_the_score_of_one_class_names_the_class(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    labels = np.where(y, "benign", "malignant")
    settings = FAST | {"max_trials": 1, "include": ["decision_tree"], "scoring": "f1", "store": tmp_path / "run"}
    AutoMLClassifier(**settings, positive_label="benign").fit(X, labels)
    view = view_run(RunReader(tmp_path / "run"), "Run")
    assert view.metric.title == "F1 of class 'benign'"
    assert "best F1 of class 'benign' 0." in run_line(view)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    del about["metric_class"]  # as earlier versions have written it
    (tmp_path / "run" / "run.json").write_text(json.dumps(about))
    assert view_run(RunReader(tmp_path / "run"), "Run").metric.name == "f1"


def test_the_title_of_a_page_names_the_run_directory(folder):
    with open_source(str(folder), None) as source:
        page = client_of(source).get("/").text
    assert f"<title>Run directory {folder.parent.name}/run</title>" in page


def test_the_page_of_a_finished_run_says_why_it_ended_and_what_to_expect(finished):
    page = watch_run(finished[0]).get("/").text
    assert "The run has ended: max_trials reached." in page
    assert "expected ROC AUC on new rows" in page
    assert 'http-equiv="refresh"' not in page


def test_an_unchanged_page_is_not_sent_again(folder):
    client = watch_run(folder)
    first = client.get("/fragment")
    assert client.get("/fragment", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_a_new_trial_gives_a_new_page(folder):
    reader = RunReader(folder)
    n_trials = len(reader.history)
    with (folder / "history.jsonl").open("a") as file:
        line = last_line(folder) + "\n"
        file.write(line[:20])
        file.flush()
        reader.update()
        assert len(reader.history) == n_trials
        file.write(line[20:])
    assert reader.update()
    assert len(reader.history) == n_trials + 1
    assert not reader.update()


def test_a_run_whose_process_is_gone_is_called_dead(folder):
    edit_session(folder, phase="search", process_started=1.0)
    page = watch_run(folder).get("/").text
    assert "The process of the run has died without a result." in page


def test_a_run_on_another_machine_is_not_called_dead(folder):
    edit_session(folder, phase="search", machine="other 1234abcd pid:[1]", process_started=1.0)
    state = view_run(RunReader(folder), "Run").state
    assert state.is_live
    assert "other" in state.sentence


def test_names_in_the_run_directory_are_escaped(folder):
    line = json.loads(last_line(folder))
    line["configuration"]["model"] = "<script>alert(1)</script>"
    with (folder / "history.jsonl").open("a") as file:
        file.write(json.dumps(line | {"status": "crash", "reason": "</script><img src=x onerror=alert(1)>"}) + "\n")
    page = watch_run(folder).get("/").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "<img" not in page


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "192.168.0.7:8001"])
def test_requests_for_other_hosts_are_refused(finished, host):
    client = watch_run(finished[0])
    assert client.get("/fragment", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:8001", "127.0.0.1:8001", "[::1]:8001"])
def test_requests_for_this_machine_are_answered(finished, host):
    assert watch_run(finished[0]).get("/fragment", headers={"Host": host}).status_code == 200


def test_pages_allow_only_their_own_scripts(finished):
    client = watch_run(finished[0])
    answer = client.get("/")
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert answer.text.count("<script") == 2  # the data, and the file with the script
    for path in ("/static/x/script.js", "/static/x/style.css"):
        assert client.get(path).status_code == 200
    assert client.get("/static/x/../run.json").status_code == 404
    assert client.get("/report.html").status_code == 404


def test_a_folder_without_a_run_is_one_clear_error(tmp_path):
    with pytest.raises(InvalidInputError, match=r"holds no run; .*--store"):
        RunReader(tmp_path)
    with pytest.raises(InvalidInputError, match=r"there is no folder .*--store"):
        RunReader(tmp_path / "missing")


def test_a_watched_queue_is_read_while_a_runner_writes(tmp_path):
    place = str(tmp_path / "queue.db")
    from automl.jobs.queue import JobQueue

    queue = JobQueue(place)
    queue.register("batch", tmp_path, tmp_path / "results")
    with open_batch(place, read_only=True) as (watched, batch):
        writer = sqlite3.connect(place, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        assert watched.records(batch.name) == []
        writer.execute("ROLLBACK")
        writer.close()
    queue.close()
