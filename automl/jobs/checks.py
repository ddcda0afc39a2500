"""Checks of single values in the description of a batch; each error is one line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from automl.errors import InvalidInputError

CALLABLE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


_LONGEST = 100  # characters of a wrong value that a message shows

_VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "priority": (lambda value: _is_whole(value, -(10**9)), "a whole number; jobs with larger numbers run first"),
    "retries": (lambda value: _is_whole(value, 0), "a whole number, 0 or more"),
    "n_jobs": (lambda value: _is_whole(value, 1), "a whole number of cores, 1 or more"),
    "memory": (_is_positive, "a number of MiB above 0"),
    "time_limit": (_is_positive, "a number of seconds above 0"),
    "holdout": (lambda value: _is_positive(value) and value < 1, "a share of the rows between 0 and 1"),
    "target": (_is_text, "the name of a column"),
    "task": (lambda value: value in ("auto", "classification", "regression"), "auto, classification or regression"),
    "path": (_is_text, "a file or a pattern such as data/*.csv"),
    "test": (_is_text, "a file"),
    "openml": (lambda value: _is_whole(value, 1), "the number of an OpenML data set"),
    "call": (
        lambda value: isinstance(value, str) and CALLABLE.fullmatch(value) is not None,
        "a callable as module:name",
    ),
    "estimator": (
        lambda value: isinstance(value, str) and (value == "automl" or CALLABLE.fullmatch(value) is not None),
        "'automl' or a class as module:Class",
    ),
    "arguments": (_is_mapping, "a mapping of names to values"),
    "name": (_is_text, "a text"),
    "store": (_is_text, "a file or a URL such as postgresql://user@host/database"),
    "results": (_is_text, "a folder"),
    "settings": (
        lambda value: isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value),
        "a list of names of settings",
    ),
}


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
    if not _is_mapping(value):
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
        if key in _VALUES and not _VALUES[key][0](value):
            raise InvalidInputError(f"{entry}: {key} must be {_VALUES[key][1]}; got {_brief(value)}")


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
