"""What the commands share: how they read lists of names, and how they speak on standard error."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from automl.errors import FoldFailedWarning


def split_names(text: str) -> tuple[str, ...]:
    """Names that were separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def say(verbose: int, text: str) -> None:
    """One line on standard error, which leaves standard output to what a command is asked for."""
    if verbose:
        typer.echo(f"automl: {text}", err=True)


@contextmanager
def speaking(verbose: int) -> Iterator[None]:
    """Send the run's own log lines and warnings to standard error, one plain line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("automl: %(message)s"))
    if verbose < 2:  # the engine's own notes on single trials are for those who ask
        handler.addFilter(lambda record: record.name == "automl")
    logger = logging.getLogger("automl")
    level = logger.level

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if verbose and issubclass(category, FoldFailedWarning):
            say(verbose, f"note: {' '.join(str(message).split())}")

    if verbose:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
