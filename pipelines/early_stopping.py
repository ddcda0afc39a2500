"""Early stopping of models that learn round by round: validation rows, patience, time limit, learning rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

MIN_VALIDATION_ROWS = 20
MIN_ROWS_TO_SPLIT = 60  # with fewer rows a validation loss says nothing, and training needs every row
ROUNDS_TO_CONVERGE = 8.0  # boosting needs at least this number of rounds divided by the learning rate
MAX_LEARNING_RATE = 0.3
ROUNDS_WITHOUT_ADJUSTMENT = 40.0  # the same where the learning rate cannot be raised later
PROBE_ROUNDS = 5  # rounds after which the seconds of a round are known; those of the first one include the set-up
CHECKPOINTS = (0.3, 0.6)  # shares of the time at which the learning rate of an unfinished training is raised
LATE_FACTOR = 2.5
MAX_ROWS_TO_TIME = 200  # rows whose prediction is timed during a training
TIMED_SHARE = 0.125  # of the rows to predict
ROUNDS_FACTOR = 4  # more rounds than at the last time, when the prediction is timed again
# What a later part of a training must know of the rounds so far.
_STATE = ("learning_rate", "rounds", "best_round", "best_loss", "best_sum", "_sum", "_losses", "_checkpoints")
WORTHWHILE = 0.05  # share of the loss that the rest of the training must promise, so that its learning rate is raised


@dataclass(frozen=True)
class Deadline:
    """A time limit in wall-clock seconds that starts when the object is created.

    Parameters
    ----------
    limit : float or None
        Seconds; None for no limit.
    """

    limit: float | None
    start: float = field(default_factory=lambda: time.perf_counter())

    @classmethod
    def of_part(cls, limit: float | None, share: float, spent: float) -> Self:
        """Return the time limit of a whole training, of which a part begins now that ends at a share of the limit.

        Parameters
        ----------
        limit : float or None
            Seconds of the part.
        spent : float
            Seconds of the earlier parts.
        """
        return cls(None if limit is None else (limit + spent) / share, time.perf_counter() - spent)

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    @property
    def left(self) -> float:
        """Seconds until the end; infinite without a limit."""
        return np.inf if self.limit is None else self.limit - self.spent

    def passed(self, share: float = 1.0, reserve: float = 0.0) -> bool:
        """Return whether more than this share of the limit is spent, or of what `reserve` seconds leave of it."""
        return self.limit is not None and self.spent > share * (self.limit - reserve)


def split_rows(
    y: np.ndarray, *, fraction: float, classification: bool, random_state: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows into training rows and validation rows with a similar distribution of the target.

    Every class keeps at least half of its rows, and at least one, in the training rows. A continuous target is
    cut into blocks of neighboring values, and each block gives one validation row.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    fraction : float
        Share of the rows for validation; at least 20 rows are taken.

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
    # Rows of one class (or of neighboring targets) lie side by side; each block gives one row at random.
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
    """Return the chosen rows without surplus rows of classes that would lose more than half of their rows."""
    _, codes = np.unique(y, return_inverse=True)
    allowed = np.bincount(codes) // 2
    picked = codes[chosen]
    order = np.argsort(picked, kind="stable")
    first = np.searchsorted(picked[order], np.arange(len(allowed)))
    rank = np.arange(len(order)) - first[picked[order]]  # number of rows of the same class before each row
    return chosen[order][rank < allowed[picked[order]]]


def patience(best_round: int, learning_rate: float) -> int:
    """Return the rounds to wait for a better loss: more after a late best round and for small learning rates.

    The shape is AutoGluon's, ``max(minimum, 0.3 * best_round + 20)``; its minimum of 300 rounds is replaced by one
    that follows the learning rate, since short budgets cannot pay for it.
    """
    minimum = min(max(2.0 / learning_rate, 15.0), 200.0)
    return int(max(minimum, 0.3 * best_round + 10))


@dataclass(frozen=True)
class RowsToPredict:
    """The rows that a model predicts after its training, within the same time limit.

    Attributes
    ----------
    n_rows : int
    sample : ndarray or CSR matrix
        Rows of the same kind, to time the prediction with.
    """

    n_rows: int
    sample: Any

    @classmethod
    def like(cls, X: Any, n_rows: int) -> RowsToPredict:
        """Return `n_rows` rows to predict that are like those of the training table `X`."""
        return cls(n_rows, X[: int(np.clip(TIMED_SHARE * n_rows, 1, MAX_ROWS_TO_TIME))])

    def seconds(self, predict: Callable[[Any], Any]) -> float:
        """Return the seconds that the prediction of all rows takes, from that of the sample."""
        if not self.n_rows:
            return 0.0
        start = time.perf_counter()
        predict(self.sample)
        return (time.perf_counter() - start) * self.n_rows / self.sample.shape[0]


class EarlyStopping:
    """Decides after each round whether a training ends, and which learning rate it uses from then on.

    Parameters
    ----------
    learning_rate : float
        Initial learning rate. It is raised where the time limit would end the training far too early.
    deadline : Deadline
        The training ends when the time that is left would not suffice for the predictions.
    to_predict : RowsToPredict, optional
        The rows that the model predicts afterwards.
    share : float
        Share of the time and of the rounds after which this part of the training ends.
    last_round : int, optional
        The round that ends this part of the training; by default there is no such round.

    Attributes
    ----------
    rounds, best_round : int
        Rounds so far, and the round with the lowest loss (the last round where there are no validation losses).
    best_sum : float
        Sum of the learning rates of all rounds up to the best one.
    learning_rate : float
        Learning rate to use from now on.
    """

    def __init__(
        self,
        learning_rate: float,
        deadline: Deadline,
        to_predict: RowsToPredict | None = None,
        share: float = 1.0,
        last_round: int | None = None,
    ):
        self.learning_rate = learning_rate
        self.deadline = deadline
        self.share, self._last_round = share, last_round
        self.to_predict = to_predict
        self._timed = None if deadline.limit is None else to_predict
        self._timed_rounds = 0  # rounds of the model whose prediction was timed
        self._prediction_of_round = 0.0  # seconds
        self.rounds = 0
        self.best_round = 0
        self.best_loss = np.inf
        self.best_sum = 0.0
        self.restart()

    def restart(self) -> None:
        """Forget all rounds, for a library that must start again to change its learning rate."""
        self.rounds, self.best_round, self.best_loss, self.best_sum = 0, 0, np.inf, 0.0
        self._sum = 0.0
        self._losses: list[float] = []
        self._checkpoints = list(CHECKPOINTS)
        self._first_round_ended = time.perf_counter()

    def state(self) -> dict[str, Any]:
        """Return what `go_on` needs to continue after the rounds so far."""
        return {"spent": self.deadline.spent, **{name: vars(self)[name] for name in _STATE}}

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Continue after the rounds of an earlier part of the training, whose seconds the deadline counts."""
        vars(self).update({name: state[name] for name in _STATE})
        self._losses, self._checkpoints = list(self._losses), list(self._checkpoints)

    @property
    def prediction_seconds(self) -> float:
        """The seconds that the predictions of the model with all rounds so far take."""
        return self._prediction_of_round * self.rounds

    @property
    def ended_by_time(self) -> bool:
        """Whether the time limit of this part of the training has passed, less the seconds of the predictions."""
        limit = self.deadline.limit
        return limit is not None and self.deadline.spent > self.share * limit - self.prediction_seconds

    def is_cut(self, max_rounds: int) -> bool:
        """Return whether the training has ended before `max_rounds` although the loss was still falling."""
        return self.share == 1 and self.rounds < max_rounds and not self.waited_enough

    @property
    def waited_enough(self) -> bool:
        """Whether the patience is over: the loss has not fallen for many rounds."""
        return self.rounds - self.best_round >= patience(self.best_round, self.learning_rate)

    def time_prediction(self, predict: Callable[[Any], Any], rounds: int) -> None:
        """Time the prediction of a few rows, unless the rounds are few more than at the last time.

        Parameters
        ----------
        predict : callable
            Predicts rows with the model as it is now.
        rounds : int
            Rounds of this model.
        """
        if self._timed is None or rounds < max(PROBE_ROUNDS, ROUNDS_FACTOR * self._timed_rounds):
            return
        self._timed_rounds = rounds
        self._prediction_of_round = self._timed.seconds(predict) / rounds

    def step(self, loss: float | None, *, adjustable: bool = True) -> bool:
        """Record one more round with its validation loss (None without validation); return True to stop the training.

        `adjustable` is False where the library cannot change the learning rate of a running training. Then the
        learning rate changes only after the first few rounds, when a new start costs little.
        """
        self.rounds += 1
        self._sum += self.learning_rate
        if self.rounds == 1:
            self._first_round_ended = time.perf_counter()
        if loss is None:
            self.best_round, self.best_sum = self.rounds, self._sum
        elif loss < self.best_loss:
            self.best_loss, self.best_round, self.best_sum = float(loss), self.rounds, self._sum
        if self.rounds == PROBE_ROUNDS and self._adapt_to_deadline(adjustable):
            return True
        if loss is not None:
            self._losses.append(loss)
            if adjustable and self._checkpoints and self.deadline.passed(self._checkpoints[0]):
                self._raise_late(self._checkpoints.pop(0))
        if self.ended_by_time or (self._last_round is not None and self.rounds >= self._last_round):
            return True
        return loss is not None and self.waited_enough

    def _adapt_to_deadline(self, adjustable: bool) -> bool:
        """Raise the learning rate until the rounds that fit into the time limit are enough to converge.

        Returns
        -------
        bool
            Whether the training should end: the library must start again to change its learning rate, and could then
            not even repeat its rounds. Such a model would be of no use.
        """
        if self.deadline.limit is None:
            return False
        per_round = (time.perf_counter() - self._first_round_ended) / (self.rounds - 1) + self._prediction_of_round
        affordable = (self.deadline.left - self.prediction_seconds) / per_round
        if not adjustable and affordable < self.rounds:
            return True
        self._raise_to((ROUNDS_TO_CONVERGE if adjustable else ROUNDS_WITHOUT_ADJUSTMENT) / max(affordable, 1.0))
        return False

    def _raise_late(self, share: float) -> None:
        """Raise the learning rate if the loss would still fall fast when the time is up."""
        recent = max(self.rounds // 4, 1)
        if self.rounds <= recent:
            return
        per_round = (self._losses[-1 - recent] - self._losses[-1]) / recent
        rounds_left = self.rounds * (1 - share) / share
        if per_round * rounds_left > WORTHWHILE * abs(self._losses[-1]):
            self._raise_to(LATE_FACTOR * self.learning_rate)

    def _raise_to(self, learning_rate: float) -> None:
        self.learning_rate = max(self.learning_rate, min(learning_rate, MAX_LEARNING_RATE))
