"""JSON becomes objects; `pipelines.storage.encode` describes the JSON."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import partial
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import sklearn
from numpy.lib.format import descr_to_dtype
from sklearn.base import BaseEstimator

from pipelines.storage.checks import CHECKS
from pipelines.storage.errors import StorageError, UntrustedError
from pipelines.storage.natives import BY_LIBRARY
from pipelines.storage.pandas_values import PANDAS_READERS
from pipelines.storage.series import decode_series
from pipelines.storage.trusted import BUILT, FUNCTIONS, TYPES

_BIT_GENERATORS = (np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64)


def check_trusted(names: Iterable[Sequence[str]], trusted: Collection[str] = ()) -> None:
    """Check that all types and functions are trusted by this package or by the caller.

    Raises
    ------
    UntrustedError
        If some are not.
    """
    unknown = sorted({".".join(name) for name in names} - TYPES - FUNCTIONS - BUILT - set(trusted))
    if unknown:
        raise UntrustedError(tuple(unknown))


class Decoder:
    """Makes the objects of one archive.

    Parameters
    ----------
    type_names : list of [module, name]
        The types and functions of the archive; they are imported when the first object needs them.
    arrays : dict of ndarray
    files : dict of memoryview
        Boosters by the names of their entries.
    trusted : collection of str
        Types and functions that are trusted beside those of this package.
    external : mapping of str to object
    most_items : int
        Largest number of items of all lists together that the archive gives by their number only.
    """

    def __init__(
        self,
        type_names: list[list[str]],
        arrays: Mapping[str, np.ndarray],
        files: Mapping[str, memoryview],
        trusted: Collection[str],
        external: Mapping[str, Any],
        most_items: int,
    ):
        self._names = [(str(module), str(name)) for module, name in type_names]
        self._arrays, self._files = arrays, files
        self._trusted, self._external = frozenset(trusted), external
        self._items_left = most_items
        self._imported: dict[int, Any] = {}
        self._seen: list[Any] = []
        check_trusted(self._names, self._trusted)

    def decode(self, node: Any) -> Any:
        """Return the value of a node."""
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        kind = next(iter(node))
        reader = _READERS.get(kind)
        if reader is None:
            raise StorageError(f"the content is damaged: it holds the unknown key {kind!r}")
        return reader(self, node)

    def _attributes(self, node: Mapping[str, Any]) -> dict[str, Any]:
        decode = self.decode
        return {
            name: decode(value) if type(value) in (dict, list) else value  # most attributes are plain values
            for name, value in node.items()
        }

    def _items(self, node: dict[str, Any]) -> dict[Any, Any]:
        return {self.decode(key): self.decode(value) for key, value in node["items"]}

    def _number(self, node: dict[str, Any]) -> Any:
        dtype, value = node["number"]
        if dtype is None:
            return self._read_array(value)[()]
        return np.dtype(dtype).type(self.decode(value))

    def _array(self, node: dict[str, Any]) -> np.ndarray:
        found = self._read_array(node)
        self._seen.append(found)
        return found

    def _read_array(self, node: dict[str, Any]) -> np.ndarray:
        value = self._arrays[node["array"]]
        if "dtype" in node:
            dtype = descr_to_dtype(_as_descr(node["dtype"]))
            if dtype.hasobject:
                raise StorageError("the content is damaged: an array of bytes holds objects")
            value = value.view(dtype).reshape(node["shape"])
        return value.T if node.get("order") == "F" else value

    def _cells(self, node: dict[str, Any]) -> np.ndarray:
        at = len(self._seen)
        self._seen.append(None)
        cells = [self.decode(cell) for cell in node["cells"]]
        shape = tuple(node["shape"])
        if int(np.prod(shape)) != len(cells):
            raise StorageError("the content is damaged: the shape of an array does not fit its cells")
        found = np.empty(len(cells), dtype=object)
        found[:] = cells
        self._seen[at] = found.reshape(shape)
        return self._seen[at]

    def count(self, n: Any) -> int:
        """Return a number of items, which are counted together: a small archive may not fill the memory."""
        if not isinstance(n, int) or not 0 <= n <= self._items_left:
            raise StorageError("the content is damaged: a list is too long")
        self._items_left -= n
        return n

    def new(self, number: int, n: int = 1) -> list[Any]:
        """Return new objects of a type, without attributes."""
        kind = self._import(number, TYPES)
        made = [kind.__new__(kind) for _ in range(n)]
        self._seen.extend(made)
        return made

    def set_state(self, number: int, made: Any, state: Any) -> None:
        """Give a new object its attributes."""
        set_state = getattr(type(made), "__setstate__", None)
        # scikit-learn's own method only compares versions; `automl.load` compares those of all libraries.
        if set_state is not None and set_state is not BaseEstimator.__setstate__:
            if type(made).__module__.startswith("sklearn.") and isinstance(state, dict):
                state["_sklearn_version"] = sklearn.__version__
            made.__setstate__(state)
        elif state:
            vars(made).update(state)
        self._check(number, made)

    def build(self, number: int, n: int, args: Sequence[Any], state: Any) -> list[Any]:
        """Return new objects of a type whose constructor needs arguments; `args` and `state` are series."""
        kind = self._import(number, BUILT)
        at = len(self._seen)
        self._seen.extend([None] * n)
        columns = [decode_series(self, column) for column in args]
        states = decode_series(self, state)
        made = [self._build_one(number, kind, *one) for one in zip(zip(*columns, strict=True), states, strict=True)]
        self._seen[at : at + n] = made
        return made

    def _build_one(self, number: int, kind: Any, args: Sequence[Any], state: Any) -> Any:
        made = kind(*args)
        if state is not None:
            made.__setstate__(state)
        self._check(number, made)
        return made

    def _object(self, node: dict[str, Any]) -> Any:
        number = node["object"]
        made = self.new(number)[0]
        state = self._attributes(node["state"]) if "state" in node else self.decode(node["other_state"])
        self.set_state(number, made, state)
        return made

    def _built(self, node: dict[str, Any]) -> Any:
        kind = self._import(node["built"], BUILT)
        at = len(self._seen)
        self._seen.append(None)
        args, state = self.decode(node["args"]), self.decode(node["state"])
        self._seen[at] = self._build_one(node["built"], kind, args, state)
        return self._seen[at]

    def _native(self, node: dict[str, Any]) -> Any:
        self._seen.append(BY_LIBRARY[node["native"]].load(bytes(self._files[node["file"]]), node["about"]))
        return self._seen[-1]

    def _again(self, node: dict[str, Any]) -> Any:
        found = self._seen[node["again"]]
        if found is None:
            raise StorageError("the content is damaged: an object is part of its own arguments")
        return found

    def _enum(self, node: dict[str, Any]) -> Any:
        kind = self._import(node["enum"], TYPES)
        if not issubclass(kind, Enum):
            raise StorageError(f"the content is damaged: {kind.__name__} is no enumeration")
        return kind[node["name"]]

    def _type(self, node: dict[str, Any]) -> Any:
        return self._import(node["type"], TYPES)

    def _function(self, node: dict[str, Any]) -> Any:
        return self._import(node["function"], FUNCTIONS)

    def _partial(self, node: dict[str, Any]) -> Any:
        args, named = self.decode(node["args"])
        return partial(self._import(node["partial"], FUNCTIONS), *args, **named)

    def _random_state(self, node: dict[str, Any]) -> np.random.RandomState:
        made = np.random.RandomState(0)
        made.set_state(self.decode(node["random_state"]))
        return made

    def _generator(self, node: dict[str, Any]) -> np.random.Generator:
        state = self.decode(node["generator"])
        bits = {kind.__name__: kind for kind in _BIT_GENERATORS}[state["bit_generator"]](0)
        bits.state = state
        return np.random.Generator(bits)

    def _external_object(self, node: dict[str, Any]) -> Any:
        return self._external[node["external"]]

    def _import(self, number: int, allowed: frozenset[str]) -> Any:
        """Return a type or function, which must be in the right one of the lists, or named by the caller."""
        if number in self._imported:
            return self._imported[number]
        module, name = self._names[number]
        full_name = f"{module}.{name}"
        if full_name not in allowed and full_name not in self._trusted:
            raise StorageError(f"the content is damaged: {full_name} is used in the wrong place")
        found: Any = _import_module(module)
        for part in name.split("."):
            if not hasattr(found, part):
                raise StorageError(f"{full_name} is not defined here; define it as where the model was fitted")
            found = getattr(found, part)
        self._imported[number] = found
        return found

    def _check(self, number: int, made: Any) -> None:
        check = CHECKS.get(".".join(self._names[number]))
        if check is not None:
            check(made)


def _import_module(name: str) -> ModuleType:
    """Import a module; any error of its code becomes an `ImportError` that names the module which has raised it."""
    try:
        return import_module(name)
    except ImportError:
        raise
    except Exception as error:  # such as OSError, where a shared library of the system is missing
        running = [frame for frame, _ in walk_tb(error.__traceback__) if frame.f_code.co_name == "<module>"]
        failed = str(running[-1].f_globals.get("__name__", name)) if running else name
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ImportError(f"{failed} cannot be imported ({reason})", name=failed) from error


def _as_descr(node: Any) -> Any:
    """Return the description of a dtype, in which JSON has turned tuples into lists."""
    if not isinstance(node, list):
        return node
    return [tuple(tuple(part) if i == 2 else _as_descr(part) for i, part in enumerate(field)) for field in node]


_MOMENTS: dict[str, Any] = {"datetime": datetime.datetime, "date": datetime.date, "time": datetime.time}

_READERS: dict[str, Callable[[Decoder, dict[str, Any]], Any]] = {
    "series": lambda decoder, node: decode_series(decoder, node["series"]),
    "dict": lambda decoder, node: decoder._attributes(node["dict"]),
    "items": Decoder._items,
    "tuple": lambda decoder, node: tuple(decoder.decode(item) for item in node["tuple"]),
    "set": lambda decoder, node: {decoder.decode(item) for item in node["set"]},
    "frozenset": lambda decoder, node: frozenset(decoder.decode(item) for item in node["frozenset"]),
    "bytes": lambda decoder, node: base64.b64decode(node["bytes"], validate=True),
    "slice": lambda decoder, node: slice(*(decoder.decode(item) for item in node["slice"])),
    "complex": lambda decoder, node: complex(*(decoder.decode(item) for item in node["complex"])),
    "range": lambda decoder, node: range(*node["range"]),
    "proxy": lambda decoder, node: MappingProxyType(decoder.decode(node["proxy"])),
    "moment": lambda decoder, node: _MOMENTS[node["moment"][1]].fromisoformat(node["moment"][0]),
    "decimal": lambda decoder, node: Decimal(node["decimal"]),
    **PANDAS_READERS,
    "path": lambda decoder, node: Path(node["path"]),
    "float": lambda decoder, node: float(node["float"]),
    "number": Decoder._number,
    "array": Decoder._array,
    "cells": Decoder._cells,
    "dtype": lambda decoder, node: descr_to_dtype(_as_descr(node["dtype"])),
    "type": Decoder._type,
    "function": Decoder._function,
    "partial": Decoder._partial,
    "random_state": Decoder._random_state,
    "generator": Decoder._generator,
    "enum": Decoder._enum,
    "object": Decoder._object,
    "built": Decoder._built,
    "native": Decoder._native,
    "again": Decoder._again,
    "external": Decoder._external_object,
}
