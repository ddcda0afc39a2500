"""A configuration names every choice that makes up one pipeline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

Value = str | int | float | bool


class Configuration(Mapping[str, Value]):
    """The active hyperparameters of one pipeline: immutable, hashable, ordered by name.

    Two configurations are equal if and only if they have the same names with the same values of the same types:
    ``{"n": 1}``, ``{"n": 1.0}`` and ``{"n": True}`` are three different configurations, as their ids say, which name
    files and rows of databases. `pipelines.space.complete` gives each value the type that the search space has.

    Parameters
    ----------
    values : mapping of str to str, int, float or bool
        Names as in the search space, for example ``"model"`` and ``"model:lightgbm:learning_rate"``. NumPy
        scalars become Python ones.

    Examples
    --------
    >>> configuration = Configuration({"model:ridge:alpha": 2.0, "model": "ridge"})
    >>> configuration
    Configuration({'model': 'ridge', 'model:ridge:alpha': 2.0})
    >>> configuration.family, configuration.of("model:ridge"), configuration.id
    ('ridge', {'alpha': 2.0}, '359ef41006')
    """

    def __init__(self, values: Mapping[str, Any]):
        plain = {name: getattr(value, "item", lambda value=value: value)() for name, value in values.items()}
        self._values: dict[str, Value] = dict(sorted(plain.items()))

    @cached_property
    def _content(self) -> str:
        """The names and values as JSON, which distinguishes 1, 1.0 and true and is the same for every NaN."""
        return json.dumps(self._values)

    @cached_property
    def id(self) -> str:
        """Ten hexadecimal digits that name the content, equal on every machine."""
        return hashlib.sha256(self._content.encode()).hexdigest()[:10]

    @property
    def family(self) -> str:
        """Name of the model component; empty where the configuration has none."""
        return str(self._values.get("model", ""))

    def of(self, prefix: str) -> dict[str, Value]:
        """Return the hyperparameters whose names start with ``prefix:``, without this prefix."""
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
        return isinstance(other, Configuration) and self._content == other._content

    def __reduce__(self) -> tuple[type[Configuration], tuple[dict[str, Value]]]:
        return (Configuration, (self._values,))

    def __repr__(self) -> str:
        return f"Configuration({self._values})"
