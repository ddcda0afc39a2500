"""The surrogate: random forests that predict the cost of a configuration and how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.tree import DecisionTreeRegressor

from automl.trials.history import Observation

Array = NDArray[np.float64]

FIXED_SECONDS = 1.0  # a configuration that fits in no time still costs a place in the ensemble's choice
# As many as fit into 50 ms a suggestion with 500 trials known.
N_TREES, N_TREES_FEW_FEATURES, FEW_FEATURES = 12, 24, 20
N_TREES_SECONDS = 4
# Features that a split chooses from: nearly all of a small space; all of a joint one would take too long.
_SHARE_OF_FEATURES = 0.8
_MOST_FEATURES = 20


def impute_inactive(vectors: Array) -> NDArray[np.float32]:
    """Inactive entries as -1, which is outside the range of active ones; shape and order are kept."""
    return np.where(np.isnan(vectors), -1.0, vectors).astype(np.float32)


def scaled_costs(observations: Sequence[Observation]) -> Array:
    """Losses on a logarithmic scale that spreads the good ones, failures as bad as the worst.

    As SMAC3's log-scaled encoder: with p the 5th percentile and ``m = min - (p - min)``, the cost is
    ``log((loss - m) / (max - m))``; taken from all losses known now.
    """
    known = np.array([o.loss for o in observations if o.loss is not None and np.isfinite(o.loss)])
    if len(known) == 0:
        return np.zeros(len(observations))
    worst = float(known.max())
    losses = np.array([worst if o.loss is None or not np.isfinite(o.loss) else o.loss for o in observations])
    # A few disasters (a diverged net) would squeeze all differences that matter into nothing.
    upper = float(np.median(known) + 5 * (np.median(known) - known.min())) or worst
    losses = np.minimum(losses, max(upper, known.min()))
    low = losses.min()
    shifted = low - (np.percentile(losses, 5) - low) - 1e-10
    span = losses.max() - shifted
    return np.log((losses - shifted + 1e-12) / (span + 1e-12))


@dataclass(frozen=True)
class Forest:
    """Mean and spread of the predictions of trees, each on a bootstrap sample, as in SMAC (Hutter et al., 2011).

    The trees split where it is best: random thresholds (Geurts et al., 2006) take a third less time, and left
    0.06 +- 0.04 more regret after 200 trials on ten tasks with five seeds, other ones than in benchmarks/SEARCH.md.
    """

    trees: tuple[object, ...]

    @staticmethod
    def fit(X: NDArray[np.float32], y: Array, n_trees: int, seed: int) -> Forest:
        """Grow the trees on features of shape (n, d) and targets of shape (n,)."""
        rng = np.random.default_rng(seed)
        n_features = min(_MOST_FEATURES, max(1, round(_SHARE_OF_FEATURES * X.shape[1])))
        trees = []
        # Single trees without their checks, because a forest estimator's set-up takes as long as growing them.
        with config_context(skip_parameter_validation=True):
            for _ in range(n_trees):
                rows = rng.integers(0, len(y), len(y)) if len(y) > 10 else np.arange(len(y))
                state = int(rng.integers(2**31 - 1))
                tree = DecisionTreeRegressor(max_features=n_features, min_samples_split=3, random_state=state)
                trees.append(tree.fit(X[rows], y[rows], check_input=False).tree_)
        return Forest(tuple(trees))

    def predict(self, X: NDArray[np.float32]) -> tuple[Array, Array]:
        """Mean and standard deviation over the trees, each of shape (n,)."""
        # The compiled trees are asked directly: the estimator's checks would cost more than the prediction.
        each = np.array([tree.predict(X)[:, 0] for tree in self.trees])  # type: ignore[attr-defined]
        return each.mean(axis=0), np.sqrt(np.maximum(each.var(axis=0), 1e-10))


@dataclass(frozen=True)
class Surrogate:
    """What is believed about every configuration.

    Attributes
    ----------
    cost : Forest
        Of the scaled costs.
    log_seconds : Forest or None
        None where all take the same time.
    best : float
        Lowest predicted cost among the observed configurations.
    """

    cost: Forest
    log_seconds: Forest | None
    best: float

    @staticmethod
    def fit(vectors: Array, observations: Sequence[Observation], pending: Array, seed: int) -> Surrogate:
        """Learn from observations of shape (n, d); configurations still running count as mediocre.

        The lie keeps the next suggestion away from them (constant liar, Ginsbourger et al., 2010).
        """
        X = impute_inactive(vectors)
        costs = scaled_costs(observations)
        lies = np.full(len(pending), np.median(costs))
        n_trees = N_TREES_FEW_FEATURES if X.shape[1] <= FEW_FEATURES else N_TREES
        cost = Forest.fit(np.concatenate([X, impute_inactive(pending)]), np.concatenate([costs, lies]), n_trees, seed)
        seconds = np.log([o.seconds + FIXED_SECONDS for o in observations])
        varies = np.ptp(seconds) > 0.01
        log_seconds = Forest.fit(X, seconds, N_TREES_SECONDS, seed + 1) if varies else None
        return Surrogate(cost, log_seconds, float(cost.predict(X)[0].min()))
