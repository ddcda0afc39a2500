"""How the parameters of one class in a flow are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meta_db.exchange.flows import NotMappedError
from pipelines.component import TableTraits

# Of any class: they say where and how loudly it runs, or how far its solver goes.
_HARMLESS = frozenset(
    {
        *("n_jobs", "nthread", "random_state", "seed", "verbose", "verbosity", "silent", "warm_start", "cache_size"),
        *("copy", "copy_X", "copy_X_train", "oob_score", "tol", "max_iter", "n_iter", "dtype", "missing_values"),
    }
)
MIN_TREES = 50  # of a forest: more change its scores little
MIN_ROUNDS = 5.0  # of boosting, times the learning rate: fewer are cut short


@dataclass(frozen=True)
class Rule:
    """What a class of a flow is in our space.

    Attributes
    ----------
    read : callable
        ``read(setup)`` gives wishes by the names of our hyperparameters.
    neutral : mapping of str to tuple
        Parameters that ours do not have, and the values that make no difference: the library's defaults, old and new.
    harmless : frozenset of str
        Parameters whose value does not matter.
    """

    read: Callable[[SetupReader], dict[str, Any]]
    neutral: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()


class SetupReader:
    """Parameters of one class; remembers which of them were read.

    Parameters
    ----------
    where : str
        Name of the class.
    values : mapping of str to object
    traits : TableTraits
        Of the table.
    before : mapping of str to object
        Wishes that the steps before this one gave.
    """

    def __init__(self, where: str, values: Mapping[str, Any], traits: TableTraits, before: Mapping[str, Any]):
        self.where = where
        self.traits = traits
        self.before = before
        self._values = values
        self._read: set[str] = set()

    def get(self, name: str, default: Any) -> Any:
        """A parameter's value, or the library's default where the setup does not have it or has None."""
        self._read.add(name)
        value = self._values.get(name)
        return default if value is None else value

    def refuse_none(self, name: str) -> None:
        """Refuse a parameter for which None is no default, but a choice that ours do not have."""
        if name in self._values and self._values[name] is None:
            raise self.refuse(name)

    def number(self, name: str, default: float) -> float:
        """A parameter that has to be a number."""
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.refuse(name)
        return value

    def penalty(self, name: str, default: float, least: float) -> float:
        """A number from 0 up; what lies below our least is as good as our least."""
        value = float(self.number(name, default))
        if value < 0:
            raise self.refuse(name)
        return max(value, least)

    def whole(self, name: str, default: int) -> int:
        """A parameter that has to be a count; a share of the rows is not one."""
        value = self.number(name, default)
        if value != int(value):
            raise self.refuse(name)
        return int(value)

    def share_of_columns(self, name: str, default: Any) -> float:
        """What scikit-learn calls ``max_features``, as a share; None is all columns there."""
        if name in self._values and self._values[name] is None:
            default = 1.0
        value, n = self.get(name, default), self.traits.n_features
        named = {"sqrt": math.sqrt(n), "auto": math.sqrt(n), "log2": math.log2(max(n, 2))}
        if isinstance(value, str) and value in named:
            return max(1.0, named[value]) / n
        if isinstance(value, int) and not isinstance(value, bool):
            return value / n
        return float(self.number(name, default))

    def enough(self, name: str, default: float, least: float) -> None:
        """Refuse a setup that has too little of what ours decide themselves."""
        if self.number(name, default) < least:
            raise NotMappedError(f"{self.where}: {name} is too small to be as good as ours")

    def choose(self, name: str, default: Any, ours: Mapping[Any, Any]) -> Any:
        """Our value for one of theirs."""
        value = self.get(name, default)
        if not isinstance(value, str | bool | int | float) or value not in ours:
            raise self.refuse(name)
        return ours[value]

    def balancing(self) -> dict[str, Any]:
        """Class weights as our step."""
        if self.choose("class_weight", "none", {"none": False, "balanced": True}):
            return {"balancing": "weights", "balancing:weights:power": 1.0}
        return {}

    def refuse(self, name: str) -> NotMappedError:
        """The error for a value that ours cannot have."""
        return NotMappedError(f"{self.where}: {name} has a value that ours cannot have")

    def check_rest(self, rule: Rule) -> None:
        """Refuse what was not read and makes a difference."""
        for name, value in self._values.items():
            if name in self._read or name in _HARMLESS or name in rule.harmless or value is None:
                continue
            if not any(value == neutral for neutral in rule.neutral.get(name, ())):
                raise NotMappedError(f"{self.where}: {name} is not in our space")
