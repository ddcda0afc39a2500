"""The words of the program that runs a fit, in place of those of Python."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar


def _unchanged(text: str) -> str:
    return text


# Turns a message for users into the words of the program that runs the fit, such as the command line.
WORDING: ContextVar[Callable[[str], str]] = ContextVar("wording", default=_unchanged)
