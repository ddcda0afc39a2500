"""The clock of a run: one deadline that every part looks at."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Budget:
    """Seconds and trials that a run may take; counts from its creation.

    Attributes
    ----------
    seconds : float or None
        Wall clock for the whole of ``fit``; None for no limit.
    max_trials : int or None
        Number of configurations; None for no limit.
    """

    seconds: float | None
    max_trials: int | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def reserve(self) -> float:
        """Seconds kept back at the end for the ensemble and the models' way into memory."""
        return 0.0 if self.seconds is None else min(0.25 * self.seconds, 0.6 + 0.025 * self.seconds)

    @property
    def search_left(self) -> float:
        """Seconds left for trials; infinite without a time budget."""
        return float("inf") if self.seconds is None else self.seconds - self.reserve - self.elapsed

    @property
    def fraction_used(self) -> float:
        """Share of the seconds for trials that is gone, between 0 and 1; 0 without a time budget."""
        return 0.0 if self.seconds is None else min(1.0, self.elapsed / (self.seconds - self.reserve))
