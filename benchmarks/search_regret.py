"""Measure the regret of searchers on surrogates of real results (YAHPO Gym: rbv2_xgboost and lcbench).

Example: python -m benchmarks.search_regret --yahpo FOLDER --searchers random,smac --tasks judging --seeds 10

FOLDER has a folder for each scenario (Pfisterer et al., 2022) with model.onnx, encoding.json and config_space.json, as
https://github.com/slds-lmu/yahpo_data has them. A search has 200 trials. The loss of XGBoost is the log loss at the
full training size, that of a network is the validation cross-entropy after 52 epochs. Each search is one row of a CSV
file; searches in the file are skipped. All searchers run on one task with one seed, then on the next task, then with
the next seed, so that a file that is not yet complete has pairs. The searcher smac3 needs an interpreter that has SMAC3
(`pip install smac onnxruntime pandas typer`); all other searchers need this package and onnxruntime.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, InCondition, Integer
from ConfigSpace.hyperparameters import Hyperparameter
from numpy.typing import NDArray

from benchmarks.requirements import require_file, require_package
from benchmarks.result_file import append_row, missing_cells

RESULTS = Path(__file__).parent / "results" / "search_regret.csv"
FILES = ("model.onnx", "encoding.json", "config_space.json")
N_TRIALS = 200
TRIALS = (10, 50, 100, 200)  # the file has the lowest loss after each of these numbers of trials
N_RANDOM = 10_000  # random configurations that define a regret of 1
KEYS = ["scenario", "task", "seed"]
REPORTED = "smac"  # the table has the differences to this searcher
TASKS = {"development": slice(0, 6), "judging": slice(6, 15)}  # positions in the random order of the tasks
# On these tasks of rbv2_xgboost, the surrogate predicts a loss of 0 for many configurations: random search finds it.
FLAT = ("40685", "1478", "1476", "41278", "40498", "1457", "41169")


@dataclass(frozen=True)
class Scenario:
    """The search space of a scenario and its surrogate, a network that predicts the losses of configurations."""

    folder: Path
    task_column: str
    fixed: dict[str, float]
    categorical: tuple[str, ...]
    numeric: tuple[str, ...]
    output: int  # the column of the network's output that is the loss

    @property
    def name(self) -> str:
        """Return the name of the scenario."""
        return self.folder.name

    @cached_property
    def encoding(self) -> dict[str, dict[str, int]]:
        """Return the number of each category, by hyperparameter."""
        return json.loads((self.folder / "encoding.json").read_text())

    @cached_property
    def about(self) -> dict[str, Any]:
        """Return the description of the space."""
        return json.loads((self.folder / "config_space.json").read_text())

    @cached_property
    def session(self) -> Any:
        """Return the loaded network, which runs on one thread."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(str(self.folder / "model.onnx"), options)

    def tasks(self, part: str) -> list[str]:
        """Return the tasks of a part of `TASKS`, from a fixed random order."""
        known = next(h["choices"] for h in self.about["hyperparameters"] if h["name"] == self.task_column)
        names = [name for name in self.encoding[self.task_column] if name in known]
        shuffled = [str(name) for name in np.random.default_rng(1).permutation(names)]
        return [name for name in shuffled if name not in FLAT][TASKS[part]]

    def space(self) -> ConfigurationSpace:
        """Return the scenario's space without task and fidelity."""
        made: dict[str, Hyperparameter[Any, Any]] = {}
        for h in self.about["hyperparameters"]:
            if h["name"] in (self.task_column, *self.fixed):
                continue
            if h["type"].startswith("categorical"):
                made[h["name"]] = Categorical(h["name"], h["choices"])
            else:
                kind = Integer if "int" in h["type"] else Float
                made[h["name"]] = kind(h["name"], (h["lower"], h["upper"]), log=h["log"])
        space = ConfigurationSpace()
        space.add(*made.values())
        for c in self.about["conditions"]:
            child, parent = made[c["child"]], made[c["parent"]]
            equals = c["type"] == "EQ"
            space.add(EqualsCondition(child, parent, c["value"]) if equals else InCondition(child, parent, c["values"]))
        return space

    def losses(self, task: str, configurations: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
        """Return the predicted losses, shape (n,)."""
        return self.outputs(task, configurations)[:, self.output]

    def outputs(self, task: str, configurations: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
        """Return everything that the surrogate predicts, shape (n, n_outputs).

        A configuration may have a value of its own for a fidelity.
        """
        rows = [{**self.fixed, **c, self.task_column: task} for c in configurations]
        codes = [[self.encoding[name][str(row[name])] for name in self.categorical] for row in rows]
        numbers = [[row.get(name, 0.0) for name in self.numeric] for row in rows]
        inputs = {"x_cat": np.array(codes, dtype=np.int32), "x_cont": np.array(numbers, dtype=np.float32)}
        return np.asarray(self.session.run(None, inputs)[0], dtype=float)


def scenarios(yahpo: Path) -> list[Scenario]:
    """Return the scenarios of a folder; end the process if a file is missing."""
    xgboost = Scenario(
        yahpo / "rbv2_xgboost",
        "task_id",
        {"trainsize": 1.0, "repl": 10.0},
        ("task_id", "booster", "num.impute.selected.cpo"),
        ("nrounds", "eta", "gamma", "lambda", "alpha", "subsample", "max_depth", "min_child_weight", "colsample_bytree",
         "colsample_bylevel", "rate_drop", "skip_drop", "trainsize", "repl"),
        output=5,
    )  # fmt: skip
    lcbench = Scenario(
        yahpo / "lcbench",
        "OpenML_task_id",
        {"epoch": 52.0},
        ("OpenML_task_id",),
        ("epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout"),
        output=2,
    )
    for scenario in (xgboost, lcbench):
        for name in FILES:
            path = scenario.folder / name
            require_file(path, f"https://github.com/slds-lmu/yahpo_data has it in the folder {scenario.name}")
    return [xgboost, lcbench]


def run_ours(name: str, scenario: Scenario, task: str, seed: int) -> list[float]:
    """Return the losses in the order of evaluation; all trials take the same time, so seconds have no effect."""
    from automl.search.catalog import make_searcher
    from automl.trials.history import RunHistory
    from automl.trials.trial import FoldResult, Status, TrialResult

    searcher = make_searcher(name, scenario.space(), seed, [])
    history = RunHistory()
    losses = []
    for _ in range(N_TRIALS):
        trial = searcher.suggest(history, 1)[0]
        losses.append(float(scenario.losses(task, [dict(trial.configuration)])[0]))
        history.append(TrialResult(trial, Status.OK, {0: FoldResult(losses[-1], 1.0, 0.0)}, 1.0))
    return losses


def run_smac3(scenario: Scenario, task: str, seed: int) -> list[float]:
    """Return the losses of SMAC3's facade for hyperparameter optimization, with its own defaults."""
    import tempfile

    from smac import HyperparameterOptimizationFacade
    from smac import Scenario as Smac3Scenario

    losses: list[float] = []

    def target(config: Any, seed: int = 0) -> float:
        losses.append(float(scenario.losses(task, [dict(config)])[0]))
        return losses[-1]

    with tempfile.TemporaryDirectory() as folder:
        about = Smac3Scenario(
            scenario.space(), deterministic=True, n_trials=N_TRIALS, seed=seed, output_directory=Path(folder)
        )
        HyperparameterOptimizationFacade(about, target, overwrite=True, logging_level=False).optimize()
    return losses


def with_regret(results: pd.DataFrame, known: Sequence[Scenario]) -> pd.DataFrame:
    """Return the results with losses replaced by regrets.

    A regret of 0 is the best known loss of a task, that of a search in the file or of a random configuration. A regret
    of 1 is the median of random search after ten trials.
    """
    columns = [f"best_{n}" for n in TRIALS]
    out = results.copy()
    for scenario in known:
        space = scenario.space()
        space.seed(0)
        configurations = [dict(c) for c in space.sample_configuration(N_RANDOM)]
        for task, rows in results[results["scenario"] == scenario.name].groupby("task"):
            random = scenario.losses(str(task), configurations)
            best = min(random.min(), rows[columns[-1]].min())
            start = np.median(random.reshape(-1, 10).min(axis=1))
            out.loc[rows.index, columns] = (rows[columns] - best) / (start - best)
    return out


def over_tasks(values: pd.Series) -> str:
    """Return the mean over tasks of the means over seeds, and its standard error; the index has the tasks."""
    means = values.groupby(level=["scenario", "task"]).mean()
    each = means.to_numpy(dtype=np.float64)
    text = f"{each.mean():+.3f}"
    return text if len(each) == 1 else f"{text} ± {each.std(ddof=1) / np.sqrt(len(each)):.3f}"


def table(regrets: pd.DataFrame) -> pd.DataFrame:
    """Return the mean regret of each searcher, and its mean difference to `REPORTED` over pairs of task and seed."""
    rows: dict[str, dict[str, object]] = {}
    reported = regrets[regrets["searcher"] == REPORTED].set_index(KEYS)
    for name, group in regrets.groupby("searcher", sort=False):
        runs = group.set_index(KEYS)
        row: dict[str, object] = {"searches": len(runs), "pairs": len(runs.index.intersection(reported.index))}
        for n in (50, 200):
            column = f"best_{n}"
            row[f"after {n}"] = over_tasks(runs[column]).removeprefix("+")
            difference = (runs[column] - reported[column]).dropna()
            row[f"difference after {n}"] = over_tasks(difference) if name != REPORTED and len(difference) else "-"
        row["CPU s"] = round(runs["cpu_seconds"].median(), 1)
        rows[str(name)] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def main(
    yahpo: Annotated[Path, typer.Option(help="Folder that has a folder for each scenario.")],
    searchers: Annotated[str, typer.Option(help="Names with commas; empty: print the tables only.")] = "random,smac",
    tasks: Annotated[str, typer.Option(help="development (12 tasks) or judging (18 tasks).")] = "judging",
    seeds: Annotated[int, typer.Option(help="Number of searches on each task.")] = 10,
    out: Annotated[Path, typer.Option(help="CSV file to append to.")] = RESULTS,
) -> None:
    """Run each search that is not in the file yet, and print the mean regrets."""
    require_package("onnxruntime", "onnxruntime")
    names = [name for name in searchers.split(",") if name]
    if "smac3" in names:
        require_package("smac", "smac")
    known = scenarios(yahpo)
    pairs = [pair for group in zip(*([(s, t) for t in s.tasks(tasks)] for s in known), strict=True) for pair in group]
    named = {scenario.name: scenario for scenario in known}
    cells = [(name, s.name, task, seed) for seed in range(seeds) for s, task in pairs for name in names]
    for cell in missing_cells(out, ["searcher", *KEYS], cells):
        name, scenario_name, task, seed = cell
        scenario, start = named[scenario_name], time.process_time()
        losses = run_smac3(scenario, task, seed) if name == "smac3" else run_ours(name, scenario, task, seed)
        row: dict[str, object] = dict(zip(["searcher", *KEYS], cell, strict=True))
        row |= {f"best_{n}": round(min(losses[:n]), 6) for n in TRIALS}
        row["cpu_seconds"] = round(time.process_time() - start, 1)
        append_row(out, row, list(row))
        print(*row.values(), file=sys.stderr)
    results = pd.read_csv(out, dtype={"task": str})
    regrets = with_regret(results, known)
    for part in TASKS:
        chosen = {(scenario.name, task) for scenario in known for task in scenario.tasks(part)}
        mask = [pair in chosen for pair in zip(regrets["scenario"], regrets["task"], strict=True)]
        print(f"{part} tasks\n{table(regrets[mask]).to_string()}\n")


if __name__ == "__main__":
    typer.run(main)
