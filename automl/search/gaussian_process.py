"""A Gaussian process that predicts the cost of the configurations of one family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import squareform

Array = NDArray[np.float64]

LEAST_ROWS = 15  # results of a family from which on a process predicts its costs
# Results that a process knows, and that its hyperparameters are fitted to, so that a suggestion stays fast.
MOST_ROWS, _MOST_FITTED_ROWS = 200, 100
_MOST_ITERATIONS = 20
_OTHER_FAMILIES = 5.0  # added to the highest cost for rows of other families
# Means and standard deviations of normal priors of logarithms: of length scales, signal variance and noise variance.
# Distances grow with the number of features, and so do the length scales (Hvarfner et al., 2024, arXiv 2402.02229).
_LENGTH_PER_ROOT = 0.25
_PRIOR_MEAN, _PRIOR_DEVIATION = (0.0, np.log(0.01)), (1.0, 1.0, 1.5)
_BOUNDS = ((-4.0, 4.0), (-3.0, 3.0), (-9.0, 1.0))
_JITTER = 1e-8


def fit_hyperparameters(X: Array, y: Array) -> Array:
    """Return the logarithms of length scales, signal variance and noise variance of the highest posterior density.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
        Standardized targets.

    Returns
    -------
    ndarray of shape (d + 2,)
    """
    n, d = X.shape
    first, second = np.triu_indices(n, 1)  # each pair of rows once, in the order of squareform
    squares = np.ascontiguousarray(((X[first] - X[second]) ** 2).T)
    eye = np.eye(n)
    mean = np.array([*[np.log(_LENGTH_PER_ROOT * np.sqrt(d))] * d, *_PRIOR_MEAN])
    deviation = np.array([*[_PRIOR_DEVIATION[0]] * d, *_PRIOR_DEVIATION[1:]])

    def loss_and_gradient(log: Array) -> tuple[float, Array]:
        lengths, signal, noise = np.exp(log[:d]), np.exp(log[d]), np.exp(log[d + 1])
        r = np.sqrt(5.0 * (lengths**-2 @ squares))
        decay = np.exp(-r)
        kernel = squareform((1 + r + r**2 / 3) * decay) + eye
        factor = cho_factor(signal * kernel + (noise + _JITTER) * eye, lower=True)
        weights = cho_solve(factor, y)
        slope = cho_solve(factor, eye) - np.outer(weights, weights)
        gradient = np.empty(d + 2)
        # The derivative of the kernel by the logarithm of a length scale is 5/3 (1 + r) exp(-r) square / length^2.
        gradient[:d] = 5 / 3 * signal * (squares @ (slope[first, second] * (1 + r) * decay)) / lengths**2
        gradient[d], gradient[d + 1] = 0.5 * signal * (slope * kernel).sum(), 0.5 * noise * np.trace(slope)
        z = (log - mean) / deviation
        value = 0.5 * y @ weights + np.log(np.diag(factor[0])).sum() + 0.5 * z @ z
        return float(value), gradient + z / deviation

    bounds = [*[_BOUNDS[0]] * d, *_BOUNDS[1:]]
    options = {"maxiter": _MOST_ITERATIONS}
    return np.asarray(minimize(loss_and_gradient, mean, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x)


@dataclass(frozen=True)
class GaussianProcess:
    """A process with a Matern 5/2 kernel, and a length scale for each feature (Rasmussen and Williams, 2006, ch. 2)."""

    X: Array  # divided by the length scales, shape (n, d)
    lengths: Array
    signal: float
    factor: Array  # lower Cholesky factor of the covariance, shape (n, n)
    weights: Array
    center: float
    scale: float

    @staticmethod
    def fit(X: Array, y: Array, hyperparameters: Array) -> GaussianProcess:
        """Condition a process on features of shape (n, d) and targets of shape (n,)."""
        center, scale = float(y.mean()), float(y.std()) or 1.0
        lengths, signal, noise = np.exp(hyperparameters[:-2]), *np.exp(hyperparameters[-2:])
        scaled = X / lengths
        covariance = signal * _matern(scaled, scaled) + (noise + _JITTER) * np.eye(len(X))
        factor = np.tril(cho_factor(covariance, lower=True)[0])
        weights = cho_solve((factor, True), (y - center) / scale)
        return GaussianProcess(scaled, lengths, float(signal), factor, weights, center, scale)

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Return the mean and the standard deviation of the target without its noise, each of shape (n,)."""
        covariance = self.signal * _matern(X / self.lengths, self.X)
        explained = (solve_triangular(self.factor, covariance.T, lower=True) ** 2).sum(axis=0)
        deviation = np.sqrt(np.maximum(self.signal - explained, _JITTER))
        return self.center + self.scale * (covariance @ self.weights), self.scale * deviation


@dataclass(frozen=True)
class Features:
    """The columns of a family's rows that differ, as features of its process: numbers, and indicators of categories."""

    numbers: NDArray[np.int_]
    categories: NDArray[np.int_]
    values: Array  # one for each indicator, shape (len(categories),)

    @staticmethod
    def of(X: NDArray[np.float32], n_choices: NDArray[np.int_]) -> Features:
        """Choose the features of rows of shape (n, n_hyperparameters); inactive entries are -1."""
        varies = np.ptp(X, axis=0) > 0
        pairs = [(i, value) for i in np.flatnonzero(varies & (n_choices > 0)) for value in np.unique(X[:, i])]
        categories, values = np.array([i for i, _ in pairs], dtype=np.int_), np.array([value for _, value in pairs])
        return Features(np.flatnonzero(varies & (n_choices == 0)), categories, values)

    def __call__(self, X: NDArray[np.float32]) -> Array:
        """Return features of shape (n, d)."""
        return np.hstack([X[:, self.numbers], X[:, self.categories] == self.values]).astype(np.float64)


@dataclass(frozen=True)
class FamilyProcess:
    """Predicts the cost of the configurations of one family: the one of the lowest cost.

    Attributes
    ----------
    process : GaussianProcess
    features : Features
    column : int or None
        Column of the hyperparameter that is the family; None where all configurations are of one family.
    family : float
        The value in this column.
    other : float
        The cost that is predicted for all other families, so high that none of them is suggested.
    """

    process: GaussianProcess
    features: Features
    column: int | None
    family: float
    other: float

    @staticmethod
    def fit(
        X: NDArray[np.float32],
        costs: Array,
        pending: NDArray[np.float32],
        n_choices: NDArray[np.int_],
        column: int | None,
    ) -> FamilyProcess | None:
        """Fit a process to the family of the lowest cost; return None where it has too few results.

        A configuration that still runs counts as one of the predicted cost (kriging believer, Ginsbourger et al.,
        2010).

        Parameters
        ----------
        X : ndarray of shape (n, n_hyperparameters)
            Inactive entries are -1.
        costs : ndarray of shape (n,)
        pending : ndarray of shape (m, n_hyperparameters)
            The configurations that still run.
        n_choices : ndarray of int of shape (n_hyperparameters,)
            Number of choices of each hyperparameter; 0 for a number.
        column : int or None
            Column of the hyperparameter that is the family.
        """
        family = 0.0 if column is None else float(X[np.argmin(costs), column])
        rows = np.flatnonzero(_of_family(X, column, family))
        if len(rows) < LEAST_ROWS or np.ptp(costs[rows]) == 0:
            return None
        rows = _thinned(rows, costs, MOST_ROWS)
        features = Features.of(X[rows], n_choices)
        known, targets = features(X[rows]), costs[rows]
        few = _thinned(np.arange(len(rows)), targets, _MOST_FITTED_ROWS)
        hyperparameters = fit_hyperparameters(known[few], (targets[few] - targets.mean()) / targets.std())
        process = GaussianProcess.fit(known, targets, hyperparameters)
        running = features(pending[_of_family(pending, column, family)])
        if len(running):
            targets = np.concatenate([targets, process.predict(running)[0]])
            process = GaussianProcess.fit(np.concatenate([known, running]), targets, hyperparameters)
        return FamilyProcess(process, features, column, family, float(costs.max()) + _OTHER_FAMILIES)

    def predict(self, X: NDArray[np.float32]) -> tuple[Array, Array]:
        """Return the mean and the standard deviation of the cost, each of shape (n,)."""
        mean, deviation = np.full(len(X), self.other), np.full(len(X), 1e-3)
        rows = _of_family(X, self.column, self.family)
        mean[rows], deviation[rows] = self.process.predict(self.features(X[rows]))
        return mean, deviation


def _of_family(X: NDArray[np.float32], column: int | None, family: float) -> NDArray[np.bool_]:
    return np.ones(len(X), dtype=bool) if column is None else X[:, column] == family


def _thinned(rows: NDArray[np.int_], costs: Array, most: int) -> NDArray[np.int_]:
    """Return at most `most` rows: half of them have the lowest costs, the others are evenly spaced in their order."""
    if len(rows) <= most:
        return rows
    ordered = rows[np.argsort(costs[rows], kind="stable")]
    places = np.linspace(most // 2, len(rows) - 1, most - most // 2).round().astype(np.int_)
    return np.concatenate([ordered[: most // 2], ordered[places]])


def _matern(A: Array, B: Array) -> Array:
    """Return the Matern 5/2 correlation of rows whose length scales are 1, shape (len(A), len(B))."""
    squares = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T  # faster than cdist
    r = np.sqrt(5.0 * np.maximum(squares, 0.0))
    return np.asarray((1 + r + r**2 / 3) * np.exp(-r))
