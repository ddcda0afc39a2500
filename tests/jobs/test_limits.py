"""The capacity of a runner: in a container its limit counts, and arguments are checked."""

from __future__ import annotations

import math

import numpy as np
import pytest

import automl
from automl.errors import InvalidInputError
from automl.execute import machine
from tests.jobs.workshop import DUMMY

TABLE = "tests.jobs.workshop:table"
MIB = 2**20
VERSION_1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
VERSION_2 = ("memory.max", "memory.current", "inactive_file")


@pytest.fixture(params=[VERSION_1, VERSION_2], ids=["version 1", "version 2"])
def container(request, tmp_path, monkeypatch):
    """The files of a control group whose limit leaves 500 MiB to this process, as the kernel writes them."""
    group = tmp_path / "group"
    group.mkdir()
    limit, usage, cached = request.param
    (group / limit).write_text(f"{700 * MIB}\n")
    (group / usage).write_text(f"{300 * MIB}\n")
    (group / "memory.stat").write_text(f"anon 1\n{cached} {100 * MIB}\n")
    monkeypatch.setattr(machine, "_control_groups", lambda controller: [group] if controller == "memory" else [])


def test_a_job_that_needs_more_than_the_container_has_is_not_started(container, tmp_path):
    tables = [{"call": TABLE, "arguments": {"seed": i}, "memory": 390 + 20 * i} for i in (0, 1)]
    description = {
        "results": str(tmp_path / "results"),
        "defaults": {"target": "y"},
        "tables": tables,
        "settings": DUMMY,
    }
    assert list(automl.run_jobs(description)["state"]) == ["finished", "queued"]  # 80 % of 500 MiB are 400
    assert list(automl.run_jobs(description, memory=1000)["state"]) == ["finished", "finished"]


@pytest.mark.parametrize(
    "limit",
    [{"memory": value} for value in ("2GB", True, 0, math.nan, math.inf)] + [{"n_jobs": value} for value in (0, 1.5)],
)
def test_a_limit_that_is_no_number_is_one_clear_error(tmp_path, limit):
    [(name, value)] = limit.items()
    with pytest.raises(InvalidInputError, match=rf"^{name} must be .*; got {value!r}$"):
        automl.run_jobs({"results": str(tmp_path), "tables": [{"call": TABLE, "target": "y"}]}, **limit)
    assert list(tmp_path.iterdir()) == []


def test_limits_may_be_numbers_of_numpy(tmp_path):
    description = {"results": str(tmp_path), "tables": [{"call": TABLE, "target": "y"}], "settings": DUMMY}
    summary = automl.run_jobs(description, n_jobs=np.int64(1), memory=np.float32(1000))
    assert list(summary["state"]) == ["finished"]
