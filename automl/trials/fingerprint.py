"""Fingerprints: short texts that are equal in every process for equal tables, settings and functions."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from types import CodeType
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from automl.task.task import Task

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"  # each version compiles functions in another way
_UNIMPORTANT = ("n_jobs", "verbose")  # parameters that do not change what an estimator learns
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def digest(*parts: Any) -> str:
    """Return sixteen hexadecimal digits that identify a sequence of arrays and of values that JSON can hold."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.shape}{part.dtype}:".encode())
            found.update(np.ascontiguousarray(part).data)
        else:
            text = json.dumps(part).encode()
            found.update(f"{len(text)}:".encode() + text)
    return found.hexdigest()[:16]


def task_fingerprint(task: Task) -> str:
    """Return the fingerprint of a task: table with its category columns, target, weights, groups, folds and metric.

    Constraints of the columns, further objectives and sensitive features are a part of it where there are some, and the
    noise of the labels where it is expected.
    """
    folds = [rows for fold in task.folds for rows in fold]
    return digest(
        scorer_fingerprint(task.metric.scorer),
        [list(task.traits.categorical), list(task.traits.cardinalities)],
        *_arrays(task.X),
        task.y,
        *folds,
        *(array if array is not None else "none" for array in (task.sample_weight, task.groups)),
        *([list(task.traits.monotonic)] if task.traits.monotonic else []),
        *(["noisy labels"] if task.traits.noisy_labels else []),
        *([["ranks", *task.traits.ranks]] if task.traits.ranks else []),
        *([list(task.objectives)] if task.objectives else []),
        *([task.sensitive.codes, list(task.sensitive.labels)] if task.sensitive is not None else []),
    )


def table_fingerprint(X: Any, *columns: Any) -> str:
    """Return the fingerprint of a table as users have it, with its target and other columns.

    Parameters
    ----------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        Names and dtypes of the columns of a DataFrame are part of the fingerprint.
    *columns : array-like of shape (n_samples,), or None
        For example target, groups and weights.
    """
    if sparse.issparse(X):
        parts = _arrays(X)
    else:
        frame = pd.DataFrame(X)
        named = [f"{name}:{dtype}" for name, dtype in zip(frame.columns, frame.dtypes, strict=True)]
        parts = [named, _hash_rows(frame)]
    return digest(*parts, *(np.zeros(0) if c is None else _hash_rows(pd.DataFrame(np.asarray(c))) for c in columns))


def dataset_fingerprint(X: Any, y: np.ndarray[Any, Any]) -> str:
    """Return the fingerprint by which the meta-database knows a table that the reader has turned into numbers.

    The shipped meta-database holds fingerprints of dense tables, so their value must never change.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    """
    arrays = _arrays(X) if sparse.issparse(X) else [X]
    content = b"".join(np.ascontiguousarray(array).tobytes() for array in (*arrays, y))
    return hashlib.sha256(content).hexdigest()[:16]


def estimator_fingerprint(estimator: Any) -> str:
    """Return sixteen hexadecimal digits that identify an estimator's class and settings, the same in every process."""
    parameters = {
        name: stable_repr(value)
        for name, value in sorted(estimator.get_params(deep=True).items())
        if name.rpartition("__")[2] not in _UNIMPORTANT
    }
    return digest([stable_repr(estimator), json.dumps(parameters)])


def scorer_fingerprint(scorer: Any) -> str:
    """Return sixteen hexadecimal digits that identify a scorer: its settings, and the code of the user's function."""
    function = getattr(scorer, "_score_func", None)  # of make_scorer, whose repr has only the name of the function
    if function is None or str(getattr(function, "__module__", "")).startswith("sklearn."):
        return digest(stable_repr(scorer))
    return digest(stable_repr(scorer), stable_repr(function))


def python_hint(recorded: Any) -> str:
    """Return what an error about unequal fingerprints adds if another version of Python has computed the recorded ones.

    Parameters
    ----------
    recorded : object
        The value of `PYTHON` in a file; None if the file holds none.
    """
    if recorded is None or recorded == PYTHON:
        return ""
    return (
        f" (it was made with Python {recorded}, and Python {PYTHON} compiles functions in another way; if your "
        f"arguments hold functions, continue with Python {recorded})"
    )


def _arrays(X: Any) -> list[Any]:
    """Return the arrays that make up a dense or sparse matrix; two different matrices never share all of them."""
    if not sparse.issparse(X):
        return [X]
    rows = X.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy()  # the matrix belongs to the user
        rows.sum_duplicates()
    return [np.asarray(rows.shape), rows.indptr, rows.indices, rows.data]


def _hash_rows(frame: pd.DataFrame) -> Any:
    """Return one number for each row, or a text where cells hold lists and the like, which pandas cannot hash."""
    try:
        return pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except TypeError:
        return [stable_repr(list(row)) for row in frame.itertuples(index=False)]


def stable_repr(value: Any) -> str:
    """Return a text that identifies a setting and holds no memory address; for a function, its code is part of it."""
    if hasattr(value, "get_params") and not isinstance(value, type):  # callers list its parameters
        return f"{type(value).__module__}.{type(value).__qualname__}"
    if hasattr(value, "__code__"):
        settings = stable_repr([value.__defaults__, value.__kwdefaults__, _closed_over(value)])
        return f"{value.__module__}.{value.__qualname__} {digest(code_steps(value.__code__), settings)}"
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, pd.DataFrame) or sparse.issparse(value):
        return table_fingerprint(value)
    if isinstance(value, np.ndarray | pd.Series | pd.Index):
        array = np.asarray(value)
        return digest([list(array.shape), str(array.dtype)], pd.util.hash_array(array.ravel()))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(stable_repr, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {stable_repr(item)}' for key, item in value.items())}}}"
    if isinstance(value, set | frozenset):
        return f"{{{', '.join(sorted(map(stable_repr, value)))}}}"
    return _ADDRESS.sub("", repr(value))


def _closed_over(function: Any) -> list[Any]:
    """Return the values that a function closes over, without other functions, which may in turn hold this one."""
    held = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # the cell is still empty
            held.append(cell.cell_contents)
    return [value for value in held if not hasattr(value, "__code__")]


def code_steps(code: CodeType) -> list[Any]:
    """Return the code of a function and of the functions inside it, without their files and lines."""
    held = [
        code_steps(constant) if isinstance(constant, CodeType) else stable_repr(constant) for constant in code.co_consts
    ]
    return [code.co_code.hex(), list(code.co_names), held]
