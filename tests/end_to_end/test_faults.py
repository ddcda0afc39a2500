"""Tests of faulty components, kills and interrupts in real runs: a sample of the campaign in benchmarks/faults."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from automl.execute.evaluate import InvalidPredictionsError, as_predictions

ROOT = Path(__file__).parents[2]


def _campaign(out: Path, kinds: str, n: int = 1) -> list[dict[str, str]]:
    """Return the rows of a short campaign."""
    command = [sys.executable, "-m", "benchmarks.faults", "--kinds", kinds, "--n", str(n), "--out", str(out)]
    subprocess.run([*command, "--at-once", "1"], cwd=ROOT, check=True, capture_output=True)
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("shape", [(5, 1), (1, 2), (2,), (5,), (4, 2), (5, 3), (1, 5, 2), ()])
def test_predictions_of_a_wrong_shape_are_not_repeated_until_they_fit(shape):
    with pytest.raises(InvalidPredictionsError, match="shape"):
        as_predictions(np.full(shape, 0.5), [0, 1], 2, n_rows=5)


@pytest.mark.parametrize("shape", [(4,), (5, 2), (1,), ()])
def test_predicted_numbers_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(InvalidPredictionsError, match="shape"):
        as_predictions(np.zeros(shape), None, 0, n_rows=5)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the campaign reads /proc")
@pytest.mark.parametrize(
    "kind",
    [
        "main_killed",
        "interrupt",
        "interrupt_new_process",
        "worker_killed",
        "server_killed",
        "hang",
        "spin",
        "allocate",
        "segfault",
        "exit",
        "raise",
        "nan",
        "wrong_shape",
        "wrong_dtype",
        "print",
        "leave_children",
        "die_with_children",
        "daemonic_pool",
        "few_descriptors",
        "two_fits",
        "fork_while_predicting",
        "long_folder",
    ],
)
def test_a_run_survives_a_fault_and_leaves_nothing_behind(kind, tmp_path):
    rows = _campaign(tmp_path / "faults.csv", kind, n=2)
    assert [(row["survived"], row["left"]) for row in rows] == [("True", "")] * 2, rows
