"""Measure searches with two objectives on surrogates of real results: the hypervolume of their Pareto fronts.

Example: python -m benchmarks.pareto_search --yahpo FOLDER --searchers smac,nsga_ii,nsga_ii_20,tpe,random --seeds 3

The surrogates are those of `search_regret`. The objectives of XGBoost are the log loss and the seconds of a prediction,
those of a network are the validation cross-entropy and the seconds of its training. The hypervolume is the area that a
front dominates, within the values that 90 % of 10,000 random configurations are below. It is given as a share of the
hypervolume of the best known front: that of all searches in the file and of the random configurations. Seconds count on
a logarithmic scale; `--linear` prints the table without it. Each search is one row of a CSV file; searches in the file
are skipped.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from automl.search.baselines import RandomSearcher
from automl.search.optuna_sampler import import_optuna, to_distribution
from automl.search.smac import SmacSearcher
from automl.search.vectors import VectorSpace
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, TrialResult
from benchmarks.requirements import require_package
from benchmarks.result_file import append_row, missing_cells
from benchmarks.search_regret import N_RANDOM, Scenario, scenarios

Array = NDArray[np.float64]
Objectives = Callable[[Sequence[dict[str, Any]]], Array]  # configurations to values of shape (n, 2)

RESULTS = Path(__file__).parent / "results" / "pareto_search.csv"
SECONDS = {"rbv2_xgboost": 7, "lcbench": 0}  # the column of the surrogate's output: of a prediction, of a training
LEAST_SECONDS = 1e-3  # the surrogates also predict values below 0
KEYS = ["searcher", "scenario", "task", "seed"]
REFERENCE = 0.9  # quantile of the values of random configurations, up to which a front counts
OURS, PEER = "smac", "nsga_ii"
# Samplers of Optuna, with their own defaults but for the arguments here.
SAMPLERS: dict[str, tuple[str, dict[str, int]]] = {
    PEER: ("NSGAIISampler", {}),
    "nsga_ii_20": ("NSGAIISampler", {"population_size": 20}),
    "tpe": ("TPESampler", {}),
}


def objectives_of(scenario: Scenario, task: str) -> Objectives:
    """Return the function of the two objectives: loss, and logarithm of seconds."""

    def values(configurations: Sequence[dict[str, Any]]) -> Array:
        out = scenario.outputs(task, configurations)
        seconds = np.maximum(out[:, SECONDS[scenario.name]], LEAST_SECONDS)
        return np.column_stack([out[:, scenario.output], np.log(seconds)])

    return values


def run_ours(name: str, scenario: Scenario, objectives: Objectives, seed: int, n_trials: int) -> Array:
    """Return the values in the order of evaluation, shape (n_trials, 2); all trials take the same time."""

    def further(history: RunHistory) -> Array:
        return np.array([[e.folds[0].info["scores"]["seconds"]] for e in history.evaluations.values()])

    space, history, found = scenario.space(), RunHistory(), []
    searcher = SmacSearcher(space, seed=seed, further=further) if name == OURS else RandomSearcher(space, seed=seed)
    for _ in range(n_trials):
        [trial] = searcher.suggest(history, 1)
        loss, seconds = objectives([dict(trial.configuration)])[0]
        found.append((loss, seconds))
        result = FoldResult(float(loss), 1.0, 0.0, {"scores": {"seconds": float(seconds)}})
        history.append(TrialResult(trial, Status.OK, {0: result}, 1.0))
    return np.array(found)


def run_optuna(name: str, scenario: Scenario, objectives: Objectives, seed: int, n_trials: int) -> Array:
    """Return the values of a sampler of Optuna, in the order of evaluation, shape (n_trials, 2)."""
    optuna = import_optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, vectors = scenario.space(), VectorSpace(scenario.space())
    found = []

    def target(trial: Any) -> tuple[float, float]:
        vector, values = np.full(len(space), np.nan), {}
        for i, (name, hyperparameter) in enumerate(space.items()):
            if vectors.is_active(vector, name):
                values[name] = trial._suggest(name, to_distribution(hyperparameter))
                vector[i] = hyperparameter.to_vector(values[name])
        loss, seconds = objectives([values])[0]
        found.append((loss, seconds))
        return float(loss), float(seconds)

    sampler_name, arguments = SAMPLERS[name]
    sampler = getattr(optuna.samplers, sampler_name)(seed=seed, **arguments)
    optuna.create_study(directions=["minimize", "minimize"], sampler=sampler).optimize(target, n_trials=n_trials)
    return np.array(found)


def front(values: Array) -> Array:
    """Return the points that no other point dominates, by rising loss and falling seconds."""
    ordered = np.unique(values, axis=0)  # sorted by both columns
    lowest = np.minimum.accumulate(ordered[:, 1])
    return ordered[np.concatenate([[True], ordered[1:, 1] < lowest[:-1]])]


def hypervolume(points: Array, reference: Array) -> float:
    """Return the area that points of shape (n, 2) dominate within a reference point.

    >>> hypervolume(np.array([[0.0, 0.5], [0.5, 0.0]]), np.array([1.0, 1.0]))
    0.75
    """
    inside = front(np.append(points[(points < reference).all(axis=1)], [reference], axis=0))
    widths = np.diff(np.append(inside[:, 0], reference[0]))
    return float(widths @ (reference[1] - inside[:, 1]))


def with_shares(results: pd.DataFrame, known: Sequence[Scenario], linear: bool) -> pd.DataFrame:
    """Return the results with the shares of hypervolume in place of fronts."""
    columns = _columns(results)
    shares = {column: np.full(len(results), np.nan) for column in columns}
    for scenario in known:
        space = scenario.space()
        space.seed(0)
        configurations = [dict(c) for c in space.sample_configuration(N_RANDOM)]
        for task in results.loc[results["scenario"] == scenario.name, "task"].unique():
            rows = np.flatnonzero((results["scenario"] == scenario.name) & (results["task"] == task))
            fronts = {(i, c): _read(str(results[c].iloc[i]), linear) for i in rows.tolist() for c in columns}
            random = objectives_of(scenario, str(task))(configurations)
            if linear:
                random[:, 1] = np.exp(random[:, 1])
            reference = np.quantile(random, REFERENCE, axis=0)
            whole = hypervolume(np.concatenate([random, *fronts.values()]), reference)
            for (i, column), points in fronts.items():
                shares[column][i] = hypervolume(points, reference) / whole
    return results.assign(**shares)


def _columns(results: pd.DataFrame) -> list[str]:
    return [str(name) for name in results if str(name).startswith("after_")]


def _read(text: str, linear: bool) -> Array:
    points = np.array(json.loads(text), dtype=float)
    if linear:
        points[:, 1] = np.exp(points[:, 1])
    return points


def table(shares: pd.DataFrame) -> pd.DataFrame:
    """Return the mean share of each searcher by number of trials, and on how many tasks it is not below the peer."""
    columns = _columns(shares)
    means = shares.groupby(["searcher", "scenario", "task"], sort=False)[columns].mean()
    rows = {}
    for name in shares["searcher"].astype(str).unique():
        own = means.xs(name)
        row: dict[str, object] = {"searches": int((shares["searcher"] == name).sum()), "tasks": len(own)}
        for column in columns:
            each = own[column].to_numpy(dtype=np.float64)
            row[column] = f"{each.mean():.3f} ± {each.std(ddof=1) / np.sqrt(len(each)):.3f}"
            if name != PEER and PEER in set(shares["searcher"]):
                difference = (own[column] - means.xs(PEER)[column]).dropna()
                row[f"no worse {column}"] = f"{int((difference >= 0).sum())} of {len(difference)}"
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").fillna("-")


def main(
    yahpo: Annotated[Path, typer.Option(help="Folder that has a folder for each scenario.")],
    searchers: Annotated[str, typer.Option(help="Names with commas; empty: print the table only.")] = "smac,nsga_ii",
    part: Annotated[str, typer.Option("--tasks", help="development or judging.")] = "judging",
    n_tasks: Annotated[int, typer.Option(help="Tasks of each of the two scenarios.")] = 6,
    seeds: Annotated[int, typer.Option(help="Number of searches on each task.")] = 5,
    trials: Annotated[int, typer.Option(help="Trials of a search.")] = 200,
    linear: Annotated[bool, typer.Option("--linear", help="Seconds without logarithm in the hypervolume.")] = False,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = RESULTS,
) -> None:
    """Run each search that is not in the file yet, and print the shares of hypervolume."""
    require_package("onnxruntime", "onnxruntime")
    known = scenarios(yahpo)
    places = [
        (scenario, task) for i in range(n_tasks) for scenario in known for task in scenario.tasks(part)[i : i + 1]
    ]
    names, named = [name for name in searchers.split(",") if name], {scenario.name: scenario for scenario in known}
    cells = [(name, s.name, task, seed) for seed in range(seeds) for s, task in places for name in names]
    for cell in missing_cells(out, KEYS, cells):
        name, scenario_name, task, seed = cell
        scenario = named[scenario_name]
        started, objectives = time.process_time(), objectives_of(scenario, task)
        run = run_optuna if name in SAMPLERS else run_ours
        values = run(name, scenario, objectives, seed, trials)
        row: dict[str, object] = dict(zip(KEYS, cell, strict=True))
        for n in (trials // 4, trials // 2, trials):
            row[f"after_{n}"] = json.dumps(front(values[:n]).round(5).tolist())
        row["cpu_seconds"] = round(time.process_time() - started, 1)
        append_row(out, row, list(row))
        print(*cell, row["cpu_seconds"], file=sys.stderr, flush=True)
    results = pd.read_csv(out, dtype={"task": str})
    chosen = {(scenario.name, task) for scenario, task in places}
    mask = [pair in chosen for pair in zip(results["scenario"], results["task"], strict=True)]
    print(table(with_shares(results[mask], known, linear)).T.to_string())


if __name__ == "__main__":
    typer.run(main)
