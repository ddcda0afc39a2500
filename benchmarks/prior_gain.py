"""Measure what a good and a wrong prior of the user change in a search, on the surrogates of `search_regret`.

Example: python -m benchmarks.prior_gain --yahpo FOLDER --beta 3

A good prior names the values of the best of 10,000 random configurations of a task, a wrong one those of the worst.
Both have the default standard deviation. A regret of 0 is the lowest loss among the random configurations and all
searches of a task, 1 is the median of random search after ten trials.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from automl.search import prior
from automl.search.smac import SmacSearcher
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, TrialResult
from benchmarks.requirements import require_package
from benchmarks.search_regret import N_RANDOM, Scenario, scenarios
from pipelines.overrides import Override, Prior


def make_prior(configuration: dict[str, Any]) -> dict[str, Override]:
    """Return priors at the values of a configuration."""
    return {
        name: Override(prior=Prior(weights={value: 1.0}) if isinstance(value, str | bool) else Prior(value))
        for name, value in configuration.items()
    }


def search(scenario: Scenario, task: str, seed: int, n_trials: int, overrides: dict[str, Override]) -> list[float]:
    """Return the losses of a search in the order of evaluation."""
    searcher, history, losses = SmacSearcher(scenario.space(), seed=seed, overrides=overrides), RunHistory(), []
    for _ in range(n_trials):
        [trial] = searcher.suggest(history, 1)
        losses.append(float(scenario.losses(task, [dict(trial.configuration)])[0]))
        history.append(TrialResult(trial, Status.OK, {0: FoldResult(losses[-1], 1.0, 0.0)}, 1.0))
    return losses


def main(
    yahpo: Annotated[Path, typer.Option(help="Folder that has a folder for each scenario.")],
    tasks: Annotated[int, typer.Option(help="Number of development tasks, half of either scenario.")] = 6,
    seeds: Annotated[int, typer.Option(help="Number of searches on each task.")] = 1,
    trials: Annotated[int, typer.Option(help="Trials of a search.")] = 40,
    beta: Annotated[float, typer.Option(help="Results after which the prior counts once.")] = prior.BETA,
    priors: Annotated[str, typer.Option(help="Priors of the searches, with commas.")] = "none,good,wrong",
) -> None:
    """Run the searches and print the mean regrets."""
    require_package("onnxruntime", "onnxruntime")
    prior.BETA = beta
    rows = []
    for scenario in scenarios(yahpo):
        for task in scenario.tasks("development")[: tasks // 2]:
            space = scenario.space()
            space.seed(0)
            configurations = [dict(c) for c in space.sample_configuration(N_RANDOM)]
            random = scenario.losses(task, configurations)
            ends = {"none": None, "good": int(random.argmin()), "wrong": int(random.argmax())}
            start = np.median(random.reshape(-1, 10).min(axis=1))
            for seed in range(seeds):
                for name in priors.split(","):
                    at = ends[name]
                    losses = search(scenario, task, seed, trials, {} if at is None else make_prior(configurations[at]))
                    row = {"scenario": scenario.name, "task": task, "prior": name, "start": start, "best": random.min()}
                    half = trials // 2
                    rows.append(row | {f"after {half}": min(losses[:half]), f"after {trials}": min(losses)})
                    print(scenario.name, task, name, rows[-1][f"after {half}"], rows[-1][f"after {trials}"], flush=True)
    table = pd.DataFrame(rows)
    columns = [f"after {n}" for n in (trials // 2, trials)]
    lowest = table.groupby(["scenario", "task"])[["best", columns[-1]]].transform("min").min(axis=1)
    for column in columns:
        table[column] = (table[column] - lowest) / (table["start"] - lowest)
    print(table.groupby("prior", sort=False)[columns].agg(["mean", "sem"]).round(3).to_string())


if __name__ == "__main__":
    typer.run(main)
