"""The errors that this library raises, under one root, and the check of names that several modules need."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable
from difflib import get_close_matches
from types import FrameType
from typing import Any

_SHOWN = 5  # classes in one message
_NAMED = 3  # names in one suggestion
_LEAST_PREFIX = 3  # letters from which on a name may be an abbreviation
_LIBRARIES = ("automl", "sklearn", "joblib")  # scorers and meta-estimators of scikit-learn call methods, too
_STARTERS = ("threading", "concurrent", "multiprocessing")  # the first code of a thread or a process


class AutoMLError(Exception):
    """Root of all errors raised by this library."""


class InvalidInputError(AutoMLError, ValueError):
    """An argument or the data cannot be used; the message names the argument or column and says how to fix it."""


class OtherVersionError(InvalidInputError):
    """A queue of another version of this library cannot be read as it is; the message says how to update it."""


class NothingFittedError(AutoMLError, RuntimeError):
    """No trial finished; the message counts the most frequent reasons."""


class NoWorkersError(AutoMLError, RuntimeError):
    """The processes that run trials can no longer be started; the message says why."""


class FoldFailedWarning(UserWarning):
    """An estimator has no score on an outer fold; means and tests leave this fold out."""


class DriftWarning(UserWarning):
    """The table of a prediction differs from the training table by more than chance; users ask for this warning."""


class RareClassWarning(UserWarning):
    """A class has a single row, so that no fold can score it."""


class UnreadCellsWarning(UserWarning):
    """Cells of the table of a prediction cannot be read as the kind of their column, and count as missing.

    Attributes
    ----------
    columns : tuple of UnreadCells
        The cells, by column.
    """

    def __init__(self, message: str, columns: Iterable[Any] = ()):
        super().__init__(message)
        self.columns = tuple(columns)


def check_names(argument: str, given: str | Iterable[str], known: Iterable[str]) -> None:
    """Check that all names given for an argument are known.

    Raises
    ------
    InvalidInputError
        If a name is unknown; the message suggests the closest names.

    Examples
    --------
    >>> check_names("searcher", "smak", ["smac", "random"])
    Traceback (most recent call last):
    ...
    automl.errors.InvalidInputError: searcher: 'smak' is unknown; did you mean 'smac'?
    """
    names = list(dict.fromkeys(known))  # components of several kinds may share a name
    for name in [given] if isinstance(given, str) else list(given):
        if name not in names:
            raise InvalidInputError(f"{argument}: {name!r} is unknown; {_suggestion(name, names)}")


def unknown_label(holder: str, label: Any, classes: Iterable[Any]) -> InvalidInputError:
    """Return the error about a label of known rows that is no class of the model.

    Parameters
    ----------
    holder : str
        What holds the label, for example "y".
    """
    listed = list(map(repr, classes))
    shown = ", ".join(listed[:_SHOWN]) + (", ..." if len(listed) > _SHOWN else "")
    return InvalidInputError(
        f"{holder} holds {label!r}, which is no class of the model; the classes are {shown}; correct such labels, or "
        "leave out their rows, or call fit with rows of this class"
    )


def _suggestion(name: Any, known: list[str]) -> str:
    return did_you_mean(name, known) or f"choose from {', '.join(map(repr, sorted(known)))}"


def did_you_mean(name: Any, known: Iterable[str]) -> str:
    """Return a question with the names that a user may mean; an empty text if no name is close.

    >>> did_you_mean("smak", ["smac", "random"])
    "did you mean 'smac'?"
    """
    close = closest(str(name), list(known))
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


def closest(name: str, known: list[str]) -> list[str]:
    """Return at most three names that a user may mean: first those that begin with the name or hold it as a word.

    An abbreviation such as "acc" has more letters in common with "jaccard" than with "accuracy".
    """
    given = name.lower()
    starting = [each for each in known if each.lower().startswith(given)]
    holding = [each for each in known if given in re.split(r"\W|_", each.lower())]
    if len(given) >= _LEAST_PREFIX and (starting or holding):
        return sorted(starting or holding, key=len)[:_NAMED]
    written = {each.lower(): each for each in known}
    return [written[each] for each in get_close_matches(given, list(written), n=_NAMED)]


def warn_user(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Give a warning that points to the line of the user who has called the library, directly or through another one.

    Parameters
    ----------
    message : str or Warning
    category : type of Warning
        Of a text.
    """
    frame: FrameType | None = sys._getframe()
    level = called = 1
    while frame is not None and (package := _package(frame)) in (*_LIBRARIES, *_STARTERS):
        called = level if package in _LIBRARIES else called
        frame, level = frame.f_back, level + 1
    # A thread that has no line of the user begins with the method that the user has passed to it.
    warnings.warn(message, category, stacklevel=called if frame is None else level)


def _package(frame: FrameType) -> str:
    """Return the name of the package whose code runs in a frame."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
