"""When to stop a model that learns round by round: a validation split, a patience, a clock, a pace."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

MIN_VALIDATION_ROWS = 20
MIN_ROWS_TO_SPLIT = 60  # below, a validation part says nothing and every row is needed for training
ROUNDS_TO_CONVERGE = 8.0  # boosting needs at least so many rounds divided by the learning rate
MAX_LEARNING_RATE = 0.3
ROUNDS_WITHOUT_ADJUSTMENT = 40.0  # the same where the step size cannot grow later
PROBE_ROUNDS = 5  # rounds to run before the pace is judged: the first ones pay for the set-up
CHECKPOINTS = (0.3, 0.6)  # shares of the time at which a training that is far from its end takes longer steps
LONGER_STEPS = 2.5
WORTHWHILE = 0.05  # still to gain, as a share of the loss, at the present rate of progress


@dataclass(frozen=True)
class Deadline:
    """A stretch of wall clock, counted from its creation.

    Parameters
    ----------
    limit : float or None
        Seconds; None never ends.
    """

    limit: float | None
    start: float = field(default_factory=lambda: time.perf_counter())

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    @property
    def left(self) -> float:
        """Seconds until the end; infinite without a limit."""
        return np.inf if self.limit is None else self.limit - self.spent

    def passed(self, share: float = 1.0) -> bool:
        """Whether more than this share of the limit is spent."""
        return self.limit is not None and self.spent > share * self.limit


def split_rows(
    y: np.ndarray, *, fraction: float, classification: bool, random_state: int
) -> tuple[np.ndarray, np.ndarray]:
    """Set rows aside to watch the training on, alike in their targets.

    Every class keeps at least half of its rows, and at least one, in the training part. A continuous target is
    cut into blocks of neighbouring values, each of which gives one row.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    fraction : float
        Share of the rows to set aside; at least 20 rows are.

    Returns
    -------
    train, validation : ndarrays of int
        Sorted row numbers; ``validation`` is empty for fewer than 60 rows.
    """
    n = len(y)
    rows = np.arange(n)
    if n < MIN_ROWS_TO_SPLIT:
        return rows, rows[:0]
    rng = np.random.default_rng(random_state)
    wanted = max(MIN_VALIDATION_ROWS, round(fraction * n))
    shuffled = rng.permutation(n)
    # Rows of one class (or of neighbouring targets) lie side by side; one is taken at random from each block.
    ordered = shuffled[np.argsort(y[shuffled], kind="stable")]
    starts = np.floor(np.arange(wanted) * n / wanted).astype(int)
    widths = np.diff(np.append(starts, n))
    chosen = ordered[starts + (rng.random(wanted) * widths).astype(int)]
    if classification:
        chosen = _keep_classes(y, chosen)
    mask = np.zeros(n, dtype=bool)
    mask[chosen] = True
    return rows[~mask], rows[mask]


def _keep_classes(y: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Give back validation rows of classes that would lose more than half of their rows."""
    _, codes = np.unique(y, return_inverse=True)
    allowed = np.bincount(codes) // 2
    picked = codes[chosen]
    order = np.argsort(picked, kind="stable")
    first = np.searchsorted(picked[order], np.arange(len(allowed)))
    rank = np.arange(len(order)) - first[picked[order]]  # how many of its class come before
    return chosen[order][rank < allowed[picked[order]]]


def patience(best_round: int, learning_rate: float) -> int:
    """Rounds to wait for a better loss: longer after a long climb and for small steps.

    The shape is AutoGluon's, ``max(minimum, 0.3 * best_round + 20)``; its minimum of 300 rounds is replaced by one
    that follows the learning rate, since short budgets cannot pay for it.
    """
    minimum = min(max(2.0 / learning_rate, 15.0), 200.0)
    return int(max(minimum, 0.3 * best_round + 10))


class Monitor:
    """Watch the validation loss of one training, round by round.

    Parameters
    ----------
    learning_rate : float
        Step size asked for; `learning_rate` rises above it when the clock would stop the training far too early.
    deadline : Deadline
        The training ends there with what it has.

    Attributes
    ----------
    rounds, best_round : int
        Rounds seen, and the number of rounds with the lowest loss (all of them without validation losses).
    learning_rate : float
        Step size to use from now on.
    """

    def __init__(self, learning_rate: float, deadline: Deadline):
        self.learning_rate = learning_rate
        self.deadline = deadline
        self.rounds = 0
        self.best_round = 0
        self.best_loss = np.inf
        self.restart()

    def restart(self) -> None:
        """Forget the rounds seen, for a library that must begin again to change its step size."""
        self.rounds, self.best_round, self.best_loss = 0, 0, np.inf
        self._losses: list[float] = []
        self._checkpoints = list(CHECKPOINTS)
        self._started = time.perf_counter()

    def step(self, loss: float | None, *, adjustable: bool = True) -> bool:
        """Take note of one more round with its validation loss (None where there is none); True says stop.

        Where the library cannot change the step size of a running training, `adjustable` is False; then it changes
        after the first few rounds only, when beginning again is cheap.
        """
        self.rounds += 1
        if loss is None:
            self.best_round = self.rounds
        elif loss < self.best_loss:
            self.best_loss, self.best_round = float(loss), self.rounds
        if self.rounds == PROBE_ROUNDS:
            self._set_pace(ROUNDS_TO_CONVERGE if adjustable else ROUNDS_WITHOUT_ADJUSTMENT)
        if loss is not None:
            self._losses.append(loss)
            if adjustable and self._checkpoints and self.deadline.passed(self._checkpoints[0]):
                self._lengthen_steps(self._checkpoints.pop(0))
        if self.deadline.passed():
            return True
        return loss is not None and self.rounds - self.best_round >= patience(self.best_round, self.learning_rate)

    def _set_pace(self, rounds: float) -> None:
        """Raise the step size so that the rounds the clock allows are enough to converge."""
        if self.deadline.limit is None:
            return
        per_round = (time.perf_counter() - self._started) / self.rounds
        affordable = max(self.deadline.left / per_round, 1.0)
        self._raise_to(rounds / affordable)

    def _lengthen_steps(self, share: float) -> None:
        """Take longer steps from here on if the loss would still be falling fast when the time is up."""
        recent = max(self.rounds // 4, 1)
        if self.rounds <= recent:
            return
        per_round = (self._losses[-1 - recent] - self._losses[-1]) / recent
        rounds_left = self.rounds * (1 - share) / share
        if per_round * rounds_left > WORTHWHILE * self._losses[-1]:
            self._raise_to(LONGER_STEPS * self.learning_rate)

    def _raise_to(self, learning_rate: float) -> None:
        self.learning_rate = max(self.learning_rate, min(learning_rate, MAX_LEARNING_RATE))
