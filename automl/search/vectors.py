"""A ConfigSpace as arrays: thousands of conditional configurations are sampled, checked and varied together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
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
from ConfigSpace.hyperparameters import IntegerHyperparameter
from numpy.typing import NDArray

from pipelines.configuration import Configuration
from pipelines.space import to_configuration

Vectors = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ATTEMPTS = 50  # rounds of sampling, after which nearly all of a space counts as forbidden
_SAMPLES = (10, 100, 1_000, 10_000)


class VectorSpace:
    """Turns configurations into rows: numbers in [0, 1], categories as 0, 1, ..., inactive hyperparameters as NaN.

    The rows are the vectors of ConfigSpace itself, which defines logarithmic scales and integer steps.

    Parameters
    ----------
    space : ConfigurationSpace
        It may have equals, in, not-equals, greater and less conditions, and forbidden equals, in and conjunctions.

    Attributes
    ----------
    names : list of str
        Names of the columns; a parent comes before its children.
    n_choices : ndarray of int of shape (n_hyperparameters,)
        Number of choices of each column; 0 for a number.
    family : int or None
        Column of the discrete hyperparameter that most others depend on; None where no hyperparameter has conditions.
    """

    def __init__(self, space: ConfigurationSpace):
        self.space = space
        self.names = list(space)
        self._column = {name: i for i, name in enumerate(self.names)}
        self._hyperparameters = list(space.values())
        self.n_choices = np.array([_n_choices(h) for h in self._hyperparameters], dtype=np.int_)
        self._constant = [i for i, h in enumerate(self._hyperparameters) if isinstance(h, Constant)]
        self._weighted = {i: w for i, h in enumerate(self._hyperparameters) if (w := _cumulative(h)) is not None}
        self._stepped = [i for i, h in enumerate(self._hyperparameters) if isinstance(h, IntegerHyperparameter)]
        self._switches = self._compile_conditions()
        self._is_parent = np.zeros(len(self.names), dtype=bool)
        for name in self.names:
            self._is_parent[self._column[name]] = bool(space.children_of[name])
        n_children = np.array([len(space.children_of[name]) for name in self.names]) * (self.n_choices > 0)
        self.family = int(n_children.argmax()) if n_children.any() else None
        self._forbidden = [self._clause(clause) for clause in space.forbidden_clauses]

    def sample(self, n: int, rng: np.random.Generator) -> Vectors:
        """Return up to `n` valid configurations, uniform over the space; fewer if nearly all of it is forbidden."""
        found: list[Vectors] = []
        drawn, missing = n, n
        for _ in range(_ATTEMPTS):
            found.append(self.valid(self.from_unit(rng.random((drawn, len(self.names))))))
            missing -= len(found[-1])
            if missing <= 0:
                break
            drawn = missing * max(2, min(10, n // max(1, n - missing))) + 8
        return np.concatenate(found)[:n]

    def samples(self, rng: np.random.Generator) -> Iterator[Vectors]:
        """Yield samples of rising size, in which a new configuration is found even where few are left."""
        for n in _SAMPLES:
            yield self.sample(n, rng)

    def from_unit(self, points: Vectors) -> Vectors:
        """Return points of the unit cube as vectors of shape (n, n_hyperparameters) in which all entries are active."""
        out = np.where(self.n_choices > 0, np.minimum(np.floor(points * self.n_choices), self.n_choices - 1), points)
        out[:, self._constant] = 1.0  # as in ConfigSpace
        for i, cumulative in self._weighted.items():
            out[:, i] = np.minimum(np.searchsorted(cumulative, points[:, i], side="right"), len(cumulative) - 1)
        for i in self._stepped:
            hyperparameter = self._hyperparameters[i]
            if getattr(hyperparameter, "log", False):
                out[:, i] = hyperparameter.to_vector(hyperparameter.to_value(points[:, i]))
            else:  # each integer is equally likely, also the first and the last
                out[:, i] = np.minimum(np.floor(points[:, i] * hyperparameter.size), hyperparameter.size - 1)
                out[:, i] /= hyperparameter.size - 1
        return out

    def valid(self, vectors: Vectors) -> Vectors:
        """Return the rows that are not forbidden, with NaN for inactive entries."""
        vectors = self.deactivate(vectors)
        return vectors[~self.is_forbidden(vectors)]

    def deactivate(self, vectors: Vectors) -> Vectors:
        """Return a copy whose inactive entries are NaN."""
        vectors = vectors.copy()
        for switch in self._switches:  # in topological order: each parent before its children
            switch(vectors)
        return vectors

    def is_active(self, vector: Vectors, name: str) -> bool:
        """Return whether a hyperparameter is active in a row that has the final values of its parents."""
        column = self._column[name]
        return not self.space.parent_conditions_of[name] or bool(self._active(vector[None], column)[0])

    def is_forbidden(self, vectors: Vectors) -> Mask:
        """Return a mask of the rows that a forbidden clause excludes."""
        bad = np.zeros(len(vectors), dtype=bool)
        for clause in self._forbidden:
            bad |= clause(vectors)
        return bad

    def neighbors(
        self, vectors: Vectors, n_each: int, scale: float | Vectors, rng: np.random.Generator
    ) -> tuple[Vectors, NDArray[np.int_]]:
        """Return valid one-exchange neighbors: one active hyperparameter changes.

        Hyperparameters that become active by the change are drawn at random.

        Parameters
        ----------
        vectors : ndarray of shape (n, n_hyperparameters)
        n_each : int
            Number of tries per row.
        scale : float or ndarray of shape (n * n_each,)
            Standard deviation of a step of a number, in its unit interval.

        Returns
        -------
        neighbors : ndarray of shape (m, n_hyperparameters)
        origins : ndarray of int of shape (m,)
            The row of `vectors` that each neighbor was made from.
        """
        changeable = ~np.isnan(vectors) & (self.n_choices != 1)
        origins = np.repeat(np.flatnonzero(changeable.any(axis=1)), n_each)
        columns = _pick_columns(changeable, origins, rng)
        rows = np.arange(len(origins))
        new = vectors[origins]
        old = new[rows, columns]
        new[rows, columns] = self._step(old, columns, scale, rng)
        moved = new[rows, columns] != old
        switched = np.flatnonzero(moved & self._is_parent[columns])
        if len(switched):  # only in these rows the active hyperparameters can change
            part = new[switched]
            fresh = self.from_unit(rng.random(part.shape))
            new[switched] = self.deactivate(np.where(np.isnan(part), fresh, part))
        keep = moved & ~self.is_forbidden(new)
        return new[keep], origins[keep]

    def encode(self, configurations: Sequence[Configuration]) -> Vectors:
        """Return configurations as rows; values that the space does not know are left out."""
        out = np.full((len(configurations), len(self.names)), np.nan)
        for row, configuration in enumerate(configurations):
            for name, value in configuration.items():
                column = self._column.get(name)
                if column is not None and self._hyperparameters[column].legal_value(value):
                    out[row, column] = self._hyperparameters[column].to_vector(value)
        return out

    def first_new(self, batches: Iterable[Vectors], tried: Collection[Configuration]) -> Configuration | None:
        """Return the first row that is not yet tried as a configuration; None where there is none."""
        for batch in batches:
            for row in batch[first_of_each(batch)]:
                configuration = self.decode(row)
                if configuration not in tried:
                    return configuration
        return None

    def decode(self, vector: Vectors) -> Configuration:
        """Return a row as a configuration."""
        return to_configuration(SpaceConfiguration(self.space, vector=vector))

    def _step(
        self, old: Vectors, columns: NDArray[np.int_], scale: float | Vectors, rng: np.random.Generator
    ) -> Vectors:
        """Return another choice, or a number after a Gaussian step, for each entry of shape (m,)."""
        n_choices = self.n_choices[columns]
        other = (old + 1 + np.floor(rng.random(len(old)) * (n_choices - 1))) % np.maximum(n_choices, 1)
        step = old + scale * rng.standard_normal(len(old))
        # Steps are reflected at the bounds, so that values do not gather there.
        new = np.where(n_choices > 0, other, np.clip(1 - np.abs(1 - np.abs(step)), 0.0, 1.0))
        for i in self._stepped:
            at = np.flatnonzero(columns == i)
            if len(at):
                new[at] = _whole_steps(self._hyperparameters[i], old[at], new[at], step[at] > old[at])
        return new

    def _compile_conditions(self) -> list[Callable[[Vectors], None]]:
        """Return functions that set inactive entries to NaN in place, one level of conditions after the other."""
        level: dict[str, int] = {}
        children: dict[tuple[int, int], list[int]] = defaultdict(list)  # of one discrete parent, by (level, parent)
        others: dict[int, list[int]] = defaultdict(list)
        for column, name in enumerate(self.names):
            level[name] = 1 + max((level[parent.name] for parent in self.space.parents_of[name]), default=-1)
            conditions = self.space.parent_conditions_of[name]
            if len(conditions) == 1 and isinstance(conditions[0], EqualsCondition | InCondition | NotEqualsCondition):
                parent = self._column[conditions[0].parent.name]
                if self.n_choices[parent]:
                    children[level[name], parent].append(column)
                    continue
            if conditions:
                others[level[name]].append(column)
        switches: list[Callable[[Vectors], None]] = []
        for depth in range(max(level.values(), default=0) + 1):
            switches += [self._table_switch(p, columns) for (at, p), columns in children.items() if at == depth]
            switches += [self._general_switch(column) for column in others[depth]]
        return switches

    def _table_switch(self, parent: int, columns: list[int]) -> Callable[[Vectors], None]:
        """Return a function that switches the children of one discrete parent, by a table of its values."""
        k = int(self.n_choices[parent]) + (parent in self._constant)
        values = np.full((k + 1, len(self.names)), np.nan)
        values[:k, parent] = np.arange(k)
        active = np.column_stack([self._active(values, column) for column in columns])
        added = np.where(active, 0.0, np.nan)  # an entry to which NaN is added becomes inactive
        chosen = np.array(columns)

        def switch(vectors: Vectors) -> None:
            at = vectors[:, parent]
            vectors[:, chosen] += added[np.where(np.isnan(at), k, at).astype(np.intp)]

        return switch

    def _general_switch(self, column: int) -> Callable[[Vectors], None]:
        def switch(vectors: Vectors) -> None:
            vectors[~self._active(vectors, column), column] = np.nan

        return switch

    def _active(self, vectors: Vectors, column: int) -> Mask:
        conditions = self.space.parent_conditions_of[self.names[column]]
        return np.logical_and.reduce([self._condition(condition)(vectors) for condition in conditions])

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


def first_of_each(vectors: Vectors) -> NDArray[np.int_]:
    """Return the positions of the rows that differ from all rows before them, in order."""
    direction = np.random.default_rng(0).random(vectors.shape[1])  # different rows have different random projections
    return np.sort(np.unique(np.where(np.isnan(vectors), -1.0, vectors) @ direction, return_index=True)[1])


def _n_choices(hyperparameter: Any) -> int:
    if isinstance(hyperparameter, CategoricalHyperparameter):
        return len(hyperparameter.choices)
    if isinstance(hyperparameter, OrdinalHyperparameter):
        return len(hyperparameter.sequence)
    return 1 if isinstance(hyperparameter, Constant) else 0


def _cumulative(hyperparameter: Any) -> Vectors | None:
    """Return the upper ends of the parts of [0, 1] that belong to weighted choices; None if all weights are equal."""
    weights = getattr(hyperparameter, "probabilities", None)
    if weights is None or np.ptp(weights) == 0:
        return None
    return np.cumsum(weights)


def _whole_steps(hyperparameter: Any, old: Vectors, new: Vectors, upwards: Mask) -> Vectors:
    """Return the integers after a step, each at least the next integer above or below the old one."""
    was, becomes = hyperparameter.to_value(old), hyperparameter.to_value(new)
    becomes = np.where(becomes == was, was + np.where(upwards, 1, -1), becomes)
    becomes = np.clip(becomes, hyperparameter.lower, hyperparameter.upper)
    return np.asarray(hyperparameter.to_vector(becomes), dtype=float)


def _pick_columns(changeable: Mask, origins: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.int_]:
    """Return a random changeable column for each try: the k-th of its row, where k is drawn at random."""
    count = changeable.cumsum(axis=1)
    kth = np.floor(rng.random(len(origins)) * count[origins, -1]).astype(np.int_)
    return np.asarray((count[origins] <= kth[:, None]).sum(axis=1))
