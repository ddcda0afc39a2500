"""Write the page of the command line from the commands themselves, as typer has built them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import typer.main

_VALUES = {int: "INTEGER", float: "FLOAT", Path: "PATH"}
PLACE = "generated/command_line.md"
INTRODUCTION = """\
# Command line

`automl` fits models to tables in files, predicts with saved models, and runs batches of jobs. `python -m automl` does
the same. Each command explains itself with `--help`; this page holds the same texts.

A problem in a table or in the value of an option is one line on standard error, and the exit code is 2. Results go to
standard output, messages to standard error.
"""


def commands(command: Any, name: str = "automl") -> Iterator[tuple[str, Any]]:
    """Return each command below a group with its full name, in the order of `--help`."""
    for key, child in command.commands.items():
        full = f"{name} {key}"
        if hasattr(child, "commands"):
            yield full, child
            yield from commands(child, full)
        elif not child.hidden:
            yield full, child


def root_command() -> Any:
    """Return the command `automl`."""
    from automl.cli.main import app

    return typer.main.get_command(app)


def page() -> str:
    """Return the page of all commands, in Markdown."""
    root = root_command()
    parts = [INTRODUCTION, _index(root), "## automl\n", _options(root)]
    for name, command in commands(root):
        level = "##" if name.count(" ") == 1 else "###"
        parts += [f"{level} {name}\n", _sentences(command)]
        if not hasattr(command, "commands"):
            parts += [f"```sh\n{_usage(name, command)}\n```\n", _arguments(command)]
        parts.append(_options(command))
    return "\n".join(part for part in parts if part) + "\n"


def _index(root: Any) -> str:
    rows = [f"| [`{name}`](#{name.replace(' ', '-')}) | {_cell(_first(command))} |" for name, command in commands(root)]
    return "\n".join(["| command | what it does |", "|---|---|", *rows]) + "\n"


def _usage(name: str, command: Any) -> str:
    words = [
        _metavar(parameter) if parameter.required else f"[{_metavar(parameter)}]"
        for parameter in _parameters(command, "argument")
    ]
    required = [f"{p.opts[0]} {_metavar(p)}" for p in _parameters(command, "option") if p.required]
    return " ".join([name, *words, *required, "[OPTIONS]"])


def _arguments(command: Any) -> str:
    rows = [f"| `{_metavar(p)}` | {_cell(p.help or '')} |" for p in _parameters(command, "argument")]
    return "\n".join(["| argument | meaning |", "|---|---|", *rows]) + "\n" if rows else ""


def _options(command: Any) -> str:
    rows = [
        f"| {_names(parameter)} | {_default(parameter)} | {_cell(parameter.help or '')} |"
        for parameter in _parameters(command, "option")
    ]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows]) + "\n" if rows else ""


def _parameters(command: Any, kind: str) -> list[Any]:
    return [p for p in command.params if p.param_type_name == kind and not getattr(p, "hidden", False)]


def _names(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    value = "" if parameter.is_flag else f" {_metavar(parameter)}"
    return ", ".join(f"`{name}{value}`" for name in names)


def _metavar(parameter: Any) -> str:
    """Return the word that stands for the value, for example FLOAT, or the values of a choice."""
    if parameter.metavar is not None:
        return str(parameter.metavar)
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    kind = parameter.type_descriptor.annotation
    kind = get_args(kind)[0] if get_args(kind) else kind  # the values of a list
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "\\|".join(str(choice.value) for choice in kind)
    return _VALUES.get(kind, "TEXT")


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    shown = getattr(parameter, "show_default", True)
    if isinstance(shown, str):
        return _cell(shown)
    default = parameter.default
    if default is None or default is False or default == [] or callable(default):
        return ""
    return f"`{getattr(default, 'value', default)}`"


def _sentences(command: Any) -> str:
    return _escape(inspect.cleandoc(command.help or "")) + "\n"


def _first(command: Any) -> str:
    """Return the first sentence of the help of a command."""
    return re.split(r"(?<=[.:])\s", inspect.cleandoc(command.help or ""), maxsplit=1)[0].rstrip(":")


def _cell(text: str) -> str:
    return _escape(" ".join(text.split())).replace("|", "\\|")


def _escape(text: str) -> str:
    """Escape what Markdown would read as markup."""
    return re.sub(r"([*_<>\[\]])", r"\\\1", text).replace("'--", "'\\--")


def write_page(app: Any, config: Any) -> None:
    """Write the page before Sphinx looks for pages."""
    from repository_pages import write

    write(Path(app.srcdir) / PLACE, page())


def setup(app: Any) -> dict[str, Any]:
    """Connect this extension with Sphinx."""
    app.connect("config-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
