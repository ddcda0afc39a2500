"""Importance of hyperparameters: functional ANOVA on a forest that has learned the run history.

A random forest learns the losses of configurations, as in the surrogate of the search. Then the variance of its
predictions over the whole space is divided (Hutter, Hoos and Leyton-Brown, 2014, "An efficient approach for
assessing hyperparameter importance"): the importance of a hyperparameter is the share of this variance that its own
mean effect explains. The space is conditional. Therefore the means are taken over sampled configurations of the space,
in which a hyperparameter is set to one value after the other while its own conditions hold. A hyperparameter that is
active in a part of the space only counts with the share of this part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from ConfigSpace import ConfigurationSpace
from numpy.typing import NDArray

from automl.ensemble.fitted_model import FittedModel
from automl.errors import AutoMLError, InvalidInputError
from automl.explain.parts import check_seed
from automl.refit.known_traits import kept_traits
from automl.search.surrogate import Forest, impute_inactive
from automl.search.user_space import known_components, user_space
from automl.search.vectors import VectorSpace
from automl.trials.history import Observation, RunHistory
from pipelines.catalog import CATALOG, OwnComponents, component_names, is_named
from pipelines.monotonic import allows_monotonic
from pipelines.overrides import SpaceError
from pipelines.space import build_space

Array = NDArray[Any]

COLUMNS = ["name", "kind", "importance", "std", "n_configurations"]
FEWEST = 10  # configurations, below which a forest says nothing
LEAST_SHARE = 0.001  # of the variance; figures and reports leave out smaller shares
_CUT = 5.0  # distances between the best loss and the median, above the median
_N_TREES = 32
_N_SAMPLED = 4_000  # configurations over which the total variance is taken
_N_OTHERS = 200  # configurations over which the mean for one value is taken
_N_VALUES = 12  # values of a number
_N_PIPELINES = 40  # settings of one step that are combined with all others


def hyperparameter_importance(estimator: FittedModel, random_state: int | None = 0) -> pd.DataFrame:
    """Return the importance of each hyperparameter and of each step; see `Explanations.hyperparameter_importance`."""
    seed = check_seed(random_state)
    observations = estimator.history_.observations()
    n_known = sum(o.loss is not None for o in observations)
    if n_known < FEWEST:
        raise AutoMLError(
            f"the importance of hyperparameters needs {FEWEST} configurations with a score, but the search has tried "
            f"{n_known}; use a larger time_budget or max_trials"
        )
    vectors = VectorSpace(search_space(estimator, seed))
    X = vectors.encode([o.configuration for o in observations])
    forest = Forest.fit(impute_inactive(X), _losses(observations), _N_TREES, seed)
    return _Anova(vectors, forest, seed).table(X)


def setting_label(name: str, kind: str) -> str:
    """Return the name of a setting as people read it.

    >>> setting_label("model:lightgbm:num_leaves", "hyperparameter"), setting_label("model", "step")
    ('lightgbm: num_leaves', 'model')
    """
    return (name.removeprefix("model:") if kind == "hyperparameter" else name).replace(":", ": ")


def search_space(estimator: FittedModel, seed: int) -> ConfigurationSpace:
    """Return the space of the search, as far as the fitted estimator shows it."""
    kept, frontier = vars(estimator).get("_rows"), vars(estimator).get("_frontier")
    weighted = any(getattr(known, "sample_weight", None) is not None for known in (kept, frontier))
    traits = kept_traits(estimator, weighted)
    include, own = component_names(estimator.include), known_components(estimator)
    if traits.monotonic:
        include, own = _as_searched(include, own, estimator.history_)
    try:
        return build_space(traits, include, component_names(estimator.exclude), seed, user_space(estimator), own)
    except SpaceError as error:
        raise InvalidInputError(str(error)) from error


def _as_searched(
    include: Sequence[str], own: OwnComponents, history: RunHistory
) -> tuple[tuple[str, ...], OwnComponents]:
    """Return the included names and the own components of a search with monotonic columns.

    Earlier versions ignored included steps of the catalog that break the order of values, and used all own steps.
    """
    tried = {(step, configuration.get(step)) for configuration in history.evaluations for step in own.by_step}
    by_step = {
        step: tuple(replace(one, keeps_order=one.keeps_order or (step, one.name) in tried) for one in components)
        for step, components in own.by_step.items()
    }
    used = replace(own, by_step=by_step)
    names = (
        f"{step}:{one.name}"
        for step, components in CATALOG.items()
        for one in (*components, *used.at(step))
        if is_named(step, one.name, include) and (step == "model" or allows_monotonic(step, one))
    )
    return tuple(names), used


def _losses(observations: Sequence[Observation]) -> Array:
    """Return the losses; a failure counts as the worst one, and losses far above the median are cut.

    The surrogate of the search spreads the lowest losses on a logarithmic scale. Here the scale is that of the score,
    because small differences between the best configurations should not count as much as large ones.
    """
    known = np.array([o.loss for o in observations if o.loss is not None])
    upper = float(np.median(known) + _CUT * (np.median(known) - known.min())) or float(known.max())
    return np.minimum([known.max() if o.loss is None else o.loss for o in observations], max(upper, known.min()))


class _Anova:
    """The variance of a forest over a space, and the parts of it that single hyperparameters and steps explain."""

    def __init__(self, vectors: VectorSpace, forest: Forest, seed: int):
        self._vectors, self._forest = vectors, forest
        rng = np.random.default_rng(seed)
        sampled = vectors.sample(_N_SAMPLED, rng)
        self._total = self._predict(sampled).var(axis=1)
        self._active = ~np.isnan(sampled)
        # All entries of these rows have values, so that a hyperparameter that becomes active has one.
        self._filled = np.where(self._active, sampled, vectors.from_unit(rng.random(sampled.shape)))

    def table(self, tried: Array) -> pd.DataFrame:
        """Return the importances.

        Parameters
        ----------
        tried : ndarray of shape (n_configurations, n_hyperparameters)
            The configurations of the run history.
        """
        names = self._vectors.names
        rows = []
        for step in (step for step in CATALOG if step in names):
            columns = [i for i, name in enumerate(names) if name == step or name.startswith(f"{step}:")]
            if (self._vectors.n_choices[columns] != 1).any():
                rows.append((step, "step", *self._shares(self._step_variance(columns)), len(tried)))
        for i, name in enumerate(names):
            if self._vectors.n_choices[i] != 1 and self._active[:, i].any():
                share = self._shares(self._variance(i))
                n = int((~np.isnan(tried[:, i])).sum())
                rows.append((name, "choice" if name in CATALOG else "hyperparameter", *share, n))
        table = pd.DataFrame(rows, columns=COLUMNS)
        order = np.lexsort((-table["importance"], table["kind"] != "step"))
        return table.iloc[order].reset_index(drop=True)

    def _shares(self, variance: Array) -> tuple[float, float]:
        """Return the mean and the standard deviation over the trees of a share of the variance."""
        usable = self._total > 1e-12
        if not usable.any():
            return 0.0, 0.0
        shares = np.clip(variance[usable] / self._total[usable], 0.0, 1.0)
        return round(float(shares.mean()), 6), round(float(shares.std()), 6)

    def _variance(self, column: int) -> Array:
        """Return the variance of the mean prediction over the values of a hyperparameter, one number for each tree."""
        active = self._filled[self._active[:, column]]
        is_choice = self._vectors.n_choices[column] > 0
        means, weights = [], []
        for value in self._values(column):
            changed = active[:_N_OTHERS].copy()
            changed[:, column] = value
            changed = self._vectors.valid(changed)
            if len(changed):
                means.append(self._predict(changed).mean(axis=1))
                weights.append(np.mean(active[:, column] == value) if is_choice else 1.0)
        if len(means) < 2 or not np.any(weights):
            return np.zeros(len(self._total))
        center = np.average(means, axis=0, weights=weights)
        variance = np.average((np.array(means) - center) ** 2, axis=0, weights=weights)
        return np.asarray(variance * self._active[:, column].mean())

    def _values(self, column: int) -> Array:
        """Return values of a hyperparameter: all of its choices, or numbers at equal distances on its own scale."""
        if n := int(self._vectors.n_choices[column]):
            return np.arange(n, dtype=float)
        points = np.full((_N_VALUES, len(self._vectors.names)), 0.5)
        points[:, column] = (np.arange(_N_VALUES) + 0.5) / _N_VALUES
        return self._vectors.from_unit(points)[:, column]

    def _step_variance(self, columns: Sequence[int]) -> Array:
        """Return the variance of the mean prediction over all settings of a step, one number for each tree."""
        means = []
        for setting in self._filled[-_N_PIPELINES:]:
            rows = self._filled[:_N_OTHERS].copy()
            rows[:, columns] = setting[columns]
            rows = self._vectors.valid(rows)
            if len(rows):
                means.append(self._predict(rows).mean(axis=1))
        return np.var(means, axis=0) if len(means) > 1 else np.zeros(len(self._total))

    def _predict(self, rows: Array) -> Array:
        """Return the prediction of each tree, shape (n_trees, n_rows)."""
        X = impute_inactive(rows)
        return np.array([tree.predict(X)[:, 0] for tree in self._forest.trees])  # type: ignore[attr-defined]
