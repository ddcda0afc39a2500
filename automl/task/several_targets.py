"""Several targets of one table: read and check a target of shape (n_samples, n_targets)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from automl.errors import InvalidInputError, unknown_label
from automl.task import validation
from automl.task.validation_rows import join_targets
from pipelines.table.frames import to_series
from pipelines.targets import TargetLayout

Array = NDArray[Any]


@dataclass(frozen=True)
class CheckedTarget:
    """A checked target, or several.

    Attributes
    ----------
    y : ndarray of shape (n_samples,), or (n_samples, n_targets) for several targets
        Class codes, or floats.
    classes : ndarray of shape (n_classes,), list of ndarray, or None
        Labels in the order of the codes; a list for several targets; None for regression.
    layout : TargetLayout or None
        The layout of several targets; None for one target.
    """

    y: Array
    classes: Array | list[Array] | None
    layout: TargetLayout | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes, 0 for regression; of several targets, that of the target with the most classes."""
        if self.layout is not None:
            return max(self.layout.n_classes, default=0)
        return 0 if self.classes is None else len(self.classes)


def n_targets_of(y: Any) -> int:
    """Return the number of targets: the columns of a target of two dimensions, or 1.

    Examples
    --------
    >>> n_targets_of([1, 2, 3]), n_targets_of([[1, 2], [3, 4]]), n_targets_of(np.zeros((3, 1)))
    (1, 2, 1)
    """
    shape = getattr(y, "shape", None)
    if shape is None and isinstance(y, list | tuple) and len(y):
        first = y[0]
        return len(first) if isinstance(first, list | tuple | np.ndarray) and np.ndim(first) == 1 else 1
    return int(shape[1]) if shape is not None and len(shape) == 2 else 1


def has_several_targets(y: Any) -> bool:
    """Return whether a target has two columns or more."""
    return n_targets_of(y) > 1


def target_columns(y: Any, X: Any) -> tuple[tuple[str, ...], list[Array]]:
    """Return the names of several targets, and the checked values of each.

    A target without a name is called ``target_0``, ``target_1`` and so on.

    Raises
    ------
    InvalidInputError
        If a value is missing, or if there is not one row for each row of the table; the message names the target.
    """
    if sparse.issparse(y):
        raise InvalidInputError("y is sparse; pass a dense array: y.toarray()")
    y = to_series(y)
    if isinstance(y, pd.DataFrame):
        names = tuple(str(name) for name in y.columns)
        columns: list[Any] = [y.iloc[:, j] for j in range(y.shape[1])]
    else:
        if isinstance(y, list | tuple) and len({np.size(row) for row in y}) > 1:
            raise InvalidInputError("y has rows of unequal lengths; pass the same number of targets for each row")
        array = np.asarray(y)
        names = tuple(_default_name(j) for j in range(array.shape[1]))
        columns = list(array.T)
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise InvalidInputError(f"y has two targets with the name {double!r}; rename one of the two")
    return names, [_named(name, validation.read_target, column, X) for name, column in zip(names, columns, strict=True)]


def check_targets(y: Any, X: Any, classification: bool, positive_label: Any = None) -> CheckedTarget:
    """Check several targets, and return them as class codes or floats.

    Raises
    ------
    InvalidInputError
        If a target cannot be learned; the message names the target.
    """
    if positive_label is not None:
        raise InvalidInputError(
            "positive_label is for one target of two classes, but y has several targets; leave positive_label out"
        )
    names, columns = target_columns(y, X)
    checked = [
        _named(name, validation.check_target, column, X, classification)
        for name, column in zip(names, columns, strict=True)
    ]
    codes = np.column_stack([target for target, _ in checked])
    classes = [labels for _, labels in checked if labels is not None]
    layout = TargetLayout(names, tuple(len(labels) for labels in classes))
    return CheckedTarget(codes, classes or None, layout)


def join_several_targets(y: Any, X: Any, y_val: Any, X_val: Any, classification: bool) -> pd.DataFrame:
    """Return the targets of the training rows, followed by those of the validation rows.

    Raises
    ------
    InvalidInputError
        If a target of the validation rows cannot be used, or if there are other targets.
    """
    if n_targets_of(y_val) != n_targets_of(y):
        raise InvalidInputError(f"y_val has {n_targets_of(y_val)} targets, but y has {n_targets_of(y)}")
    names, columns = target_columns(y, X)
    _, others = target_columns(_order_targets(y_val, names, "y_val", "y has"), X_val)
    parts = zip(names, columns, others, strict=True)
    return pd.DataFrame({name: _named(name, join_targets, a, X, b, X_val, classification) for name, a, b in parts})


def encode_targets(y: Any, X: Any, classes: Sequence[Array] | None, layout: TargetLayout) -> Array:
    """Return targets of known classes as class codes, or targets of numbers as floats, shape (n_samples, n_targets).

    Raises
    ------
    InvalidInputError
        If a target has a label that the model does not know, or if there are other targets.
    """
    names, columns = target_columns(take_targets(y, layout), X)
    if classes is None:
        each = zip(names, columns, strict=True)
        return np.column_stack([_named(name, validation.as_numbers, column) for name, column in each])
    codes = []
    for name, column, labels in zip(names, columns, classes, strict=True):
        known = {label: code for code, label in enumerate(labels.tolist())}
        unknown = [label for label in column.tolist() if label not in known]
        if unknown:
            raise unknown_label(f"target {name!r}", unknown[0], labels.tolist())
        codes.append([known[label] for label in column.tolist()])
    return np.array(codes, dtype=np.int64).T


def take_targets(y: Any, layout: TargetLayout) -> Any:
    """Return the targets in the order of the model, by their names where they have names.

    Raises
    ------
    InvalidInputError
        If there is another number of targets, or if they have other names; the message names the targets of the model.
    """
    if n_targets_of(y) != layout.n_targets:
        raise InvalidInputError(
            f"y has {n_targets_of(y)} targets, but the model was fitted with {layout.n_targets}: "
            f"{', '.join(map(repr, layout.names))}"
        )
    return _order_targets(y, layout.names, "y", "the model was fitted with")


def _order_targets(y: Any, names: Sequence[str], subject: str, owner: str) -> Any:
    """Return as many targets in the order of known names.

    An array stays as it is. So does a frame with the column labels 0, 1, ..., which pandas sets where there are no
    names, and a frame for known names that `target_columns` has set.

    Parameters
    ----------
    subject, owner : str
        Words of the error for the targets and for the known names, such as "y_val" and "y has".

    Raises
    ------
    InvalidInputError
        If a frame has other names.
    """
    if sparse.issparse(y):
        return y
    frame = to_series(y)
    if not isinstance(frame, pd.DataFrame):
        return y
    own = [str(name) for name in frame.columns]
    if set(own) == set(names):
        return frame.iloc[:, [own.index(name) for name in names]]
    numbered = frame.columns.equals(pd.RangeIndex(len(own)))
    if numbered or list(names) == [_default_name(j) for j in range(len(names))]:
        return frame
    raise InvalidInputError(
        f"{subject} has the targets {', '.join(map(repr, own))}, but {owner} {', '.join(map(repr, names))}; "
        "rename the columns, or pass an array, whose columns are taken by position"
    )


def decode_targets(codes: NDArray[np.intp], classes: Sequence[Array]) -> Array:
    """Return the labels for class codes of shape (n_samples, n_targets).

    The array has the common dtype of the labels, or holds objects where the labels of the targets are of several kinds.
    """
    columns = [labels[code] for labels, code in zip(classes, codes.T, strict=True)]
    kinds = {labels.dtype.kind for labels in classes}
    if len(kinds) == 1 or kinds <= set("iuf"):
        return np.column_stack(columns)
    out = np.empty(codes.shape, dtype=object)
    for j, column in enumerate(columns):
        out[:, j] = column
    return out


def refuse_targets(layout: TargetLayout | None, subject: str) -> None:
    """Raise an error where a model has several targets.

    Parameters
    ----------
    layout : TargetLayout or None
        The layout of the model's targets; None for one target.
    subject : str
        The method or command that is for one target.

    Raises
    ------
    InvalidInputError
        The message names the targets.
    """
    if layout is not None:
        raise InvalidInputError(
            f"{subject} is for models of one target, but this model has {layout.n_targets}: "
            f"{', '.join(map(repr, layout.names))}; fit a model of one of these targets"
        )


def check_weights(target: CheckedTarget, sample_weight: NDArray[np.float64] | None) -> None:
    """Check that the rows with a positive weight hold at least two classes or values of each target."""
    if target.layout is None:
        classes = None if target.classes is None else np.asarray(target.classes)
        validation.check_weighted_target(target.y, sample_weight, classes)
        return
    each = [None] * target.layout.n_targets if target.classes is None else target.classes
    for name, y, labels in zip(target.layout.names, target.y.T, each, strict=True):
        _named(name, validation.check_weighted_target, y, sample_weight, labels)


def _default_name(number: int) -> str:
    """Return the name of a target without a name."""
    return f"target_{number}"


def _named(name: str, check: Any, *arguments: Any) -> Any:
    """Call a check of one target; its error then names the target."""
    try:
        return check(*arguments)
    except InvalidInputError as error:
        raise InvalidInputError(f"target {name!r}: {error}") from error
