import subprocess
import sys

import numpy as np
import pytest

from automl.trials.fingerprint import describe, digest

SCORER = """
def score(estimator, X, y):
    return float(sum(label in {"alpha", "beta", "gamma", "delta"} for label in y))
"""


def _in_a_new_process(source: str, file: str) -> str:
    definition = f"exec(compile({source!r}, {file!r}, 'exec'))"
    code = f"{definition}\nfrom automl.trials.fingerprint import describe\nprint(describe(score))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_function_has_the_same_mark_in_every_process_and_file():
    marks = {_in_a_new_process("\n" * n + SCORER, f"/tmp/ipykernel_{n}/1.py") for n in range(3)}
    assert len(marks) == 1
    assert _in_a_new_process(SCORER.replace("delta", "epsilon"), "x.py") not in marks


def test_a_function_is_told_by_what_it_was_made_with():
    def make(beta, name="x"):
        def score(estimator, X, y, power=beta):
            return beta**power

        return score

    assert describe(make(1.0)) == describe(make(1.0))
    assert describe(make(1.0)) != describe(make(2.0))


def test_a_function_that_holds_itself_has_a_mark():
    def count(n):
        return n and count(n - 1)

    assert describe(count)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        (np.arange(3), np.arange(3)[::-1]),
        (["ab"], ["a", "b"]),
    ],
)
def test_what_differs_has_another_digest(one, other):
    assert digest(one) == digest(one)
    assert digest(one) != digest(other)
