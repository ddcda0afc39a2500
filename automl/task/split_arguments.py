"""The arguments of a `fit` that say how its rows were split, as values that a model keeps and a report shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from automl.errors import InvalidInputError

ARRAY = None  # stands for times that were given as an array, which the model does not keep


def split_arguments(time: Any, gap: Any, X_val: Any) -> dict[str, Any]:
    """Return the arguments: `time` and `gap`, or `X_val` as True; empty where the rows were split in another way."""
    if X_val is not None:
        return {"X_val": True}
    if time is None:
        return {}
    column = time if isinstance(time, str) else int(time) if isinstance(time, int | np.integer) else ARRAY
    if isinstance(gap, timedelta | np.timedelta64):
        gap = str(pd.Timedelta(gap))
    return {"time": column, "gap": gap.item() if isinstance(gap, np.generic) else gap}


def in_python(arguments: Mapping[str, Any]) -> str:
    """Return what a call of `fit` has in Python after the table and its target."""
    if "X_val" in arguments:
        return ", X_val=X_val, y_val=y_val"
    if "time" not in arguments:
        return ""
    time = "times" if arguments["time"] is ARRAY else repr(arguments["time"])
    return f", time={time}" + (f", gap={arguments['gap']!r}" if arguments["gap"] else "")


def on_command_line(arguments: Mapping[str, Any]) -> list[str]:
    """Return the words of the command `automl fit` for the arguments."""
    if "X_val" in arguments:
        return ["--validation", "VALIDATION"]
    if "time" not in arguments:
        return []
    words = ["--time", "COLUMN" if arguments["time"] is ARRAY else str(arguments["time"])]
    return [*words, "--gap", str(arguments["gap"])] if arguments["gap"] else words


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
