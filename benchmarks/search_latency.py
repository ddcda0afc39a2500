"""Measure the time of a suggestion when hundreds of trials are known: our searcher and SMAC3.

Example: python -m benchmarks.search_latency --n 500 --smac3-python ../venv-smac/bin/python

SMAC3 runs in an interpreter of its own (`pip install smac typer scikit-learn`), right after ours, so that both run
under the same load. Both get the same random configurations with random losses, and are then asked for more
configurations.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from ConfigSpace import ConfigurationSpace, Float

from benchmarks.requirements import MissingRequirementError
from pipelines.component import TableTraits, space_of
from pipelines.space import build_space

MIXED = TableTraits("multiclass", 1_000, 20, 5, (0, 1, 2), (3, 10, 5), has_missing=True)
SPACES = ("joint", "five floats")


def make_space(name: str) -> ConfigurationSpace:
    """Return the space of whole pipelines, or a small space of five numbers."""
    return build_space(MIXED) if name == "joint" else space_of(*(Float(f"x{i}", (0.0, 1.0)) for i in range(5)))


def ours(space: ConfigurationSpace, n: int, n_asked: int) -> list[tuple[float, float]]:
    """Return wall-clock seconds and processor seconds of each suggestion of our searcher `smac`."""
    from automl.search.smac import SmacSearcher
    from automl.trials.history import RunHistory
    from automl.trials.trial import FoldResult, Status, Trial, TrialResult
    from pipelines.space import to_configuration

    searcher, history = SmacSearcher(space, seed=0), RunHistory()
    rng = np.random.default_rng(0)

    def record(trial: Trial) -> None:
        loss = FoldResult(float(rng.random()), float(rng.random()), 0.0)
        history.append(TrialResult(trial, Status.OK, {0: loss}, loss.fit_seconds))

    for configuration in space.sample_configuration(n - n_asked):
        record(Trial(to_configuration(configuration)))
    seconds = []
    for _ in range(n_asked):
        start, processor = time.perf_counter(), time.process_time()
        trial = searcher.suggest(history, 1)[0]
        seconds.append((time.perf_counter() - start, time.process_time() - processor))
        record(trial)
    return seconds


def smac3(space: ConfigurationSpace, n: int, n_asked: int) -> list[tuple[float, float]]:
    """Return the same for SMAC3's facade for hyperparameter optimization."""
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory import TrialInfo, TrialValue

    def unused(config: Any, seed: int = 0) -> float:
        raise AssertionError("SMAC3 gets the losses from us and runs no trial")

    rng = np.random.default_rng(0)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(space, deterministic=True, n_trials=2 * n, seed=0, output_directory=Path(folder))
        design = HyperparameterOptimizationFacade.get_initial_design(scenario, n_configs=1)
        facade = HyperparameterOptimizationFacade(
            scenario, unused, initial_design=design, overwrite=True, logging_level=False
        )
        for configuration in space.sample_configuration(n - n_asked):
            facade.tell(TrialInfo(configuration, seed=0), TrialValue(float(rng.random()), float(rng.random())))
        for _ in range(n_asked):
            start, processor = time.perf_counter(), time.process_time()
            trial = facade.ask()
            seconds.append((time.perf_counter() - start, time.process_time() - processor))
            facade.tell(trial, TrialValue(float(rng.random()), float(rng.random())))
    return seconds


def report(searcher: str, space: str, n: int, n_asked: int) -> dict[str, Any]:
    """Return the milliseconds of a suggestion as one row."""
    built = make_space(space)
    built.seed(0)
    wall, processor = 1e3 * np.array({"ours": ours, "smac3": smac3}[searcher](built, n, n_asked)).T
    return {
        "searcher": searcher,
        "space": f"{space} ({len(built)} hyperparameters)",
        "trials": n,
        "asked": n_asked,
        "median ms": round(float(np.median(wall)), 1),
        "90th percentile ms": round(float(np.percentile(wall, 90)), 1),
        "mean ms": round(float(np.mean(wall)), 1),
        "median processor ms": round(float(np.median(processor)), 1),
    }


def _require_smac3(python: str) -> None:
    try:
        found = subprocess.run([python, "-c", "import smac"], capture_output=True).returncode == 0
    except OSError:
        found = False
    if not found:
        raise MissingRequirementError(
            f"'{python}' cannot import SMAC3; name an interpreter after `pip install smac typer scikit-learn`"
        )


def main(
    n: Annotated[int, typer.Option(help="Trials in the history at the end.")] = 500,
    asked: Annotated[int, typer.Option(help="Number of suggestions that are timed.")] = 50,
    smac3_python: Annotated[str, typer.Option(help="Interpreter that has SMAC3; empty for our searcher only.")] = "",
    only: Annotated[str, typer.Option(help="Print one row as JSON: SEARCHER/SPACE.")] = "",
) -> None:
    """Print the milliseconds of a suggestion."""
    if only:
        searcher, space = only.split("/")
        print(json.dumps(report(searcher, space, n, asked)))
        return
    if smac3_python:
        _require_smac3(smac3_python)
    pythons = {"ours": sys.executable} | ({"smac3": smac3_python} if smac3_python else {})
    for space in SPACES:
        for searcher, python in pythons.items():
            command = [python, "-W", "ignore", "-m", "benchmarks.search_latency", "--n", str(n), "--asked", str(asked)]
            done = subprocess.run([*command, "--only", f"{searcher}/{space}"], stdout=subprocess.PIPE, check=True)
            print(done.stdout.decode().strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    typer.run(main)
