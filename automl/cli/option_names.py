"""Messages of the library in the words of the command line: they name options where Python has arguments."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Mapping
from typing import Any

import typer

_OTHER_NAMES = {
    "random_state": "seed",
    "sample_weight": "weight",
    "seconds": "time_budget",
    "study_name": "study",
}
# Words of messages in Python that are no arguments, and the words for them; {} is the option in the second place, which
# only automl fit may have.
_WORDS = {
    "X": ("the table", None),
    "y": ("the target", None),
    "the argument columns": ("an option", None),
    "Input y": ("the target", None),
    "convert y with pd.to_numeric": ("write plain numbers into the file", None),
    "turn each value into a plain number, such as '1.5' for '1,5 EUR', and convert y with pd.to_numeric": (
        "write plain numbers into the file, such as 1.5 for '1,5 EUR'",
        None,
    ),
    "cut y into classes with pd.cut": ("write classes into the file", None),
    "use AutoMLClassifier": ("use {} classification", "task"),
    "use AutoMLRegressor": ("use {} regression", "task"),
    "rows=True": ("automl fit --rows", None),
    "pass y as an ordered categorical": ("name the classes in their order with {}", "ordered_classes"),
}
_TABLES = {"_val": "validation", "_old": "old"}  # endings of the arguments that come from a further file
# What other libraries call an option, and its name here.
_ELSEWHERE = {
    **dict.fromkeys(("--label", "--target-column"), "--target"),
    **dict.fromkeys(("--time-limit", "--budget", "--timeout"), "--time-budget"),
    **dict.fromkeys(("--metric", "--eval-metric"), "--scoring"),
    **dict.fromkeys(("--output", "--path"), "--out"),
    "--random-state": "--seed",
    "--sample-weight": "--weight",
}
_QUOTED = r"""(?<!\w)(?:'[^']*'|"[^"]*")(?!\w)"""
_CALL = r"[\w.]+\([^()]*\)"  # such as fit(X, y)
_VALUE = rf"""X\[{_QUOTED}\]|\{{[^{{}}]*\}}|\[[^\[\]]*\]|\([^()]*\)|{_QUOTED}|\.\.\.|[\w.+-]*\w"""
# What follows an argument with which a message begins; such names may also be ordinary words.
_AFTER_SUBJECT = r"(?=[:\[]| '| (?:must|names?|needs|holds|leaves?|is empty|(?:is|are) for|exclude)\b)"


def options_of_command(context: typer.Context) -> dict[str, str]:
    """Return the options of the command that is called, by the names of the arguments in Python."""
    commands: Mapping[str, Any] = getattr(context.command, "commands", {})
    command = commands.get(context.invoked_subcommand or "")
    found = {} if command is None else {str(param.name): param.opts[0] for param in command.params}
    options = {name: option for name, option in found.items() if option.startswith("--")}
    options |= {name: options[other] for name, other in _OTHER_NAMES.items() if other in options}
    for ending, table in _TABLES.items():
        if table in options:
            columns = {"y": "the target", "sample_weight": options.get("weight"), "groups": options.get("groups")}
            options |= {f"{name}{ending}": f"{said} of {options[table]}" for name, said in columns.items() if said}
            options[f"X{ending}"] = options[table]
    if not options:
        return options
    of_fit = {option: f"automl fit --{option.replace('_', '-')}" for _, option in _WORDS.values() if option}
    return options | {word: said.format((of_fit | options).get(option)) for word, (said, option) in _WORDS.items()}


def suggest_option(error: Exception) -> None:
    """Let the error about an unknown option name the one that other libraries call so, if the command has it."""
    suggested = _ELSEWHERE.get(getattr(error, "option_name", None) or "")
    context: Any = getattr(error, "ctx", None)
    if context is not None and any(suggested in param.opts for param in context.command.params):
        error.possibilities = [suggested]  # type: ignore[attr-defined]


def name_options(text: str, options: Mapping[str, str]) -> str:
    """Return a message that names options in place of arguments; texts in quotes stay as they are.

    >>> options = {"columns": "--columns", "drop": "--drop", "guard": "--guard", "time_budget": "--time-budget"}
    >>> name_options("time_budget=15 s is too small; increase time_budget", options)
    '--time-budget 15 s is too small; increase --time-budget'
    >>> name_options("column 'a b' numbers the rows; columns={'a b': 'drop'} leaves it out", options)
    "column 'a b' numbers the rows; --drop 'a b' leaves it out"
    >>> name_options("guard: no fold is left; use guard=None", options)
    '--guard: no fold is left; use no --guard'
    >>> name_options("drop these rows from X and y, as in y.dropna()", {"X": "the table", "y": "the target"})
    'drop these rows from the table and the target, as in y.dropna()'
    """
    if not options:
        return text
    for ending in _TABLES:
        text = text.replace(f"X{ending} and y{ending}", f"X{ending}")  # they are one option
    names = "|".join(sorted(map(re.escape, options), key=len, reverse=True))
    anywhere = [name for name in options if "_" in name or name in _WORDS]
    clear = "|".join(sorted(anywhere, key=len, reverse=True)) or "(?!)"
    pattern = (
        rf"^(?P<subject>{names})(?:(?P<both> and )(?P<second>{names})\b)?{_AFTER_SUBJECT}"
        rf"|(?<![\w./(-])(?P<name>{names})=(?P<value>{_VALUE})"
        rf"|(?P<kept>{_QUOTED}|{_CALL})"
        rf"|(?:(?<![\w./(-])|(?<= \())(?P<word>{clear})(?![\w(=\[]|\.\w)"
    )

    def replace(match: re.Match[str]) -> str:
        part = match.groupdict()
        if part["kept"]:
            return str(part["kept"])
        if part["name"]:
            return _with_value(part["name"], part["value"], options) or match.group()
        if part["second"]:
            return f"{options[part['subject']]}{part['both']}{options[part['second']]}"
        return options[part["subject"] or part["word"]]

    return re.sub(pattern, replace, text)


def _with_value(name: str, value: str, options: Mapping[str, str]) -> str:
    """Return an option with a value that a message shows as in Python; empty if the command line has no such form."""
    option = options[name]
    if value == "...":
        return option
    try:
        literal: Any = ast.literal_eval(value.removeprefix("X[").removesuffix("]") if value[:2] == "X[" else value)
    except (SyntaxError, ValueError):
        literal = value
    if isinstance(literal, dict):
        return " ".join(_entry(key, entry, option, options) for key, entry in literal.items())
    if isinstance(literal, list | tuple):
        return f"{option} {shlex.quote(','.join(map(str, literal)))}"
    if literal is None or literal is False:
        return f"no {option}"
    return option if literal is True else f"{option} {shlex.quote(str(literal))}"


def _entry(key: Any, entry: Any, option: str, options: Mapping[str, str]) -> str:
    """Return the option for one entry of a mapping, such as the kind of a column."""
    if option == options.get("columns") and entry == "drop" and "drop" in options and "," not in str(key):
        return f"{options['drop']} {shlex.quote(str(key))}"
    return f"{option} {shlex.quote(f'{key}={entry}')}"
