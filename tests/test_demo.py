"""The script of ``make demo``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_demo_fits_on_one_screen_and_its_commands_work(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "examples" / "demo.py"), "15"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180, check=True
    )
    assert len(done.stdout.splitlines()) <= 24
    expected = float(re.search(r"Expected ROC AUC on new rows +([\d.]+)", done.stdout)[1])
    measured = float(re.search(r"ROC AUC on the test rows +([\d.]+)", done.stdout)[1])
    assert abs(expected - measured) < 0.1
    commands = re.findall(r"^  \S*automl (.*)$", done.stdout, flags=re.MULTILINE)
    assert len(commands) == 3
    for arguments in commands[:2]:
        call = [sys.executable, "-m", "automl", *arguments.split()]
        subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=180, check=True)
    assert len((tmp_path / "demo" / "predictions.csv").read_text().splitlines()) == 101
