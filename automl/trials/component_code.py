"""Fingerprints of the code of own components, whose stored models serve only as long as the code stays the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from automl.trials.fingerprint import code_steps, digest, stable_repr
from pipelines.catalog import OwnComponents
from pipelines.component import Component

# Fields of a component that change what its pipelines learn; the others say where it is used and what it costs.
_FIELDS = (
    "make", "accepts_missing", "accepts_categories", "accepts_sparse", "accepts_weights", "accepts_targets",
    "accepts_monotonic", "losses", "fit_together",
)  # fmt: skip
_OURS = ("automl", "pipelines", "metalearning", "meta_db")
_INSTALLED = ("site-packages", "dist-packages")
# Attributes of a class that say nothing about what it does.
_UNIMPORTANT = {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__annotations__"} | {
    "__orig_bases__", "__static_attributes__", "__firstlineno__", "__abstractmethods__", "_abc_impl", "__parameters__",
}  # fmt: skip


def component_fingerprints(own: OwnComponents) -> dict[str, str]:
    """Return a fingerprint of the code of each own component, by its step and its name.

    The code of a component is that of its functions, and of the functions and classes of the user that these use, in
    the modules of the user.
    """
    return {
        f"{step}:{component.name}": _fingerprint(component)
        for step, components in own.by_step.items()
        for component in components
    }


def _fingerprint(component: Component) -> str:
    home = str(getattr(component.make, "__module__", "")).partition(".")[0]
    seen: set[int] = set()
    return digest([_describe(getattr(component, name), home, seen) for name in _FIELDS])


def _describe(value: Any, home: str, seen: set[int]) -> Any:
    """Return a value that JSON can hold, and that changes with the code of the user behind a value."""
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, property):
        return [_describe(part, home, seen) for part in (value.fget, value.fset, value.fdel)]
    if isinstance(value, partial):
        held = (value.func, *value.args, *value.keywords.values())
        return [*value.keywords, *(_describe(part, home, seen) for part in held)]
    if isinstance(value, ModuleType):
        return [value.__name__, _source(value) if _is_own(value.__name__, home) else ""]
    is_code = hasattr(value, "__code__") or isinstance(value, type)
    if not is_code:
        kind = type(value)
        return (
            [_describe(kind, home, seen), stable_repr(value)] if _is_own(kind.__module__, home) else stable_repr(value)
        )
    name = f"{value.__module__}.{value.__qualname__}"
    if id(value) in seen or not _is_own(value.__module__, home):
        return name
    seen.add(id(value))
    parts = _parts_of_class(value) if isinstance(value, type) else _parts_of_function(value)
    return [name, *([key, _describe(part, home, seen)] for key, part in parts)]


def _parts_of_class(kind: type) -> Iterator[tuple[str, Any]]:
    yield from ((f"base {i}", base) for i, base in enumerate(kind.__bases__))
    yield from ((name, part) for name, part in sorted(vars(kind).items()) if name not in _UNIMPORTANT)


def _parts_of_function(function: Any) -> Iterator[tuple[str, Any]]:
    yield "code", code_steps(function.__code__)
    yield from ((f"default {i}", value) for i, value in enumerate(function.__defaults__ or ()))
    yield from (function.__kwdefaults__ or {}).items()
    for i, cell in enumerate(function.__closure__ or ()):
        try:
            yield f"cell {i}", cell.cell_contents
        except ValueError:  # the cell is still empty
            continue
    known: Mapping[str, Any] = function.__globals__
    yield from ((name, known[name]) for name in sorted(_names(function.__code__)) if name in known)


def _names(code: CodeType) -> set[str]:
    """Return the global names that a function and the functions inside it may use."""
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _is_own(module: str, home: str) -> bool:
    """Return whether a module holds code of the user: in the package of the component, or in none that is installed."""
    root = module.partition(".")[0]
    if root == home:
        return True
    if root in _OURS or root in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return not any(part in _INSTALLED for part in Path(file).parts)


def _source(module: ModuleType) -> str:
    """Return the fingerprint of the file of a module; empty if there is none."""
    try:
        return digest(Path(str(module.__file__)).read_bytes().hex())
    except (AttributeError, OSError):
        return ""
