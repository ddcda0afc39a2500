"""The progress display of a run: a live line on terminals and in notebooks, a few lines elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.errors import ConsoleError
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from automl.fit_log import WORDING, attach_handler, detach_handler, in_notebook
from automl.plurals import plural
from automl.search.budget import Used
from automl.search.processors import ProcessorBudget
from automl.task.metric_words import MetricWords
from automl.trials.candidates import rank
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import TrialResult

logger = logging.getLogger("automl")

# Terminals, pipes and notebook kernels raise these when they are closed; a lost display must not end the run.
_DISPLAY_ERRORS = (OSError, ValueError, RuntimeError, LookupError, ConsoleError)
_TICK = 0.5  # seconds between redraws of the live line
_QUARTERS = 4  # a log gets a line at each quarter of the budget


class _View(Protocol):
    """A place where the state of a run is shown."""

    def draw(self, fraction: float | None, text: str) -> None: ...

    def message(self, text: str) -> None: ...

    def close(self, text: str | None) -> None: ...


class _Terminal:
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


class _Notebook:
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


@dataclass(frozen=True)
class Best:
    """The leader: the configuration that comes first in the leaderboard.

    Attributes
    ----------
    score : float
        Mean score over its finished folds; greater is better.
    family : str
        Its model family.
    folds : tuple of int
        Its finished folds. Two scores are comparable only on the same folds.
    n_folds : int
        Number of all folds.
    """

    score: float
    family: str
    folds: tuple[int, ...]
    n_folds: int


class Leader:
    """Follows the leader of a run.

    Ranking all configurations after each trial would take the more time the longer a run lasts. Only a configuration
    with at least as many folds as the leader can replace it, and where both have finished all folds, their mean losses
    decide. So the ranking is needed only until a configuration has finished all folds.

    Parameters
    ----------
    n_folds : int
        Number of all folds.
    """

    def __init__(self, n_folds: int):
        self._n_folds = n_folds
        self._leader: Evaluation | None = None

    def update(self, result: TrialResult, history: RunHistory) -> Best | None:
        """Return the leader after a trial that is in the history; None while nothing succeeded."""
        leader, ended = self._leader, history.evaluations[result.trial.configuration]
        if leader is None or ended is leader or len(leader.folds) <= len(ended.folds) < self._n_folds:
            first = rank(history, usable_only=False, most_folds_first=True)[0]
            self._leader = first if first.folds else None
        elif len(ended.folds) == self._n_folds and (
            len(leader.folds) < self._n_folds or ended.mean_loss < leader.mean_loss
        ):
            self._leader = ended
        if self._leader is None:
            return None
        folds = tuple(sorted(self._leader.folds))
        return Best(-self._leader.mean_loss, self._leader.configuration.family, folds, self._n_folds)


class Progress:
    """Shows the state of a run; it shows nothing with ``verbose=0``, and never raises an error.

    On a terminal or in a notebook one line is kept up to date: seconds left, number of configurations, best score,
    family of the last trial. Elsewhere a few lines go to the logger ``automl`` at level INFO. If nobody has configured
    logging, a handler writes them to standard error while the run lasts. Any thread may call any method.

    Parameters
    ----------
    verbose : int
        0 shows nothing; 1 shows the state; 2 adds a message for each new best score, and the log of single trials.
    budget_seconds : float or None
    max_trials : int or None
    metric : MetricWords
        The metric of the search.
    used : Used
        The parts of the budget that earlier sessions have used, if this session continues a run.
    processors : ProcessorBudget, optional
    """

    def __init__(
        self,
        verbose: int,
        budget_seconds: float | None,
        max_trials: int | None,
        metric: MetricWords,
        used: Used = Used(),  # noqa: B008  it is immutable
        processors: ProcessorBudget | None = None,
    ):
        self._verbose, self._used, self._processors = int(verbose), used, processors
        self._budget, self._max_trials = budget_seconds, max_trials
        self._words = metric
        self._handler: logging.Handler | None = None
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None
        self._view: _View | None = None
        self._running = False
        self._origin = time.monotonic()
        self._trials, self._best, self._family = 0, None, ""  # type: int, Best | None, str
        self._logged = 0.0  # share of the budget, or seconds, at the last log line

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(())

    def start(self) -> None:
        """Begin to show the run; the seconds count from now on, until `update` corrects them."""
        if self._verbose <= 0 or self._running:
            return
        self._origin = time.monotonic() - self._used.seconds
        self._trials, self._running = self._used.trials, True
        self._handler = attach_handler(self._verbose)
        self._view = _make_view()
        if self._view is None:
            used = self._used
            limits = [] if self._budget is None else [f"{self._budget - used.seconds:g} s"]
            limits += [] if self._max_trials is None else [plural(self._max_trials - used.trials, "configuration")]
            if self._processors is not None:
                limits.append(f"{self._processors.seconds - used.processor_seconds:g} processor seconds")
            verb = "continue the search" if used.trials else "search"
            within = f" within {' and '.join(limits)}" if limits else ""
            logger.info("%s for the best %s%s; %s", verb, self._words.name, within, self._words.direction)
            return
        self._draw()
        self._ticker = threading.Thread(target=self._tick, name="automl-progress", daemon=True)
        self._ticker.start()

    def update(self, trials_done: int, best: Best | None, family: str, elapsed: float) -> None:
        """Take the present state of the run.

        Parameters
        ----------
        trials_done : int
            Number of configurations that have run.
        best : Best or None
            The leader; None while nothing succeeded.
        family : str
            Model family of the trial that ended last.
        elapsed : float
            Seconds since the run began.
        """
        if not self._running:
            return
        with self._lock:
            last, self._best = self._best, best
            self._trials, self._family = trials_done, family
            self._origin = time.monotonic() - elapsed
            if self._view is None:
                self._log_now_and_then(elapsed)
            if best is not None and self._verbose >= 2:
                self._announce(best, last, elapsed)
            # The ticker draws; to draw after each of thousands of fast trials would take time from the search.

    def _announce(self, best: Best, last: Best | None, elapsed: float) -> None:
        """Show a message where the leader has become better, or has finished other folds than the leader before it."""
        by = f"by {best.family.replace('_', ' ')} after {elapsed:.1f} s"
        if last is None or (best.folds == last.folds and best.score > last.score):
            self.message(f"new best {self._words.name} {self._score(best)} {by}")
        elif best.folds != last.folds:  # the scores of folds differ, so that a mean over more folds may be lower
            kind = "more" if len(best.folds) > len(last.folds) else "other"
            shown = f"{self._words.name} {self._score(best)} {by}; not comparable with {self._score(last)}"
            self.message(f"best on {kind} folds: {shown}")

    def message(self, text: str) -> None:
        """Show one line, which stays visible."""
        if not self._running:
            return
        with self._lock:
            if self._view is None:
                logger.info("%s", text)
                return
            self._guarded("message", WORDING.get()(text))

    def close(self, summary: str, score_line: str = "") -> None:
        """End the display by the summary with the seconds, and one line about the score.

        Parameters
        ----------
        score_line : str
            The expected score. If it is empty, the summary holds the best score.
        """
        if not self._running:
            return
        score = "" if self._best is None or score_line else f"; best {self._words.name} {self._score(self._best)}"
        lines = [f"{summary}{score}; {time.monotonic() - self._origin:.1f} s"]
        self._end(lines + ([score_line] if score_line else []))

    def _end(self, lines: Sequence[str]) -> None:
        self._stop.set()
        try:
            with self._lock:
                if not self._running:
                    return
                self._running = False
                if self._view is not None:
                    self._guarded("close", "\n".join(f"automl: {WORDING.get()(line)}" for line in lines) or None)
                else:
                    for line in lines:
                        logger.info("%s", line)
        finally:
            detach_handler(self._handler)
            self._handler = None
        if self._ticker is not None and self._ticker is not threading.current_thread():
            self._ticker.join(2 * _TICK)

    def _tick(self) -> None:
        while not self._stop.wait(_TICK):
            with self._lock:
                if self._running and self._view is not None:
                    self._draw()

    def _draw(self) -> None:
        elapsed = time.monotonic() - self._origin
        self._guarded("draw", self._fraction(elapsed), self._line(elapsed))

    def _guarded(self, verb: str, *arguments: Any) -> None:
        """Call a method of the view; if it fails, the run goes on without a view."""
        try:
            getattr(self._view, verb)(*arguments)
        except _DISPLAY_ERRORS:
            logger.debug("the progress display failed and is switched off", exc_info=True)
            self._running = False
            self._stop.set()
            if verb != "close" and self._view is not None:
                with suppress(*_DISPLAY_ERRORS):  # a live display redirects standard error until it is closed
                    self._view.close(None)

    def _log_now_and_then(self, elapsed: float) -> None:
        """Log a line at each quarter of the budget, or whenever the seconds have doubled if there is no budget."""
        fraction = self._fraction(elapsed)
        if fraction is None:
            now, due = elapsed, elapsed >= max(10.0, 2 * self._logged)
        else:
            now, due = fraction, int(_QUARTERS * self._logged) < int(_QUARTERS * fraction) < _QUARTERS
        if due:
            self._logged = now
            logger.info("%s", self._line(elapsed))

    def _fraction(self, elapsed: float) -> float | None:
        """Return the share of the budget that is spent; None without a budget."""
        shares = [] if not self._budget else [elapsed / self._budget]
        shares += [] if not self._max_trials else [self._trials / self._max_trials]
        shares += [] if self._processors is None else [self._processors.share]
        return min(1.0, max(shares)) if shares else None

    def _line(self, elapsed: float) -> str:
        """Return the state of the run in one line."""
        clock = f"{elapsed:.0f} s" if self._budget is None else f"{max(0.0, self._budget - elapsed):.0f} s left"
        of = "" if self._max_trials is None else f" of {self._max_trials}"
        parts = [clock, f"{self._trials}{of} tried"]
        if self._best is not None:
            parts.append(f"best {self._words.name} {self._score(self._best)}")
        if self._family:
            parts.append(f"last {self._family.replace('_', ' ')}")
        return ", ".join(parts)

    def _score(self, best: Best) -> str:
        """Return a score with the folds that it is the mean of."""
        folds = f" on {len(best.folds)} of {best.n_folds} folds" if best.n_folds > 1 else ""
        return self._words.text(best.score) + folds


def _make_view() -> _View | None:
    """Return the view for a notebook or a terminal; None for a log file or a pipe."""
    try:
        if in_notebook():
            return _Notebook()
        if _is_terminal(sys.stderr) and os.environ.get("TERM", "") not in ("dumb", "unknown"):
            return _Terminal()
    except _DISPLAY_ERRORS:
        logger.debug("no progress display could be opened", exc_info=True)
    return None


def _is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal; standard streams may be missing or closed."""
    try:
        return stream is not None and bool(stream.isatty())
    except ValueError:
        return False
