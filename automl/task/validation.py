"""Check target, weights and groups before any work; each error says what is wrong, where, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import get_scorer_names
from sklearn.utils.multiclass import type_of_target

from automl.errors import InvalidInputError, RareClassWarning, warn_user
from automl.plurals import plural
from automl.task.metrics import Metric, arbitrary_predictions, try_metric
from automl.task.positive_class import positive_code
from automl.task.splits import lone_rows
from automl.task.table_validation import as_array
from automl.task.value_range import check_target_range, within_range
from pipelines.table.cells import TableError
from pipelines.table.frames import to_series
from pipelines.table.raw import to_array, without_mask

Array = NDArray[Any]

# Scorers that raise an error on more than two classes, and the scorer that replaces each of them.
TWO_CLASSES = {
    "roc_auc": "roc_auc_ovr",
    "f1": "f1_macro",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "jaccard": "jaccard_macro",
}
_BALANCED = ("balanced", "balance_weight", "auto_weight")  # names of balanced weights in other libraries


def is_number(value: Any) -> bool:
    """Return whether a value is a real number of any library; truth values and durations are not numbers."""
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_ | np.timedelta64)


def is_whole_number(value: Any) -> bool:
    """Return whether a value is a whole number of any library, such as 3 or `numpy.int64(3)`."""
    return is_number(value) and isinstance(value, Integral)


def python_number(value: Any) -> Any:
    """Return a number as Python's int or float; None stays None.

    NumPy's small types pass their precision on to every result, so that a sum with the clock would be wrong. The number
    that the user wrote is the shortest one that they hold: 0.1, and not 0.10000000149011612, for ``float32(0.1)``.
    """
    if value is None:
        return None
    if isinstance(value, Integral):
        return int(value)
    return float(str(value)) if isinstance(value, np.floating) else float(value)


@contextmanager
def table_errors() -> Iterator[None]:
    """Turn an error of `pipelines` about a table into the error class that users of this package catch."""
    try:
        yield
    except TableError as error:
        raise InvalidInputError(str(error)) from error


def check_target(y: Any, X: Any, classification: bool) -> tuple[Array, Array | None]:
    """Check the target, and return it as class codes or floats, with its classes.

    Returns
    -------
    y : ndarray of int64 (codes) or float64, shape (n_samples,)
    classes : ndarray of shape (n_classes,) or None
        The sorted classes in their own dtype; None for regression.

    Raises
    ------
    InvalidInputError
        If the target cannot be learned, or if only the other estimator can use it.
    """
    values = read_target(y, X)
    if classification:
        column = y.iloc[:, 0] if isinstance(y, pd.DataFrame) else y
        return _classes(values, isinstance(getattr(column, "dtype", None), pd.CategoricalDtype))
    numbers = as_numbers(values)
    if len(numbers) == 1:
        raise InvalidInputError("y has a single value (n_samples=1); at least 2 rows are needed")
    if numbers.min() == numbers.max():
        raise InvalidInputError(
            f"y is constant ({numbers[0]:g} in every row); pass a target with at least 2 different values"
        )
    check_target_range(numbers)
    return numbers, None


def read_target(y: Any, X: Any) -> Array:
    """Return a target of any accepted type as an array of one dimension, one value for each row of the table.

    Raises
    ------
    InvalidInputError
        If a value is missing or infinite, or if the target has another length than the table.
    """
    if y is None:
        raise InvalidInputError("fit requires y to be passed, but the target y is None; pass one value for each row")
    values = _flat("y", y)
    _check_length("y", values, X)
    _check_present("y", values)
    return values


def warn_of_other_order(name: str, values: Any, X: Any, table: str = "X") -> None:
    """Warn of values whose index holds the labels of the rows of a table in another order.

    Rows are matched by position, as everywhere in scikit-learn. Such values were probably sorted or shuffled without
    their table, so that a model would learn nothing from it.
    """
    labels, own = getattr(X, "index", None), getattr(values, "index", None)
    if not (isinstance(labels, pd.Index) and isinstance(own, pd.Index)) or len(own) != len(labels):
        return
    if (own.dtype == labels.dtype and own.equals(labels)) or not _is_reordered(own.tolist(), labels.tolist()):
        return
    warn_user(
        f"the index of {name} holds the labels of {table} in another order, but rows are matched by position; pass "
        f"{name}.loc[{table}.index] if the labels say which rows belong together, otherwise {name}.to_numpy()"
    )


def _is_reordered(own: list[Any], labels: list[Any]) -> bool:
    """Return whether two lists hold the same different labels in another order.

    Labels are compared as objects of Python, because methods of an index raise errors for some pairs of types, and
    take equal numbers of NumPy, of pandas and of PyArrow, or equal times of two zones, for different ones.
    """
    try:
        return own != labels and len(set(own)) == len(own) and set(own) == set(labels)
    except (TypeError, ValueError):  # labels that have no hash, or whose comparison is neither true nor false
        return False


def check_metric(metric: Metric, y: Array, n_classes: int, sample_weight: Array | None) -> None:
    """Check that a metric can score predictions for this target; a scorer may be the user's own code.

    Raises
    ------
    InvalidInputError
        If it cannot; the message quotes the error of the scorer.
    """
    reason = try_metric(metric, y, arbitrary_predictions(y, n_classes), sample_weight)
    if reason:
        weighted = "" if sample_weight is None else ", sample_weight=..."
        shown = repr(metric.name) if metric.name in get_scorer_names() else metric.name
        raise InvalidInputError(
            f"scoring={shown} cannot score predictions for this y: {reason}; a scorer must accept the call "
            f"scorer(estimator, X, y{weighted}) and return one number; make_scorer(f) makes it from a metric f(y, "
            "predicted)"
        )


def check_scoring_classes(scoring: Any, n_classes: int) -> None:
    """Check that a scorer, given by its name, works for this number of classes.

    Raises
    ------
    InvalidInputError
        If the scorer works for two classes only and there are more.
    """
    if n_classes > 2 and isinstance(scoring, str) and scoring in TWO_CLASSES:
        raise InvalidInputError(
            f"scoring={scoring!r} needs two classes but y has {n_classes}; use scoring={TWO_CLASSES[scoring]!r}"
        )


def read_sample_weight(sample_weight: Any, n_samples: int, suffix: str = "") -> NDArray[np.float64]:
    """Return the weights of a part of the rows as floats; all of them may be 0.

    Parameters
    ----------
    suffix : str
        End of the names of the arguments in messages, for example "_val".

    Raises
    ------
    InvalidInputError
        If there is not one finite number of at least 0 for each row.
    """
    name = f"sample_weight{suffix}"
    _refuse_name(name, sample_weight, f"X{suffix}")
    try:
        weight = np.asarray(without_mask(sample_weight), dtype=np.float64)
    except OverflowError:  # a whole number of Python beyond the range of floats
        weight = np.full(n_samples, np.inf)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"{name} must hold numbers; pass one number for each row") from error
    if weight.shape != (n_samples,):
        rows = plural(n_samples, "row")
        raise InvalidInputError(
            f"{name} has shape {weight.shape} but X{suffix} has {rows}; pass one weight for each row"
        )
    if not np.isfinite(weight).all():
        raise InvalidInputError(f"{name} holds missing or infinite values; replace them by finite numbers")
    if (weight < 0).any():
        raise InvalidInputError(f"{name} holds negative values; use 0 for rows that must not count")
    return within_range(weight)


def check_score_weight(sample_weight: Any, n_samples: int) -> NDArray[np.float64] | None:
    """Check the weights of rows to score, and return them as floats of shape ``(n_samples,)``, or None."""
    if sample_weight is None:
        return None
    weight = read_sample_weight(sample_weight, n_samples)
    if not weight.any():
        raise InvalidInputError(
            "Sample weights must contain at least one non-zero number; pass None to give all rows the same weight"
        )
    return weight


def check_sample_weight(sample_weight: Any, n_samples: int) -> NDArray[np.float64] | None:
    """Check the weights of training rows, and return them as floats of shape ``(n_samples,)``, or None."""
    weight = check_score_weight(sample_weight, n_samples)
    if weight is not None and np.count_nonzero(weight) == 1 and n_samples > 1:
        raise InvalidInputError("sample_weight is 0 in all rows but one; at least 2 rows need a positive weight")
    return weight


def check_weighted_target(y: Array, sample_weight: Array | None, classes: Array | None) -> None:
    """Check that the rows with a positive weight hold at least two classes, or two values of a continuous target."""
    if sample_weight is None:
        return
    left = np.unique(y[sample_weight > 0])
    if len(left) > 1:
        return
    if classes is None:
        raise InvalidInputError(
            f"y is constant ({left[0]:g} in every row of positive weight); at least 2 different values need rows with "
            "a positive weight"
        )
    raise InvalidInputError(
        f"sample_weight is positive for only 1 class, {_plain(classes[left[0]])!r}; at least 2 classes need rows with "
        "a positive weight"
    )


def check_positive_label(classes: Array | None, positive_label: Any) -> None:
    """Check that the class of interest is one of two classes.

    Raises
    ------
    InvalidInputError
        If it is not; the message lists the classes.
    """
    if classes is None:
        return
    try:
        positive_code(classes, positive_label)
    except ValueError as error:
        raise InvalidInputError(str(error)) from error


def warn_of_lone_rows(y: Array, sample_weight: Array | None, classes: Array | None) -> None:
    """Warn of classes that have a single row with a positive weight; the warning points to the caller of `fit`."""
    if classes is None:
        return
    names = [
        repr(_plain(classes[code])) for code in y[lone_rows(y, None if sample_weight is None else sample_weight > 0)]
    ]
    if not names:
        return
    listed = ", ".join(names[:5]) + (f" and {plural(len(names) - 5, 'other class')}" if len(names) > 5 else "")
    subject = f"class {listed} of y has" if len(names) == 1 else f"each of the classes {listed} of y has"
    warn_user(
        f"{subject} a single row, which is used for training only: no score says how well the class is predicted; add "
        "rows, or merge rare classes",
        RareClassWarning,
    )


def check_groups(groups: Any, n_samples: int) -> NDArray[np.intp] | None:
    """Check the groups, and return their codes of shape ``(n_samples,)``, or None."""
    if groups is None:
        return None
    _refuse_name("groups", groups, "X")
    values = _flat("groups", groups)
    if len(values) != n_samples:
        raise InvalidInputError(
            f"groups has {plural(len(values), 'value')} but X has {plural(n_samples, 'row')}; "
            "pass one group for each row"
        )
    codes, _ = pd.factorize(values)
    if (codes < 0).any():
        raise InvalidInputError(f"groups has {plural((codes < 0).sum(), 'missing value')}; give every row a group")
    return np.asarray(codes, dtype=np.intp)


def _refuse_name(argument: str, given: Any, table: str) -> None:
    """Refuse the name of a column: unlike times, groups and weights would seldom be good features.

    Raises
    ------
    InvalidInputError
        If a text is given; the message says how to pass the column.
    """
    if isinstance(given, str) and given in _BALANCED and argument.startswith("sample_weight"):
        raise InvalidInputError(
            f"{argument} is the text {given!r}, but it takes one value for each row; balanced weights are "
            f"sklearn.utils.class_weight.compute_sample_weight('balanced', y{argument.removeprefix('sample_weight')})"
        )
    if isinstance(given, str):
        raise InvalidInputError(
            f"{argument} is the text {given!r}, but it takes one value for each row, and no name of a column; pass "
            f"{table}[{given!r}] for a column that stays a feature, or {table}.pop({given!r}) for any other column"
        )


def _flat(name: str, values: Any) -> Array:
    """Return values as an array of one dimension and of a NumPy dtype."""
    if sparse.issparse(values):
        raise InvalidInputError(f"{name} is sparse; pass a dense array: {name}.toarray().ravel()")
    try:
        values = to_series(values)
    except TableError as error:
        raise InvalidInputError(str(error).replace("X", name)) from error
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        _warn_column()
        values = values.iloc[:, 0]
    if isinstance(values, pd.Series | pd.Index):
        values = _series_values(values)
    try:
        array = to_array(values)
    except TableError as error:
        raise InvalidInputError(f"{name} should be a 1d array, one value for each row") from error
    if array.ndim == 2 and array.shape[1] == 1:
        _warn_column()
        array = array.ravel()
    if array.ndim == 0:
        got = f"a value of the type {type(values).__name__}; pass a list, an array or a series"
        if isinstance(values, str | Integral):
            got = f"{values!r}; to use a column of X as y, pass X.pop({values!r})" if name == "y" else repr(values)
        raise InvalidInputError(f"{name} should be a 1d array, one value for each row, got {got}")
    if array.ndim != 1:
        raise InvalidInputError(
            f"{name} should be a 1d array, got an array of shape {array.shape} instead; fit one estimator for each "
            "column"
        )
    return _from_objects(array) if array.dtype == object else array


def _warn_column() -> None:
    warn_user(
        "A column-vector y was passed when a 1d array was expected. Please change the shape of y to (n_samples, ), "
        "for example using ravel().",
        DataConversionWarning,
    )


def _series_values(values: Any) -> Array:
    if values.isna().any() or not types.is_numeric_dtype(values.dtype):
        return np.asarray(values, dtype=object if values.dtype.kind == "O" else None)
    return np.asarray(values.to_numpy())


def _from_objects(array: Array) -> Array:
    """Return an object array that holds Python numbers as an array of NumPy numbers; return others unchanged.

    Integers beyond 64 bits, such as hashes, stay Python's own: no type of NumPy holds them.
    """
    held = types.infer_dtype(array, skipna=False)
    kind = {"integer": np.int64, "floating": np.float64, "mixed-integer-float": np.float64, "boolean": np.bool_}
    if held not in kind or pd.isna(array).any():
        return array
    try:
        return array.astype(kind[held])
    except OverflowError:
        return array


def _check_length(name: str, values: Array, X: Any) -> None:
    n_rows = X.shape[0] if hasattr(X, "shape") else len(as_array(X))
    if len(values) != n_rows:
        raise InvalidInputError(
            f"Found input variables with inconsistent numbers of samples: X has {plural(n_rows, 'row')} but {name} has "
            f"{plural(len(values), 'value')}; pass one value for each row"
        )


def _check_present(name: str, values: Array) -> None:
    missing = pd.isna(values)
    if missing.any():
        raise InvalidInputError(
            f"Input {name} contains NaN: values are missing in {missing.sum()} of {plural(len(values), 'row')}, first "
            f"in row {int(np.argmax(missing)) + 1}; drop these rows from X and {name}"
        )
    if values.dtype.kind == "c":
        raise InvalidInputError(f"Complex data not supported: {name} must hold labels or real numbers")
    if values.dtype.kind == "f" and np.isinf(values).any():
        infinite = np.isinf(values)
        raise InvalidInputError(
            f"Input {name} contains infinity or a value too large for dtype('float64'). Values are infinite in "
            f"{infinite.sum()} of {plural(len(values), 'row')}, first in row {int(np.argmax(infinite)) + 1}; drop "
            "these rows or replace the values"
        )


def _classes(values: Array, categorical: bool) -> tuple[Array, Array]:
    if values.dtype.kind == "f" and type_of_target(values) == "continuous":
        if categorical:
            raise InvalidInputError(
                "Unknown label type: continuous. The categories of y are numbers with fractions, which scikit-learn "
                "takes for quantities; make them texts with y.cat.rename_categories(str), which keeps their order"
            )
        raise InvalidInputError(
            "Unknown label type: continuous. y holds numbers with fractions; use AutoMLRegressor, or cut y into "
            "classes with pd.cut"
        )
    try:
        classes, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    except TypeError as error:
        kinds = sorted({type(value).__name__ for value in values})
        held = f"mixes values of the types {', '.join(kinds)}"
        if len(kinds) == 1:
            held = f"holds values of the type {kinds[0]}, which have no order"
        raise InvalidInputError(f"Unknown label type: y {held}; turn all labels into strings") from error
    if len(classes) == 1:
        raise InvalidInputError(
            f"y holds only 1 class, {_plain(classes[0])!r}; at least 2 classes are needed for classification"
        )
    single = np.flatnonzero(counts == 1)
    if len(single) and len(classes) - len(single) < 2:
        others = f" (number of other such classes: {len(single) - 1})" if len(single) > 1 else ""
        hint = "; if y is a quantity, use AutoMLRegressor" if values.dtype.kind in "iuf" and len(single) > 1 else ""
        raise InvalidInputError(
            f"class {_plain(classes[single[0]])!r} of y has a single row{others}, but at least 2 classes need 2 or "
            f"more rows: one to train on and one to test on; drop these rows or merge rare classes{hint}"
        )
    return codes.astype(np.int64), classes


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def as_numbers(values: Array) -> NDArray[np.float64]:
    """Return the values of a target of quantities as floats.

    Raises
    ------
    InvalidInputError
        If they are not numbers.
    """
    if values.dtype.kind == "m":
        raise InvalidInputError("y holds durations, but regression needs numbers; pass seconds: y.dt.total_seconds()")
    if values.dtype.kind == "M":
        raise InvalidInputError("y holds dates, but regression needs numbers; pass days or seconds since a first date")
    if values.dtype.kind not in "iufb":
        try:
            if any(isinstance(value, str | bytes) for value in values[:1]):
                raise TypeError
            numbers = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            wrong = pd.to_numeric(pd.Series(values, dtype=object).map(str), errors="coerce").isna().to_numpy()
            example = values[int(wrong.argmax())]  # the first value if all texts are those of numbers
            # pd.to_numeric would raise an error about a value that holds more than a number.
            first = "turn each value into a plain number, such as '1.5' for '1,5 EUR', and " if wrong.any() else ""
            raise InvalidInputError(
                f"y holds values such as {_plain(example)!r}, but regression needs numbers; use AutoMLClassifier for "
                f"labels, or {first}convert y with pd.to_numeric"
            ) from error
        except OverflowError as error:
            raise InvalidInputError(
                "Input y contains a value too large for dtype('float64'), in which regression computes; divide y by a "
                "large number"
            ) from error
    else:
        numbers = values.astype(np.float64)
    _check_present("y", numbers)
    return numbers
