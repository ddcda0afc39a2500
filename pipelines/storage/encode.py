"""Objects become JSON.

None, booleans, integers, finite floats, texts and lists are themselves. Everything else is a dictionary whose first key
says what it is:

=============== ===================================================================================================
key             value
=============== ===================================================================================================
``dict``        a dictionary whose keys are texts
``series``      a list of many values of one type, see `pipelines.storage.series`
``items``       another dictionary, as a list of pairs
``tuple``       a list of the items; ``set`` and ``frozenset`` alike
``float``       "nan", "inf" or "-inf"
``number``      a NumPy scalar: its dtype and its value
``frame``       a DataFrame; ``timestamp``, ``period``, ``interval`` and ``na`` are cells of pandas
``moment``      a datetime, date or time in the ISO format
``array``       the name of an array; ``order`` is "F" for columns that lie side by side; ``dtype`` says how to read
                the bytes of an array that safetensors cannot hold
``cells``       the cells of an array of objects; ``shape``
``dtype``       a NumPy dtype
``type``        the number of a type; ``function`` is the number of a function
``object``      the number of a type; ``state`` holds the attributes
``partial``     the number of a function; ``args`` are its positional and its named arguments
``built``       the number of a type that is called with ``args``; ``state`` is set afterwards
``native``      the format of a booster; ``file`` is its entry
``again``       the number of an object or array that came before, counted from 0
``generator``   the state of a random generator; ``random_state`` alike
``external``    the name of an object that the caller keeps
=============== ===================================================================================================
"""

from __future__ import annotations

import base64
import datetime
import io
import math
import types
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.lib.format import dtype_to_descr
from sklearn.base import BaseEstimator

from pipelines.storage.errors import StorageError
from pipelines.storage.natives import NATIVE
from pipelines.storage.pandas_values import PANDAS_TYPES, encode_pandas
from pipelines.storage.series import encode_series, is_series
from pipelines.storage.tensors import Stack, is_plain
from pipelines.storage.trusted import BUILT


class Encoder:
    """Turns one value into JSON; arrays and boosters are collected beside it.

    Attributes
    ----------
    type_names : list of [module, name]
    arrays : dict of Stack
    files : dict of bytes
    """

    def __init__(self, external: Mapping[int, str]):
        self._external = external
        self._seen: dict[int, tuple[int, Any]] = {}  # the object is kept, so that no other object gets its id
        self._types: dict[str, int] = {}
        self._where: list[str] = []  # the names of the attributes around the current value, for messages
        self.type_names: list[list[str]] = []
        self.arrays: dict[str, Stack] = {}
        self.files: dict[str, bytes] = {}

    def encode(self, value: Any) -> Any:
        """Return the JSON of a value."""
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind is list:
            if is_series(value):
                return {"series": encode_series(self, value)}
            return [self.encode(item) for item in value]
        simple = _SIMPLE.get(kind)
        if simple is not None:
            return simple(self, value)
        if id(value) in self._external:
            return {"external": self._external[id(value)]}
        known = self._seen.get(id(value))
        if known is not None:
            return {"again": known[0]}
        for kinds, write in _INSTANCES:
            if isinstance(value, kinds):
                return write(self, value)
        return self._object(value)

    def is_known(self, value: Any) -> bool:
        """Return whether a value was written before, or is kept by the caller."""
        return id(value) in self._seen or id(value) in self._external

    def is_object(self, value: Any) -> bool:
        """Return whether a value is written as a type and a state."""
        kind = type(value)
        return (
            kind is not list
            and kind not in _SIMPLE
            and not any(isinstance(value, kinds) for kinds, _ in _INSTANCES)
            and self.full_name(value) not in NATIVE
        )

    def full_name(self, value: Any) -> str:
        """Return the name of the type of a value."""
        return f"{type(value).__module__}.{type(value).__qualname__}"

    def remember(self, values: Sequence[Any]) -> int:
        """Note that these objects, of one type, are written now; return the number of the type."""
        for value in values:
            self._seen[id(value)] = (len(self._seen), value)
        return self._number(type(values[0]))

    def state(self, value: Any) -> Any:
        """Return the attributes of an object, or whatever its method ``__getstate__`` returns."""
        state = value.__getstate__()
        if isinstance(value, BaseEstimator) and isinstance(state, dict):
            state = {name: held for name, held in state.items() if name != "_sklearn_version"}
        hidden = isinstance(value, _CONTAINERS) or (state is None and not hasattr(value, "__dict__"))
        if hidden or not (isinstance(state, dict | None) or hasattr(value, "__setstate__")):
            raise StorageError(f"{self._place()} is of type {self.full_name(value)}, which cannot be written")
        return state

    def add_array(self, value: np.ndarray) -> dict[str, Any]:
        """Return the JSON of an array, whose numbers are collected."""
        self._seen[id(value)] = (len(self._seen), value)
        return self._array(value)

    def add_stack(self, values: Sequence[np.ndarray]) -> dict[str, Any]:
        """Return the JSON of C-contiguous arrays, one below the other."""
        self._seen[id(values)] = (len(self._seen), values)
        return self._add(values, (sum(len(value) for value in values), *values[0].shape[1:]))

    def _dict(self, value: dict[Any, Any]) -> dict[str, Any]:
        if all(type(key) is str for key in value):
            return {"dict": self._attributes(value)}
        return {"items": [[self.encode(key), self.encode(item)] for key, item in value.items()]}

    def _attributes(self, values: Mapping[str, Any]) -> dict[str, Any]:
        encoded = {}
        for name, value in values.items():
            self._where.append(name)
            encoded[name] = self.encode(value)
            self._where.pop()
        return encoded

    def _scalar(self, value: np.generic) -> dict[str, Any]:
        if value.dtype.kind in "biu" or value.dtype in (np.float64, np.float32):
            return {"number": [value.dtype.str, self.encode(value.item())]}
        return {"number": [None, self._array(np.asarray(value))]}

    def _array(self, value: np.ndarray) -> dict[str, Any]:
        if value.dtype.hasobject:
            if value.dtype != object:
                raise StorageError(f"{self._place()} is an array of {value.dtype}, which cannot be written")
            return {"cells": [self.encode(cell) for cell in value.ravel()], "shape": list(value.shape)}
        columns = value.flags.f_contiguous and not value.flags.c_contiguous
        if columns:
            value = value.T
        encoded = self._add([value if value.flags.c_contiguous else value.copy(order="C")], value.shape)
        return encoded | {"order": "F"} if columns else encoded

    def _add(self, parts: Sequence[np.ndarray], shape: tuple[int, ...]) -> dict[str, Any]:
        name = f"{self._where[-1] if self._where else 'array'}-{len(self.arrays)}"
        encoded: dict[str, Any] = {"array": name}
        dtype = parts[0].dtype
        if not is_plain(dtype):
            encoded["dtype"], encoded["shape"] = dtype_to_descr(dtype), list(shape)
            parts = [part.reshape(-1).view(np.uint8) for part in parts]
            shape = (sum(len(part) for part in parts),)
        self.arrays[name] = Stack(parts, shape)
        return encoded

    def _object(self, value: Any) -> dict[str, Any]:
        name = self.full_name(value)
        native = NATIVE.get(name)
        if native is not None:
            self._seen[id(value)] = (len(self._seen), value)
            file = f"{native.library}-{len(self.files)}.{native.suffix}"
            self.files[file], about = native.dump(value)
            return {"native": native.library, "file": file, "about": about}
        if name in BUILT:
            number = self.remember([value])
            _, args, *rest = value.__reduce__()
            state = rest[0] if rest else None
            return {"built": number, "args": [self.encode(arg) for arg in args], "state": self.encode(state)}
        state, number = self.state(value), self.remember([value])
        if isinstance(state, dict) and all(type(name) is str for name in state):
            return {"object": number, "state": self._attributes(state)}
        return {"object": number, "other_state": self.encode(state)}

    def _number(self, value: Any) -> int:
        """Return the number of a type or function, which is written by its name."""
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", value.__name__)
        if isinstance(value, np.ufunc):
            module, name = "numpy", value.__name__
        if not module or "<" in name:
            raise StorageError(f"{self._place()} is {value!r}, which no import finds; use a function of a module")
        key = f"{module}.{name}"
        if key not in self._types:
            self._types[key] = len(self.type_names)
            self.type_names.append([module, name])
        return self._types[key]

    def _place(self) -> str:
        return ".".join(self._where) or "the value"


# An object of one of these types, or of a subclass, holds more than its attributes.
_CONTAINERS = (dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float, complex, io.IOBase)

_SIMPLE: dict[type, Callable[[Encoder, Any], Any]] = {
    dict: Encoder._dict,
    tuple: lambda encoder, value: {"tuple": [encoder.encode(item) for item in value]},
    set: lambda encoder, value: {"set": [encoder.encode(item) for item in sorted(value, key=repr)]},
    frozenset: lambda encoder, value: {"frozenset": [encoder.encode(item) for item in sorted(value, key=repr)]},
    bytes: lambda encoder, value: {"bytes": base64.b64encode(value).decode("ascii")},
    slice: lambda encoder, value: {"slice": [encoder.encode(item) for item in (value.start, value.stop, value.step)]},
    complex: lambda encoder, value: {"complex": [encoder.encode(value.real), encoder.encode(value.imag)]},
    types.MappingProxyType: lambda encoder, value: {"proxy": encoder._dict(dict(value))},
    datetime.datetime: lambda encoder, value: {"moment": [value.isoformat(), "datetime"]},
    datetime.date: lambda encoder, value: {"moment": [value.isoformat(), "date"]},
    datetime.time: lambda encoder, value: {"moment": [value.isoformat(), "time"]},
    Decimal: lambda encoder, value: {"decimal": str(value)},
    range: lambda encoder, value: {"range": [value.start, value.stop, value.step]},
}

_FUNCTION_TYPES = (types.FunctionType, types.BuiltinFunctionType, np.ufunc, type(np.mean))

_INSTANCES: tuple[tuple[type | tuple[type, ...], Callable[[Encoder, Any], Any]], ...] = (
    (np.ndarray, lambda encoder, value: encoder.add_array(value)),
    (np.generic, Encoder._scalar),
    (np.dtype, lambda encoder, value: {"dtype": dtype_to_descr(value)}),
    (type, lambda encoder, value: {"type": encoder._number(value)}),
    (_FUNCTION_TYPES, lambda encoder, value: {"function": encoder._number(value)}),
    (
        partial,
        lambda encoder, value: {
            "partial": encoder._number(value.func), "args": encoder.encode([list(value.args), value.keywords])
        },
    ),
    (Enum, lambda encoder, value: {"enum": encoder._number(type(value)), "name": value.name}),
    (PurePath, lambda encoder, value: {"path": str(value)}),
    (np.random.RandomState, lambda encoder, value: {"random_state": encoder.encode(value.get_state(legacy=False))}),
    (np.random.Generator, lambda encoder, value: {"generator": encoder.encode(value.bit_generator.state)}),
    (PANDAS_TYPES, encode_pandas),
)  # fmt: skip
