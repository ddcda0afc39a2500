"""Measure the seconds and bytes of stored pipelines of each model family, beside those of pickle."""

from __future__ import annotations

import argparse
import pickle
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines import storage
from pipelines.build import build_pipeline
from pipelines.component import FitContext, TableTraits
from pipelines.configuration import Configuration
from pipelines.models import PORTFOLIO
from pipelines.space import build_space, complete

N_CATEGORIES = (4, 12)


def make_table(n_rows: int) -> tuple[TableTraits, np.ndarray, np.ndarray]:
    """Return the traits, the table and the classes of a table of 20 columns, of which two hold categories."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 20))
    X[:, :2] = np.column_stack([rng.integers(0, n, n_rows) for n in N_CATEGORIES])
    y = (X[:, 2] + X[:, 0] % 2 + rng.normal(size=n_rows) > 0.5).astype(int)
    return TableTraits("binary", n_rows, 20, 2, (0, 1), N_CATEGORIES), X, y


def least_seconds(action: Callable[[], Any], repeats: int) -> float:
    """Return the least seconds of several calls."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        found.append(time.perf_counter() - start)
    return min(found)


def measure(configuration: Configuration, n_rows: int, seconds: float, repeats: int) -> str:
    """Return one line of the table; raise an error if a stored pipeline predicts something else."""
    traits, X, y = make_table(n_rows)
    pipeline = build_pipeline(configuration, FitContext(traits, random_state=1, time_limit=seconds)).fit(X, y)
    pickled, stored = pickle.dumps(pipeline, protocol=5), storage.dump(pipeline)
    if not np.array_equal(storage.load(stored).predict_proba(X), pipeline.predict_proba(X)):
        raise SystemExit(f"{configuration.family} predicts something else after it was stored")
    times = [
        1000 * least_seconds(action, repeats)
        for action in (
            lambda: storage.dump(pipeline),
            lambda: pickle.dumps(pipeline, protocol=5),
            lambda: storage.load(stored),
            lambda: pickle.loads(pickled),
        )
    ]
    cells = [configuration.family, *(f"{value:.1f}" for value in times)]
    cells += [f"{len(content) / 1000:,.0f}" for content in (stored, pickled)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=6.0, help="time limit of one fit")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--models", default="", help="names of families, separated by commas; all families by default")
    arguments = parser.parse_args()
    chosen = [name for name in arguments.models.split(",") if name]
    space = build_space(make_table(arguments.rows)[0], seed=0)
    print("| family | write, ms | pickle | read, ms | unpickle | KB | pickle |")
    print("|---|---|---|---|---|---|---|")
    done = set()
    for entry in PORTFOLIO:
        family = str(entry["model"])
        configuration = None if family in done or (chosen and family not in chosen) else complete(space, entry)
        if configuration is None:
            continue
        done.add(family)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            print(measure(configuration, arguments.rows, arguments.seconds, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
