"""What the memory is worth: regret of initial designs, replayed on the results in the database.

Each data set in turn is treated as new: it and its whole family of near-duplicates are left out of the memory, designs
are made for it, and what their configurations scored on it is looked up. Regret is the best score so far, as a part of
the way from the median to the best of all configurations that were measured there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from rich.console import Console

from automl.budget import Budget
from automl.runtime import RuntimeModel
from automl.search.initial import default_portfolio
from meta_db.store import RANKED_BY, SHIPPED, DatasetRecord, MetaDatabase
from metalearning.metafeatures import MetaFeatures
from metalearning.warmstart import recommend
from pipelines.build import predicted_seconds
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

TRIALS = (1, 2, 5, 10, 20, 30)
_DRAWS = 200  # of the random design

console = Console()


def regret(scores: NDArray[np.float64], best: float, median: float) -> NDArray[np.float64]:
    """Regret after each trial; trials that did not finish change nothing."""
    so_far = np.maximum.accumulate(np.where(np.isnan(scores), -np.inf, scores))
    return np.clip((best - so_far) / max(best - median, 1e-12), 0.0, 2.0)


def designs(
    database: MetaDatabase, record: DatasetRecord, scores: Mapping[Configuration, float], budget: float
) -> dict[str, list[Configuration]]:
    """Each design's configurations for a data set, in order; only those that were measured there."""
    space, traits = build_space(record.traits), record.traits
    left_out = {record.family}

    def cost(configuration: Configuration) -> float:
        return predicted_seconds(configuration, traits)

    def remember(qualities: Mapping[str, float]) -> list[Configuration]:
        metric, patience = RANKED_BY[traits.task], 0.004 * budget
        return recommend([database], MetaFeatures(qualities), space, metric, cost, patience, left_out).configurations

    found = {
        "warm start": remember(record.qualities),
        "global portfolio": remember(_nothing_known(record)),
        "hand-made portfolio": default_portfolio(space, RuntimeModel(traits, 1.0), Budget(budget)),
    }
    return {name: [c for c in order if c in scores] for name, order in found.items()}


def main(
    file: Annotated[Path, typer.Option(help="The database.")] = SHIPPED,
    budget: Annotated[float, typer.Option(help="Seconds that the designs are made for.")] = 60.0,
    out: Annotated[Path | None, typer.Option(help="CSV file with one row a data set, design and trial.")] = None,
) -> None:
    """Replay initial designs."""
    rows = []
    rng = np.random.default_rng(0)
    with MetaDatabase(file) as database:
        results = database.results()
        for i, (_, record) in enumerate(results.datasets):
            space = build_space(record.traits)
            scores: dict[Configuration, float] = {}
            for (_, entry), score in zip(results.configurations, results.scores[i], strict=True):
                completed = complete(space, entry) if np.isfinite(score) else None
                if completed is not None:
                    scores.setdefault(completed, float(score))
            values = np.array(list(scores.values()))
            if len(values) < max(TRIALS) or not record.qualities:
                continue
            best, median = float(values.max()), float(np.median(values))
            curves = {
                name: regret(np.array([scores[c] for c in order]), best, median)
                for name, order in designs(database, record, scores, budget).items()
            }
            curves["random"] = np.mean([regret(rng.permutation(values), best, median) for _ in range(_DRAWS)], axis=0)
            for name, curve in curves.items():
                rows += [
                    {"dataset": record.name, "task": record.traits.task, "design": name, "trial": k, "regret": value}
                    for k, value in enumerate(curve, 1)
                ]
    table = pd.DataFrame(rows)
    if out is not None:
        table.to_csv(out, index=False)
    _show(table)


def _show(table: pd.DataFrame) -> None:
    n = table["dataset"].nunique()
    console.print(f"{n} data sets; mean regret after so many trials", highlight=False)
    shown = table[table["trial"].isin(TRIALS)].pivot_table(index="design", columns="trial", values="regret")
    console.print(shown.round(3).to_string(), highlight=False)
    random = table[table["design"] == "random"].groupby("trial")["regret"].mean()
    for name, curve in table[table["trial"] == 10].groupby("design")["regret"]:
        needed = random.index[random <= curve.mean()]
        said = f"{needed[0]}" if len(needed) else f"more than {random.index.max()}"
        console.print(f"{name}: with 10 trials what random reaches with {said}", highlight=False)


def _nothing_known(record: DatasetRecord) -> dict[str, float]:
    """Meta-features that make all data sets of the kind equally near."""
    return {"NumberOfClasses": float(record.traits.n_classes)}


if __name__ == "__main__":
    typer.run(main)
