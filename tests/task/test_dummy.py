"""The score of a constant prediction."""

import numpy as np
import pytest

from automl.task.dummy import dummy_score
from automl.task.metrics import make_metric


@pytest.mark.parametrize(("sample_weight", "best"), [(None, 1.0), (np.array([1.0, 1.0, 1.0, 9.0, 9.0]), 10.0)])
def test_the_best_constant_for_absolute_errors_is_the_weighted_median(sample_weight, best):
    y = np.array([0.0, 0.0, 1.0, 10.0, 11.0])
    score, rule = dummy_score(make_metric("neg_mean_absolute_error", "regression", None), y, sample_weight)
    assert rule == "the median of the target, in each row"
    assert score == pytest.approx(-np.average(np.abs(y - best), weights=sample_weight))
