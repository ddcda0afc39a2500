"""Tests of faulty components."""

from __future__ import annotations

import numpy as np
import pytest

from automl.execute.evaluate import InvalidPredictionsError, as_predictions


@pytest.mark.parametrize("shape", [(5, 1), (1, 2), (2,), (5,), (4, 2), (5, 3), (1, 5, 2), ()])
def test_predictions_of_a_wrong_shape_are_not_repeated_until_they_fit(shape):
    with pytest.raises(InvalidPredictionsError, match="shape"):
        as_predictions(np.full(shape, 0.5), [0, 1], 2, n_rows=5)


@pytest.mark.parametrize("shape", [(4,), (5, 2), (1,), ()])
def test_predicted_numbers_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(InvalidPredictionsError, match="shape"):
        as_predictions(np.zeros(shape), None, 0, n_rows=5)
