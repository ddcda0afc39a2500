"""How well fit times are predicted: for each data set by what its family of near-duplicates did not teach.

Example: python -m benchmarks.runtime_error --file meta.sqlite
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from rich.console import Console

from meta_db.store import SHIPPED, MetaDatabase, Results
from metalearning.runtime import RuntimeCorrection, guess_all, learn, trained_on

_PARTS = 10  # families are left out in so many parts

console = Console()


def part_of(results: Results, chosen: NDArray[np.bool_]) -> Results:
    """The results on some data sets."""
    datasets = [dataset for dataset, taken in zip(results.datasets, chosen, strict=True) if taken]
    return Results(datasets, results.configurations, results.scores[chosen], results.seconds[chosen])


def judge(results: Results, guesses: NDArray[np.float64], learnt: RuntimeCorrection) -> list[dict[str, object]]:
    """One row for each result: by which factor the guess and the correction are off, and whether the bound held."""
    rows: list[dict[str, object]] = []
    for i, (_, record) in enumerate(results.datasets):
        traits = trained_on(record)
        for j in np.flatnonzero(np.isfinite(guesses[i])):
            family, seconds = results.configurations[j][1].family, results.seconds[i, j]
            factor, upper = learnt.factors(family, traits)
            rows.append(
                {
                    "family": family,
                    "seconds": seconds,
                    "guess": abs(np.log(seconds / guesses[i, j])),
                    "learnt": abs(np.log(seconds / (factor * guesses[i, j]))),
                    "covered": seconds <= upper * guesses[i, j],
                }
            )
    return rows


def main(file: Annotated[Path, typer.Option(help="The database.")] = SHIPPED) -> None:
    """Print, by family of models, the median factor by which predictions are off and how many the bound covers."""
    with MetaDatabase(file) as database:
        results = database.results()
    families = np.array([record.family for _, record in results.datasets])
    names = np.random.default_rng(0).permutation(np.unique(families))
    guesses = guess_all(results)
    rows = []
    for part in np.array_split(names, min(_PARTS, len(names))):
        out = np.isin(families, part)
        learnt = learn(part_of(results, ~out), guesses[~out])
        rows += judge(part_of(results, out), guesses[out], learnt)
    table = pd.DataFrame(rows)
    by = table.groupby("family")
    shown = pd.DataFrame(
        {
            "results": by.size(),
            "median seconds": by["seconds"].median(),
            "guess off by": np.exp(by["guess"].median()),
            "learnt off by": np.exp(by["learnt"].median()),
            "covered": by["covered"].mean(),
        }
    )
    shown.loc["all"] = [
        len(table),
        table["seconds"].median(),
        np.exp(table["guess"].median()),
        np.exp(table["learnt"].median()),
        table["covered"].mean(),
    ]
    console.print(shown.round(2).to_string(), highlight=False)


if __name__ == "__main__":
    typer.run(main)
