"""The arguments of a `fit` about its rows: how they were split, and their groups; a model keeps and a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from automl.errors import InvalidInputError

# Splitters on the command line: those of scikit-learn that have a number of folds and put each row into at most one.
SPLITTERS = ("KFold", "StratifiedKFold", "GroupKFold", "StratifiedGroupKFold", "TimeSeriesSplit")
ARRAY = None  # stands for times or groups that were given as an array, which the model does not keep


def split_arguments(
    time: Any, gap: Any, X_val: Any, sensitive_features: Any = None, groups: Any = None, sample_weight: Any = None
) -> dict[str, Any]:
    """Return the arguments that were given: `time` and `gap`, or `X_val`, and `sensitive_features`.

    `X_val` is True. For groups and weights, the result always says whether they were given: models of earlier versions
    do not say this.
    """
    given: dict[str, Any] = {} if sensitive_features is None else {"sensitive_features": _column(sensitive_features)}
    given |= {"groups": groups is not None, "sample_weight": sample_weight is not None}
    if X_val is not None:
        return given | {"X_val": True}
    if time is None:
        return given
    if isinstance(gap, timedelta | np.timedelta64):
        gap = str(pd.Timedelta(gap))
    return given | {"time": _column(time), "gap": gap.item() if isinstance(gap, np.generic) else gap}


def _column(value: Any) -> str | int | None:
    """Return the name or the number of a column, or `ARRAY`."""
    return value if isinstance(value, str) else int(value) if isinstance(value, int | np.integer) else ARRAY


def in_python(arguments: Mapping[str, Any]) -> str:
    """Return what a call of `fit` has in Python after the table and its target."""
    text = "".join(f", {name}={name}" for name in ("sample_weight", "groups") if arguments.get(name))
    for name, array in (("time", "times"), ("sensitive_features", "groups_of_rows")):
        if name in arguments:
            text += f", {name}={array if arguments[name] is ARRAY else repr(arguments[name])}"
        if name == "time" and arguments.get("gap"):
            text += f", gap={arguments['gap']!r}"
    if "X_val" in arguments:
        text += ", X_val=X_val, y_val=y_val"
        text += ", sample_weight_val=sample_weight_val" if arguments.get("sample_weight") else ""
    return text


def on_command_line(arguments: Mapping[str, Any]) -> list[str]:
    """Return the words of the command `automl fit` for the arguments."""
    words = ["--validation", "VALIDATION"] if "X_val" in arguments else []
    for name, option in (("sample_weight", "weight"), ("groups", "groups")):
        if arguments.get(name):
            words += [f"--{option}", f"{option.upper()}_COLUMN"]
    for name in ("time", "sensitive_features"):
        if name in arguments:
            words += [f"--{name.replace('_', '-')}", "COLUMN" if arguments[name] is ARRAY else str(arguments[name])]
        if name == "time" and arguments.get("gap"):
            words += ["--gap", str(arguments["gap"])]
    return words


def time_of_refit(arguments: Mapping[str, Any], time: Any) -> tuple[Any, Any]:
    """Return `time` and `gap` for new rows, by default those of the fit.

    Raises
    ------
    InvalidInputError
        If the model was fitted with times, and those of the new rows are not known.
    """
    if time is not None or "time" not in arguments:
        return time, arguments.get("gap", 0)
    if arguments["time"] is ARRAY:
        raise InvalidInputError("the model was fitted with an array as time; pass time for the new rows, too")
    return arguments["time"], arguments["gap"]
