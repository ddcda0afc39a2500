"""Short names for what a run was about, the same in every process, so that it goes on only with what it began with."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from types import CodeType
from typing import Any

import numpy as np
import pandas as pd

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def digest(*parts: Any) -> str:
    """Sixteen hexadecimal digits that name a sequence of arrays and of what JSON can hold."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.shape}{part.dtype}:".encode())
            found.update(np.ascontiguousarray(part).data)
        else:
            said = json.dumps(part).encode()
            found.update(f"{len(said)}:".encode() + said)
    return found.hexdigest()[:16]


def describe(value: Any) -> str:
    """A text that says what a setting is and not where it lies in memory; of a function also what it does."""
    if hasattr(value, "get_params") and not isinstance(value, type):  # its own settings are listed beside it
        return f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "__code__"):
        settings = describe([value.__defaults__, value.__kwdefaults__, _held(value)])
        return f"{value.__module__}.{value.__qualname__} {digest(_steps(value.__code__), settings)}"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, np.ndarray | pd.Series | pd.Index):
        return digest(pd.util.hash_array(np.asarray(value).ravel()))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(describe, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {describe(item)}' for key, item in value.items())}}}"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(describe, value)))}}}"
    return _ADDRESS.sub("", repr(value))


def _held(function: Any) -> list[Any]:
    """What a function was made with; not other functions, which may in turn hold this one."""
    held = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # of a cell that is still empty
            held.append(cell.cell_contents)
    return [value for value in held if not hasattr(value, "__code__")]


def _steps(code: CodeType) -> list[Any]:
    """What a function does, functions inside it included, and not in which file and line."""
    held = [_steps(constant) if isinstance(constant, CodeType) else describe(constant) for constant in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), held]
