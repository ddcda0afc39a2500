"""Out-of-fold predictions in one byte a row: small enough to ship, good enough to simulate ensembles.

Only the part of a prediction is kept that an ensemble's loss depends on: for two classes the probability of the second
class, for more classes the probability of the true class (the log loss of an average needs no other), for regression
the error in standard deviations of the target.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_ROWS = 256
_MISSING = 255
_LOGIT = 10.0  # largest logit; a probability is at least 0.0000454
_ERROR = 8.0  # standard deviations of the target
_FINE = 20.0  # small errors have finer steps than large ones: a step is 0.002 near 0 and 0.3 at 8


def choose_rows(n_rows: int, seed: int = 0) -> NDArray[np.intp]:
    """Return the sorted positions of the rows whose predictions are kept, shape (min(n_rows, MAX_ROWS),)."""
    return np.sort(np.random.default_rng(seed).permutation(n_rows)[:MAX_ROWS])


def encode(predictions: NDArray[Any], y: NDArray[Any], is_classification: bool) -> bytes:
    """Encode predictions in one byte a row.

    Parameters
    ----------
    predictions : ndarray of shape (n_rows, n_classes) or (n_rows,)
        NaN for a row without a prediction.
    y : ndarray of shape (n_rows,)
        Class codes, or the target in its standard deviations; regression predictions have the same unit.
    """
    if is_classification:
        p = predictions[:, 1] if predictions.shape[1] == 2 else predictions[np.arange(len(y)), y.astype(np.intp)]
        p = np.clip(p.astype(np.float64), 1e-9, 1 - 1e-9)
        unit = (np.clip(np.log(p / (1 - p)), -_LOGIT, _LOGIT) + _LOGIT) / (2 * _LOGIT)
    else:
        error = np.clip(predictions - y, -_ERROR, _ERROR)
        unit = (np.sign(error) * np.log1p(_FINE * np.abs(error)) / np.log1p(_FINE * _ERROR) + 1) / 2
    codes = np.full(len(y), _MISSING, dtype=np.uint8)
    known = np.isfinite(unit)
    codes[known] = np.round(unit[known] * (_MISSING - 1))
    return codes.tobytes()


def decode(data: bytes, is_classification: bool) -> NDArray[np.float32]:
    """Return the probabilities or errors, shape (n_rows,), float32; NaN for a row without a prediction."""
    table = _decoded_classes if is_classification else _decoded_errors
    return table[np.frombuffer(data, dtype=np.uint8)]


def _table(is_classification: bool) -> NDArray[np.float32]:
    unit = np.arange(_MISSING) / (_MISSING - 1)
    if is_classification:
        values = 1 / (1 + np.exp(-(2 * _LOGIT * unit - _LOGIT)))
    else:
        signed = 2 * unit - 1
        values = np.sign(signed) * np.expm1(np.abs(signed) * np.log1p(_FINE * _ERROR)) / _FINE
    return np.append(values, np.nan).astype(np.float32)


_decoded_classes = _table(True)
_decoded_errors = _table(False)
