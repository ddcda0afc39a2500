"""Count the tables that are recognized in the shipped meta-database by their content, whole or in part.

Example: python -m benchmarks.same_data --data DATA --share 0.8
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import pandas as pd
import typer

from automl.task.prepare import TrainingData, prepare
from benchmarks.tables import DataFolder, choose_tables, read_table, read_tasks
from meta_db.store import SHIPPED, MetaDatabase
from metalearning.features import MetaFeatures, compute_metafeatures
from metalearning.same_data import find_same


def describe_part(table: pd.DataFrame, task: str, share: float) -> MetaFeatures:
    """Return the meta-features of a random part of a table, as a search computes them."""
    part = table if share >= 1 else table.sample(frac=share, random_state=0)
    data = TrainingData(part.drop(columns="target"), part["target"])
    prepared = prepare(data, classification=task != "regression").task
    return compute_metafeatures(prepared.X, prepared.y, replace(prepared.traits, n_rows=len(prepared.y)), level="cheap")


def main(
    data: DataFolder,
    tables: Annotated[str, typer.Option(help="Names of tables with commas; all if empty.")] = "",
    share: Annotated[float, typer.Option(help="Share of the rows that a search would see.")] = 1.0,
) -> None:
    """Print how many tables are recognized, and each table that is taken for a data set of another family."""
    tasks, recognized, missed = read_tasks(data), 0, list[str]()
    with MetaDatabase(SHIPPED) as database:
        families = {record.name: record.family for _, record in database.datasets()}
        for name in choose_tables(data, tables):
            found = find_same(database, describe_part(read_table(data, name), tasks[name], share))
            if name in found:
                recognized += 1
            elif name in families:
                missed.append(name)
            for other in (other for other, family in found.items() if family != families.get(name)):
                print(f"{name} is taken for {other}")
    print(f"recognized: {recognized} of {recognized + len(missed)} known tables; not: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    typer.run(main)
