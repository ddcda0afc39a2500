"""The places where the state of a run is shown: a line of a terminal, or one output of a notebook."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import Any, Protocol

from rich.console import Console
from rich.errors import ConsoleError
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automl.progress.log import in_notebook

logger = logging.getLogger("automl")

# Terminals, pipes and notebook kernels raise these when they are closed; a lost display must not end the run.
DISPLAY_ERRORS = (OSError, ValueError, RuntimeError, LookupError, ConsoleError)


class View(Protocol):
    """A place where the state of a run is shown."""

    def draw(self, fraction: float | None, text: str) -> None: ...

    def message(self, text: str) -> None: ...

    def close(self, text: str | None) -> None: ...


class Terminal:
    """One line that is redrawn in place on standard error; standard output belongs to the user's program."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, force_terminal=True, highlight=False)
        # Text that the user prints must appear above the line, but only where standard output is the terminal.
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=_is_terminal(sys.stdout)
        )
        self._live.start()

    def draw(self, fraction: float | None, text: str) -> None:
        line = Table.grid(padding=(0, 1))
        line.add_column(width=16)
        line.add_column(no_wrap=True, overflow="ellipsis")
        bar = ProgressBar(total=None if fraction is None else 1.0, completed=fraction or 0.0, width=16)
        line.add_row(bar, Text(text))
        self._live.update(line, refresh=True)

    def message(self, text: str) -> None:
        self._console.print(Text(text))

    def close(self, text: str | None) -> None:
        self._live.stop()
        if text is not None:
            self._console.print(Text(text))


class Notebook:
    """One output of the notebook cell, which is replaced in place; it needs no widgets."""

    def __init__(self) -> None:
        self._display = import_module("IPython.display").display
        self._handle = self._display({"text/plain": "automl: starting"}, raw=True, display_id=True)

    def draw(self, fraction: float | None, text: str) -> None:
        filled = "" if fraction is None else "█" * round(16 * fraction) + "░" * (16 - round(16 * fraction)) + " "
        self._handle.update({"text/plain": filled + text}, raw=True)

    def message(self, text: str) -> None:
        self._display({"text/plain": text}, raw=True)

    def close(self, text: str | None) -> None:
        if text is not None:
            self._handle.update({"text/plain": text}, raw=True)


def make_view() -> View | None:
    """Return the view for a notebook or a terminal; None for a log file or a pipe."""
    try:
        if in_notebook():
            return Notebook()
        if _is_terminal(sys.stderr) and os.environ.get("TERM", "") not in ("dumb", "unknown"):
            return Terminal()
    except DISPLAY_ERRORS:
        logger.debug("no progress display could be opened", exc_info=True)
    return None


def _is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal; standard streams may be missing or closed."""
    try:
        return stream is not None and bool(stream.isatty())
    except ValueError:
        return False
