"""Measure the seconds of processor time in which `automl watch` reads and draws a run of many trials.

python -m benchmarks.watch_cost --trials 5000
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from automl.trials.run_directory import FORMAT, OpenRun, RunDirectory
from automl.trials.run_reader import RunReader
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from automl.watch.sources import RunSource
from pipelines.configuration import Configuration
from pipelines.rich_tables import RICH_TABLES
from pipelines.space import build_space


def write_run(folder: Path, n_trials: int, n_folds: int = 8) -> OpenRun:
    """Write a run directory with random configurations and scores."""
    (folder / "run.json").write_text(
        json.dumps({"format": FORMAT, "fingerprint": "0", "metric": "roc_auc", "seed": 0}), encoding="utf-8"
    )
    open_run, rng = OpenRun(RunDirectory(folder)), np.random.default_rng(0)
    space = build_space(RICH_TABLES["binary"], seed=0)
    for i, sampled in enumerate(space.sample_configuration(n_trials)):
        folds = {f: FoldResult(-rng.uniform(0.7, 0.9), 1.0, 0.1) for f in range(1 if i % 5 else n_folds)}
        trial = Trial(Configuration(dict(sampled)), tuple(folds), 0, "smac")
        ended_well = i % 20 > 0
        status, reason = (Status.OK, "") if ended_well else (Status.TIMEOUT, "took more than 10 s")
        open_run.append(TrialResult(trial, status, folds if ended_well else {}, 1.0, 100.0, reason), float(i))
    return open_run


def main() -> None:
    """Print the seconds of the first drawing, and of a drawing after one more trial."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=5000)
    n_trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as name:
        open_run = write_run(Path(name), n_trials)
        began = time.process_time()
        source = RunSource(RunReader(Path(name)), "Run")
        read = time.process_time()
        page = source.draw("1")
        drawn = time.process_time()
        print(f"{n_trials} trials: first reading {read - began:.2f} s, first drawing {drawn - read:.2f} s")
        for _ in range(3):
            open_run.append(open_run.directory.read()[-1], 1.0)
            began = time.process_time()
            source.has_changed()
            page = source.draw("2")
            print(f"one more trial: {time.process_time() - began:.2f} s, {len(page.html) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
