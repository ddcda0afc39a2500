"""The progress display of a run: a live line on terminals and in notebooks, a few lines elsewhere."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from automl.plurals import plural
from automl.progress.leader import Best
from automl.progress.log import attach_handler, detach_handler
from automl.progress.views import DISPLAY_ERRORS, View, make_view
from automl.progress.wording import WORDING
from automl.search.budget import Used
from automl.search.processors import ProcessorBudget
from automl.task.metric_words import MetricWords

logger = logging.getLogger("automl")

_TICK = 0.5  # seconds between redraws of the live line
_QUARTERS = 4  # a log gets a line at each quarter of the budget


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
        self._view: View | None = None
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
        self._view = make_view()
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
        except DISPLAY_ERRORS:
            logger.debug("the progress display failed and is switched off", exc_info=True)
            self._running = False
            self._stop.set()
            if verb != "close" and self._view is not None:
                with suppress(*DISPLAY_ERRORS):  # a live display redirects standard error until it is closed
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
