"""Changes of single hyperparameters by the user: another range, other choices, a fixed value, or a prior.

Every space of a table is first built as usual. Then `override` replaces the hyperparameters that the user has changed.
Conditions on a value that a hyperparameter cannot have any more are removed, together with their hyperparameters.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
from ConfigSpace import Categorical, CategoricalHyperparameter, ConfigurationSpace, Float, InCondition, Integer
from ConfigSpace.conditions import Conjunction
from ConfigSpace.hyperparameters import Hyperparameter, IntegerHyperparameter, NumericalHyperparameter

from pipelines.catalog import CATALOG
from pipelines.component import Component
from pipelines.value_limits import ValueLimits, find_limits

_KEYS = ("prior", "range", "choices", "std")
STD = 0.2  # of a prior, as a share of the range of the hyperparameter
_N_CLOSE = 3
_MODEL = "model:"


class SpaceError(ValueError):
    """The user's components and ranges leave nothing to search, or cannot be used; the message says how to fix it."""


@dataclass(frozen=True)
class Prior:
    """What the user expects of the best value of a hyperparameter.

    Attributes
    ----------
    value : object
        The best value that the user expects.
    std : float
        Standard deviation of a number around it, as a share of its range; on a logarithmic scale where the
        hyperparameter has one.
    weights : mapping
        Weights of the choices instead of one value; the weights of other choices are 0.
    """

    value: Any = None
    std: float = STD
    weights: Mapping[Any, float] = field(default_factory=dict)

    @property
    def expected(self) -> Any:
        """The value that the user expects most; the hyperparameter has it by default."""
        return max(self.weights, key=lambda choice: self.weights[choice]) if self.weights else self.value


@dataclass(frozen=True)
class Override:
    """The change of one hyperparameter.

    Attributes
    ----------
    range : tuple of (float, float), optional
        The new range of a number.
    choices : tuple, optional
        The values among which the search chooses; a single one is fixed.
    prior : Prior, optional
    """

    range: tuple[float, float] | None = None
    choices: tuple[Any, ...] | None = None
    prior: Prior | None = None


Overrides = Mapping[str, Override]


def read_overrides(given: Mapping[str, Any], spaces: Iterable[ConfigurationSpace]) -> dict[str, Override]:
    """Check the user's changes and return them by the full names of the hyperparameters.

    Parameters
    ----------
    given : mapping
        Names, of which the prefix ``model:`` may be left out, to a range ``(low, high)``, a list of choices, a single
        value, or a mapping with the keys "prior", "std", "range" and "choices".
    spaces : iterable of ConfigurationSpace
        The spaces of all kinds of tables, which know all names.

    Raises
    ------
    SpaceError
        If a name or a value cannot be used; the message names the entry and what is possible.
    """
    known: dict[str, list[Hyperparameter[Any, Any]]] = {}
    for space in spaces:
        for name, hyperparameter in space.items():
            known.setdefault(name, []).append(hyperparameter)
    found: dict[str, Override] = {}
    for name, value in given.items():
        full = _full_name(name, known)
        if full in found:
            raise SpaceError(f"space names '{full}' twice; remove one of the entries")
        found[full] = _read(str(name), value, known[full])
    return found


def excluded_components(overrides: Overrides, catalog: Mapping[str, Sequence[Component]] = CATALOG) -> list[str]:
    """Return the components that the user's choices at steps leave out, as ``step:name``."""
    return [
        f"{step}:{component.name}"
        for step, override in overrides.items()
        if step in CATALOG and override.choices is not None
        for component in catalog[step]
        if component.name not in override.choices
    ]


def override(space: ConfigurationSpace, prefix: str, overrides: Overrides) -> ConfigurationSpace:
    """Return the space of a component after the user's changes; without changes, the space itself.

    Parameters
    ----------
    prefix : str
        The step and the name of the component, for example "model:lightgbm".

    Raises
    ------
    SpaceError
        If the choices leave nothing for this table.
    """
    changes = {name: overrides[f"{prefix}:{name}"] for name in space if f"{prefix}:{name}" in overrides}
    if not changes:
        return space
    new = {
        name: _replaced(f"{prefix}:{name}", hyperparameter, changes[name]) if name in changes else hyperparameter
        for name, hyperparameter in space.items()
    }
    conditions: dict[str, list[Any]] = {}
    for name in space:  # parents come before their children
        for condition in space.parent_conditions_of[name]:
            assert not isinstance(condition, Conjunction)  # each condition of a component has one parent
            parent = condition.parent.name
            values = list(getattr(condition, "values", ())) or [condition.value]
            possible = [value for value in values if parent in new and new[parent].legal_value(value)]
            if not possible:
                new.pop(name, None)
            else:
                conditions.setdefault(name, []).append((parent, possible))
    out = ConfigurationSpace(seed=0)
    out.add(*new.values())
    for name, parents in conditions.items():
        if name in new:
            out.add(*(InCondition(new[name], new[parent], values) for parent, values in parents))
    if space.forbidden_clauses:
        raise NotImplementedError(f"{prefix} has forbidden clauses, which cannot be changed")
    return out


def is_allowed(space: ConfigurationSpace, overrides: Overrides, configuration: Mapping[str, Any]) -> bool:
    """Return whether the values of a configuration are within the user's changes."""
    return all(
        name in space and space[name].legal_value(configuration[name])
        for name, change in overrides.items()
        if name in configuration and _changes(change)
    )


def unused(space: ConfigurationSpace, overrides: Overrides) -> list[str]:
    """Return the changed names that the space of a table does not have."""
    return [name for name in overrides if name not in space and name not in CATALOG]


def _changes(change: Override) -> bool:
    return change.range is not None or change.choices is not None


def _full_name(name: Any, known: Collection[str]) -> str:
    for full in (name, f"{_MODEL}{name}"):
        if full in known:
            return str(full)
    shown = [full.removeprefix(_MODEL) for full in known]
    close = get_close_matches(str(name).removeprefix(_MODEL), shown, n=_N_CLOSE)
    if not close:
        last = str(name).rpartition(":")[2]
        close = [full for full in shown if full.rpartition(":")[2] == last][:_N_CLOSE]
    advice = f"did you mean {' or '.join(map(repr, close))}?" if close else "'automl space --full' lists all names"
    raise SpaceError(f"space: {name!r} is unknown; {advice}")


def _read(name: str, value: Any, hyperparameters: Sequence[Hyperparameter[Any, Any]]) -> Override:
    if not isinstance(value, Mapping):
        return _read_values(name, value, hyperparameters)
    for key in value:
        if key not in _KEYS:
            raise SpaceError(f"space: {name!r} has the unknown key {key!r}; the keys are {', '.join(_KEYS)}")
    if "range" in value and "choices" in value:
        raise SpaceError(f"space: {name!r} has both a range and choices; remove one of them")
    values = next((value[key] for key in ("range", "choices") if key in value), None)
    if values is not None and not isinstance(values, list | tuple):
        raise SpaceError(f"space: {name!r}: the range must be (low, high), the choices a list; got {values!r}")
    change = Override() if values is None else _read_values(name, values, hyperparameters)
    if "prior" not in value:
        return change
    return Override(change.range, change.choices, _read_prior(name, value, change, hyperparameters))


def _read_values(name: str, value: Any, hyperparameters: Sequence[Hyperparameter[Any, Any]]) -> Override:
    if isinstance(hyperparameters[0], NumericalHyperparameter):
        return _read_numbers(name, value, hyperparameters[0])
    given = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    if not given:
        raise SpaceError(f"space: {name!r} has no choices; give at least one of {_shown(_known(hyperparameters))}")
    return Override(choices=tuple(_choice(name, choice, hyperparameters) for choice in given))


def _read_numbers(name: str, value: Any, hyperparameter: Hyperparameter[Any, Any]) -> Override:
    ends = list(value) if isinstance(value, list | tuple) else [value]
    if len(ends) not in (1, 2) or (len(ends) == 1 and isinstance(value, list | tuple)):
        raise SpaceError(f"space: {name!r} is a number; give its range as (low, high), or one value; got {value!r}")
    low, high = (_number(name, end, hyperparameter) for end in (ends[0], ends[-1]))
    if low > high:
        raise SpaceError(f"space: {name!r}: the range ({low:g}, {high:g}) is empty; the lower end comes first")
    if low == high:
        return Override(choices=(low,))
    if getattr(hyperparameter, "log", False) and low <= 0:
        raise SpaceError(
            f"space: {name!r} has a logarithmic scale, so its range must begin above 0; got ({low:g}, {high:g})"
        )
    return Override(range=(low, high))


def _number(name: str, value: Any, hyperparameter: Hyperparameter[Any, Any]) -> Any:
    whole = isinstance(hyperparameter, IntegerHyperparameter)
    known = f"its range is {hyperparameter.lower:g} to {hyperparameter.upper:g}"  # type: ignore[attr-defined]
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool | np.bool_)
    if not is_number or not math.isfinite(value) or (whole and value != int(value)):
        raise SpaceError(f"space: {name!r} must be a {'whole ' if whole else ''}number; {known}; got {value!r}")
    limits = find_limits(hyperparameter.name) or ValueLimits()
    if not limits.accepts(float(value)):
        raise SpaceError(f"space: {name!r} must be {limits}; {known}; got {value!r}")
    return int(value) if whole else float(value)


def _known(hyperparameters: Sequence[Hyperparameter[Any, Any]]) -> list[Any]:
    return list(dict.fromkeys(choice for h in hyperparameters for choice in getattr(h, "choices", ())))


def _choice(name: str, value: Any, hyperparameters: Sequence[Hyperparameter[Any, Any]]) -> Any:
    """Return the choice that equals a value; True does not equal 1."""
    if name in CATALOG:
        known = list(dict.fromkeys([*(component.name for component in CATALOG[name]), *_known(hyperparameters)]))
    else:
        known = _known(hyperparameters)
    for choice in known:
        if choice == value and isinstance(choice, bool | np.bool_) == isinstance(value, bool | np.bool_):
            return choice
    raise SpaceError(f"space: {name!r} cannot be {value!r}; choose from {_shown(known)}")


def _shown(values: Iterable[Any]) -> str:
    return ", ".join(map(repr, values))


def _read_prior(
    name: str, value: Mapping[str, Any], change: Override, hyperparameters: Sequence[Hyperparameter[Any, Any]]
) -> Prior:
    prior, std = value["prior"], value.get("std", STD)
    if not isinstance(std, int | float) or isinstance(std, bool) or not 0 < std < math.inf:
        raise SpaceError(f"space: {name!r}: std must be a number above 0, a share of the range; got {std!r}")
    if change.choices is not None and len(change.choices) == 1:
        raise SpaceError(f"space: {name!r} has one value only; remove its prior")
    first = hyperparameters[0]
    if isinstance(first, NumericalHyperparameter):
        number = _number(name, prior, first)
        low, high = change.range or (first.lower, first.upper)
        if not low <= number <= high:
            raise SpaceError(f"space: {name!r}: the prior {prior!r} is outside of the range {low:g} to {high:g}")
        return Prior(number, float(std))
    if "std" in value:
        raise SpaceError(f"space: {name!r} has choices; a std is for numbers; remove it")
    weights = prior if isinstance(prior, Mapping) else {prior: 1.0}
    read = {_choice(name, choice, hyperparameters): weight for choice, weight in weights.items()}
    for choice, weight in read.items():
        is_weight = isinstance(weight, int | float) and not isinstance(weight, bool) and 0 <= weight < math.inf
        if not is_weight or sum(read.values()) <= 0:
            raise SpaceError(f"space: {name!r}: the weight of {choice!r} must be a number, 0 or more; got {weight!r}")
        if change.choices is not None and choice not in change.choices:
            raise SpaceError(f"space: {name!r}: the prior names {choice!r}, which is not among the choices")
    return Prior(weights={choice: float(weight) for choice, weight in read.items()})


def _replaced(full: str, hyperparameter: Hyperparameter[Any, Any], change: Override) -> Hyperparameter[Any, Any]:
    default = hyperparameter.default_value if change.prior is None else change.prior.expected
    if isinstance(hyperparameter, NumericalHyperparameter) and change.choices is None:
        low, high = change.range or (hyperparameter.lower, hyperparameter.upper)
        make: Any = Integer if isinstance(hyperparameter, IntegerHyperparameter) else Float
        return make(hyperparameter.name, (low, high), log=hyperparameter.log, default=min(max(default, low), high))
    choices = list(getattr(hyperparameter, "choices", ()) if change.choices is None else change.choices)
    if change.choices is not None and isinstance(hyperparameter, CategoricalHyperparameter):
        choices = [choice for choice in hyperparameter.choices if choice in change.choices]
        if not choices:
            offered = _shown(hyperparameter.choices)
            raise SpaceError(f"space: '{full}' has none of the given choices on this table; choose from {offered}")
    return Categorical(hyperparameter.name, choices, default=default if default in choices else choices[0])
