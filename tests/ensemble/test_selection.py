"""Tests of ensemble selection on candidates whose quality is known."""

import time

import numpy as np
import pytest
from sklearn.metrics import make_scorer

from automl.ensemble.selection import select_members, select_weights
from automl.errors import NothingFittedError
from automl.task.metrics import make_metric
from automl.task.scored_target import ScoredTarget
from automl.trials.artifacts import Artifacts
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from tests.factories import make_task, tree

rng = np.random.default_rng(0)
N = 2_000
SIGNAL = rng.normal(size=N)
Y = (SIGNAL + rng.normal(size=N) > 0).astype(int)


def _candidates(noises):
    p = 1 / (1 + np.exp(-1.7 * np.array([SIGNAL + noise * rng.normal(size=N) for noise in noises])))
    return np.stack([1 - p, p], axis=2)


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "accuracy", "balanced_accuracy"])
def test_the_mean_of_candidates_with_independent_errors_beats_each_candidate(scoring):
    metric = make_metric(scoring, "binary", np.array([0, 1]))
    predictions = _candidates([1.0, 1.0, 1.0, 1.0])
    weights = select_weights(predictions, ScoredTarget(Y, metric), 25)
    assert weights.sum() == pytest.approx(1)
    loss_of_mean = metric.loss(Y, np.tensordot(weights, predictions, 1))
    assert loss_of_mean < min(metric.loss(Y, p) for p in predictions)


def test_a_good_candidate_among_noise_gets_nearly_all_weight():
    predictions = np.concatenate([_candidates([0.3]), _candidates([30.0] * 5)])
    weights = select_weights(predictions, ScoredTarget(Y, make_metric("neg_log_loss", "binary", np.array([0, 1]))), 25)
    assert weights[0] > 0.9


def test_the_candidate_that_knows_a_rare_class_gets_all_weight_on_a_long_table():
    y = np.repeat([0, 1], [59_997, 3])
    p = np.stack([np.random.default_rng(0).random(60_000), 0.5 * y + 0.25])
    metric = make_metric("roc_auc", "binary", np.array([0, 1]))
    for seed in (4, 5, 6):
        weights = select_weights(np.stack([1 - p, p], axis=2), ScoredTarget(y, metric), 2, random_state=seed)
        assert weights.tolist() == [0, 1]


def test_the_fast_path_of_squared_error_gives_the_same_weights():
    y = SIGNAL
    predictions = np.array([SIGNAL + s * rng.normal(size=N) for s in (0.5, 0.6, 2.0)])
    fast = select_weights(predictions, ScoredTarget(y, make_metric("rmse", "regression", None)), 25)
    slow = select_weights(predictions, ScoredTarget(y, make_metric("r2", "regression", None)), 25)
    assert fast == pytest.approx(slow)


def test_size_one_chooses_the_best_candidate():
    weights = select_weights(
        _candidates([0.5, 1.0]), ScoredTarget(Y, make_metric("roc_auc", "binary", np.array([0, 1]))), 1
    )
    assert weights.tolist() == [1.0, 0.0]


def test_a_deadline_in_the_past_still_gives_weights():
    metric = make_metric("average_precision", "binary", np.array([0, 1]))
    weights = select_weights(_candidates([0.5, 1.0]), ScoredTarget(Y, metric), 25, deadline=time.monotonic() - 1)
    assert weights.sum() == pytest.approx(1)


def test_shrinking_gives_no_weight_to_candidates_that_were_not_chosen():
    predictions = np.concatenate([_candidates([0.2]), np.full((4, N, 2), 0.5)])[:, :100]
    weights = select_weights(predictions, ScoredTarget(Y[:100], make_metric("roc_auc", "binary", np.array([0, 1]))), 25)
    assert weights.tolist() == [1, 0, 0, 0, 0]


def test_fewer_rows_shrink_the_weights_further_towards_equal_weights():
    metric = make_metric("neg_log_loss", "binary", np.array([0, 1]))
    predictions = _candidates([0.2, 1.5])
    few = select_weights(predictions[:, :40], ScoredTarget(Y[:40], metric), 25)
    many = select_weights(predictions, ScoredTarget(Y, metric), 25)
    assert few.min() > many.min()


def test_a_history_without_a_finished_fold_is_one_clear_error(tmp_path):
    with pytest.raises(NothingFittedError, match="no configuration has finished a fold"):
        select_members(FinishedTrials(RunHistory(), Artifacts(tmp_path), make_task(), 0), size=25, seconds=1.0)


@pytest.mark.parametrize(("noise", "size", "least", "most"), [(1.0, 25, 0.1, 0.25), (9.0, 25, 0.9, 1), (1.0, 1, 0, 1)])
def test_a_configuration_with_fewer_folds_shares_the_weight_with_finished_ones_that_are_nearly_as_good(
    noise, size, least, most, tmp_path
):
    task, artifacts, history = make_task("regression"), Artifacts(tmp_path), RunHistory()
    draw = np.random.default_rng(3).normal
    errors = draw(scale=20.0, size=len(task.y)) + draw(scale=8.0, size=(3, len(task.y)))
    errors[:2] *= noise
    for depth, folds in ((2, (0, 1, 2)), (3, (0, 1, 2)), (4, (0, 1))):
        found = {}
        for fold in folds:
            rows = task.folds[fold][1]
            artifacts.write(tree(depth), fold, None, task.y[rows] + errors[depth - 2][rows])
            found[fold] = FoldResult(np.std(errors[depth - 2][rows]), 0.1, 0.0)
        history.append(TrialResult(Trial(tree(depth), folds), Status.OK, found, 0.1))
    members = select_members(FinishedTrials(history, artifacts, task, 0), size, seconds=60.0)
    weights = {member.configuration: member.weight for member in members}
    assert least <= weights.get(tree(4), 0.0) <= most
    assert sum(weights.values()) == pytest.approx(1)
    assert len(weights) <= size


def test_selection_with_a_slow_scorer_ends_within_a_call_of_its_deadline():
    calls = []

    def slow(y_true, y_pred):
        calls.append(time.sleep(0.03))
        return float(np.mean(y_true == y_pred))

    metric = make_metric(make_scorer(slow), "binary", np.array([0, 1]))
    weights = select_weights(_candidates([1.0] * 6), ScoredTarget(Y, metric), 25, deadline=time.monotonic() + 0.1)
    assert 1 <= len(calls) <= 5
    assert weights.sum() == pytest.approx(1)
