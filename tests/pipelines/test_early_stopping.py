"""Tests of early stopping: validation rows, patience, time limit, learning rate."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, make_friedman1

from pipelines import early_stopping
from pipelines.catalog import get_component
from pipelines.component import FitContext, TableTraits
from pipelines.early_stopping import Deadline, EarlyStopping, RowsToPredict, split_rows

LIGHTGBM = get_component("model", "lightgbm")


class Clock:
    """A clock that a test sets by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(early_stopping, "time", clock)
    return clock


def run(stopping: EarlyStopping, losses: list[float]) -> int:
    """Return the rounds until the training is stopped, or all rounds."""
    for i, loss in enumerate(losses, start=1):
        if stopping.step(loss):
            return i
    return len(losses)


def test_split_is_a_partition_with_the_same_shares_of_classes() -> None:
    y = np.repeat([0, 1, 2], [600, 300, 100])
    train, validation = split_rows(y, fraction=0.15, classification=True, random_state=0)
    assert np.array_equal(np.sort(np.concatenate([train, validation])), np.arange(1000))
    np.testing.assert_allclose(np.bincount(y[validation]), [90, 45, 15], atol=1)


def test_split_leaves_every_class_most_of_its_rows_in_training() -> None:
    y = np.concatenate([np.zeros(80, int), np.arange(1, 21), np.repeat(np.arange(21, 26), 2)])
    for seed in range(20):
        train, validation = split_rows(y, fraction=0.5, classification=True, random_state=seed)
        kept, taken = np.bincount(y[train], minlength=26), np.bincount(y[validation], minlength=26)
        assert (kept >= taken).all()
        assert (kept >= 1).all()


def test_split_of_a_continuous_target_covers_its_range_evenly() -> None:
    y = np.random.default_rng(0).lognormal(size=1000)
    _, validation = split_rows(y, fraction=0.1, classification=False, random_state=1)
    ranks = np.sort(np.argsort(np.argsort(y))[validation])
    assert np.array_equal(ranks // 10, np.arange(100)), "one row from each block of ten neighbors"


def test_split_depends_on_the_seed_only() -> None:
    y = np.arange(500.0)
    first = split_rows(y, fraction=0.1, classification=False, random_state=1)[1]
    assert np.array_equal(first, split_rows(y, fraction=0.1, classification=False, random_state=1)[1])
    assert not np.array_equal(first, split_rows(y, fraction=0.1, classification=False, random_state=2)[1])


def test_few_rows_are_not_split_and_at_least_twenty_validate_otherwise() -> None:
    assert len(split_rows(np.arange(40.0), fraction=0.2, classification=False, random_state=0)[1]) == 0
    assert len(split_rows(np.arange(70.0), fraction=0.1, classification=False, random_state=0)[1]) == 20


def test_training_stops_after_the_patience_and_the_best_round_is_known() -> None:
    stopping = EarlyStopping(0.1, Deadline(None))
    falling, rising = np.linspace(1, 0.5, 30), np.linspace(0.51, 2, 500)
    stopped = run(stopping, [*falling, *rising])
    assert stopping.best_round == 30
    assert stopped == 30 + early_stopping.patience(30, 0.1)


def test_patience_grows_with_the_best_round_and_with_smaller_learning_rates() -> None:
    assert early_stopping.patience(1000, 0.1) > early_stopping.patience(10, 0.1)
    assert early_stopping.patience(10, 0.01) > early_stopping.patience(10, 0.1)


def test_training_stops_when_the_time_is_up(clock: Clock) -> None:
    stopping = EarlyStopping(0.1, Deadline(10.0))
    for _ in range(9):
        clock.now += 1.0
        assert not stopping.step(1.0 / (clock.now + 1))
    clock.now += 1.1
    assert stopping.step(0.01)


@pytest.mark.parametrize(("share", "rounds"), [(1.0, 7), (0.5, 3)])
def test_a_part_of_a_training_leaves_seconds_for_its_predictions(clock: Clock, share: float, rounds: int) -> None:
    rows = RowsToPredict.like(np.zeros((1, 1)), 1)
    stopping = EarlyStopping(0.1, Deadline(10.0), rows, share)

    def predict(X: np.ndarray) -> None:
        clock.now += 0.4 * 5

    clock.now += 0.1
    stopping.time_prediction(predict, 5)  # 0.4 s for a round
    clock.now -= 2.0
    for _ in range(20):
        clock.now += 1.0
        if stopping.step(1.0):
            break
    assert clock.now + stopping.prediction_seconds <= 10 * share + 1.4  # a round may exceed the limit
    assert stopping.rounds >= rounds


def test_learning_rate_is_raised_until_the_rounds_that_fit_suffice(clock: Clock) -> None:
    stopping = EarlyStopping(0.01, Deadline(105.0))
    for _ in range(early_stopping.PROBE_ROUNDS):
        clock.now += 1.0  # a hundred more rounds fit into the limit
        stopping.step(1.0)
    assert stopping.learning_rate == pytest.approx(early_stopping.ROUNDS_TO_CONVERGE / 100)


def test_the_seconds_of_the_set_up_do_not_raise_the_learning_rate(clock: Clock) -> None:
    stopping = EarlyStopping(0.1, Deadline(100.0))
    clock.now += 30.0  # a library makes its histograms
    for _ in range(10):
        clock.now += 0.1
        stopping.step(1.0)
    assert stopping.learning_rate == 0.1


def test_learning_rate_is_bounded_and_stays_where_the_time_suffices(clock: Clock) -> None:
    hurried, relaxed = EarlyStopping(0.01, Deadline(6.0)), EarlyStopping(0.05, Deadline(1e6))
    for _ in range(early_stopping.PROBE_ROUNDS):
        clock.now += 1.0
        hurried.step(1.0)
        relaxed.step(1.0)
    assert hurried.learning_rate == early_stopping.MAX_LEARNING_RATE
    assert relaxed.learning_rate == 0.05


@pytest.mark.parametrize(("progress", "raised"), [(0.02, True), (0.0001, False)])
def test_learning_rate_is_raised_late_only_if_the_loss_would_still_fall_at_the_end(
    clock: Clock, progress: float, raised: bool
) -> None:
    stopping = EarlyStopping(0.1, Deadline(1000.0))
    for i in range(400):
        clock.now += 1.0
        stopping.step(10 - progress * i)
    assert (stopping.learning_rate > 0.1) == raised


def test_learning_rate_of_a_library_that_cannot_adjust_stays_after_the_first_rounds(clock: Clock) -> None:
    stopping = EarlyStopping(0.1, Deadline(1000.0))
    for i in range(400):
        clock.now += 1.0
        stopping.step(10 - 0.02 * i, adjustable=False)
    assert stopping.learning_rate == 0.1


def test_a_library_that_would_have_to_start_again_ends_where_its_rounds_take_too_long(clock: Clock) -> None:
    def rounds(adjustable: bool) -> int:
        clock.now = 0.0
        stopping = EarlyStopping(0.06, Deadline(9.0))
        for i in range(1, 100):
            clock.now += 1.0
            if stopping.step(1.0 / i, adjustable=adjustable):
                assert stopping.learning_rate > 0.06 or not adjustable
                return i
        raise AssertionError("the training does not end")

    assert rounds(adjustable=False) == early_stopping.PROBE_ROUNDS
    assert rounds(adjustable=True) > early_stopping.PROBE_ROUNDS


def test_boosting_stops_before_it_overfits_and_predicts_unseen_rows() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    traits = TableTraits(task="binary", n_rows=400, n_features=30, n_classes=2)
    params = {**LIGHTGBM.space(traits).get_default_configuration(), "learning_rate": 0.1}
    model = LIGHTGBM.make(params, FitContext(traits)).fit(X[:400], y[:400])  # type: ignore[union-attr]
    assert 10 < model.n_iter_ < 1000
    assert model.score(X[400:], y[400:]) > 0.93


def test_refit_uses_the_validation_rows_too() -> None:
    X, y = make_friedman1(400, noise=0.5, random_state=0)
    losses = {}
    for n_rows in (400, 10**6):  # the traits decide: on a long table the model is not fitted again
        traits = TableTraits(task="regression", n_rows=n_rows, n_features=10)
        params = dict(LIGHTGBM.space(traits).get_default_configuration())
        model = LIGHTGBM.make(params, FitContext(traits)).fit(X, y)  # type: ignore[union-attr]
        losses[n_rows] = np.mean((model.predict(X) - y) ** 2)
    assert losses[400] < losses[10**6]
