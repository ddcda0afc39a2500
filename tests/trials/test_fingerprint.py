"""Fingerprints are equal for equal objects and different for different ones, in every process."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import make_scorer

from automl.trials.fingerprint import (
    dataset_fingerprint,
    digest,
    scorer_fingerprint,
    stable_repr,
    table_fingerprint,
    task_fingerprint,
)
from tests.factories import make_task

SCORER = """
def score(estimator, X, y):
    return float(sum(label in {"alpha", "beta", "gamma", "delta"} for label in y))
"""


def _in_a_new_process(source: str, file: str) -> str:
    definition = f"exec(compile({source!r}, {file!r}, 'exec'))"
    code = f"{definition}\nfrom automl.trials.fingerprint import stable_repr\nprint(stable_repr(score))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.slow
def test_a_function_has_the_same_fingerprint_in_every_process_and_file():
    prints = {_in_a_new_process("\n" * n + SCORER, f"/tmp/ipykernel_{n}/1.py") for n in range(3)}
    assert len(prints) == 1
    assert _in_a_new_process(SCORER.replace("delta", "epsilon"), "x.py") not in prints


def test_defaults_and_closed_over_values_are_part_of_the_fingerprint_of_a_function():
    def make(beta, name="x"):
        def score(estimator, X, y, power=beta):
            return beta**power

        return score

    assert stable_repr(make(1.0)) == stable_repr(make(1.0))
    assert stable_repr(make(1.0)) != stable_repr(make(2.0))


def test_a_function_that_closes_over_itself_has_a_fingerprint():
    def count(n):
        return n and count(n - 1)

    assert stable_repr(count)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2, dtype=np.float32)),
        (np.arange(3), np.arange(3)[::-1]),
        (["ab"], ["a", "b"]),
    ],
)
def test_different_arrays_and_lists_have_different_digests(one, other):
    assert digest(one) == digest(one)
    assert digest(one) != digest(other)


SPARSE = sparse.csr_matrix(np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]))


@pytest.mark.parametrize("fingerprint", [dataset_fingerprint, table_fingerprint])
@pytest.mark.parametrize(
    "other",
    [
        sparse.csr_matrix(np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 3.0]])),  # the same values in other cells
        sparse.csr_matrix(np.array([[1.0, 0.0, 2.0, 0.0], [0.0, 3.0, 0.0, 0.0]])),  # one more empty column
        sparse.csr_matrix(np.array([[1.0, 0.0, 2.0], [0.0, 4.0, 0.0]])),
    ],
)
def test_different_sparse_tables_have_different_fingerprints(fingerprint, other):
    y = np.array([0, 1])
    assert fingerprint(SPARSE, y) != fingerprint(other, y)
    assert fingerprint(SPARSE, y) == fingerprint(SPARSE.tocoo(), y)


def test_a_sparse_matrix_is_not_changed_by_its_fingerprint():
    doubled = sparse.csr_matrix((np.ones(2), np.array([0, 0]), np.array([0, 2, 2])), shape=(2, 3))
    assert table_fingerprint(doubled) == table_fingerprint(sparse.csr_matrix(doubled.toarray()))
    assert doubled.nnz == 2


def test_the_fingerprint_of_a_dense_data_set_never_changes():
    """The shipped meta-database holds fingerprints that were made this way."""
    X, y = np.arange(6, dtype=np.float64).reshape(3, 2), np.array([0, 1, 0])
    assert dataset_fingerprint(X, y) == "09af39f651d6c9e6"
    assert dataset_fingerprint(np.asfortranarray(X), y) == "09af39f651d6c9e6"


@pytest.mark.parametrize(
    "other",
    [
        pd.DataFrame({"b": [1, 2], "lists": [[1], [2]]}),
        pd.DataFrame({"a": [1.0, 2.0], "lists": [[1], [2]]}),
        pd.DataFrame({"a": [1, 2], "lists": [[1], [3]]}),
    ],
)
def test_names_dtypes_and_cells_of_a_frame_are_in_its_fingerprint(other):
    frame = pd.DataFrame({"a": [1, 2], "lists": [[1], [2]]})
    assert table_fingerprint(frame) == table_fingerprint(frame.copy())
    assert table_fingerprint(frame) != table_fingerprint(other)


def test_every_column_beside_the_table_is_in_its_fingerprint():
    X, y, ones = np.ones((3, 2)), np.arange(3), np.ones(3)
    prints = {table_fingerprint(X, *columns) for columns in [(), (y,), (y, None), (y, ones), (y, None, ones)]}
    assert len(prints) == 5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([[1, 2], [3, 4]]), np.array([1, 2, 3, 4])),
        (np.array([1, 2]), np.array([1.0, 2.0])),
        (pd.DataFrame({"a": range(1_000)}), pd.DataFrame({"a": [*range(500), -1, *range(501, 1_000)]})),
        (SPARSE, 2 * SPARSE),
    ],
    ids=["shape", "dtype", "cell of a long frame", "sparse values"],
)
def test_settings_that_hold_different_tables_differ(one, other):
    assert stable_repr({"weights": one}) != stable_repr({"weights": other})


def _close_to(tolerance):
    def share(y, predicted):
        return float(np.mean(np.abs(y - predicted) < tolerance))

    return share


def test_the_code_of_a_function_inside_make_scorer_counts():
    near, far = make_scorer(_close_to(0.1)), make_scorer(_close_to(10.0))
    assert scorer_fingerprint(near) == scorer_fingerprint(make_scorer(_close_to(0.1)))
    assert scorer_fingerprint(near) != scorer_fingerprint(far)
    near_task, far_task = (make_task("regression", scoring=scorer) for scorer in (near, far))
    assert task_fingerprint(near_task) != task_fingerprint(far_task)
