"""The joint space: one ConfigSpace over all steps, holding only what makes a working pipeline for the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from itertools import permutations
from typing import Any

from ConfigSpace import (
    Categorical,
    CategoricalHyperparameter,
    ConfigurationSpace,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenInClause,
)
from ConfigSpace import Configuration as SpaceConfiguration
from ConfigSpace.hyperparameters import Hyperparameter, NumericalHyperparameter

from pipelines.catalog import CATALOG, NAMES, get_component
from pipelines.component import Component, TableTraits, TaskType, task_type
from pipelines.configuration import Configuration

# The order in which choices are made, and what a step falls back to, best first, where a wish cannot be had: a choice
# has to go together with those made before it.
_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "model": ("lightgbm", "random_forest"),
    "encoding": ("one_hot", "ordinal"),
    "imputation": ("median", "mean", "most_frequent"),
    "scaling": ("none", "standard"),
    "generation": ("none",),
    "selection": ("none",),
    "balancing": ("none",),
    "calibration": ("none",),
}
# Probability that a random pipeline leaves a step out: most steps do nothing for most tables, and cost time.
_LEFT_OUT = {
    "imputation": 0.3,
    "scaling": 0.25,
    "generation": 0.7,
    "selection": 0.7,
    "balancing": 0.7,
    "calibration": 0.8,
}
# Who hands on missing cells, category codes or weights, and what the steps behind it then have to accept.
_NEEDS = (
    ("imputation", "none", "accepts_missing", ("model", "generation", "selection")),
    ("encoding", "native", "accepts_categories", ("model", "generation", "selection")),
    ("balancing", "weights", "accepts_weights", ("model",)),
)


# Small enough for every family, and with every kind of column: what applies to any table applies to one of these.
RICH_TABLES: Mapping[TaskType, TableTraits] = {
    task_type(n): TableTraits(
        task_type(n), 1_000, 20, n, categorical=(0, 1, 2), cardinalities=(3, 10, 50), has_missing=True
    )
    for n in (2, 5, 0)
}


class SpaceError(ValueError):
    """What is to be included and left out leaves nothing to search."""


def build_space(
    traits: TableTraits, include: Sequence[str] = (), exclude: Sequence[str] = (), seed: int = 0
) -> ConfigurationSpace:
    """The space of all pipelines for a table.

    Parameters
    ----------
    include : sequence of str
        Names of components; a step of which one is named keeps only those named.
    exclude : sequence of str
        Names of components to leave out.

    Returns
    -------
    ConfigurationSpace
        A choice for each step (``"model"``, ``"encoding"``, ...) and, below each component, its own hyperparameters
        as ``"model:lightgbm:learning_rate"``. Every configuration in it builds a pipeline that fits.

    Raises
    ------
    SpaceError
        If a name is unknown, or a step that is needed has no component left.
    """
    _check_names("include", include)
    _check_names("exclude", exclude)
    space = ConfigurationSpace(seed=seed)
    offered = {step: _choices(step, traits, include, exclude) for step in CATALOG if _has(step, traits)}
    if not offered["model"]:
        suited = ", ".join(component.name for component in CATALOG["model"] if component.applies(traits))
        raise SpaceError(f"include and exclude leave no model that suits this table; choose from {suited}")
    _prune(offered)
    names = {step: [component.name for component in components] for step, components in offered.items()}
    default = _pick(names, {})
    for step, components in offered.items():
        space.add(Categorical(step, names[step], default=default[step], weights=_weights(step, names[step])))
        for component in components:
            space.add_configuration_space(
                prefix=f"{step}:{component.name}",
                configuration_space=component.space(traits),
                delimiter=":",
                parent_hyperparameter={"parent": space[step], "value": component.name},
            )
    _forbid(space, offered)
    return space


def to_configuration(sampled: SpaceConfiguration) -> Configuration:
    """A ConfigSpace configuration as ours, with plain Python values."""
    return Configuration(dict(sampled))


def complete(space: ConfigurationSpace, partial: Mapping[str, Any]) -> Configuration | None:
    """A whole configuration from a partial one.

    Missing hyperparameters get their defaults; numbers are clipped to their bounds; wishes that the space does not
    hold for this table are dropped, and steps that stand in a forbidden combination fall back to simple choices.

    Returns
    -------
    Configuration or None
        None where the space does not hold the model.
    """
    if partial.get("model", space["model"].default_value) not in choices(space, "model"):
        return None
    names = {step: choices(space, step) for step in CATALOG if step in space}
    values = _fill(space, {**partial, **_pick(names, partial)})
    return to_configuration(SpaceConfiguration(space, values=values))


def holds(space: ConfigurationSpace, configuration: Configuration) -> bool:
    """Whether all components of a configuration are choices of the space."""
    return all(configuration[step] in choices(space, step) for step in CATALOG if step in configuration)


@cache
def hyperparameter_names() -> frozenset[str]:
    """Names of all choices and hyperparameters that the space of any table may hold."""
    return frozenset(name for traits in RICH_TABLES.values() for name in build_space(traits))


def describe(space: ConfigurationSpace) -> dict[str, Any]:
    """Size of a space: numbers of hyperparameters and model families, the families' names, components by step."""
    families = list(choices(space, "model"))
    steps = {step: [name for name in choices(space, step) if name != "none"] for step in CATALOG if step != "model"}
    return {
        "n_hyperparameters": len(space),
        "n_families": len(families),
        "families": families,
        "steps": {step: names for step, names in steps.items() if names},
    }


def is_active(space: ConfigurationSpace, name: str, values: Mapping[str, Any]) -> bool:
    """Whether a hyperparameter takes part, given the values of those before it in the space."""
    for condition in space.parent_conditions_of[name]:
        # A conjunction names its parents in the plural, a single condition its only one.
        parents = getattr(condition, "parents", None) or [getattr(condition, "parent", None)]
        if not all(
            parent.name in values for parent in parents if parent is not None
        ) or not condition.satisfied_by_value(dict(values)):
            return False
    return True


def choices(space: ConfigurationSpace, step: str) -> tuple[str, ...]:
    """Names of the components that the space holds at a step; empty for a step that it does not have."""
    found = space.get(step)
    return tuple(found.choices) if isinstance(found, CategoricalHyperparameter) else ()


def _check_names(argument: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in NAMES:
            close = get_close_matches(name, NAMES, n=1)
            mend = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(NAMES)}"
            raise SpaceError(f"{argument} names the unknown component '{name}'; {mend}")


def _has(step: str, traits: TableTraits) -> bool:
    """Whether the table leaves anything to choose at a step."""
    if step == "encoding":
        return bool(traits.categorical)
    if step == "imputation":
        return traits.has_missing and bool(traits.numeric)
    if step == "scaling":
        return bool(traits.numeric)
    if step in ("balancing", "calibration"):
        return traits.is_classification
    return True


def _choices(step: str, traits: TableTraits, include: Sequence[str], exclude: Sequence[str]) -> list[Component]:
    fitting = [
        component
        for component in CATALOG[step]
        if component.applies(traits)
        and (component.accepts_sparse or not traits.sparse)
        and (component.accepts_weights or not traits.weighted or step != "model")
        and component.name not in exclude
    ]
    named = [component for component in fitting if component.name in include]
    return named or ([] if step == "model" and _names_a_model(include) else fitting)


def _weights(step: str, names: Sequence[str]) -> list[float] | None:
    """Probabilities of the choices of a step; None for equal ones."""
    if "none" not in names or len(names) == 1 or step not in _LEFT_OUT:
        return None
    rest = (1 - _LEFT_OUT[step]) / (len(names) - 1)
    return [_LEFT_OUT[step] if name == "none" else rest for name in names]


def _names_a_model(include: Sequence[str]) -> bool:
    return any(component.name in include for component in CATALOG["model"])


def _conflict(step: str, name: str, other: str, other_name: str) -> bool:
    """Whether two choices do not go together."""
    for giver, given, needed, takers in _NEEDS:
        for (a, a_name), (b, b_name) in (((step, name), (other, other_name)), ((other, other_name), (step, name))):
            if a == giver and a_name == given and b in takers and not getattr(get_component(b, b_name), needed):
                return True
    return False


def _fits(step: str, name: str, picked: Mapping[str, str]) -> bool:
    """Return whether a component goes together with the components of other steps that are picked already."""
    return not any(_conflict(step, name, *other) for other in picked.items())


def _prune(offered: dict[str, list[Component]]) -> None:
    """Drop the choices that go with no choice of another step, until all that is left goes with something."""
    for step, components in offered.items():
        if not components:
            raise SpaceError(f"include and exclude leave no component for {step}; name at least one, or none at all")
    shrinking = True
    while shrinking:
        shrinking = False
        for step, other in permutations(offered, 2):
            kept = [
                component
                for component in offered[step]
                if not all(_conflict(step, component.name, other, against.name) for against in offered[other])
            ]
            if not kept:
                here, there = (", ".join(component.name for component in offered[name]) for name in (step, other))
                raise SpaceError(
                    f"include and exclude leave only {step} {here} and {other} {there}, which do not go together"
                )
            shrinking |= len(kept) < len(offered[step])
            offered[step] = kept


def _pick(names: Mapping[str, Sequence[str]], wishes: Mapping[str, Any]) -> dict[str, str]:
    """One choice for each step, the wish where it is offered and goes with the choices before it."""
    picked: dict[str, str] = {}
    for step in (step for step in _DEFAULTS if step in names):
        candidates = [str(wishes.get(step)), *_DEFAULTS[step], *names[step]]
        suited = (name for name in candidates if name in names[step] and _fits(step, name, picked))
        choice = next(suited, None)
        if choice is None:
            before = ", ".join(f"{other} {name}" for other, name in picked.items())
            raise SpaceError(f"include and exclude leave no component for {step} that goes with {before}")
        picked[step] = choice
    return picked


def _forbid(space: ConfigurationSpace, offered: Mapping[str, list[Component]]) -> None:
    """Combinations that cannot work: missing cells, category codes or weights met by what cannot use them."""
    for giver, given, needed, takers in _NEEDS:
        if given not in choices(space, giver):
            continue
        for taker in takers:
            refusing = [component.name for component in offered[taker] if not getattr(component, needed)]
            if refusing:
                space.add(
                    ForbiddenAndConjunction(
                        ForbiddenEqualsClause(space[giver], given), ForbiddenInClause(space[taker], refusing)
                    )
                )


def _fill(space: ConfigurationSpace, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Values of all hyperparameters that are active, in the space's own order, parents first."""
    values: dict[str, Any] = {}
    for name, hyperparameter in space.items():
        if is_active(space, name, values):
            values[name] = _nearest(hyperparameter, wishes.get(name))
    return values


def _nearest(hyperparameter: Hyperparameter[Any, Any], wish: Any) -> Any:
    """Return the legal value that is nearest to a wish, in the type that the space has; the default without one."""
    if wish is None:
        return hyperparameter.default_value
    if isinstance(hyperparameter, NumericalHyperparameter):
        wish = type(hyperparameter.default_value)(min(max(wish, hyperparameter.lower), hyperparameter.upper))
    if not hyperparameter.legal_value(wish):
        return hyperparameter.default_value
    if isinstance(hyperparameter, CategoricalHyperparameter):
        return next((choice for choice in hyperparameter.choices if choice == wish), wish)
    return wish
