"""Reads the parameters of one class in a flow."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meta_db.exchange.flows import NotMappedError
from pipelines.component import TableTraits

# Parameters of any class that do not change the model: cores, messages, seeds, and how far a solver goes.
_HARMLESS = frozenset(
    {
        *("n_jobs", "nthread", "random_state", "seed", "verbose", "verbosity", "silent", "warm_start", "cache_size"),
        *("copy", "copy_X", "copy_X_train", "oob_score", "tol", "max_iter", "n_iter", "dtype", "missing_values"),
    }
)
MIN_TREES = 50  # of a forest: more trees change its scores little
MIN_ROUNDS = 5.0  # of boosting, times the learning rate: with fewer, the boosting ended too early


@dataclass(frozen=True)
class Rule:
    """The rule that maps a class of a flow to our space.

    Attributes
    ----------
    read : callable
        ``read(setup)`` returns values by the names of our hyperparameters.
    neutral : mapping of str to tuple
        Parameters that our models do not have, and their values that make no difference: the library's defaults, old
        and new.
    harmless : frozenset of str
        Parameters whose value does not matter.
    """

    read: Callable[[SetupReader], dict[str, Any]]
    neutral: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    harmless: frozenset[str] = frozenset()


class SetupReader:
    """Reads the parameters of one class in a setup, and notes which parameters were read.

    Parameters
    ----------
    where : str
        Name of the class.
    values : mapping of str to object
    traits : TableTraits
        Traits of the table.
    before : mapping of str to object
        Values of our hyperparameters from the earlier steps of the flow.
    """

    def __init__(self, where: str, values: Mapping[str, Any], traits: TableTraits, before: Mapping[str, Any]):
        self.where = where
        self.traits = traits
        self.before = before
        self._values = values
        self._read: set[str] = set()

    def get(self, name: str, default: Any) -> Any:
        """Return the value of a parameter, or the default if the setup has none or has None."""
        self._read.add(name)
        value = self._values.get(name)
        return default if value is None else value

    def refuse_none(self, name: str) -> None:
        """Refuse a setup if None, for this parameter, is a choice that our models do not have."""
        if name in self._values and self._values[name] is None:
            raise self.refuse(name)

    def number(self, name: str, default: float) -> float:
        """Return the value of a parameter that must be a number."""
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.refuse(name)
        return value

    def penalty(self, name: str, default: float, least: float) -> float:
        """Return a penalty, at least 0; a penalty below our least one counts as our least one."""
        value = float(self.number(name, default))
        if value < 0:
            raise self.refuse(name)
        return max(value, least)

    def whole(self, name: str, default: int) -> int:
        """Return the value of a parameter that must be a count, not a share of the rows."""
        value = self.number(name, default)
        if value != int(value):
            raise self.refuse(name)
        return int(value)

    def share_of_columns(self, name: str, default: Any) -> float:
        """Return scikit-learn's ``max_features`` as a share of the columns; None means all columns."""
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
        """Refuse a setup whose value is below the least one that is as good as our own choice."""
        if self.number(name, default) < least:
            raise NotMappedError(f"{self.where}: {name} is too small to be as good as ours")

    def choose(self, name: str, default: Any, ours: Mapping[Any, Any]) -> Any:
        """Return our value for one of the library's values."""
        value = self.get(name, default)
        if not isinstance(value, str | bool | int | float) or value not in ours:
            raise self.refuse(name)
        return ours[value]

    def balancing(self) -> dict[str, Any]:
        """Return class weights as our balancing step."""
        if self.choose("class_weight", "none", {"none": False, "balanced": True}):
            return {"balancing": "weights", "balancing:weights:power": 1.0}
        return {}

    def refuse(self, name: str) -> NotMappedError:
        """Return the error for a value that our models cannot have."""
        return NotMappedError(f"{self.where}: {name} has a value that our models cannot have")

    def check_rest(self, rule: Rule) -> None:
        """Refuse a setup with a parameter that was not read and makes a difference."""
        for name, value in self._values.items():
            if name in self._read or name in _HARMLESS or name in rule.harmless or value is None:
                continue
            if not any(value == neutral for neutral in rule.neutral.get(name, ())):
                raise NotMappedError(f"{self.where}: {name} is not in our space")
