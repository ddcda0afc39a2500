"""The surrogate: predicts the cost of a configuration and the seconds that it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.tree import DecisionTreeRegressor

from automl.search.gaussian_process import FamilyProcess
from automl.search.vectors import VectorSpace
from automl.trials.history import Observation

Array = NDArray[np.float64]

FIXED_SECONDS = 1.0  # added to the seconds of each configuration, because a very fast one has a price as well
# As many trees as a suggestion can grow in 50 ms when 500 trials are known.
N_TREES, N_TREES_FEW_FEATURES, FEW_FEATURES = 12, 24, 20
N_TREES_SECONDS = 4
# Features that a split chooses from: nearly all of a small space. All features of a joint space would take too long.
_SHARE_OF_FEATURES = 0.8
_MOST_FEATURES = 20
# The predictions of the trees differ too little, so their spread is multiplied by this factor, which makes the search
# less greedy. Its value was measured on other tasks than those of benchmarks/SEARCH.md.
SPREAD_FACTOR = 1.5


def impute_inactive(vectors: Array) -> NDArray[np.float32]:
    """Return the vectors with -1, a value that no active entry has, for inactive entries; the shape is the same."""
    return np.where(np.isnan(vectors), -1.0, vectors).astype(np.float32)


def scaled_costs(observations: Sequence[Observation]) -> Array:
    """Return losses on a logarithmic scale, which spreads the low ones; a failure counts as the worst loss.

    The formula is that of SMAC3's log-scaled encoder: with p the 5th percentile and ``m = min - (p - min)``, the cost
    is ``log((loss - m) / (max - m))``. Minimum, maximum and percentile are those of all losses known now.
    """
    known = np.array([o.loss for o in observations if o.loss is not None and np.isfinite(o.loss)])
    if len(known) == 0:
        return np.zeros(len(observations))
    worst = float(known.max())
    losses = np.array([worst if o.loss is None or not np.isfinite(o.loss) else o.loss for o in observations])
    # A few very high losses, as of a diverged net, would make all relevant differences tiny.
    upper = float(np.median(known) + 5 * (np.median(known) - known.min())) or worst
    losses = np.minimum(losses, max(upper, known.min()))
    low = losses.min()
    shifted = low - (np.percentile(losses, 5) - low) - 1e-10
    span = losses.max() - shifted
    return np.log((losses - shifted + 1e-12) / (span + 1e-12))


@dataclass(frozen=True)
class Forest:
    """Predicts the mean and the spread of trees, each grown on a bootstrap sample, as in SMAC (Hutter et al., 2011).

    The trees split at the best thresholds. Random thresholds (Geurts et al., 2006) take a third less time, but left
    0.06 +- 0.04 more regret after 200 trials on ten tasks with five seeds; the tasks are not those of
    benchmarks/SEARCH.md.
    """

    trees: tuple[object, ...]

    @staticmethod
    def fit(X: NDArray[np.float32], y: Array, n_trees: int, seed: int) -> Forest:
        """Grow trees on features of shape (n, d) and targets of shape (n,)."""
        rng = np.random.default_rng(seed)
        n_features = min(_MOST_FEATURES, max(1, round(_SHARE_OF_FEATURES * X.shape[1])))
        trees = []
        # Single trees without their checks: the set-up of a forest estimator takes as long as growing the trees.
        with config_context(skip_parameter_validation=True):
            for _ in range(n_trees):
                rows = rng.integers(0, len(y), len(y)) if len(y) > 10 else np.arange(len(y))
                state = int(rng.integers(2**31 - 1))
                tree = DecisionTreeRegressor(max_features=n_features, min_samples_split=3, random_state=state)
                trees.append(tree.fit(X[rows], y[rows], check_input=False).tree_)
        return Forest(tuple(trees))

    def predict(self, X: NDArray[np.float32]) -> tuple[Array, Array]:
        """Return the mean over the trees and their widened standard deviation, each of shape (n,)."""
        # The compiled trees predict directly: the checks of the estimators would take longer than the prediction.
        each = np.array([tree.predict(X)[:, 0] for tree in self.trees])  # type: ignore[attr-defined]
        return each.mean(axis=0), SPREAD_FACTOR * np.sqrt(np.maximum(each.var(axis=0), 1e-10))


@dataclass(frozen=True)
class Surrogate:
    """Predicts the cost and the seconds of every configuration.

    Attributes
    ----------
    cost : Forest or FamilyProcess
        Predicts the scaled cost.
    log_seconds : Forest or None
        Predicts the logarithm of the seconds; None where all configurations with measured seconds take the same time.
    best : float
        Lowest predicted cost among the observed configurations.
    """

    cost: Forest | FamilyProcess
    log_seconds: Forest | None
    best: float

    @staticmethod
    def fit(
        vectors: Array,
        observations: Sequence[Observation],
        pending: Array,
        seed: int,
        space: VectorSpace | None = None,
    ) -> Surrogate:
        """Fit the models to vectors of shape (n, d) and their observations.

        For a forest, a configuration that still runs counts as one of median cost, which keeps the next suggestion
        away from it (constant liar, Ginsbourger et al., 2010).

        Parameters
        ----------
        pending : ndarray of shape (m, d)
            The vectors of the configurations that still run.
        space : VectorSpace or None
            The space of the vectors, where a Gaussian process predicts the cost of the family of the lowest loss. A
            forest predicts the cost of all families where that one has too few results, and where this is None.
        """
        X, running = impute_inactive(vectors), impute_inactive(pending)
        costs = scaled_costs(observations)
        cost: Forest | FamilyProcess | None = None
        if space is not None:
            cost = FamilyProcess.fit(X, costs, running, space.n_choices, space.family)
        if cost is None:
            lies = np.full(len(pending), np.median(costs))
            n_trees = N_TREES_FEW_FEATURES if X.shape[1] <= FEW_FEATURES else N_TREES
            cost = Forest.fit(np.concatenate([X, running]), np.concatenate([costs, lies]), n_trees, seed)
        return Surrogate(cost, _fit_seconds(X, observations, seed + 1), float(cost.predict(X)[0].min()))


def _fit_seconds(X: NDArray[np.float32], observations: Sequence[Observation], seed: int) -> Forest | None:
    """Return a forest of the logarithm of the seconds; None where they do not vary.

    A configuration that was not started has no seconds: as a fast one, it would draw the search to more of its kind.
    """
    seconds = np.array([o.seconds for o in observations])
    measured = seconds > 0
    logarithms = np.log(seconds[measured] + FIXED_SECONDS)
    if not measured.any() or np.ptp(logarithms) <= 0.01:
        return None
    return Forest.fit(X[measured], logarithms, N_TREES_SECONDS, seed)
