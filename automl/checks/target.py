"""Targets that say little: almost all rows have one value, or classes have fewer rows than there are folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.checks.warning import DataWarning, list_names, percent
from automl.plurals import plural, plural_noun
from automl.task.task import Task

Array = NDArray[Any]

_SHARE_OF_CLASS = 0.99  # of the rows
_SHARE_OF_VALUE = 0.9
_LEAST_ROWS = 20
_RELATIVE_SPREAD = 1e-9  # of a target whose differences are rounding errors
_SHOWN = 5


def check_target_values(task: Task, names: Sequence[str]) -> list[DataWarning]:
    """Return a warning if almost all rows have the same class or the same value. Rows of weight 0 do not count.

    Parameters
    ----------
    names : sequence of str
        Names of the classes, as a message quotes them; empty for regression.
    """
    y = task.y[task.counted_rows]
    if len(y) < _LEAST_ROWS:
        return []
    values, counts = np.unique(y, return_counts=True)
    most = int(counts.argmax())
    share = float(counts[most] / len(y))
    if names:
        if share < _SHARE_OF_CLASS:
            return []
        scoring = "average_precision" if len(names) == 2 else "balanced_accuracy"
        rest = len(y) - int(counts[most])
        message = (
            f"class {names[int(values[most])]} has {percent(share)} of the rows, and all other classes together "
            f"have {rest}: scores depend on few rows, and accuracy says little; use scoring={scoring!r}, or collect "
            "more rows of the other classes"
        )
        return [DataWarning("constant_target", None, message, "medium")]
    spread, size = float(np.ptp(y)), float(np.abs(y).max())
    if spread <= _RELATIVE_SPREAD * size:
        message = (
            f"the values of y differ by {spread:.2g} only, which is as small as the rounding of such numbers "
            f"({size:.6g}); check the target"
        )
        return [DataWarning("constant_target", None, message, "high")]
    if share < _SHARE_OF_VALUE:
        return []
    message = (
        f"y is {values[most]:g} in {percent(share)} of the rows: a classifier for {values[most]:g} or not, and a "
        "model of the other rows alone, may say more"
    )
    return [DataWarning("constant_target", None, message, "medium")]


def check_rare_classes(task: Task, names: Sequence[str]) -> list[DataWarning]:
    """Return a warning if classes have fewer rows than there are folds, so that some folds score none of their rows.

    `RareClassWarning` already names the classes that have a single row. Rows of weight 0 do not count.
    """
    if not names:
        return []
    counts = np.bincount(task.y[task.counted_rows], minlength=len(names))
    rare = np.flatnonzero((counts > 1) & (counts < len(task.folds)))
    if not len(rare):
        return []
    rare = rare[np.argsort(counts[rare], kind="stable")]
    listed = list_names([f"{names[int(code)]} ({plural(counts[code], 'row')})" for code in rare], _SHOWN, "class")
    noun = plural_noun(len(rare), "class")
    message = (
        f"{noun} {listed} of y {'has' if len(rare) == 1 else 'have'} fewer rows than the {len(task.folds)} "
        "folds: scores say little about these rows; add rows, merge rare classes, or use fewer folds (cv)"
    )
    return [DataWarning("rare_classes", None, message, "medium")]
