"""The columns of ``automl predict``: predictions, and how certain they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = "|"  # between the classes of a set


def prediction_method(
    estimator: Any, model: Path, proba: bool, interval: float | None, class_set: float | None, by_class: bool
) -> Callable[[Any], pd.DataFrame]:
    """Return a function that predicts a table: one column for each value to write.

    Parameters
    ----------
    model : Path
        The folder of the model, for error messages.
    interval, class_set : float or None
        The level of intervals, and the level of sets of classes.

    Raises
    ------
    InvalidInputError
        If an option does not suit the model.
    """
    from automl.ensemble.conformal import check_level

    is_classifier = hasattr(estimator, "predict_proba")
    for option, given in (("--proba", proba), ("--set", class_set is not None)):
        if given and not is_classifier:
            hint = "use --interval" if option == "--set" else f"leave out {option}"
            raise InvalidInputError(f"{option}: the model in '{model}' predicts numbers, not classes; {hint}")
    if interval is not None and is_classifier:
        raise InvalidInputError(f"--interval: the model in '{model}' predicts classes, not numbers; use --set")
    if interval is not None and estimator._ensemble.quantiles:
        raise InvalidInputError(f"--interval: the model in '{model}' predicts quantiles; leave out --interval")
    if by_class and class_set is None:
        raise InvalidInputError("--by-class is for sets of classes; add --set 0.9")
    for level in (interval, class_set):
        if level is not None:
            check_level(level)
    if estimator._ensemble.quantiles:
        return lambda table: _with_quantiles(estimator, table)
    if interval is not None:
        return lambda table: _with_interval(estimator, table, interval)
    return lambda table: _with_classes(estimator, table, proba, class_set, by_class)


def _with_interval(estimator: Any, table: Any, level: float) -> pd.DataFrame:
    import pandas as pd

    from automl.fitted.intervals import intervals

    prediction, ends = intervals(estimator, table, level)
    layout = estimator._ensemble.targets
    if layout is None:
        return pd.DataFrame({"prediction": prediction, "interval_low": ends[:, 0], "interval_high": ends[:, 1]})
    parts: list[tuple[str, Any]] = []
    for j, name in enumerate(layout.names):
        own = ends[..., j]
        parts += [(name, prediction[:, j]), (f"{name}_interval_low", own[:, 0]), (f"{name}_interval_high", own[:, 1])]
    return _frame(parts)


def _frame(parts: list[tuple[str, Any]]) -> pd.DataFrame:
    """Return a table of named columns.

    Raises
    ------
    InvalidInputError
        If two of them have the same name, because a target has the name of an added column.
    """
    import pandas as pd

    names = [name for name, _ in parts]
    both = next((name for name in names if names.count(name) > 1), None)
    if both is not None:
        raise InvalidInputError(
            f"the file of the predictions would have two columns '{both}': a target of the model has this name; "
            "leave out --interval and --set, or use predict_interval and predict_set in Python"
        )
    return pd.DataFrame(dict(parts))


def _with_quantiles(estimator: Any, table: Any) -> pd.DataFrame:
    """Return the middle quantile, and a column for each quantile."""
    import pandas as pd

    from automl.task.quantiles import level_name

    ensemble, found = estimator._ensemble, estimator.predict_quantiles(table)
    columns = {
        f"quantile_{level_name(level)}": column for level, column in zip(ensemble.quantiles, found.T, strict=True)
    }
    return pd.DataFrame({"prediction": ensemble.values(found), **columns})


def _with_classes(estimator: Any, table: Any, proba: bool, level: float | None, by_class: bool) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from automl.fitted.intervals import class_sets

    if level is None:
        answer = (estimator.predict_proba if proba else estimator.predict)(table)
        answer = np.hstack(answer) if isinstance(answer, list) else answer  # of several targets
        return pd.DataFrame(answer.reshape(len(answer), -1), columns=_names(estimator, proba))
    p, sets = class_sets(estimator, table, level, by_class)
    layout = estimator._ensemble.targets
    several = layout is not None
    every = list(estimator.classes_) if several else [np.asarray(estimator.classes_)]
    codes = np.atleast_2d(estimator._ensemble.decide(p).T)
    parts = [(name, labels[own]) for name, labels, own in zip(_names(estimator, False), every, codes, strict=True)]
    if proba:
        parts = list(zip(_names(estimator, True), p.T, strict=True))
    prefixes = [f"{name}_" for name in layout.names] if several else ["prediction_"]
    for prefix, labels, own in zip(prefixes, every, sets, strict=True):
        texts = np.array([str(label) for label in labels.tolist()], dtype=object)
        parts.append((f"{prefix}set", [SEPARATOR.join(texts[row]) for row in own]))
    return _frame(parts)


def _names(estimator: Any, proba: bool) -> list[str]:
    """Return the names of the columns of the predictions; several targets have a column each, or one for each class."""
    layout = estimator._ensemble.targets
    if layout is None:
        return [str(label) for label in estimator.classes_] if proba else ["prediction"]
    if not proba:
        return list(layout.names)
    pairs = zip(layout.names, estimator.classes_, strict=True)
    return [f"{name}={label}" for name, classes in pairs for label in classes.tolist()]
