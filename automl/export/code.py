"""Python code of estimators: constructor calls with their imports, as a person would write them."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from automl.errors import InvalidInputError
from automl.export.source import find_source

WIDTH = 110  # characters of a line
_TECHNICAL = {"n_jobs", "verbose", "copy", "cache_size", "missing_values", "feature_names_out"}


@dataclass
class Script:
    """The parts of a script that its expressions need, collected while the expressions are written.

    Attributes
    ----------
    imports : set of str
        Import statements.
    definitions : dict of str to str
        Code of functions and classes, by name.
    modules : dict of str to str
        The module of each definition that is a copy; "" for one that is written for scripts.
    remarks : list of str
        What differs from the pipeline of the search.
    """

    imports: set[str] = field(default_factory=set)
    definitions: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def use(self, module: str, name: str) -> str:
        """Import a name, and return it."""
        self.imports.add(f"from {module} import {name}")
        return name

    def call(self, module: str, name: str, /, *arguments: str, **parameters: Any) -> str:
        """Return a constructor call; parameters that are None are left out."""
        self.use(module, name)
        parts = [*arguments, *(f"{key}={self.value(value)}" for key, value in parameters.items() if value is not None)]
        return call_code(name, parts)

    def define(self, name: str, code: str) -> str:
        """Add a function or class to the script, and return its name; it takes the place of later copies."""
        if self.definitions.setdefault(name, code) != code:
            raise RuntimeError(f"the script has another definition of {name}")
        self.modules[name] = ""
        return name

    def remark(self, text: str) -> None:
        """Add a remark, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def value(self, value: Any) -> str:
        """Return the code of a value; an estimator becomes its constructor call."""
        if isinstance(value, Raw):
            return value.code
        if isinstance(value, BaseEstimator):
            return self.plain(value)
        if isinstance(value, str):
            return quote(value)
        if isinstance(value, np.generic):
            return self.value(value.item())
        if isinstance(value, np.ndarray):
            return repr(value.tolist())
        if isinstance(value, list | tuple):
            inner = ", ".join(self.value(item) for item in value)
            comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
            return f"[{inner}]" if isinstance(value, list) else f"({inner}{comma})"
        return repr(value)

    def plain(self, estimator: Any, **changes: Any) -> str:
        """Return the constructor call of an estimator of scikit-learn, without parameters that have their defaults.

        Raises
        ------
        InvalidInputError
            If scikit-learn has no such estimator, but only classes from which its class inherits, such as a mixin.
        """
        base = next(cls for cls in type(estimator).__mro__ if cls.__module__.startswith("sklearn."))
        if base is BaseEstimator or not issubclass(base, BaseEstimator):
            raise InvalidInputError(
                f"the script cannot express {type(estimator).__name__}, which has no plain counterpart; use the saved "
                "model or 'automl package'"
            )
        given = {**estimator.get_params(deep=False), **changes}
        defaults = inspect.signature(type(estimator).__init__).parameters
        changed = {
            name: value
            for name, value in given.items()
            if name not in _TECHNICAL and not _equal(value, defaults[name].default)
        }
        return self.call(_public_module(base), base.__name__, **changed)

    def copy(self, item: Callable[..., Any] | type) -> str:
        """Copy a function or class of this project, with all that it uses of it, and return its name.

        A definition that the script has already stays as it is, but one of another module must not have its name.
        """
        found = find_source(item.__module__, item.__name__, self.modules)
        self.imports |= found.imports
        self.modules |= found.modules
        self.definitions |= found.definitions
        return item.__name__


@dataclass(frozen=True)
class Raw:
    """Code that stands for itself."""

    code: str


def quote(text: str) -> str:
    """Return the code of a text, in double quotes."""
    return _escape_unprintable(json.dumps(text, ensure_ascii=False))


def docstring(text: str) -> str:
    """Return the docstring of a module, in which no text of the user ends the docstring or is read as an escape."""
    lines = text.replace("\\", "\\\\").replace('"', '\\"').split("\n")
    return '"""' + "\n".join(map(_escape_unprintable, lines)) + '"""\n'


def one_line(text: str) -> str:
    """Return a text without line breaks, for comments and docstrings."""
    return " ".join(text.split())


def _escape_unprintable(text: str) -> str:
    """Return text with escapes for signs that end lines, turn lines around, or that no file can hold."""
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)


def call_code(name: str, parts: list[str]) -> str:
    """Return the code of a call, on one line if it is short."""
    line = f"{name}({', '.join(parts)})"
    if len(line) <= WIDTH - 20 and "\n" not in line:
        return line
    return f"{name}(\n" + "".join(f"{indent(part)},\n" for part in parts) + ")"


def list_code(parts: list[str]) -> str:
    """Return the code of a list, on one line if it is short."""
    line = f"[{', '.join(parts)}]"
    if len(line) <= WIDTH - 20 and "\n" not in line:
        return line
    return "[\n" + "".join(f"{indent(part)},\n" for part in parts) + "]"


def indent(code: str) -> str:
    """Return code with four more blanks at the beginning of each line."""
    return "\n".join(f"    {line}" if line else "" for line in code.split("\n"))


def make_pipeline_code(script: Script, steps: list[str]) -> str:
    """Return the code of one step, or of a pipeline of several steps."""
    if len(steps) == 1:
        return steps[0]
    return call_code(script.use("sklearn.pipeline", "make_pipeline"), steps)


def _equal(value: Any, default: Any) -> bool:
    if isinstance(value, BaseEstimator):
        return False
    try:
        return bool(np.all(value == default)) and type(value) is type(default)
    except (TypeError, ValueError):
        return False


def _public_module(cls: type) -> str:
    """Return the module from which users import a class of scikit-learn."""
    package = ".".join(cls.__module__.split(".")[:2])
    return package if hasattr(sys.modules.get(package), cls.__name__) else cls.__module__
