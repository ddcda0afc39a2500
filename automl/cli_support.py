"""What the commands share: how they read a target, and how they speak on standard error."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer

from automl.errors import AutoMLDataWarning, FoldFailedWarning, InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

_FEW_VALUES = 20  # whole numbers with at most so many different values are taken as classes


class Task(StrEnum):
    """What is predicted."""

    AUTO = "auto"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


def split_names(text: str) -> tuple[str, ...]:
    """Names that were separated by commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def split_target(table: pd.DataFrame, target: str, path: Path) -> tuple[pd.DataFrame, pd.Series]:
    """Features and target."""
    if target not in table.columns:
        from difflib import get_close_matches

        columns = [str(column) for column in table.columns]
        close = get_close_matches(target, columns, n=3) or columns[:5]
        raise InvalidInputError(
            f"--target: '{path}' has no column '{target}'; it has {', '.join(map(repr, close))}, ..."
        )
    return table.drop(columns=target), table[target]


def guess_task(y: pd.Series) -> tuple[Task, str]:
    """Classification or regression, and why."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_bool_dtype(y.dtype) or not is_numeric_dtype(y.dtype):
        return Task.CLASSIFICATION, "its values are labels"
    present = y.dropna()
    n_values = present.nunique()
    if n_values <= 2:
        return Task.CLASSIFICATION, f"it has {n_values} different values"
    if (present == present.round()).all() and n_values <= min(_FEW_VALUES, len(present) // 5):
        return Task.CLASSIFICATION, f"it has {n_values} different whole numbers; else say --task regression"
    return Task.REGRESSION, f"it has {n_values} different numbers; else say --task classification"


def say(verbose: int, text: str) -> None:
    """One line on standard error, which leaves standard output to what a command is asked for."""
    if verbose:
        typer.echo(f"automl: {text}", err=True)


@contextmanager
def speaking(verbose: int) -> Iterator[None]:
    """Send the run's own log lines and warnings to standard error, one plain line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("automl: %(message)s"))
    if verbose < 2:  # the engine's own notes on single trials are for those who ask
        handler.addFilter(lambda record: record.name == "automl")
    logger = logging.getLogger("automl")
    level = logger.level

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if verbose and issubclass(category, AutoMLDataWarning | FoldFailedWarning):
            say(verbose, f"note: {' '.join(str(message).split())}")

    if verbose:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    with warnings.catch_warnings():
        warnings.showwarning = show
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
