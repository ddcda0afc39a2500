"""What a fit takes: log-linear guesses of seconds, fitted to 28 public tables, up to 33,000 training rows, one thread;
guesses of memory, counted from what the libraries hold and corrected by what the database of results knows."""

from __future__ import annotations

from pipelines.component import TableTraits


def encoded_width(traits: TableTraits) -> int:
    """Number of columns after a one-hot encoding, roughly: categories beyond 30 a column are grouped."""
    one_hot = sum(min(cardinality, 30) for cardinality in traits.cardinalities)
    return max(1, traits.n_features - len(traits.categorical) + one_hot)


def outputs(traits: TableTraits) -> int:
    """Number of scores a model learns: one per class, one for two classes, one for regression."""
    return traits.n_classes if traits.n_classes > 2 else 1


def power_law(
    traits: TableTraits, constant: float, *, rows: float, columns: float, classes: float = 0.0, width: int | None = None
) -> float:
    """Seconds ``constant * (n / 1000)^rows * (d / 10)^columns * outputs^classes``."""
    d = traits.n_features if width is None else width
    seconds = constant * (traits.n_rows / 1000) ** rows * (max(d, 1) / 10) ** columns
    return seconds * outputs(traits) ** classes


def trees_memory(traits: TableTraits, n_trees: float, leaves: float) -> float:
    """MiB of trees with so many leaves each, and of their pickle: a node has a line of eight numbers and its values."""
    return 2 * n_trees * 2 * leaves * (64 + 8 * max(1, traits.n_classes)) / 2**20


def boosting_memory(traits: TableTraits, leaves: float) -> float:
    """MiB of a boosting library, its gradients, and the trees of a typical number of rounds."""
    return 10 + 32 * traits.n_rows * outputs(traits) / 2**20 + 500 * outputs(traits) * leaves * 100 / 2**20
