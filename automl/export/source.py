"""The source code of functions and classes of this project, with everything of the project that it uses."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

OWN_PACKAGES = ("automl", "pipelines")


@dataclass(frozen=True)
class Source:
    """The code of some definitions, in an order in which each comes after those that it uses.

    Attributes
    ----------
    definitions : dict of str to str
        Code of functions, classes and constants, by name.
    modules : dict of str to str
        The module of each definition.
    imports : set of str
        Import statements of other libraries.
    """

    definitions: dict[str, str]
    modules: dict[str, str]
    imports: set[str]


@dataclass(frozen=True)
class _Module:
    """The top level of a module: code and names that it uses for each definition, and the origin of imported names."""

    definitions: dict[str, tuple[str, tuple[str, ...]]]
    imports: dict[str, tuple[str, str]]


def find_source(module: str, name: str, known: Mapping[str, str]) -> Source:
    """Return the code of a definition of a module, and of all definitions of this project that it uses.

    Parameters
    ----------
    known : mapping of str to str
        Names of definitions that are not needed, with what only they use, and their modules; "" for a definition that
        takes the place of any other one.

    Raises
    ------
    RuntimeError
        If two modules have different definitions of one name, of which a script could hold only one.
    """
    found = Source({}, {}, set())
    _collect(module, name, dict(known), found)
    return found


def _collect(module: str, name: str, visited: dict[str, str], found: Source) -> None:
    own = _read_module(module)
    if name in own.definitions:
        earlier, (code, used) = visited.get(name), own.definitions[name]
        if earlier in ("", module):
            return
        if earlier is not None and _read_module(earlier).definitions[name][0] != code:
            raise RuntimeError(f"a script cannot hold {name} of {module} and {name} of {earlier}; rename one of them")
        visited[name] = found.modules[name] = module
        for other in used:
            _collect(module, other, visited, found)
        found.definitions[name] = code
    elif name in own.imports:
        origin, imported = own.imports[name]
        if origin.split(".")[0] in OWN_PACKAGES:
            _collect(origin, imported, visited, found)
        else:
            plain = f"import {origin}" if origin == name else f"import {origin} as {name}"
            found.imports.add(f"from {origin} import {imported}" if imported else plain)


@cache
def _read_module(module: str) -> _Module:
    text = inspect.getsource(import_module(module))
    lines, found = text.split("\n"), _Module({}, {})
    for node in ast.parse(text).body:
        names, first = [], node.lineno
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names, first = [node.name], min([first, *(decorator.lineno for decorator in node.decorator_list)])
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.Import):
            found.imports.update({alias.asname or alias.name: (alias.name, "") for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            found.imports.update({alias.name: (str(node.module), alias.name) for alias in node.names})
        code = "\n".join(lines[first - 1 : node.end_lineno]) + "\n"
        used = tuple(dict.fromkeys(child.id for child in ast.walk(node) if isinstance(child, ast.Name)))
        found.definitions.update(dict.fromkeys(names, (code, used)))
    return found
