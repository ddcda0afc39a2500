"""The log of a fit on standard error, where nobody has configured logging."""

from __future__ import annotations

import logging
import sys
import threading

_LOGGER = logging.getLogger("automl")
_LOCK = threading.Lock()


class _FitHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """A handler for the time of one or more fits; it is silent as soon as the user has a handler, too."""

    def __init__(self, verbose: int, changes_level: bool):
        super().__init__()
        self.setFormatter(logging.Formatter("automl: %(message)s"))
        self.verbose = verbose
        self.changes_level = changes_level
        self.n_fits = 1

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is for the user: messages about single trials are shown with ``verbose=2`` only."""
        if sys.stderr is None or _others(self):
            return False
        return self.verbose >= 2 or record.name == _LOGGER.name or record.levelno >= logging.WARNING

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the standard error of this moment, which a display or a test may have replaced."""
        self.stream = sys.stderr
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore an error: a standard error that is closed must not end the fit."""


def attach_handler(verbose: int) -> logging.Handler | None:
    """Attach a handler on standard error to the logger ``automl``; return None if the user has configured logging.

    Fits that run at the same time share the handler. Call `detach_handler` at the end of each of them.
    """
    with _LOCK:
        if _others(None):
            return None
        for known in _LOGGER.handlers:
            if isinstance(known, _FitHandler):
                known.n_fits += 1
                known.verbose = max(known.verbose, verbose)
                return known
        handler = _FitHandler(verbose, changes_level=_LOGGER.level == logging.NOTSET)
        if handler.changes_level:  # else the user has set a level, which holds
            _LOGGER.setLevel(logging.INFO)
        _LOGGER.addHandler(handler)
        return handler


def detach_handler(handler: logging.Handler | None) -> None:
    """Remove the handler of `attach_handler`, after the last fit that uses it, and restore the level."""
    if not isinstance(handler, _FitHandler):
        return
    with _LOCK:
        handler.n_fits -= 1
        if handler.n_fits:
            return
        _LOGGER.removeHandler(handler)
        if handler.changes_level and _LOGGER.level == logging.INFO:
            _LOGGER.setLevel(logging.NOTSET)


def _others(own: logging.Handler | None) -> bool:
    """Return whether a handler of the user gets the messages of the logger."""
    logger: logging.Logger | None = _LOGGER
    while logger is not None:
        if any(handler is not own and not isinstance(handler, _FitHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False
