"""The argument `monotonic` of the estimators: its checks, and the constraints of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from automl.errors import InvalidInputError, check_names
from automl.task.positive_class import positive_code
from automl.task.validation import is_whole_number
from pipelines.component import TableTraits
from pipelines.losses import SQUARED_ERROR
from pipelines.table.reader import TableReader

_UNUSED = ("constant", "drop")  # kinds of columns that no model sees


def check_monotonic(given: Any) -> None:
    """Check the form of the argument.

    Raises
    ------
    InvalidInputError
        If it is not a mapping of columns to 1, -1 or 0.
    """
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise InvalidInputError(f'monotonic must be a dict such as {{"age": 1, "price": -1}}; got {given!r}')
    for name, sign in given.items():
        if not is_whole_number(sign) or sign not in (-1, 0, 1):
            raise InvalidInputError(
                f"monotonic: column {name!r} must have 1 (predictions do not fall while its value rises), -1 (they do "
                f"not rise) or 0; got {sign!r}"
            )


def monotonic_traits(
    traits: TableTraits,
    reader: TableReader,
    given: Mapping[Any, int] | None,
    classes: Any = None,
    positive_label: Any = None,
) -> TableTraits:
    """Return the traits of a table with the constraints of the user.

    Regression is then trained with the squared error, because other losses change the leaves of constrained trees. For
    two classes, the constraints are about the probability of the positive class.

    Parameters
    ----------
    reader : TableReader
        The fitted reader of the table.
    given : mapping or None
        The checked argument `monotonic`.
    classes : ndarray, optional
        The labels of a classification.

    Raises
    ------
    InvalidInputError
        If there are several targets or quantiles, if there are more than two classes, or if a column is unknown or
        holds no numbers.
    """
    signs = {name: int(sign) for name, sign in (given or {}).items() if sign}
    if not given or not signs:
        return traits
    if traits.targets is not None:
        raise InvalidInputError("monotonic is for one target, but y has several; leave it out")
    if traits.quantiles:
        raise InvalidInputError(
            "monotonic and quantiles exclude each other, because the pinball loss changes the leaves of constrained "
            "trees; leave out one of them"
        )
    if traits.n_classes > 2:
        raise InvalidInputError(
            f"monotonic is for regression and two classes, but y has {traits.n_classes} classes; leave it out"
        )
    columns = {column.name: column for column in reader.columns_}
    if not all(name in columns for name in signs):
        check_names("monotonic", [str(name) for name in signs if name not in columns], map(str, columns))
    turned = classes is not None and positive_code(np.asarray(classes), positive_label) == 0
    constraints = [0] * traits.n_features
    for name, sign in signs.items():
        column = columns[name]
        if column.kind in _UNUSED:
            continue
        if column.kind != "number" or len(column.positions) != 1 or column.positions[0] in traits.categorical:
            raise InvalidInputError(
                f"monotonic: column {name!r} is read as {column.kind!r}; only columns of numbers can be monotonic, "
                f'so remove it, or read it as a number with columns={{{name!r}: "number"}}'
            )
        constraints[column.positions[0]] = -sign if turned else sign
    if not any(constraints):
        return traits
    losses = traits.losses if traits.is_classification else (SQUARED_ERROR,)
    return replace(traits, monotonic=tuple(constraints), losses=losses)
