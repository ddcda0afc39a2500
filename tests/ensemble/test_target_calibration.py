"""The calibration of the probabilities for several targets."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, make_scorer

from automl.ensemble.target_calibration import calibrate_for
from automl.task.scored_target import ScoredTarget
from automl.task.several_targets import CheckedTarget
from automl.task.target_metrics import make_targets_metric
from pipelines.targets import TargetLayout

LAYOUT = TargetLayout(("rain", "wind"), (2, 3))
CLASSES = [np.arange(2), np.arange(3)]


def _overconfident(n_rows, seed):
    """Return targets, and probabilities that are right for the first target and too extreme for the second one."""
    rng = np.random.default_rng(seed)
    right = [rng.dirichlet(np.full(k, 2.0), n_rows) for k in (2, 3)]
    y = np.column_stack([(p.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1) for p in right])
    extreme = right[1] ** 3
    return y, np.hstack([right[0], extreme / extreme.sum(axis=1, keepdims=True)])


def test_the_map_of_each_target_lowers_the_loss_on_other_rows():
    y, p = _overconfident(1_000, 0)
    metric = make_targets_metric("neg_log_loss", CheckedTarget(y, CLASSES, LAYOUT), None)
    found = calibrate_for(ScoredTarget(y, metric), p)
    new_y, new = _overconfident(1_000, 1)
    after = LAYOUT.blocks(found(new))
    assert log_loss(new_y[:, 0], after[0]) < log_loss(new_y[:, 0], new[:, :2]) + 0.005
    assert log_loss(new_y[:, 1], after[1]) < log_loss(new_y[:, 1], new[:, 2:]) - 0.05
    again = calibrate_for(ScoredTarget(y, metric), p, form=found.form)
    assert np.allclose(again(new), found(new))


@pytest.mark.parametrize("scoring", ["accuracy", make_scorer(lambda y, p: float((y == p).mean()))])
def test_a_scorer_of_labels_or_of_all_targets_at_once_needs_no_map(scoring):
    y, p = _overconfident(200, 0)
    metric = make_targets_metric(scoring, CheckedTarget(y, CLASSES, LAYOUT), None)
    assert calibrate_for(ScoredTarget(y, metric), p) is None
