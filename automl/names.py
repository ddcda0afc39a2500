"""Unknown names get the closest known ones."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from automl.errors import InvalidInputError


def check_names(argument: str, given: str | Iterable[str], known: Iterable[str]) -> None:
    """Check that all names given for an argument are known; the error lists the closest ones.

    >>> check_names("searcher", "smak", ["smac", "random"])
    Traceback (most recent call last):
    ...
    automl.errors.InvalidInputError: searcher: 'smak' is unknown; did you mean 'smac'?
    """
    names = list(known)
    for name in [given] if isinstance(given, str) else list(given):
        if name not in names:
            raise InvalidInputError(f"{argument}: {name!r} is unknown; {_suggestion(name, names)}")


def _suggestion(name: Any, known: list[str]) -> str:
    close = get_close_matches(str(name), known, n=3)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"choose from {', '.join(map(repr, sorted(known)))}"
