"""Measure the regret of searchers on a surrogate of real results: XGBoost on OpenML tasks (YAHPO Gym, rbv2_xgboost).

Example: python -m benchmarks.search_regret --yahpo FOLDER --searchers smac,random,genetic,tpe --seeds 5

FOLDER holds model.onnx, encoding.json and config_space.json of the scenario (Pfisterer et al., 2022), as
https://github.com/slds-lmu/yahpo_data has them. The loss is the log loss at the full training size. The evaluations of
a run are appended to a CSV file; runs in the file are skipped. The searcher smac3 needs an interpreter that has SMAC3
(`pip install smac onnxruntime pandas typer`); all other searchers need this package and onnxruntime.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer
from ConfigSpace.hyperparameters import Hyperparameter

from benchmarks.requirements import require_file, require_package

CATEGORICAL = ("task_id", "booster", "num.impute.selected.cpo")
NUMERIC = (
    "nrounds", "eta", "gamma", "lambda", "alpha", "subsample", "max_depth", "min_child_weight",
    "colsample_bytree", "colsample_bylevel", "rate_drop", "skip_drop", "trainsize", "repl",
)  # fmt: skip
FIXED = {"trainsize": 1.0, "repl": 10.0}
LOG_LOSS = 5  # column of the model's output
RESULTS = Path(__file__).parent / "results" / "search_regret.csv"
FILES = ("model.onnx", "encoding.json", "config_space.json")


@dataclass(frozen=True)
class Yahpo:
    """The surrogate model and the search space of the scenario."""

    folder: Path

    @cached_property
    def encoding(self) -> dict[str, dict[str, int]]:
        """Return the number of each category, by hyperparameter."""
        return json.loads((self.folder / "encoding.json").read_text())

    @cached_property
    def session(self) -> Any:
        """Return the loaded model, which runs on one thread."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self.folder / "model.onnx"), options)

    def tasks(self, n: int, held_out: bool) -> list[str]:
        """Return tasks in a fixed random order: the first `n` are for development, the next `n` for the report."""
        names = [name for name in self.encoding["task_id"] if name != "#na#"]
        shuffled = list(np.random.default_rng(1).permutation(names))
        return shuffled[n : 2 * n] if held_out else shuffled[:n]

    def space(self) -> ConfigurationSpace:
        """Return the scenario's space without task and fidelity."""
        about = json.loads((self.folder / "config_space.json").read_text())
        made: dict[str, Hyperparameter[Any, Any]] = {}
        for h in about["hyperparameters"]:
            if h["name"] in ("task_id", *FIXED):
                continue
            if h["type"].startswith("categorical"):
                made[h["name"]] = Categorical(h["name"], h["choices"])
            else:
                kind = Integer if "int" in h["type"] else Float
                made[h["name"]] = kind(h["name"], (h["lower"], h["upper"]), log=h["log"])
        space = ConfigurationSpace()
        space.add(*made.values())
        for c in about["conditions"]:
            child, parent = made[c["child"]], made[c["parent"]]
            equals = c["type"] == "EQ"
            space.add(EqualsCondition(child, parent, c["value"]) if equals else InCondition(child, parent, c["values"]))
        return space

    def loss(self, task: str, configuration: dict[str, Any]) -> float:
        """Return the predicted log loss."""
        values = {**configuration, **FIXED, "task_id": task}
        x_cat = np.array([[self.encoding[name][str(values[name])] for name in CATEGORICAL]], dtype=np.int32)
        x_cont = np.array([[values.get(name, 0.0) for name in NUMERIC]], dtype=np.float32)
        return float(self.session.run(None, {"x_cat": x_cat, "x_cont": x_cont})[0][0][LOG_LOSS])


def run_ours(name: str, yahpo: Yahpo, task: str, seed: int, n: int) -> list[float]:
    """Return the losses in the order of evaluation; all trials take the same time, so seconds have no effect."""
    from automl.search.catalog import make_searcher
    from automl.trials.history import RunHistory
    from automl.trials.trial import FoldResult, Status, TrialResult

    searcher = make_searcher(name, yahpo.space(), seed, [])
    history = RunHistory()
    losses = []
    for _ in range(n):
        trial = searcher.suggest(history, 1)[0]
        losses.append(yahpo.loss(task, dict(trial.configuration)))
        history.append(TrialResult(trial, Status.OK, {0: FoldResult(losses[-1], 1.0, 0.0)}, 1.0))
    return losses


def run_smac3(name: str, yahpo: Yahpo, task: str, seed: int, n: int) -> list[float]:
    """Return the losses of SMAC3's facade for hyperparameter optimization, with its own defaults."""
    import tempfile

    from smac import HyperparameterOptimizationFacade, Scenario

    losses: list[float] = []

    def target(config: Any, seed: int = 0) -> float:
        losses.append(yahpo.loss(task, dict(config)))
        return losses[-1]

    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(yahpo.space(), deterministic=True, n_trials=n, seed=seed, output_directory=Path(folder))
        HyperparameterOptimizationFacade(scenario, target, overwrite=True, logging_level=False).optimize()
    return losses


def regret(results: pd.DataFrame, at: int) -> pd.DataFrame:
    """Return the mean regret after `at` trials, by searcher.

    A regret of 0 is the best known loss of a task, 1 the median of random search after ten trials.
    """
    best = results.sort_values("trial").copy()
    best["loss"] = best.groupby(["searcher", "task", "seed"])["loss"].cummin()
    low = results.groupby("task")["loss"].min()
    start = best[(best["searcher"] == "random") & (best["trial"] == 10)].groupby("task")["loss"].median()
    now = best[best["trial"] == at]
    scaled = (now["loss"] - now["task"].map(low)) / (now["task"].map(start) - now["task"].map(low))
    grouped = scaled.groupby(now["searcher"])
    return pd.DataFrame({"mean": grouped.mean(), "standard error": grouped.sem(), "runs": grouped.size()})


def main(
    yahpo: Annotated[Path, typer.Option(help="Folder of the scenario's files.")],
    searchers: Annotated[str, typer.Option(help="Names with commas.")] = "random,smac,genetic,sobol,tpe",
    n_tasks: Annotated[int, typer.Option(help="Number of tasks.")] = 10,
    seeds: Annotated[int, typer.Option(help="Runs on each task.")] = 5,
    trials: Annotated[int, typer.Option(help="Trials of one run.")] = 200,
    held_out: Annotated[bool, typer.Option(help="Use the tasks of the report, not the development tasks.")] = True,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = RESULTS,
) -> None:
    """Run each search that is not in the file yet, and print the mean regret."""
    require_package("onnxruntime", "onnxruntime")
    if "smac3" in searchers.split(","):
        require_package("smac", "smac")
    for name in FILES:
        require_file(yahpo / name, "https://github.com/slds-lmu/yahpo_data has it in the folder rbv2_xgboost")
    surrogate = Yahpo(yahpo)
    done: set[tuple[str, str, int]] = set()
    if out.exists():
        known = pd.read_csv(out, dtype={"task": str})
        done = set(zip(known["searcher"], known["task"], known["seed"], strict=True))
    for name in searchers.split(","):
        runner: Callable[..., list[float]] = run_smac3 if name == "smac3" else run_ours
        for task in surrogate.tasks(n_tasks, held_out):
            for seed in range(seeds):
                if (name, task, seed) in done:
                    continue
                start = time.perf_counter()
                losses = runner(name, surrogate, task, seed, trials)
                row = {"searcher": name, "task": task, "seed": seed, "trial": range(1, len(losses) + 1), "loss": losses}
                table = pd.DataFrame(row).round({"loss": 6})
                table.to_csv(out, mode="a", header=not out.exists(), index=False)
                seconds = time.perf_counter() - start
                print(f"{name} task {task} seed {seed}: {min(losses):.4f} in {seconds:.0f} s", file=sys.stderr)
    results = pd.read_csv(out, dtype={"task": str})
    for at in sorted({min(50, trials), trials}):
        print(f"after {at} trials\n{regret(results, at).round(4)}\n")


if __name__ == "__main__":
    typer.run(main)
