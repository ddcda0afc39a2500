"""Counts, moments and entropies of a table: the meta-features that need no fitted model.

The definitions are those of the programs that compute OpenML's qualities (package ``fantail.dc.statistical`` of
openml/EvaluationEngine); the target counts as a column wherever it does there. Two things differ:

- Only the columns that `pipelines.table.reader.TableReader` keeps are counted: it removes constants and identifiers, a
  date is several numbers, and booleans are numbers. A column is binary if it holds two categories, whatever was
  declared.
- The entropy and the mutual information of a category column use only the rows without a missing cell; OpenML takes a
  missing cell for the category that is declared first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearning.table_sample import Array, TableSample

SUMMARIES: dict[str, Callable[[Array], Any]] = {
    "Mean": np.mean,
    "Min": np.min,
    "Max": np.max,
    # Quartiles as OpenML computes them: at position p (n + 1) among n sorted values.
    "Quartile1": lambda values: np.percentile(values, 25, method="weibull"),
    "Quartile2": lambda values: np.percentile(values, 50, method="weibull"),
    "Quartile3": lambda values: np.percentile(values, 75, method="weibull"),
}
MOMENTS = ("Means", "StdDev", "Skewness", "Kurtosis")

SIMPLE = (
    "NumberOfInstances",
    "NumberOfFeatures",
    "NumberOfClasses",
    "Dimensionality",
    "NumberOfInstancesWithMissingValues",
    "NumberOfMissingValues",
    "PercentageOfInstancesWithMissingValues",
    "PercentageOfMissingValues",
    "NumberOfNumericFeatures",
    "NumberOfSymbolicFeatures",
    "NumberOfBinaryFeatures",
    "PercentageOfNumericFeatures",
    "PercentageOfSymbolicFeatures",
    "PercentageOfBinaryFeatures",
    "MajorityClassSize",
    "MinorityClassSize",
    "MajorityClassPercentage",
    "MinorityClassPercentage",
    "AutoCorrelation",
    "MaxNominalAttDistinctValues",
    "MinNominalAttDistinctValues",
    "MeanNominalAttDistinctValues",
    "StdvNominalAttDistinctValues",
)
STATISTICAL = tuple(f"{summary}{moment}OfNumericAtts" for moment in MOMENTS for summary in SUMMARIES)
INFORMATION = (
    "ClassEntropy",
    *(f"{summary}{what}" for what in ("AttributeEntropy", "MutualInformation") for summary in SUMMARIES),
    "EquivalentNumberOfAtts",
    "MeanNoiseToSignalRatio",
)
# Our own features of the target of a regression; OpenML has none.
TARGET = ("TargetSkewness", "TargetKurtosis", "TargetDistinctPercentage", "TargetModePercentage")


def simple(sample: TableSample) -> dict[str, float]:
    """Return counts and shares; those of missing cells are extrapolated from the sample to the table."""
    traits = sample.traits
    n_rows, n_features = len(sample.target), traits.n_features + 1
    cardinalities = list(traits.cardinalities)
    sizes = np.zeros(0)
    if traits.is_classification:
        sizes = _present(np.bincount(sample.target))
        cardinalities.append(len(sizes))
    missing = np.isnan(sample.X)
    cells_missing = missing.mean() * traits.n_features
    rows_missing = missing.any(axis=1).mean()
    n_symbolic, n_binary = len(cardinalities), cardinalities.count(2)
    values = {
        "NumberOfInstances": n_rows,
        "NumberOfFeatures": n_features,
        "NumberOfClasses": len(sizes),
        "Dimensionality": n_features / n_rows,
        "NumberOfInstancesWithMissingValues": np.rint(rows_missing * n_rows),
        "NumberOfMissingValues": np.rint(cells_missing * n_rows),
        "PercentageOfInstancesWithMissingValues": 100 * rows_missing,
        "PercentageOfMissingValues": 100 * cells_missing / n_features,
        "NumberOfNumericFeatures": n_features - n_symbolic,
        "NumberOfSymbolicFeatures": n_symbolic,
        "NumberOfBinaryFeatures": n_binary,
        "PercentageOfNumericFeatures": 100 * (n_features - n_symbolic) / n_features,
        "PercentageOfSymbolicFeatures": 100 * n_symbolic / n_features,
        "PercentageOfBinaryFeatures": 100 * n_binary / n_features,
    }
    if len(sizes):
        values |= {
            "MajorityClassSize": sizes.max(),
            "MinorityClassSize": sizes.min(),
            "MajorityClassPercentage": 100 * sizes.max() / n_rows,
            "MinorityClassPercentage": 100 * sizes.min() / n_rows,
        }
    if n_rows > 1:
        values["AutoCorrelation"] = _autocorrelation(sample)
    if cardinalities:
        values |= {
            "MaxNominalAttDistinctValues": max(cardinalities),
            "MinNominalAttDistinctValues": min(cardinalities),
            "MeanNominalAttDistinctValues": np.mean(cardinalities),
            "StdvNominalAttDistinctValues": np.std(cardinalities, ddof=1) if n_symbolic > 1 else 0.0,
        }
    return values


def _autocorrelation(sample: TableSample) -> float:
    """Return the share of rows with the class of the row before; for numbers 1 minus the mean step between rows."""
    y = sample.target
    if sample.traits.is_classification:
        return float(np.mean(y[1:] == y[:-1]))
    return 1 - float(np.abs(np.diff(y)).mean())


def statistical(sample: TableSample) -> dict[str, float]:
    """Return summaries of mean, deviation, skewness and kurtosis over all numeric columns and a numeric target."""
    numeric = sample.X[:, ~sample.categorical]
    if not sample.traits.is_classification:
        numeric = np.column_stack([numeric, sample.y])
    values: dict[str, float] = {}
    for moment, found in zip(MOMENTS, moments(numeric), strict=True):
        found = found[np.isfinite(found)]
        if len(found):
            values |= {f"{name}{moment}OfNumericAtts": summary(found) for name, summary in SUMMARIES.items()}
    return values


def moments(X: Array) -> tuple[Array, Array, Array, Array]:
    """Return mean, standard deviation, skewness and excess kurtosis of each column, NaN where undefined.

    They are bias-corrected with k-statistics, as in Apache Commons Math and OpenML. Missing cells are left out.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    tuple of four ndarrays of shape (n_columns,)
    """
    here = ~np.isnan(X)
    n = here.sum(axis=0, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(here, X, 0.0).sum(axis=0) / n
        away = np.where(here, X - mean, 0.0)
        square = away * away
        m2, m3, m4 = (np.einsum("ij,ij->j", left, square) / n for left in (here * 1.0, away, square))
        # The variance of a constant column is a rounding error, which has no skewness and no kurtosis.
        m2 = np.where(m2 > (1e-13 * mean) ** 2, m2, np.nan)
        deviation = np.sqrt(np.where(n > 1, np.nan_to_num(m2) * n / (n - 1), np.nan))
        skewness = np.where(n > 2, m3 / m2**1.5 * np.sqrt(n * (n - 1)) / (n - 2), np.nan)
        excess = m4 / m2**2 - 3
        kurtosis = np.where(n > 3, ((n + 1) * excess + 6) * (n - 1) / ((n - 2) * (n - 3)), np.nan)
    return mean, deviation, skewness, kurtosis


def information(sample: TableSample) -> dict[str, float]:
    """Return entropies in bits of the classes and the category columns, and their mutual information."""
    if not sample.traits.is_classification:
        return {}
    class_entropy = entropy(np.bincount(sample.target))
    values: dict[str, float] = {"ClassEntropy": class_entropy}
    found = [_entropies(sample.X[:, column], sample.y) for column in np.flatnonzero(sample.categorical)]
    if not found:
        return values
    entropies, shared = np.array(found).T
    for name, summary in SUMMARIES.items():
        values[f"{name}AttributeEntropy"] = summary(entropies)
        values[f"{name}MutualInformation"] = summary(shared)
    mean = shared.mean()
    if mean > 0:
        values["EquivalentNumberOfAtts"] = class_entropy / mean
        values["MeanNoiseToSignalRatio"] = (entropies.mean() - mean) / mean
    return values


def _entropies(codes: Array, y: NDArray[Any]) -> tuple[float, float]:
    """Return the entropy of a column and its mutual information with the classes, over the rows that have a code."""
    here = ~np.isnan(codes)
    if not here.all():
        codes, y = codes[here], y[here]
    if len(y) == 0:
        return 0.0, 0.0
    n_classes = int(y.max()) + 1
    joint = np.bincount(codes.astype(np.intp) * n_classes + y)
    joint = np.pad(joint, (0, -len(joint) % n_classes)).reshape(-1, n_classes)
    own = entropy(joint.sum(axis=1))
    return own, max(0.0, own + entropy(joint.sum(axis=0)) - entropy(joint.ravel()))


def entropy(counts: NDArray[Any]) -> float:
    """Return the entropy in bits of the distribution with these counts, of shape (n_values,)."""
    shares = _present(counts) / counts.sum()
    return max(0.0, -float(shares @ np.log2(shares)))


def target(sample: TableSample) -> dict[str, float]:
    """Return the skewness and kurtosis of a regression's target, and how often its values repeat."""
    if sample.traits.is_classification:
        return {}
    _, _, skewness, kurtosis = moments(sample.y.astype(np.float64)[:, None])
    counts = np.unique(sample.y, return_counts=True)[1]
    return {
        "TargetSkewness": skewness[0],
        "TargetKurtosis": kurtosis[0],
        "TargetDistinctPercentage": 100 * len(counts) / len(sample.y),
        "TargetModePercentage": 100 * counts.max() / len(sample.y),
    }


def _present(counts: NDArray[Any]) -> NDArray[Any]:
    return counts[counts > 0]
