"""Tests of the removal of members that do not pay for the time of their predictions."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from automl.ensemble.selection import choose_members
from automl.ensemble.thrift import remove_costly
from automl.task.metrics import make_metric
from automl.task.scored_target import ScoredTarget
from automl.trials.history import Evaluation
from tests.factories import make_task, tree

rng = np.random.default_rng(0)
N = 1_500
SIGNAL = rng.normal(size=N)
Y = (SIGNAL + rng.normal(size=N) > 0).astype(int)
METRIC = make_metric("neg_log_loss", "binary", np.array([0, 1]))


def _candidate(noise):
    p = 1 / (1 + np.exp(-1.7 * (SIGNAL + noise * rng.normal(size=N))))
    return np.column_stack([1 - p, p])


def test_the_costly_one_of_two_equal_members_goes():
    first = _candidate(0.5)
    predictions = np.stack([first, first])
    assert remove_costly(predictions, np.array([0.5, 0.5]), [1.0, 9.0], ScoredTarget(Y, METRIC)).tolist() == [1.0, 0.0]
    assert remove_costly(predictions, np.array([0.5, 0.5]), [9.0, 1.0], ScoredTarget(Y, METRIC)).tolist() == [0.0, 1.0]


def test_a_member_that_lowers_the_loss_stays_whatever_it_costs():
    predictions = np.stack([_candidate(1.5), _candidate(1.5)])
    weights = np.array([0.5, 0.5])
    assert remove_costly(predictions, weights, [1.0, 1e6], ScoredTarget(Y, METRIC)).tolist() == [0.5, 0.5]


def test_the_weights_sum_to_one_and_members_without_weight_get_none():
    predictions = np.stack([_candidate(noise) for noise in (0.5, 0.5, 0.5, 0.5)])
    weights = remove_costly(predictions, np.array([0.4, 0.3, 0.3, 0.0]), [1.0, 2.0, 3.0, 4.0], ScoredTarget(Y, METRIC))
    assert weights.sum() == pytest.approx(1)
    assert weights[3] == 0


@pytest.mark.parametrize("scoring", ["roc_auc", "accuracy", "f1"])
def test_the_choice_repeats(scoring):
    metric = make_metric(scoring, "binary", np.array([0, 1]))
    predictions = np.stack([_candidate(noise) for noise in (0.5, 0.6, 0.7)])
    weights = [
        remove_costly(predictions, np.full(3, 1 / 3), [1.0, 2.0, 3.0], ScoredTarget(Y, metric)) for _ in range(2)
    ]
    np.testing.assert_array_equal(*weights)


def test_rows_without_weight_do_not_count():
    weight = np.r_[np.ones(N // 2), np.zeros(N - N // 2)]
    predictions = np.stack([_candidate(0.5), _candidate(0.6)])
    predictions[0, N // 2 :] = 0.5
    known = (np.array([0.5, 0.5]), [1.0, 2.0])
    all_rows = remove_costly(predictions, *known, ScoredTarget(Y, METRIC, weight))
    first_rows = remove_costly(predictions[:, : N // 2], *known, ScoredTarget(Y[: N // 2], METRIC))
    assert (all_rows > 0).tolist() == (first_rows > 0).tolist()


def _numbers(seed, n):
    """Return a target, and the predictions of two members that differ a little."""
    rng = np.random.default_rng(seed)
    y, error = rng.normal(size=(2, n))
    return y, y + np.stack([error, 0.9996 * error + 0.005 * rng.normal(size=n)])


SQUARED_ERROR = make_metric("neg_mean_squared_error", "regression", None)


@pytest.mark.parametrize("n", [6, 100])
def test_rows_of_one_unit_tell_as_much_as_one_row(n):
    halves, rows = np.full(2, 0.5), np.repeat(np.arange(n), 20)
    single, repeated = [], []
    for y, predictions in (_numbers(seed, n) for seed in range(30)):
        single.append(remove_costly(predictions, halves, [1.0, 9.0], ScoredTarget(y, SQUARED_ERROR)).tolist())
        known = predictions[:, rows], halves, [1.0, 9.0], ScoredTarget(y[rows], SQUARED_ERROR)
        repeated.append(remove_costly(*known, units=rows).tolist())
    assert single == repeated
    assert single.count([1.0, 0.0]) in range(1, 30)


def _cubed_depth(evaluation):
    """Return the cost of a tree: the deeper one of two is the first that may go."""
    return evaluation.configuration["model:decision_tree:max_depth"] ** 3


def test_the_choice_of_the_members_keeps_groups_together(monkeypatch):
    monkeypatch.setattr("automl.ensemble.selection.select_weights", lambda *known: np.full(2, 0.5))
    n_removed = []
    rows = np.repeat(np.arange(100), 4)
    for groups in (None, rows):
        n_removed.append(0)
        for y, predictions in (_numbers(seed, 100) for seed in range(30)):
            task = make_task("regression", n_rows=400, scoring="neg_mean_squared_error")
            task = replace(task, y=y[rows], groups=groups, folds=((np.arange(0), np.arange(400)),))
            evaluations = [Evaluation(tree(depth), "initial") for depth in (2, 3)]
            known = dict(zip([e.configuration for e in evaluations], predictions[:, rows], strict=True))
            artifacts = SimpleNamespace(out_of_fold=lambda configuration, folds, known=known: known[configuration])
            members = choose_members([(1, evaluations)], artifacts, task, 25, np.inf, 0, _cubed_depth)
            n_removed[-1] += [member.configuration for member in members] == [tree(2)]
    assert n_removed[1] > n_removed[0]
