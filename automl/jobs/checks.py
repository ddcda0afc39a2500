"""The rules for single values in the description of a batch, and their check; each error is one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from automl.errors import InvalidInputError
from automl.limits import LARGEST

_NAME = r"[A-Za-z_][\w.]*"
_TEXT = {"type": "string", "pattern": r"\S"}
_POSITIVE = {"type": "number", "exclusiveMinimum": 0}


@dataclass(frozen=True)
class Rule:
    """The rule for the value of one key.

    Attributes
    ----------
    must_be : str
        The rule in words, for the message "KEY must be ...".
    schema : mapping
        The rule as a JSON Schema, which both the check and the schema for editors use.
    meaning : str
        Meaning of the key, which editors show.
    """

    must_be: str
    schema: Mapping[str, Any]
    meaning: str


RULES: dict[str, Rule] = {
    "priority": Rule(
        "a whole number; jobs with larger numbers run first",
        {"type": "integer", "minimum": -(10**9)},
        "Jobs with larger numbers run first; 0 by default.",
    ),
    "retries": Rule(
        "a whole number, 0 or more",
        {"type": "integer", "minimum": 0},
        "Number of further attempts after an error or a crash; 2 by default.",
    ),
    "n_jobs": Rule(
        "a whole number of cores, 1 or more",
        {"type": "integer", "minimum": 1},
        "Number of cores of the job; 1 by default.",
    ),
    "memory": Rule(
        "a number of MiB above 0",
        _POSITIVE,
        "Limit in MiB for all processes of the job together; a job that exceeds it is ended.",
    ),
    "time_limit": Rule(
        "a number of seconds above 0",
        _POSITIVE,
        "Limit in seconds for the whole job; a job that exceeds it is ended.",
    ),
    "holdout": Rule(
        "a share of the rows between 0 and 1",
        {**_POSITIVE, "exclusiveMaximum": 1},
        "Share of the rows that become test rows; they are the same rows each time.",
    ),
    "target": Rule(
        "the name of a column, or a list of names",
        {"type": ["string", "array"], "pattern": r"\S", "items": _TEXT, "minItems": 1},
        "Name of the column to predict, or a list of several columns.",
    ),
    "time": Rule(
        "the name of a column",
        _TEXT,
        "Column with the time of each row: folds train on older rows, and the test rows of holdout are the newest.",
    ),
    "gap": Rule(
        "a number, or a duration such as '7 days'",
        {"type": ["number", "string"]},
        "Time between the training rows and the scored rows of a fold; 0 by default.",
    ),
    "validation": Rule("a file", _TEXT, "A file with validation rows, which the search scores in place of folds."),
    "sensitive_features": Rule(
        "the name of a column, or a list of names",
        {"type": ["string", "array"], "pattern": r"\S", "items": _TEXT, "minItems": 1},
        "Column with groups such as the sex, or a list of columns: the scores of the groups are compared.",
    ),
    "task": Rule(
        "auto, classification or regression",
        {"enum": ["auto", "classification", "regression"]},
        "Kind of prediction; auto, the default, looks at the target.",
    ),
    "ordered_classes": Rule(
        "a list of at least three classes, such as [low, medium, high]",
        {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 3},
        "The classes of the target in their order, the lowest first; text files keep no order.",
    ),
    "path": Rule(
        "a file or a pattern such as data/*.csv",
        _TEXT,
        "A file, a folder of Parquet files, or a pattern for many files; relative paths start at this file's folder.",
    ),
    "test": Rule("a file", _TEXT, "A file with the test rows, instead of holdout."),
    "openml": Rule(
        "the number of an OpenML data set",
        {"type": "integer", "minimum": 1},
        "Number of an OpenML data set, which the job downloads.",
    ),
    "call": Rule(
        "a callable as module:name",
        {"type": "string", "pattern": f"^{_NAME}:{_NAME}$"},
        "A function as module:function, which returns a DataFrame or (X, y).",
    ),
    "estimator": Rule(
        "'automl' or a class as module:Class",
        {"type": "string", "pattern": f"^(automl|{_NAME}:{_NAME})$"},
        "automl, the default, or another estimator as module:Class; other keys are its parameters.",
    ),
    "arguments": Rule("a mapping of names to values", {"type": "object"}, "Arguments of the function in call."),
    "name": Rule("a text", _TEXT, "Name of the batch or the table; by default the name of the file."),
    "store": Rule(
        "a file or a URL such as postgresql://user@host/database",
        _TEXT,
        "The queue: an SQLite file or a URL of PostgreSQL; by default jobs.sqlite in the folder of the results.",
    ),
    "results": Rule("a folder", _TEXT, "Folder of the results; by default results."),
    "settings": Rule(
        "a list of names of settings",
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "Names of the settings for this table; by default all.",
    ),
    "encoding": Rule("an encoding", {"type": ["string", "integer"]}, "Encoding of a text file, if it is not found."),
    "separator": Rule("a text", {"type": "string"}, "Character between the cells of a text file, if it is not found."),
    "decimal": Rule("a text", {"type": "string"}, "Decimal sign of a text file: . or ,"),
    "sheet": Rule("a name or a number", {"type": ["string", "integer"]}, "Name or number of a sheet of an Excel file."),
}

_TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping) and all(isinstance(key, str) for key in value),
}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "enum": lambda value, values: value in values,
    "minimum": lambda value, least: value >= least,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
    # In Python, $ also matches before a line break at the end.
    "pattern": lambda value, pattern: (
        not isinstance(value, str) or re.search(re.sub(r"\$$", r"\\Z", pattern), value) is not None
    ),
    "minItems": lambda value, least: not isinstance(value, list) or len(value) >= least,
    "items": lambda value, schema: not isinstance(value, list) or all(_accepts(schema, item) for item in value),
}
_LONGEST = 100  # characters of a wrong value that a message shows


def _accepts(schema: Mapping[str, Any], value: Any) -> bool:
    """Return whether a value follows a schema that has only the keywords of the rules above."""
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_TYPES[name](value) for name in types):
        return False
    return all(_TESTS[keyword](value, bound) for keyword, bound in schema.items() if keyword != "type")


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def check_mapping(entry: str, value: Any) -> Mapping[str, Any]:
    """Return the value if it is a mapping with texts as keys.

    Raises
    ------
    InvalidInputError
        If it is not; the message names the entry.
    """
    if not _TYPES["object"](value):
        raise InvalidInputError(f"{entry} must be a mapping of names to values; got {_brief(value)}")
    return value


def check_values(entry: str, given: Mapping[str, Any]) -> None:
    """Check the value of each key that has a rule.

    Raises
    ------
    InvalidInputError
        If a value breaks its rule; the message names the entry and the key.
    """
    for key, value in given.items():
        if key in RULES and not _accepts(RULES[key].schema, value):
            raise InvalidInputError(f"{entry}: {key} must be {RULES[key].must_be}; got {_brief(value)}")


def check_plain(entry: str, given: Mapping[str, Any]) -> None:
    """Check that all values can be written as JSON, unlike dates and objects.

    Raises
    ------
    InvalidInputError
        If a value cannot; the message names the entry and the key.
    """
    for key, value in given.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise InvalidInputError(
                f"{entry}: {key} must be made of texts, numbers, lists and mappings; got {_brief(value)}"
            ) from None
