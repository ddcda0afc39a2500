"""A runner sends signals only to running processes of its jobs, and none of them is left when a job ends."""

from __future__ import annotations

import os

import psutil

import automl
from tests.jobs.test_takeover import describe
from tests.jobs.workshop import lines


def test_no_signal_goes_to_a_process_that_has_ended(tmp_path, monkeypatch):
    sent = []

    def spy(real):
        def send(pid, number):
            sent.append((real.__name__, pid, pid in psutil.pids()))
            return real(pid, number)

        return send

    for function in (os.kill, os.killpg):
        monkeypatch.setattr(os, function.__name__, spy(function))
    summary = automl.run_jobs({**describe(tmp_path, 3), "defaults": {"target": "y", "time_limit": 60}}, n_jobs=1)
    assert list(summary["state"]) == ["finished"] * 3
    slow = {**describe(tmp_path, 1, seconds=3600), "name": "slow", "results": str(tmp_path / "slow")}
    slow["defaults"] = {"target": "y", "time_limit": 1}
    assert list(automl.run_jobs(slow)["state"]) == ["failed"]
    assert [call for call in sent if not call[2]] == []  # another process may have this number now


def test_a_child_of_a_job_ends_when_the_job_dies(tmp_path):
    table = {"call": "tests.jobs.workshop:leaves_a_child", "arguments": {"marks": str(tmp_path / "marks")}}
    description = {**describe(tmp_path), "tables": [table], "defaults": {"target": "y", "retries": 0}}
    summary = automl.run_jobs(description)
    assert list(summary["state"]) == ["failed"]
    assert "exit code -9" in summary["reason"][0]
    [child] = map(int, lines(tmp_path / "marks"))
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_child_of_a_job_ends_when_the_job_finishes(tmp_path):
    arguments = {"marks": str(tmp_path / "marks"), "dies": False}
    table = {"call": "tests.jobs.workshop:leaves_a_child", "arguments": arguments}
    summary = automl.run_jobs({**describe(tmp_path), "tables": [table]})
    assert list(summary["state"]) == ["finished"]
    [child] = map(int, lines(tmp_path / "marks"))
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE
