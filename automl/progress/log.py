"""The log of a fit or of a batch of jobs on standard error, where nobody has configured logging."""

from __future__ import annotations

import logging
import sys
import threading

_LOGGER = logging.getLogger("automl")
_LOCK = threading.Lock()


class _CallHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """A handler for the time of one or more calls; it is silent as soon as the user has a handler, too."""

    def __init__(self, verbose: int, changes_level: bool):
        super().__init__()
        self.setFormatter(logging.Formatter("automl: %(message)s"))
        self.verbose = verbose
        self.shown = {_LOGGER.name}  # names of the loggers whose messages are for every user
        self.changes_level = changes_level
        self.n_calls = 1

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is for the user: messages about single trials are shown with ``verbose=2`` only."""
        if sys.stderr is None or _others(self, logging.getLogger(record.name)):
            return False
        return self.verbose >= 2 or record.name in self.shown or record.levelno >= logging.WARNING

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the standard error of this moment, which a display or a test may have replaced.

        Notebooks color standard error as errors, so that a message that is no warning goes to standard output there.
        """
        warns = record.levelno >= logging.WARNING
        self.stream = sys.stderr if warns or sys.stdout is None or not in_notebook() else sys.stdout
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore an error: a standard error that is closed must not end the call."""


def in_notebook() -> bool:
    """Return whether the program runs in the kernel of a notebook."""
    module = sys.modules.get("IPython")
    return module is not None and hasattr(module.get_ipython(), "kernel")


def attach_handler(verbose: int, name: str = _LOGGER.name) -> logging.Handler | None:
    """Attach a handler on standard error to the logger ``automl``; return None if the user has configured logging.

    Calls that run at the same time share the handler. Call `detach_handler` at the end of each of them.

    Parameters
    ----------
    verbose : int
        With 2, the messages of all loggers below ``automl`` are shown.
    name : str
        The logger of the call. Its messages are always shown. It is ``automl``, or a logger below it.
    """
    with _LOCK:
        if _others(None, logging.getLogger(name)):
            return None
        handler = next((known for known in _LOGGER.handlers if isinstance(known, _CallHandler)), None)
        if handler is None:
            handler = _CallHandler(verbose, changes_level=_LOGGER.level == logging.NOTSET)
            if handler.changes_level:  # else the user has set a level, which holds
                _LOGGER.setLevel(logging.INFO)
            _LOGGER.addHandler(handler)
        else:
            handler.n_calls += 1
            handler.verbose = max(handler.verbose, verbose)
        handler.shown.add(name)
        return handler


def detach_handler(handler: logging.Handler | None) -> None:
    """Remove the handler of `attach_handler`, after the last call that uses it, and restore the level."""
    if not isinstance(handler, _CallHandler):
        return
    with _LOCK:
        handler.n_calls -= 1
        if handler.n_calls:
            return
        _LOGGER.removeHandler(handler)
        if handler.changes_level and _LOGGER.level == logging.INFO:
            _LOGGER.setLevel(logging.NOTSET)


def _others(own: logging.Handler | None, lowest: logging.Logger = _LOGGER) -> bool:
    """Return whether a handler of the user gets the messages of a logger."""
    logger: logging.Logger | None = lowest
    while logger is not None:
        if any(handler is not own and not isinstance(handler, _CallHandler) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False
