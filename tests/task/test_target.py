"""Tests of the guess whether a target holds classes or quantities."""

from __future__ import annotations

import pandas as pd
import pytest

from automl.task.target import guess_task


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b", None] * 20, "classification"),
        ([True, False] * 20, "classification"),
        ([0.0, 1.0] * 20, "classification"),
        ([1.5, 2.5] * 20, "classification"),
        ([1, 2, 3] * 20, "classification"),
        ([1.0, 2.0, 3.0, float("nan")] * 20, "classification"),
        (range(60), "regression"),
        ([1, 2, 3, 4, 5, 6], "regression"),
        ([0.5, 1.0, 1.5] * 20, "regression"),
    ],
)
def test_the_task_is_guessed_from_the_target(values, task):
    assert guess_task(pd.Series(list(values)))[0] == task
