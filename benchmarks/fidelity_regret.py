"""Measure searchers that choose the fidelity against others at equal simulated seconds, on learning curves.

Example: python -m benchmarks.fidelity_regret --yahpo FOLDER --tasks 12 --seeds 3

The curves are those of networks (YAHPO Gym, lcbench; FOLDER as in `search_regret`): a surrogate of real results
predicts the validation cross-entropy and the seconds of a network after each of 52 epochs. The rungs of searchers that
choose the fidelity are 2, 6, 17 and 52 epochs; all others train each network for 52 epochs. A promoted network
continues its training, so that it takes only the seconds of its further epochs; with --restart it takes those of all
its epochs. One trial runs after another, and the seconds of the searcher itself do not count. The unit of time is the
mean time of 52 epochs of a random configuration of the task. A search is judged by the loss after 52 epochs of its
incumbent: the configuration with the lowest loss at the most epochs that any has reached. Regrets are those of
`search_regret`. Each search is one row of a CSV file; searches in the file are skipped.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from automl.search.base import Searcher
from automl.search.catalog import make_searcher
from automl.search.rungs import BracketPlan, Rung
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from benchmarks.requirements import require_package
from benchmarks.result_file import append_row, missing_cells
from benchmarks.search_regret import N_RANDOM, Scenario, over_tasks, scenarios

RESULTS = Path(__file__).parent / "results" / "fidelity_regret.csv"
EPOCHS = 52
PLAN = BracketPlan(tuple(Rung(1, share) for share in (1 / 27, 1 / 9, 1 / 3, 1.0)))
BUDGETS = (5, 10, 20, 30)  # in trainings of 52 epochs
KEYS = ["restart", "scenario", "task", "seed"]
SECONDS, LOSS = 0, 2  # columns of the surrogate's output


def at_epochs(scenario: Scenario, task: str, configuration: dict[str, Any], fidelity: float) -> tuple[float, float]:
    """Return the loss of a configuration at a fidelity, and its seconds from the first epoch on."""
    outputs = scenario.outputs(task, [{**configuration, "epoch": float(max(1, round(EPOCHS * fidelity)))}])[0]
    return float(outputs[LOSS]), max(0.0, float(outputs[SECONDS]))


def random_search(scenario: Scenario, task: str) -> tuple[float, float, float]:
    """Return the mean seconds of a training, the lowest loss, and the median loss of random search after ten trials."""
    space = scenario.space()
    space.seed(0)
    outputs = scenario.outputs(task, [dict(c) for c in space.sample_configuration(N_RANDOM)])
    losses = outputs[:, LOSS]
    return float(outputs[:, SECONDS].mean()), float(losses.min()), float(np.median(losses.reshape(-1, 10).min(axis=1)))


class Simulation:
    """A search on the curves of one task, one trial after another."""

    def __init__(self, scenario: Scenario, task: str, searcher: Searcher, restart: bool):
        self._scenario, self._task, self._searcher, self._restart = scenario, task, searcher, restart
        self._history = RunHistory()
        self._spent: dict[Any, float] = {}  # seconds of the training so far, by configuration
        self._best = (0.0, np.inf)  # the incumbent: its fidelity and its loss there
        self.n_trials, self.elapsed, self.final_loss = 0, 0.0, np.inf

    def step(self, end: float) -> bool:
        """Run the next trial; return False, and leave the trial out, if it would last longer than `end` seconds."""
        [trial] = self._searcher.suggest(self._history, 1)
        c = trial.configuration
        loss, total = at_epochs(self._scenario, self._task, dict(c), trial.fidelity)
        seconds = total if self._restart else max(0.0, total - self._spent.get(c, 0.0))
        if self.elapsed + seconds > end:
            return False
        self.elapsed += seconds
        self.n_trials += 1
        self._spent[c] = total
        self._history.append(TrialResult(trial, Status.OK, {0: FoldResult(loss, seconds, 0.0)}, seconds))
        self._update(trial, loss)
        return True

    def _update(self, trial: Trial, loss: float) -> None:
        fidelity, lowest = self._best
        if trial.fidelity > fidelity or (trial.fidelity == fidelity and loss < lowest):
            self._best = (trial.fidelity, loss)
            self.final_loss = at_epochs(self._scenario, self._task, dict(trial.configuration), 1.0)[0]


def run(name: str, scenario: Scenario, task: str, seed: int, restart: bool) -> dict[str, object]:
    """Return the losses of the incumbent after each of `BUDGETS`, and the number of trials."""
    unit, lowest, start = random_search(scenario, task)
    searcher = make_searcher(name, scenario.space(), seed, plan=PLAN)
    simulation, row = Simulation(scenario, task, searcher, restart), dict[str, object]()
    for budget in BUDGETS:
        while simulation.step(budget * unit):
            pass
        row[f"loss_{budget}"] = round(simulation.final_loss, 6)
    return row | {"lowest": lowest, "start": start, "n_trials": simulation.n_trials}


def with_regret(results: pd.DataFrame) -> pd.DataFrame:
    """Return the results with losses replaced by regrets, which are infinite where no trial has ended."""
    columns = [f"loss_{budget}" for budget in BUDGETS]
    out = results.copy()
    best = results.assign(found=results[columns].min(axis=1)).groupby(["scenario", "task"])[["lowest", "found"]]
    lowest = best.transform("min").min(axis=1)
    for column in columns:
        out[column] = (results[column] - lowest) / (results["start"] - lowest)
    return out


def mean(values: pd.Series) -> str:
    """Return the mean over tasks and its standard error; a dash where a search had no result yet."""
    return "-" if np.isinf(values).any() else over_tasks(values).removeprefix("+")


def median(values: pd.Series) -> str:
    """Return the median of the searches."""
    return f"{values.median():.3f}"


def table(regrets: pd.DataFrame, summarize: Callable[[pd.Series], str]) -> pd.DataFrame:
    """Return the regret of each searcher after each budget, over the pairs of task and seed that all searchers have."""
    names = regrets["searcher"].nunique()
    complete = regrets.groupby(["task", "seed"])["searcher"].transform("nunique") == names
    rows: dict[str, dict[str, object]] = {}
    for name, group in regrets[complete].groupby("searcher", sort=False):
        runs = group.set_index(["scenario", "task", "seed"])
        regret = {f"{b} trainings": summarize(runs[f"loss_{b}"]) for b in BUDGETS}
        rows[str(name)] = {"searches": len(runs), **regret, "trials": runs["n_trials"].median()}
    return pd.DataFrame.from_dict(rows, orient="index")


def main(
    yahpo: Annotated[Path, typer.Option(help="Folder that has a folder for each scenario.")],
    searchers: Annotated[str, typer.Option(help="Names with commas; empty: print the tables only.")] = (
        "random,smac,successive_halving,hyperband,bohb"
    ),
    tasks: Annotated[int, typer.Option(help="Number of tasks, at most 15.")] = 12,
    seeds: Annotated[int, typer.Option(help="Number of searches on each task.")] = 3,
    restart: Annotated[bool, typer.Option("--restart", help="Promoted networks begin their training anew.")] = False,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = RESULTS,
) -> None:
    """Run each search that is not in the file yet, and print the mean regrets."""
    require_package("onnxruntime", "onnxruntime")
    scenario = scenarios(yahpo)[1]
    chosen = [*scenario.tasks("development"), *scenario.tasks("judging")][:tasks]
    names = [name for name in searchers.split(",") if name]
    cells = [(name, restart, scenario.name, task, seed) for seed in range(seeds) for task in chosen for name in names]
    for cell in missing_cells(out, ["searcher", *KEYS], cells):
        name, *_, task, seed = cell
        began = time.process_time()
        row: dict[str, object] = dict(zip(["searcher", *KEYS], cell, strict=True))
        row |= run(name, scenario, task, seed, restart)
        row["cpu_seconds"] = round(time.process_time() - began, 1)
        append_row(out, row, list(row))
        print(*row.values(), file=sys.stderr)
    results = pd.read_csv(out, dtype={"task": str})
    for restarted, group in with_regret(results).groupby("restart"):
        for summarize in (mean, median):
            print(f"{summarize.__name__}, training {'begins anew' if restarted else 'continues'}")
            print(f"{table(group, summarize).to_string()}\n")


if __name__ == "__main__":
    typer.run(main)
