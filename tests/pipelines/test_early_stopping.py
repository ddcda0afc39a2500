"""Early stopping: the rows set aside, the patience, the clock and the pace."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, make_friedman1

from pipelines import early_stopping as early
from pipelines.component import FitContext, TableTraits
from pipelines.early_stopping import Deadline, Monitor, split_rows
from pipelines.models import MODELS

LIGHTGBM = next(model for model in MODELS if model.name == "lightgbm")


class Clock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(early, "time", clock)
    return clock


def run(monitor: Monitor, losses: list[float]) -> int:
    """Rounds until the monitor stops, or all of them."""
    for i, loss in enumerate(losses, start=1):
        if monitor.step(loss):
            return i
    return len(losses)


def test_split_is_a_partition_with_the_same_shares_of_classes() -> None:
    y = np.repeat([0, 1, 2], [600, 300, 100])
    train, held = split_rows(y, fraction=0.15, classification=True, random_state=0)
    assert np.array_equal(np.sort(np.concatenate([train, held])), np.arange(1000))
    np.testing.assert_allclose(np.bincount(y[held]), [90, 45, 15], atol=1)


def test_split_leaves_every_class_most_of_its_rows_in_training() -> None:
    y = np.concatenate([np.zeros(80, int), np.arange(1, 21), np.repeat(np.arange(21, 26), 2)])
    for seed in range(20):
        train, held = split_rows(y, fraction=0.5, classification=True, random_state=seed)
        kept, held_counts = np.bincount(y[train], minlength=26), np.bincount(y[held], minlength=26)
        assert (kept >= held_counts).all()
        assert (kept >= 1).all()


def test_split_of_a_continuous_target_covers_its_range_evenly() -> None:
    y = np.random.default_rng(0).lognormal(size=1000)
    _, held = split_rows(y, fraction=0.1, classification=False, random_state=1)
    ranks = np.sort(np.argsort(np.argsort(y))[held])
    assert np.array_equal(ranks // 10, np.arange(100)), "one row from each block of ten neighbours"


def test_split_depends_on_the_seed_only() -> None:
    y = np.arange(500.0)
    first = split_rows(y, fraction=0.1, classification=False, random_state=1)[1]
    assert np.array_equal(first, split_rows(y, fraction=0.1, classification=False, random_state=1)[1])
    assert not np.array_equal(first, split_rows(y, fraction=0.1, classification=False, random_state=2)[1])


def test_few_rows_are_not_split_and_at_least_twenty_are_held_otherwise() -> None:
    assert len(split_rows(np.arange(40.0), fraction=0.2, classification=False, random_state=0)[1]) == 0
    assert len(split_rows(np.arange(70.0), fraction=0.1, classification=False, random_state=0)[1]) == 20


def test_monitor_stops_after_its_patience_and_names_the_best_round() -> None:
    monitor = Monitor(0.1, Deadline(None))
    falling, rising = np.linspace(1, 0.5, 30), np.linspace(0.51, 2, 500)
    stopped = run(monitor, [*falling, *rising])
    assert monitor.best_round == 30
    assert stopped == 30 + early.patience(30, 0.1)


def test_patience_grows_with_the_climb_and_with_smaller_steps() -> None:
    assert early.patience(1000, 0.1) > early.patience(10, 0.1)
    assert early.patience(10, 0.01) > early.patience(10, 0.1)


def test_monitor_stops_when_the_time_is_up(clock: Clock) -> None:
    monitor = Monitor(0.1, Deadline(10.0))
    for _ in range(9):
        clock.now += 1.0
        assert not monitor.step(1.0 / (clock.now + 1))
    clock.now += 1.1
    assert monitor.step(0.01)


def test_pace_is_raised_just_so_that_the_rounds_in_reach_suffice(clock: Clock) -> None:
    monitor = Monitor(0.01, Deadline(105.0))
    for _ in range(early.PROBE_ROUNDS):
        clock.now += 1.0  # a hundred more rounds fit into the limit
        monitor.step(1.0)
    assert monitor.learning_rate == pytest.approx(early.ROUNDS_TO_CONVERGE / 100)


def test_pace_is_bounded_and_left_alone_without_need(clock: Clock) -> None:
    hurried, relaxed = Monitor(0.01, Deadline(6.0)), Monitor(0.05, Deadline(1e6))
    for _ in range(early.PROBE_ROUNDS):
        clock.now += 1.0
        hurried.step(1.0)
        relaxed.step(1.0)
    assert hurried.learning_rate == early.MAX_LEARNING_RATE
    assert relaxed.learning_rate == 0.05


@pytest.mark.parametrize(("progress", "raised"), [(0.02, True), (0.0001, False)])
def test_steps_grow_only_while_the_loss_would_still_be_falling_at_the_end(
    clock: Clock, progress: float, raised: bool
) -> None:
    monitor = Monitor(0.1, Deadline(1000.0))
    for i in range(400):
        clock.now += 1.0
        monitor.step(10 - progress * i)
    assert (monitor.learning_rate > 0.1) == raised


def test_a_library_that_cannot_adjust_is_left_alone_after_the_first_rounds(clock: Clock) -> None:
    monitor = Monitor(0.1, Deadline(1000.0))
    for i in range(400):
        clock.now += 1.0
        monitor.step(10 - 0.02 * i, adjustable=False)
    assert monitor.learning_rate == 0.1


def test_boosting_stops_where_more_rounds_would_hurt_and_predicts_unseen_rows() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    traits = TableTraits(task="binary", n_rows=400, n_features=30, n_classes=2)
    params = {**LIGHTGBM.space(traits).get_default_configuration(), "learning_rate": 0.1}
    model = LIGHTGBM.make(params, FitContext(traits)).fit(X[:400], y[:400])  # type: ignore[union-attr]
    assert 10 < model.n_iter_ < 1000
    assert model.score(X[400:], y[400:]) > 0.93


def test_refit_uses_the_rows_that_were_set_aside() -> None:
    X, y = make_friedman1(400, noise=0.5, random_state=0)
    losses = {}
    for n_rows in (400, 10**6):  # the traits decide: a long table is not fitted twice
        traits = TableTraits(task="regression", n_rows=n_rows, n_features=10)
        params = dict(LIGHTGBM.space(traits).get_default_configuration())
        model = LIGHTGBM.make(params, FitContext(traits)).fit(X, y)  # type: ignore[union-attr]
        losses[n_rows] = np.mean((model.predict(X) - y) ** 2)
    assert losses[400] < losses[10**6]
