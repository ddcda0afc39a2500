"""The joint search space: one ConfigSpace over all steps, in which every configuration makes a working pipeline."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Any

from ConfigSpace import (
    Categorical,
    CategoricalHyperparameter,
    ConfigurationSpace,
    EqualsCondition,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenInClause,
    InCondition,
)
from ConfigSpace import Configuration as SpaceConfiguration
from ConfigSpace.hyperparameters import Hyperparameter, NumericalHyperparameter

from pipelines.catalog import CATALOG, NAMES, STEP_NAMES, STEPS, OwnComponents, is_named, steps_of_kind
from pipelines.compatibility import REQUIREMENTS, can_order, conflict, fits, prune, refuses_joint
from pipelines.component import Component, TableTraits
from pipelines.configuration import Configuration
from pipelines.libraries import install, missing_libraries
from pipelines.monotonic import FIXED, allows_monotonic
from pipelines.overrides import Override, Overrides, SpaceError, excluded_components, override
from pipelines.rich_tables import ALL_RICH_TABLES
from pipelines.steps.multi_output import JOINT

_FIRST_PROBABILITY = 0.5  # of the first component of a step whose components are ranked
NO_OWN = OwnComponents()


def build_space(
    traits: TableTraits,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    seed: int = 0,
    overrides: Overrides = MappingProxyType({}),
    own: OwnComponents = NO_OWN,
) -> ConfigurationSpace:
    """Return the space of all pipelines for a table, from components whose libraries are installed.

    Parameters
    ----------
    traits : TableTraits
        Properties of the table.
    include : sequence of str
        Names of components, with or without their step ("encoding:one_hot"). A step with an included component keeps
        only its included components.
    exclude : sequence of str
        Names of components to leave out.
    overrides : mapping
        The user's changes of hyperparameters, see `pipelines.overrides`.
    own : OwnComponents
        Components of the user, beside those of the catalog.

    Returns
    -------
    ConfigurationSpace
        A choice for each step (``"model"``, ``"encoding"``, ...) and, below each component, its own hyperparameters
        as ``"model:lightgbm:learning_rate"``. Every configuration in it builds a pipeline that fits.

    Raises
    ------
    SpaceError
        If a name is unknown, if an included component lacks its library or breaks the order of monotonic columns, if a
        step that is needed has no component left, or if changed choices leave nothing for this table.
    """
    _check_names("include", include, own)
    _check_names("exclude", exclude, own)
    _check_libraries(include)
    named = [one.name for one in CATALOG["ordering"] if one.name != "none" and is_named("ordering", one.name, include)]
    if named and not traits.ranks:
        raise SpaceError(f"include names {named[0]}, which is for ordered classes; pass y as an ordered categorical")
    catalog = {step: (*components, *own.at(step)) for step, components in CATALOG.items()}
    _check_order(traits, include, catalog)
    exclude = (*exclude, *excluded_components(overrides, catalog))
    if traits.monotonic:
        overrides = {**overrides, **{name: Override(choices=(value,)) for name, value in FIXED.items()}}
    space = ConfigurationSpace(seed=seed)
    needed = [name for name, step in STEPS.items() if step.is_needed(traits)]
    offered = {step: _choices(step, traits, include, exclude, own) for step in needed}
    if "loss" in offered and not any(model.losses for model in offered["model"]):
        del offered["loss"]
    if not offered["model"]:
        suited = ", ".join(c.name for c in _choices("model", traits, (), ()))
        table = "table and takes sample_weight" if traits.weighted else "table"
        table = f"{table} with its monotonic columns" if traits.monotonic else table
        table = f"{table} and predicts quantiles" if traits.quantiles else table
        raise SpaceError(f"include and exclude leave no model that suits this {table}; choose from {suited}")
    prune(offered)
    names = {step: [component.name for component in components] for step, components in offered.items()}
    default = _pick(names, {})
    parts: list[Any] = []
    for step, components in offered.items():
        choice = Categorical(step, names[step], default=default[step], weights=_weights(step, names[step]))
        parts.append(choice)
        for component in components:
            prefix = f"{step}:{component.name}"
            parts += _below(choice, component.name, prefix, override(component.space(traits), prefix, overrides))
    # All at once: ConfigSpace sorts and checks the whole space after each call of `add`.
    space.add(*parts)
    space.add(*_forbid(space, offered), *_restrict_losses(space, offered))
    return space


def to_configuration(sampled: SpaceConfiguration) -> Configuration:
    """Convert a configuration of ConfigSpace, with plain Python values."""
    return Configuration(dict(sampled))


def complete(space: ConfigurationSpace, partial: Mapping[str, Any]) -> Configuration | None:
    """Return a complete configuration from a partial one.

    Absent hyperparameters get their defaults. Numbers are clipped to their bounds. Values that the space does not
    contain for this table are ignored. A component that is forbidden beside the components of earlier steps is
    replaced by a simple one.

    Returns
    -------
    Configuration or None
        None if the space does not contain the model.
    """
    if partial.get("model", space["model"].default_value) not in choices(space, "model"):
        return None
    names = {step: choices(space, step) for step in CATALOG if step in space}
    values = _fill(space, {**partial, **_pick(names, partial)})
    return to_configuration(SpaceConfiguration(space, values=values))


def find_models(
    traits: TableTraits, include: Sequence[str], exclude: Sequence[str], own: OwnComponents
) -> list[Component]:
    """Return the models that the space of a table may have."""
    return _choices("model", traits, include, exclude, own)


def unavailable_components(
    traits: TableTraits, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Return the components that the space of a table lacks only because a library is not installed, by library."""
    found: dict[str, list[str]] = {}
    for step in (name for name, step in STEPS.items() if step.is_needed(traits)):
        for component in _wanted(step, traits, include, exclude):
            for library in missing_libraries(component):
                found.setdefault(library, []).append(component.name)
    return found


def names_without_effect(traits: TableTraits, names: Sequence[str], own: OwnComponents = NO_OWN) -> dict[str, str]:
    """Return the included or excluded names whose components are only in steps that the task lacks, with such a step.

    Steps that depend on the columns of the table, such as the encoding, count as steps of every task.
    """
    found = {}
    for name in names:
        steps = [
            step for step in CATALOG if any(is_named(step, c.name, (name,)) for c in (*CATALOG[step], *own.at(step)))
        ]
        if steps and not any(STEPS[step].of_task(traits) for step in steps):
            found[name] = steps[0]
    return found


def own_components_without_order(traits: TableTraits, exclude: Sequence[str], own: OwnComponents) -> list[str]:
    """Return the names of own components that the space of a table lacks only because it has monotonic columns."""
    return [
        component.name
        for step in own.by_step
        for component in own.at(step)
        if traits.monotonic
        and component.applies(traits)
        and not allows_monotonic(step, component)
        and not is_named(step, component.name, exclude)
    ]


def has_components(space: ConfigurationSpace, configuration: Configuration) -> bool:
    """Return whether the space contains all components of a configuration."""
    return all(configuration[step] in choices(space, step) for step in CATALOG if step in configuration)


@cache
def hyperparameter_names() -> frozenset[str]:
    """Return the names of all choices and hyperparameters that the space of any table may contain."""
    return frozenset(name for traits in ALL_RICH_TABLES for name in build_space(traits))


def summarize(space: ConfigurationSpace) -> dict[str, Any]:
    """Return numbers of hyperparameters and model families, the names of the families, and the components by step."""
    families = list(choices(space, "model"))
    steps = {step: [name for name in choices(space, step) if name != "none"] for step in CATALOG if step != "model"}
    return {
        "n_hyperparameters": len(space),
        "n_families": len(families),
        "families": families,
        "steps": {step: names for step, names in steps.items() if names},
    }


def is_active(space: ConfigurationSpace, name: str, values: Mapping[str, Any]) -> bool:
    """Return whether a hyperparameter is active, given the values of the hyperparameters before it in the space."""
    for condition in space.parent_conditions_of[name]:
        # A conjunction has the attribute `parents`, a single condition has `parent`.
        parents = getattr(condition, "parents", None) or [getattr(condition, "parent", None)]
        if not all(
            parent.name in values for parent in parents if parent is not None
        ) or not condition.satisfied_by_value(dict(values)):
            return False
    return True


def choices(space: ConfigurationSpace, step: str) -> tuple[str, ...]:
    """Return the names of the components of a step in the space; empty if the space does not have the step."""
    found = space.get(step)
    return tuple(found.choices) if isinstance(found, CategoricalHyperparameter) else ()


def _check_names(argument: str, names: Sequence[str], own: OwnComponents) -> None:
    mine = {(step, component.name) for step in own.by_step for component in own.at(step)}
    for name in (name for name in names if not any(is_named(*one, (name,)) for one in mine)):
        if name not in NAMES and name not in STEP_NAMES:
            close = get_close_matches(name, [*NAMES, *STEP_NAMES], n=1)
            advice = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(NAMES)}"
            raise SpaceError(f"{argument} names the unknown component '{name}'; {advice}")


def _check_libraries(include: Sequence[str]) -> None:
    for step, component in ((step, component) for step, components in CATALOG.items() for component in components):
        if is_named(step, component.name, include) and (missing := missing_libraries(component)):
            raise SpaceError(
                f"include names {component.name}, but {missing[0]} is not installed; {install(missing[0])}"
            )


def _check_order(traits: TableTraits, include: Sequence[str], catalog: Mapping[str, tuple[Component, ...]]) -> None:
    """Refuse included steps that would break the promise of monotonic columns; models without constraints leave."""
    for step in (step for step in catalog if traits.monotonic and step != "model" and STEPS[step].of_task(traits)):
        for component in catalog[step]:
            if is_named(step, component.name, include) and not allows_monotonic(step, component):
                raise SpaceError(
                    f"include names {component.name}, but with monotonic columns, a component for {step} needs "
                    f"keeps_order=True; leave out {component.name} or monotonic"
                )


def _choices(
    step: str, traits: TableTraits, include: Sequence[str], exclude: Sequence[str], own: OwnComponents = NO_OWN
) -> list[Component]:
    wanted = _wanted(step, traits, include, exclude, own)
    ranked = STEPS[step].ranked
    if ranked is not None:
        names = ranked(traits)
        wanted.sort(key=lambda component: names.index(component.name))
    return [component for component in wanted if not missing_libraries(component)]


def _wanted(
    step: str, traits: TableTraits, include: Sequence[str], exclude: Sequence[str], own: OwnComponents = NO_OWN
) -> list[Component]:
    fitting = [
        component
        for component in (*CATALOG[step], *own.at(step))
        if component.applies(traits)
        and (component.accepts_sparse or not traits.sparse)
        and (component.accepts_weights or not traits.weighted or step != "model")
        and not is_named(step, component.name, exclude)
        and (component.accepts_quantiles or not traits.quantiles or step != "model")
        and not (component.reads_target and traits.targets is not None)
        and (not traits.monotonic or allows_monotonic(step, component))
    ]
    named = [component for component in fitting if is_named(step, component.name, include)]
    return named or ([] if step == "model" and _names_a_model(include, own) else fitting)


def _weights(step: str, names: Sequence[str]) -> list[float] | None:
    """Return the probabilities of the choices of a step; None if all are equal."""
    none_probability = STEPS[step].none_probability
    if STEPS[step].ranked is not None and len(names) > 1:
        rest = (1 - _FIRST_PROBABILITY) / (len(names) - 1)
        return [_FIRST_PROBABILITY, *[rest] * (len(names) - 1)]
    if "none" not in names or len(names) == 1 or none_probability is None:
        return None
    rest = (1 - none_probability) / (len(names) - 1)
    return [none_probability if name == "none" else rest for name in names]


def _names_a_model(include: Collection[str], own: OwnComponents) -> bool:
    """Return whether some of the included names are names of models."""
    return any(is_named("model", component.name, include) for component in (*CATALOG["model"], *own.at("model")))


def _pick(names: Mapping[str, Sequence[str]], requested: Mapping[str, Any]) -> dict[str, str]:
    """Return one component for each step: the requested component where it is in the space and goes with the others."""
    picked: dict[str, str] = {}
    # The model, or all models together, decide first, because the components of the other steps must go with them.
    first = steps_of_kind("model", "targets")
    for step in (*(step for step in first if step in names), *(step for step in names if step not in first)):
        candidates = [str(requested.get(step)), *STEPS[step].preferred, *names[step]]
        suited = (name for name in candidates if name in names[step] and fits(step, name, picked))
        choice = next(suited, None)
        if choice is None:
            before = ", ".join(f"{other} {name}" for other, name in picked.items())
            raise SpaceError(f"include and exclude leave no component for {step} that goes with {before}")
        picked[step] = choice
    return picked


def _below(choice: Hyperparameter[Any, Any], name: str, prefix: str, component: ConfigurationSpace) -> list[Any]:
    """Return the hyperparameters of a component under a prefix, with all their conditions and forbidden clauses."""
    renamed = ConfigurationSpace()
    renamed.add_configuration_space(prefix, component, delimiter=":")
    roots = [renamed[hyperparameter] for hyperparameter in renamed.unconditional_hyperparameters]
    return [
        *renamed.values(),
        *renamed.conditions,
        *renamed.forbidden_clauses,
        *(EqualsCondition(root, choice, name) for root in roots),
    ]


def _forbid(space: ConfigurationSpace, offered: Mapping[str, list[Component]]) -> Iterator[ForbiddenAndConjunction]:
    """Forbid components that do not accept the missing cells, codes, weights, copies or targets of another one."""
    for passing_step, passing, needed, later_steps in REQUIREMENTS:
        if passing not in choices(space, passing_step):
            continue
        for step in later_steps:
            refusing = [component.name for component in offered.get(step, ()) if not getattr(component, needed)]
            if refusing:
                yield ForbiddenAndConjunction(
                    ForbiddenEqualsClause(space[passing_step], passing), ForbiddenInClause(space[step], refusing)
                )
    for ordering in choices(space, "ordering"):
        refusing = [model.name for model in offered["model"] if not can_order(model, ordering)]
        if refusing:
            clauses = ForbiddenEqualsClause(space["ordering"], ordering), ForbiddenInClause(space["model"], refusing)
            yield ForbiddenAndConjunction(*clauses)
    if JOINT in choices(space, "multi_output"):
        for step in steps_of_kind("model", "classifier"):
            refusing = [name for name in choices(space, step) if refuses_joint(step, name)]
            if refusing:
                clauses = ForbiddenEqualsClause(space["multi_output"], JOINT), ForbiddenInClause(space[step], refusing)
                yield ForbiddenAndConjunction(*clauses)


def _restrict_losses(
    space: ConfigurationSpace, offered: Mapping[str, list[Component]]
) -> Iterator[InCondition | ForbiddenAndConjunction]:
    """Offer losses only to models that have a choice, and only losses that go with the model and the target."""
    if "loss" not in space:
        return
    losses = choices(space, "loss")
    free = [model.name for model in offered["model"] if model.losses]
    if len(free) < len(offered["model"]):
        yield InCondition(space["loss"], space["model"], free)
    for step, name in [*(("model", name) for name in free), *(("target", name) for name in choices(space, "target"))]:
        refused = [loss for loss in losses if conflict(step, name, "loss", loss)]
        if refused:
            clauses = ForbiddenEqualsClause(space[step], name), ForbiddenInClause(space["loss"], refused)
            yield ForbiddenAndConjunction(*clauses)


def _fill(space: ConfigurationSpace, requested: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of all active hyperparameters, in the order of the space, in which parents come first."""
    values: dict[str, Any] = {}
    for name, hyperparameter in space.items():
        if is_active(space, name, values):
            values[name] = _nearest(hyperparameter, requested.get(name))
    return values


def _nearest(hyperparameter: Hyperparameter[Any, Any], value: Any) -> Any:
    """Return the legal value nearest to the requested value, with the type of the space; by default the default."""
    if value is None:
        return hyperparameter.default_value
    if isinstance(hyperparameter, NumericalHyperparameter):
        value = type(hyperparameter.default_value)(min(max(value, hyperparameter.lower), hyperparameter.upper))
    if not hyperparameter.legal_value(value):
        return hyperparameter.default_value
    if isinstance(hyperparameter, CategoricalHyperparameter):
        return next((choice for choice in hyperparameter.choices if choice == value), value)
    return value
