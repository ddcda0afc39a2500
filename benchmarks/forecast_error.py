"""Measure the error of the forecasts of fit seconds and fit memory.

The corrections for a data set are fitted without the results of its family of near-duplicates.

Example: python -m benchmarks.forecast_error --data DATA
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray

from automl.execute.local import LocalExecutor
from automl.meta.build import BenchmarkTable, MeasurementProtocol, prepare_benchmark_table, read_benchmark_tables
from automl.trials.trial import Trial
from benchmarks.tables import check_names, read_tasks
from meta_db.records import Results
from meta_db.store import SHIPPED, MetaDatabase
from metalearning.correction import FIT_MEMORY, SECONDS, Correction, Cost, fit_correction, guess_all, trained_on
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, complete

_PARTS = 10  # parts of the families for cross-validation
_LONG = {"connect_4": 8_000, "coil2000": 9_000, "letter": 20_000, "mv": 40_000, "shuttle": 58_000, "kddcup": 60_000}
_LONG_TABLES = ",".join(f"{name}:{n_rows}" for name, n_rows in _LONG.items())


def part_of(results: Results, chosen: NDArray[np.bool_]) -> Results:
    """Return the results on the chosen data sets."""
    datasets = [dataset for dataset, taken in zip(results.datasets, chosen, strict=True) if taken]
    arrays = (results.scores[chosen], results.seconds[chosen], results.memory[chosen])
    return Results(datasets, results.configurations, *arrays)


def judge(
    cost: Cost, results: Results, guesses: NDArray[np.float64], correction: Correction
) -> list[dict[str, object]]:
    """Return one row for each result: the measured value, the errors of guess and forecast, the upper bound."""
    rows: list[dict[str, object]] = []
    for i, (_, record) in enumerate(results.datasets):
        traits, taken = trained_on(record), cost.measured(results)[i]
        for j in np.flatnonzero(np.isfinite(guesses[i])):
            family = results.configurations[j][1].family
            rows.append(_row(family, max(cost.least, taken[j]), guesses[i, j], correction.factors(family, traits)))
    return rows


def judge_long(
    data: Path, tables: dict[str, int], models: Sequence[str], seconds: float, correction: Correction
) -> list[dict[str, object]]:
    """Measure the memory of the portfolio's fits on tables that are longer than the recorded ones."""
    check_names(list(tables), list(read_tasks(data)), f"in the index of '{data}'", "table")
    sources = {source.name: source for source in read_benchmark_tables(data)}
    entries = [entry for entry in PORTFOLIO if not models or entry["model"] in models]
    return [row for name, rows in tables.items() for row in _fit_all(sources[name], rows, entries, seconds, correction)]


def _fit_all(
    source: BenchmarkTable, n_rows: int, entries: Sequence[Mapping[str, Any]], seconds: float, correction: Correction
) -> list[dict[str, object]]:
    """Fit the entries of the portfolio that apply to a table; return one row for each measured fit."""
    task, _ = prepare_benchmark_table(source, MeasurementProtocol(max_rows=n_rows))
    trained = replace(task.traits, n_rows=len(task.folds[0][0]))
    space = build_space(task.traits)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        task.save(Path(folder))
        executor = LocalExecutor(Path(folder), 1, device="cpu")
        for configuration in dict.fromkeys(filter(None, (complete(space, entry) for entry in entries))):
            (result,) = executor.submit([Trial(configuration)], seconds).result()
            if 0 in result.folds and "memory" in result.folds[0].info:
                taken = max(FIT_MEMORY.least, result.folds[0].info["memory"])
                guess = max(FIT_MEMORY.least, FIT_MEMORY.guess(configuration, trained))
                rows.append(_row(configuration.family, taken, guess, correction.factors(configuration.family, trained)))
        executor.shutdown()
    return rows


def _row(family: str, taken: float, guess: float, factors: tuple[float, float]) -> dict[str, object]:
    return {
        "family": family,
        "measured": taken,
        "guess": abs(np.log(taken / guess)),
        "corrected": abs(np.log(taken / (factors[0] * guess))),
        "covered": taken <= factors[1] * guess,
    }


def _show(title: str, unit: str, rows: list[dict[str, object]]) -> None:
    table = pd.DataFrame(rows)
    everything = table.assign(family="all")
    by = pd.concat([table, everything]).groupby("family", sort=False)
    printed = pd.DataFrame(
        {
            "results": by.size(),
            f"median {unit}": by["measured"].median(),
            "largest": by["measured"].max(),
            "guess off by": np.exp(by["guess"].median()),
            "corrected off by": np.exp(by["corrected"].median()),
            "... nine of ten": np.exp(by["corrected"].quantile(0.9)),
            "covered": by["covered"].mean(),
        }
    )
    print(f"{title}\n{printed.round(2).to_string()}")


def main(
    file: Annotated[Path, typer.Option(help="File of the meta-database.")] = SHIPPED,
    data: Annotated[Path | None, typer.Option(help="Folder of tables; measure memory on long tables, too.")] = None,
    long_tables: Annotated[str, typer.Option(help="Long tables: NAME:ROWS with commas.")] = _LONG_TABLES,
    models: Annotated[str, typer.Option(help="Families to fit on long tables; empty for the whole portfolio.")] = "",
    fit_seconds: Annotated[float, typer.Option(help="Limit of one fit on a long table.")] = 6.0,
) -> None:
    """Print the factor by which forecasts are off, and the share that the upper bound covers, by family of models."""
    with MetaDatabase(file) as database:
        results = database.results()
    families = np.array([record.family for _, record in results.datasets])
    names = np.random.default_rng(0).permutation(np.unique(families))
    for cost, title, unit in ((SECONDS, "seconds", "s"), (FIT_MEMORY, "memory of fits", "MiB")):
        guesses = guess_all(cost, results)
        rows = []
        for part in np.array_split(names, min(_PARTS, len(names))):
            out = np.isin(families, part)
            correction = fit_correction(cost, part_of(results, ~out), guesses[~out])
            rows += judge(cost, part_of(results, out), guesses[out], correction)
        _show(title, unit, rows)
    if data is not None:
        tables = {name: int(rows) for name, rows in (pair.split(":") for pair in long_tables.split(","))}
        families_to_fit = [name for name in models.split(",") if name]
        correction = fit_correction(FIT_MEMORY, results, guess_all(FIT_MEMORY, results))
        _show(
            "memory of fits on longer tables", "MiB", judge_long(data, tables, families_to_fit, fit_seconds, correction)
        )


if __name__ == "__main__":
    typer.run(main)
