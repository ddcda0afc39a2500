"""The errors of the server, each with an HTTP status and a message for the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

UNREADABLE = 422
_MOST_NAMED = 5


@dataclass(frozen=True)
class CellError:
    """One problem in the rows of a request.

    Attributes
    ----------
    message : str
        The problem, without its place.
    row : int or None
        Number of the row; the first row is row 1. None if the problem concerns all rows.
    column : str or None
        Name of the column.
    """

    message: str
    row: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        """Return the problem with its place, such as ``row 3, column 'age': 'abc' is not a number``."""
        parts = [] if self.row is None else [f"row {self.row}"]
        parts += [] if self.column is None else [f"column {self.column!r}"]
        place = ", ".join(parts)
        return f"{place}: {self.message}" if place else self.message


class RequestError(Exception):
    """A request that the server refuses.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
        What is wrong, and how to fix it.
    errors : sequence of CellError, default=()
        The single problems, if they have a place in the rows.
    headers : dict, optional
        Headers of the response.
    """

    def __init__(
        self, status: int, message: str, errors: Sequence[CellError] = (), headers: dict[str, str] | None = None
    ):
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = tuple(errors)
        self.headers = headers or {}


def refuse_cells(errors: Sequence[CellError]) -> RequestError:
    """Return the error of a request with problems in its rows; the first problem becomes the message."""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return RequestError(UNREADABLE, f"{errors[0]}{more}", errors)


def quote(names: Sequence[str]) -> str:
    """Return names in quotes, separated by commas; at most five names.

    >>> quote(["age", "city"])
    "'age', 'city'"
    """
    shown = ", ".join(repr(shorten(name)) for name in names[:_MOST_NAMED])
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown


def shorten(text: str, most: int = 50) -> str:
    """Return a text of at most `most` characters, so that a message does not repeat a long cell."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
