"""Guesses of the seconds and the memory of a fit.

The guesses of seconds are log-linear. They were fitted to 28 public tables of up to 33,000 training rows, with one
thread. The guesses of memory count what the libraries hold; results in the meta-database corrected them.
"""

from __future__ import annotations

from pipelines.component import TableTraits


def encoded_width(traits: TableTraits) -> int:
    """Return about how many columns a one-hot encoding gives, with at most 30 columns for one category column."""
    one_hot = sum(min(cardinality, 30) for cardinality in traits.cardinalities)
    return max(1, traits.n_features - len(traits.categorical) + one_hot)


def outputs(traits: TableTraits) -> int:
    """Return the number of outputs of a model: one per class, but one for two classes and for regression."""
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


def boosting_memory(traits: TableTraits, leaves: float) -> float:
    """Return the MiB of a boosting library, its gradients, and the trees of a typical number of rounds."""
    return 10 + 32 * traits.n_rows * outputs(traits) / 2**20 + 500 * outputs(traits) * leaves * 100 / 2**20
