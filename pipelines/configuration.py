"""A configuration: every choice that makes up one pipeline, as a frozen mapping."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

Value = str | int | float | bool


class Configuration(Mapping[str, Value]):
    """The active hyperparameters of one pipeline; hashable, ordered by name, equal by content.

    Parameters
    ----------
    values : mapping of str to str, int, float or bool
        Names as in the search space, for example ``"model"`` and ``"model:lightgbm:learning_rate"``. NumPy
        scalars become Python ones.
    """

    def __init__(self, values: Mapping[str, Any]):
        plain = {name: getattr(value, "item", lambda value=value: value)() for name, value in values.items()}
        self._values: dict[str, Value] = dict(sorted(plain.items()))

    @cached_property
    def id(self) -> str:
        """Ten hexadecimal digits that name the content, equal on every machine."""
        return hashlib.sha256(json.dumps(self._values).encode()).hexdigest()[:10]

    @property
    def family(self) -> str:
        """Name of the model component."""
        return str(self._values.get("model", ""))

    def of(self, prefix: str) -> dict[str, Value]:
        """Hyperparameters whose names start with ``prefix:``, with that prefix removed."""
        start = f"{prefix}:"
        return {name[len(start) :]: value for name, value in self._values.items() if name.startswith(start)}

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configuration) and self._values == other._values

    def __reduce__(self) -> tuple[type[Configuration], tuple[dict[str, Value]]]:
        return (Configuration, (self._values,))

    def __repr__(self) -> str:
        return f"Configuration({self._values})"
