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
    return pd.DataFrame({"prediction": prediction, "interval_low": ends[:, 0], "interval_high": ends[:, 1]})


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
    labels = np.asarray(estimator.classes_)
    texts = np.array([str(label) for label in labels.tolist()], dtype=object)
    frame = pd.DataFrame({"prediction": labels[estimator._ensemble.decide(p)]})
    if proba:
        frame = pd.DataFrame(p, columns=list(texts))
    return frame.assign(prediction_set=[SEPARATOR.join(texts[row]) for row in sets])


def _names(estimator: Any, proba: bool) -> list[str]:
    """Return the names of the columns of the predictions; several targets have a column each, or one for each class."""
    layout = estimator._ensemble.targets
    if layout is None:
        return [str(label) for label in estimator.classes_] if proba else ["prediction"]
    if not proba:
        return list(layout.names)
    pairs = zip(layout.names, estimator.classes_, strict=True)
    return [f"{name}={label}" for name, classes in pairs for label in classes.tolist()]
