"""Kernel ridge regression with leave-one-out errors in closed form, with all rows or some rows as centers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, eigh, lapack, solve_triangular

Array = NDArray[Any]

BLOCK_CELLS = 4_000_000  # cells of a matrix that exists only for a moment: 32 MB
_NEAR = 1e-6  # of the bandwidth; the gradient of the kernel is not defined at distance 0
_JITTER = 1e-6  # added to the diagonal of the centers' kernel matrix, which single precision needs


def squared_distances(A: Array, B: Array) -> Array:
    """Return squared Euclidean distances of shape (len(A), len(B))."""
    found = A @ B.T
    found *= -2
    found += np.einsum("ij,ij->i", A, A)[:, None]
    found += np.einsum("ij,ij->i", B, B)
    np.maximum(found, 0, out=found)
    return found


def between(rows: Array) -> Array:
    """Return the squared distances between all rows, with zeros on the diagonal."""
    squared = squared_distances(rows, rows)
    np.fill_diagonal(squared, 0.0)
    return squared


@dataclass(frozen=True)
class ExponentialKernel:
    """The kernel ``exp(-(r / bandwidth) ** exponent)`` of the distance `r`; it is positive definite up to exponent 2.

    Attributes
    ----------
    bandwidth : float
    exponent : float
        1 is the Laplace kernel, 2 the Gaussian kernel.
    """

    bandwidth: float
    exponent: float

    def values(self, squared: Array) -> Array:
        """Return the kernel for squared distances."""
        scaled = squared * (1 / self.bandwidth**2)
        if self.exponent == 1.0:
            np.sqrt(scaled, out=scaled)
        else:
            np.power(scaled, self.exponent / 2, out=scaled)
        np.negative(scaled, out=scaled)
        return np.asarray(np.exp(scaled, out=scaled))

    def slopes(self, squared: Array, values: Array) -> Array:
        """Return the factors of ``x - z`` in the gradient of the kernel by `x`; 0 where both rows are equal."""
        scaled = squared * (1 / self.bandwidth**2)
        near = scaled < _NEAR**2
        scaled[near] = 1.0
        np.power(scaled, self.exponent / 2 - 1, out=scaled)
        scaled *= values
        scaled *= -self.exponent / self.bandwidth**2
        scaled[near] = 0.0
        return np.asarray(scaled)


def ridge_path(K: Array, Y: Array, weight: Array, ridges: Array, counted: Array) -> Array:
    """Return the mean squared leave-one-out error for each ridge, from one eigendecomposition.

    Parameters
    ----------
    K : ndarray of shape (n, n)
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    ridges : ndarray of shape (n_ridges,)
    counted : ndarray of shape (n,)
        Weights of the rows in the mean error.
    """
    root = np.sqrt(weight)
    values, vectors = eigh(root[:, None] * K * root, overwrite_a=True, check_finite=False)
    shrunk = 1 / (np.maximum(values, 0)[:, None] + ridges)
    projected = vectors.T @ (root[:, None] * Y)
    precision = vectors**2 @ shrunk
    losses = [
        np.average(((vectors @ (shrunk[:, [i]] * projected) / (root * precision[:, i])[:, None]) ** 2).sum(axis=1),
                   weights=counted)
        for i in range(len(ridges))
    ]  # fmt: skip
    return np.array(losses)


def coefficients_of(K: Array, Y: Array, weight: Array, ridge: float) -> Array:
    """Return the coefficients of the rows, in the shape of `Y`.

    They minimize ``sum(weight * residual ** 2) + ridge * norm ** 2``. The diagonal of `K` is overwritten.
    """
    return np.asarray(cho_solve((_factor(K, weight, ridge), True), Y, check_finite=False))


def leave_one_out(K: Array, Y: Array, weight: Array, ridge: float) -> tuple[Array, Array]:
    """Return the coefficients of the rows, and their leave-one-out residuals; both have the shape of `Y`.

    The residuals are those of Rasmussen and Williams (2006, equation 5.12), for a row with all its weight. The diagonal
    of `K` is overwritten.
    """
    factor = _factor(K, weight, ridge)
    coefficients = cho_solve((factor, True), Y, check_finite=False)
    inverse, _ = lapack.dpotri(factor, lower=True, overwrite_c=True)
    return coefficients, coefficients / np.diag(inverse)[:, None]


def _factor(K: Array, weight: Array, ridge: float) -> Array:
    """Return the lower Cholesky factor of the matrix with the ridge, which is raised where rounding needs it."""
    diagonal = np.diag_indices(len(K))
    while True:
        K[diagonal] = 1 + ridge / weight  # the kernel of a row with itself is 1
        factor, failed = lapack.dpotrf(K.T, lower=True)
        if not failed:
            return np.asarray(factor)
        ridge *= 10


def outer_product_of_gradients(
    kernel: ExponentialKernel, rows: Array, centers: Array, coefficients: Array, weight: Array
) -> Array:
    """Return the mean outer product of the gradients of all outputs at some rows, of shape (n_features, n_features).

    Parameters
    ----------
    rows, centers : ndarray of shape (n, n_features), ndarray of shape (n_centers, n_features)
    coefficients : ndarray of shape (n_centers, n_outputs)
    weight : ndarray of shape (n,)
    """
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for part in blocks(len(rows), len(centers)):
        squared = squared_distances(rows[part], centers)
        slopes = kernel.slopes(squared, kernel.values(squared))
        for output in coefficients.T:
            pulled = slopes @ output
            gradients = pulled[:, None] * rows[part] - slopes @ (output[:, None] * centers)
            total += (weight[part, None] * gradients).T @ gradients
    return total / weight.sum()


def blocks(n: int, width: int) -> Iterator[slice]:
    """Yield slices of rows whose matrices of `width` columns are small."""
    step = max(1, BLOCK_CELLS // max(1, width))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


class CenterRidge:
    """Kernel ridge regression on some centers: the Nystroem method.

    The rows are mapped to features whose inner product is the kernel, as far as the centers span it. The sums over all
    rows are made block by block, so that memory does not grow with their number.

    Parameters
    ----------
    kernel : ExponentialKernel
    rows : ndarray of shape (n, n_features)
    Y : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    centers : ndarray of shape (n_centers, n_features)
    """

    def __init__(self, kernel: ExponentialKernel, rows: Array, Y: Array, weight: Array, centers: Array):
        self.kernel, self.rows, self.Y, self.weight = kernel, rows.astype(np.float32), Y, weight
        self.centers = centers
        K = kernel.values(between(self.centers))
        K[np.diag_indices(len(K))] += _JITTER
        self.root = cholesky(K, lower=True, overwrite_a=True, check_finite=False)
        self._root32 = self.root.astype(np.float32)
        m = len(centers)
        self._moments, self._target = np.zeros((m, m)), np.zeros((m, Y.shape[1]))
        for part in blocks(len(rows), 2 * m):
            features = self._features(part)
            weighted = features * weight[part].astype(np.float32)
            self._moments += weighted @ features.T
            self._target += weighted @ Y[part].astype(np.float32)

    def _features(self, part: Any) -> Array:
        """Return the features of some rows, of shape (n_centers, n_rows)."""
        K = self.kernel.values(squared_distances(self.centers.astype(np.float32), self.rows[part]))
        return np.asarray(solve_triangular(self._root32, K, lower=True, overwrite_b=True, check_finite=False))

    def solve(self, ridge: float, sample: Array) -> tuple[Array, Array]:
        """Return the coefficients of the centers, and the leave-one-out residuals of a sample of the rows."""
        A = self._moments.copy()
        A[np.diag_indices(len(A))] += ridge
        factor = cholesky(A, lower=True, overwrite_a=True, check_finite=False)
        weights = cho_solve((factor, True), self._target, check_finite=False)
        residuals = np.empty((len(sample), self.Y.shape[1]))
        for part in blocks(len(sample), 2 * len(A)):
            chosen = sample[part]
            features = self._features(chosen).astype(np.float64)
            leverage = self.weight[chosen] * np.einsum(
                "ij,ij->j", *2 * (solve_triangular(factor, features, lower=True, check_finite=False),)
            )
            residuals[part] = (self.Y[chosen] - features.T @ weights) / np.maximum(1 - leverage, 1e-6)[:, None]
        return solve_triangular(self.root, weights, lower=True, trans="T", check_finite=False), residuals
