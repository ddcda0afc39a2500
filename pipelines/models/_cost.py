"""Guesses of the seconds and the memory of a fit.

The guesses of seconds are log-linear. They were fitted to 28 public tables of up to 33,000 training rows, with one
thread. The guesses of memory count what the libraries hold; results in the meta-database corrected them.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.component import TableTraits

_FOREST_MEMORY = 400.0  # MiB that the trees of one forest may take, with their pickle
_ROWS_OF_FOREST = 100_000  # more rows are a reason to train a forest on a part of them
LEAVES_PER_ROW = 0.25  # of a tree with leaves of single rows


def encoded_width(traits: TableTraits) -> int:
    """Return about how many columns a one-hot encoding gives, with at most 30 columns for one category column."""
    one_hot = sum(min(cardinality, 30) for cardinality in traits.cardinalities)
    return max(1, traits.n_features - len(traits.categorical) + one_hot)


def outputs(traits: TableTraits) -> int:
    """Return the number of outputs of a model: one per class or quantile, but one for two classes and for a mean."""
    if traits.quantiles:
        return len(traits.quantiles)
    return traits.n_classes if traits.n_classes > 2 else 1


def power_law(
    traits: TableTraits, constant: float, *, rows: float, columns: float, classes: float = 0.0, width: int | None = None
) -> float:
    """Return the seconds ``constant * (n / 1000)^rows * (d / 10)^columns * outputs^classes``."""
    d = traits.n_features if width is None else width
    seconds = constant * (traits.n_rows / 1000) ** rows * (max(d, 1) / 10) ** columns
    return seconds * outputs(traits) ** classes


def trees_memory(traits: TableTraits, n_trees: float, leaves: float) -> float:
    """Return the MiB of trees and of their pickle; a node takes eight numbers of eight bytes, and its values."""
    return 2 * n_trees * 2 * leaves * (64 + 8 * max(1, traits.n_classes)) / 2**20


def rows_of_leaf(traits: TableTraits, n_trees: int) -> tuple[int, int]:
    """Return the range of the fewest rows of a leaf, so that a forest does not take too much memory.

    With many rows and classes the trees would take gigabytes, and larger leaves also predict probabilities better.
    """
    counted = replace(traits, n_rows=min(traits.n_rows, _ROWS_OF_FOREST))
    least = max(1, round(trees_memory(counted, n_trees, LEAVES_PER_ROW * counted.n_rows) / _FOREST_MEMORY))
    return least, max(20, 2 * least)


def boosting_memory(traits: TableTraits, leaves: float) -> float:
    """Return the MiB of a boosting library, its gradients, and the trees of a typical number of rounds."""
    return 10 + 32 * traits.n_rows * outputs(traits) / 2**20 + 500 * outputs(traits) * leaves * 100 / 2**20
