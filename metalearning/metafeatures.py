"""Meta-features: named numbers that describe a table, and the vectors in which data sets are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from metalearning.names import VECTOR
from metalearning.table_sample import Array

FARTHEST = 3.0  # robust standard deviations from the center; a value beyond counts as this far away


@dataclass(frozen=True)
class MetaFeatures:
    """The meta-features of a table.

    Attributes
    ----------
    values : mapping of str to float
        By OpenML's names, in OpenML's units (percentages are 0 to 100). Every value is finite. A meta-feature that is
        not defined for the table (such as entropies of category columns without any) is absent.
    """

    values: Mapping[str, float]

    def to_vector(self, names: Sequence[str] = VECTOR) -> Array:
        """Return the values without their scale, NaN where absent; shape (len(names),).

        - counts, sizes, numbers of distinct values, ratios of entropies: log(1 + x)
        - dimensionality: log(x)
        - percentages: x / 100
        - skewness, kurtosis, means and deviations: sign(x) log(1 + abs(x))
        - relative errors (RRSE): x, at most 2
        - entropies in bits, areas under curves, error rates, kappas: x

        `VECTOR` leaves out the meta-features that depend on units of measurement (means and deviations) or on the
        order of the rows.
        """
        return np.array([_transformed(name, self.values[name]) if name in self.values else np.nan for name in names])


@dataclass(frozen=True)
class Scaling:
    """Centers and scales of the meta-features, fitted on the data sets of a database.

    Attributes
    ----------
    names : tuple of str
    centers, scales : tuple of float
        Median, and interquartile range divided by 1.349 (the standard deviation of normal values), of the transformed
        values of each name.
    """

    names: tuple[str, ...]
    centers: tuple[float, ...]
    scales: tuple[float, ...]

    @classmethod
    def fit(cls, described: Sequence[MetaFeatures], names: Sequence[str] = VECTOR) -> Scaling:
        """Fit a scaling; a name that no data set has, or whose values do not vary, gets the scale 1.

        Raises
        ------
        ValueError
            If there is no data set.
        """
        if not described:
            raise ValueError("a scaling needs the meta-features of at least one data set")
        table = np.array([one.to_vector(names) for one in described]).reshape(len(described), len(names))
        centers, scales = np.zeros(len(names)), np.ones(len(names))
        for i, column in enumerate(table.T):
            known = column[~np.isnan(column)]
            if len(known):
                low, centers[i], high = np.percentile(known, (25, 50, 75))
                spread = (high - low) / 1.349
                scales[i] = spread if spread > 1e-9 else float(known.std()) or 1.0
        return cls(tuple(names), tuple(centers.tolist()), tuple(scales.tolist()))

    def transform(self, described: MetaFeatures) -> Array:
        """Return robust z-scores between -`FARTHEST` and `FARTHEST`, 0 where absent; shape (len(names),)."""
        scaled = (described.to_vector(self.names) - self.centers) / self.scales
        return np.nan_to_num(np.clip(scaled, -FARTHEST, FARTHEST))

    def known(self, described: MetaFeatures) -> NDArray[np.bool_]:
        """Return which names have a value; the others should not count in distances. Shape (len(names),)."""
        return np.array([name in described.values for name in self.names], dtype=bool)


def _transformed(name: str, value: float) -> float:
    return float(_change(name)(value))


@cache
def _change(name: str) -> Callable[[float], float]:
    return next(change for test, change in _CHANGES if test(name))


def _signed_log(value: float) -> float:
    return float(np.copysign(np.log1p(abs(value)), value))


# The first test that a name passes decides the transformation of its values.
_CHANGES: tuple[tuple[Callable[[str], bool], Callable[[float], float]], ...] = (
    (lambda name: "Percentage" in name, lambda value: value / 100),
    (lambda name: name == "Dimensionality", np.log),
    (
        lambda name: name.startswith("NumberOf") or name.endswith(("ClassSize", "DistinctValues", "OfAtts", "Ratio")),
        lambda value: np.log1p(max(0.0, value)),
    ),
    (lambda name: name.endswith("OfNumericAtts") or name in ("TargetSkewness", "TargetKurtosis"), _signed_log),
    (lambda name: name.endswith("RRSE"), lambda value: min(value, 2.0)),
    (lambda name: True, float),
)
