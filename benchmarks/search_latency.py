"""Seconds that a searcher thinks: ours on the joint space, beside SMAC3 where that is installed.

Example: python -m benchmarks.search_latency --n 500
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from ConfigSpace import ConfigurationSpace, Float

from pipelines.component import TableTraits, space_of
from pipelines.space import build_space

MIXED = TableTraits("multiclass", 1_000, 20, 5, (0, 1, 2), (3, 10, 5), has_missing=True)


def ours(space: ConfigurationSpace, n: int, seed: int = 0) -> list[float]:
    """Seconds of each of `n` suggestions of our SMAC-like searcher, on random losses."""
    from automl.history import RunHistory
    from automl.search.smac import SmacSearcher
    from automl.trial import FoldResult, Status, TrialResult

    searcher, history = SmacSearcher(space, seed=seed), RunHistory()
    rng = np.random.default_rng(seed)
    seconds = []
    for _ in range(n):
        start = time.perf_counter()
        trial = searcher.suggest(history, 1)[0]
        seconds.append(time.perf_counter() - start)
        loss = FoldResult(float(rng.random()), float(rng.random()), 0.0)
        history.append(TrialResult(trial, Status.OK, {0: loss}, loss.fit_seconds))
    return seconds


def smac3(space: ConfigurationSpace, n: int, seed: int = 0) -> list[float]:
    """The same of SMAC3's facade for hyperparameter optimization."""
    import tempfile

    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.runhistory import TrialValue

    def unused(config: Any, seed: int = 0) -> float:
        raise AssertionError("trials are told, not run")

    rng = np.random.default_rng(seed)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(space, deterministic=True, n_trials=n, seed=seed, output_directory=Path(folder))
        facade = HyperparameterOptimizationFacade(scenario, unused, overwrite=True, logging_level=False)
        for _ in range(n):
            start = time.perf_counter()
            trial = facade.ask()
            seconds.append(time.perf_counter() - start)
            facade.tell(trial, TrialValue(float(rng.random()), float(rng.random())))
    return seconds


def main(
    n: Annotated[int, typer.Option(help="Trials in the history at the end.")] = 500,
    searchers: Annotated[str, typer.Option(help="ours, smac3.")] = "ours",
) -> None:
    """Print milliseconds a suggestion."""
    five = space_of(*(Float(f"x{i}", (0.0, 1.0)) for i in range(5)))
    spaces = {"joint": build_space(MIXED), "five floats": five}
    for name in searchers.split(","):
        for label, space in spaces.items():
            seconds = 1e3 * np.array({"ours": ours, "smac3": smac3}[name](space, n))[-50:]
            print(
                f"{name:6s} {label} ({len(space)} hyperparameters), last 50 of {n} trials: "
                f"median {np.median(seconds):.0f} ms, 90th percentile {np.percentile(seconds, 90):.0f} ms"
            )


if __name__ == "__main__":
    typer.run(main)
