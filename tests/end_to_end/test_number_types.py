"""Arguments that are numbers may be NumPy scalars or fractions: they behave as Python's own numbers do."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from automl import AutoMLClassifier, Guard
from automl.errors import InvalidInputError
from tests.factories import FAST

X, Y = (part[:200] for part in load_breast_cancer(return_X_y=True))
SECONDS = [np.float16(30), np.float32(30), np.uint8(30), Fraction(61, 2)]
COUNTS = [np.int64(2), np.uint8(2)]
SHARES = [np.float16(0.1), np.float32(0.1), Fraction(1, 10), Guard(np.float32(0.1))]
MEBIBYTES = [np.float16(3000), np.int16(3000), Fraction(3001, 1)]
NUMBERS = {
    "time_budget": SECONDS,
    "trial_time_limit": SECONDS,
    "memory_limit": MEBIBYTES,
    "max_trials": COUNTS,
    "ensemble_size": COUNTS,
    "cv": COUNTS,
    "n_jobs": [np.int64(1), np.uint8(2), np.int8(-1)],
    "verbose": [np.uint8(0), np.bool_(False)],
    "random_state": [np.uint32(2**32 - 1), np.uint8(5)],
    "guard": SHARES,
}
# One fit takes a number of each argument at once.
CASES = [
    {argument: values[i % len(values)] for argument, values in NUMBERS.items()}
    for i in range(max(map(len, NUMBERS.values())))
]


@pytest.mark.parametrize("numbers", CASES)
def test_numbers_of_any_type_are_accepted(numbers):
    clf = AutoMLClassifier(**{**FAST, **numbers}).fit(X, Y)
    assert clf.stop_reason_ == "max_trials reached"
    assert len(clf.leaderboard_) == 2
    assert clf.score(X, Y) > 0.8


@pytest.mark.parametrize("share", [np.float32(0.1), Fraction(1, 10)])
def test_a_guard_of_any_number_type_chooses_the_same_holdout_rows(share):
    guards = (0.1, share, Guard(share))
    curves = [AutoMLClassifier(**{**FAST, "max_trials": 1}, guard=guard).fit(X, Y).guard_curve_ for guard in guards]
    assert curves[0]["free"].tolist() == curves[1]["free"].tolist() == curves[2]["free"].tolist()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("guard", np.complex64(0.1)),
        ("guard", np.array(0.1)),
        ("guard", np.float32("nan")),
        ("guard", np.bool_(True)),
        ("guard", np.timedelta64(1, "s")),
        ("time_budget", np.float16("inf")),
        ("time_budget", np.float32("nan")),
        ("time_budget", np.timedelta64(1, "s")),
        ("memory_limit", np.complex64(3000)),
        ("trial_time_limit", np.array(30.0)),
        ("max_trials", np.float32(3)),
        ("max_trials", np.bool_(True)),
    ],
)
def test_a_value_that_is_not_a_usable_number_is_refused_by_the_name_of_its_argument(argument, value):
    with pytest.raises(InvalidInputError, match=f"^{argument} must be"):
        AutoMLClassifier(**{**FAST, argument: value}).fit(X, Y)
