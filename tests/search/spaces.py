"""Spaces for tests, with every kind of hyperparameter, condition and forbidden clause."""

from __future__ import annotations

from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenInClause,
    GreaterThanCondition,
    InCondition,
    Integer,
    LessThanCondition,
    NotEqualsCondition,
    OrConjunction,
    OrdinalHyperparameter,
)

from pipelines.component import TableTraits
from pipelines.space import build_space


def every_kind() -> ConfigurationSpace:
    """Return a space with three levels of conditions of all types, conjunctions and forbidden clauses."""
    space = ConfigurationSpace()
    model = Categorical("model", ["forest", "net", "line"], weights=[0.6, 0.3, 0.1])
    size = Integer("size", (1, 10))
    rate = Float("rate", (1e-4, 1.0), log=True)
    trees = Integer("trees", (1, 1_000), log=True)
    level = OrdinalHyperparameter("level", ["low", "middle", "high"], default_value="high")
    fixed = Constant("fixed", "value")
    flavor = Categorical("flavor", ["sweet", "sour", "salty"])
    depth = Integer("depth", (2, 4))
    momentum = Float("momentum", (0.0, 1.0))
    tail = Categorical("tail", [True, False])
    space.add(model, size, rate, trees, level, fixed, flavor, depth, momentum, tail)
    space.add(
        EqualsCondition(trees, model, "forest"),
        InCondition(rate, model, ["net", "line"]),
        NotEqualsCondition(level, model, "line"),
        AndConjunction(EqualsCondition(flavor, model, "net"), EqualsCondition(flavor, level, "low")),
        OrConjunction(EqualsCondition(depth, model, "line"), EqualsCondition(depth, level, "high")),
        GreaterThanCondition(momentum, size, 5),
        LessThanCondition(tail, depth, 3),
    )
    space.add(
        ForbiddenAndConjunction(ForbiddenEqualsClause(model, "forest"), ForbiddenInClause(level, ["low", "middle"])),
        ForbiddenAndConjunction(ForbiddenEqualsClause(size, 3), ForbiddenEqualsClause(fixed, "value")),
        ForbiddenEqualsClause(flavor, "salty"),
    )
    return space


def joint() -> ConfigurationSpace:
    """Return the space of whole pipelines, with more than 100 hyperparameters."""
    return build_space(TableTraits("multiclass", 1_000, 20, 5, (0, 1, 2), (3, 10, 5), has_missing=True))


SPACES = {"every_kind": every_kind, "joint": joint}
