"""Log-linear guesses of how long a fit takes, fitted to 28 public tables, up to 33,000 training rows, one thread."""

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
