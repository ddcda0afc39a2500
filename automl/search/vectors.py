"""A ConfigSpace as arrays: thousands of conditional configurations sampled, checked and varied at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ConfigSpace import (
    AndConjunction,
    CategoricalHyperparameter,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenInClause,
    GreaterThanCondition,
    InCondition,
    LessThanCondition,
    NotEqualsCondition,
    OrConjunction,
    OrdinalHyperparameter,
)
from ConfigSpace import Configuration as SpaceConfiguration
from numpy.typing import NDArray

from pipelines.configuration import Configuration
from pipelines.space import to_configuration

Vectors = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ATTEMPTS = 50  # rounds of sampling before a space counts as (nearly) exhausted by its forbidden clauses


class VectorSpace:
    """Configurations as rows: numbers in [0, 1], categories as 0, 1, ..., inactive hyperparameters as NaN.

    The numbers are those of ConfigSpace's own vectors, so logarithms and integer steps are the space's.

    Parameters
    ----------
    space : ConfigurationSpace
        With equals, in, not-equals, greater and less conditions, and forbidden equals, in and conjunctions.

    Attributes
    ----------
    names : list of str
        Of the columns; a parent stands before its children.
    n_choices : ndarray of int of shape (n_hyperparameters,)
        0 for a number.
    """

    def __init__(self, space: ConfigurationSpace):
        self.space = space
        self.names = list(space)
        self._column = {name: i for i, name in enumerate(self.names)}
        self._hyperparameters = list(space.values())
        self.n_choices = np.array([_n_choices(h) for h in self._hyperparameters])
        self._cumulative = [_cumulative(h) for h in self._hyperparameters]
        self._conditions = [
            (i, [self._condition(c) for c in space.parent_conditions_of[name]])
            for i, name in enumerate(self.names)
            if space.parent_conditions_of[name]
        ]
        self._forbidden = [self._clause(clause) for clause in space.forbidden_clauses]

    def sample(self, n: int, rng: np.random.Generator) -> Vectors:
        """Up to `n` valid configurations, uniform over the space; fewer if nearly all of it is forbidden."""
        found: list[Vectors] = []
        count = 0
        for _ in range(_ATTEMPTS):
            drawn = self.valid(self.from_unit(rng.random((n, len(self.names)))))
            found.append(drawn)
            count += len(drawn)
            if count >= n:
                break
        return np.concatenate(found)[:n]

    def from_unit(self, points: Vectors) -> Vectors:
        """Points of the unit cube as vectors, activity not yet considered; shape (n, n_hyperparameters)."""
        out = np.empty(points.shape)
        for i, hyperparameter in enumerate(self._hyperparameters):
            if self.n_choices[i]:
                out[:, i] = np.minimum(np.searchsorted(self._cumulative[i], points[:, i]), self.n_choices[i] - 1)
            else:
                out[:, i] = _snap(hyperparameter, points[:, i])
        return out

    def valid(self, vectors: Vectors) -> Vectors:
        """The same rows with inactive entries NaN, without those that are forbidden."""
        vectors = self.deactivate(vectors)
        return vectors[~self.is_forbidden(vectors)]

    def deactivate(self, vectors: Vectors) -> Vectors:
        """A copy whose inactive entries are NaN."""
        vectors = vectors.copy()
        for column, conditions in self._conditions:
            active = np.ones(len(vectors), dtype=bool)
            for condition in conditions:
                active &= condition(vectors)
            vectors[~active, column] = np.nan
        return vectors

    def is_forbidden(self, vectors: Vectors) -> Mask:
        """Which rows a forbidden clause excludes."""
        bad = np.zeros(len(vectors), dtype=bool)
        for clause in self._forbidden:
            bad |= clause(vectors)
        return bad

    def neighbours(self, vectors: Vectors, n_each: int, scale: float, rng: np.random.Generator) -> tuple[Vectors, Any]:
        """Valid one-exchange neighbours: one active hyperparameter changes, what that activates is drawn at random.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_hyperparameters)
        n_each : int
            Tries per row.
        scale : float
            Standard deviation of a step of a number, in its unit interval.

        Returns
        -------
        neighbours : ndarray of shape (m, n_hyperparameters)
        origins : ndarray of int of shape (m,)
            Row that each stems from.
        """
        origins = np.repeat(np.arange(len(vectors)), n_each)
        old = vectors[origins]
        new = np.where(np.isnan(old), self.from_unit(rng.random(old.shape)), old)
        changeable = ~np.isnan(old) & (self.n_choices != 1)
        rows = np.flatnonzero(changeable.any(axis=1))
        columns = np.argmax(np.where(changeable, rng.random(old.shape), -1.0), axis=1)
        for column in np.unique(columns[rows]):
            at = rows[columns[rows] == column]
            k = self.n_choices[column]
            if k:
                new[at, column] = (old[at, column] + rng.integers(1, k, len(at))) % k
            else:
                step = old[at, column] + scale * rng.standard_normal(len(at))
                # Reflected at the bounds, so that these are no traps.
                new[at, column] = _snap(self._hyperparameters[column], np.clip(1 - np.abs(1 - np.abs(step)), 0.0, 1.0))
        new = self.deactivate(new)
        keep = ~self.is_forbidden(new) & ~_same(new, old)
        return new[keep], origins[keep]

    def encode(self, configurations: Sequence[Configuration]) -> Vectors:
        """Configurations as rows; values of hyperparameters that the space does not know are left out."""
        out = np.full((len(configurations), len(self.names)), np.nan)
        for row, configuration in enumerate(configurations):
            for name, value in configuration.items():
                column = self._column.get(name)
                if column is not None and self._hyperparameters[column].legal_value(value):
                    out[row, column] = self._hyperparameters[column].to_vector(value)
        return out

    def decode(self, vector: Vectors) -> Configuration:
        """One row as a configuration."""
        return to_configuration(SpaceConfiguration(self.space, vector=vector))

    def _condition(self, condition: Any) -> Callable[[Vectors], Mask]:
        if isinstance(condition, AndConjunction | OrConjunction):
            parts = [self._condition(part) for part in condition.components]
            combine = np.logical_and if isinstance(condition, AndConjunction) else np.logical_or
            return lambda vectors: combine.reduce([part(vectors) for part in parts])
        parent = condition.parent
        column = self._column[parent.name]
        if isinstance(condition, InCondition):
            values = [parent.to_vector(value) for value in condition.values]
            return lambda vectors: np.isin(vectors[:, column], values)
        value = parent.to_vector(condition.value)
        if isinstance(condition, EqualsCondition):
            return lambda vectors: vectors[:, column] == value
        if isinstance(condition, NotEqualsCondition):
            return lambda vectors: (vectors[:, column] != value) & ~np.isnan(vectors[:, column])
        if isinstance(condition, GreaterThanCondition):
            return lambda vectors: vectors[:, column] > value
        if isinstance(condition, LessThanCondition):
            return lambda vectors: vectors[:, column] < value
        raise TypeError(f"conditions of type {type(condition).__name__} are not supported")

    def _clause(self, clause: Any) -> Callable[[Vectors], Mask]:
        if isinstance(clause, ForbiddenAndConjunction):
            parts = [self._clause(part) for part in clause.components]
            return lambda vectors: np.logical_and.reduce([part(vectors) for part in parts])
        column = self._column[clause.hyperparameter.name]
        if isinstance(clause, ForbiddenEqualsClause):
            value = clause.hyperparameter.to_vector(clause.value)
            return lambda vectors: vectors[:, column] == value
        if isinstance(clause, ForbiddenInClause):
            values = [clause.hyperparameter.to_vector(value) for value in clause.values]
            return lambda vectors: np.isin(vectors[:, column], values)
        raise TypeError(f"forbidden clauses of type {type(clause).__name__} are not supported")


def _n_choices(hyperparameter: Any) -> int:
    if isinstance(hyperparameter, CategoricalHyperparameter):
        return len(hyperparameter.choices)
    if isinstance(hyperparameter, OrdinalHyperparameter):
        return len(hyperparameter.sequence)
    return 1 if isinstance(hyperparameter, Constant) else 0


def _cumulative(hyperparameter: Any) -> Vectors:
    """Upper ends of the stretches of [0, 1] that belong to the choices."""
    n = _n_choices(hyperparameter)
    weights = getattr(hyperparameter, "probabilities", None)
    return np.cumsum(np.full(n, 1 / n) if n and weights is None else np.asarray(weights if n else []))


def _snap(hyperparameter: Any, points: Vectors) -> Vectors:
    """Points of [0, 1] as legal vector values: integers lie on a grid."""
    if hasattr(hyperparameter, "size") and np.isinf(hyperparameter.size):
        return points
    return np.asarray(hyperparameter.to_vector(hyperparameter.to_value(points)), dtype=float)


def _same(a: Vectors, b: Vectors) -> Mask:
    return ((a == b) | (np.isnan(a) & np.isnan(b))).all(axis=1)
