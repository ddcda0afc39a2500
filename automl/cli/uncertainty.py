"""The columns of ``automl predict``: predictions, and how certain they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

    from automl.base import BaseAutoML

SEPARATOR = "|"  # between the classes of a set
_ENDS, _SET = ("_interval_low", "_interval_high"), "_set"  # of the names of added columns


def prediction_method(
    estimator: BaseAutoML, model: Path, proba: bool, interval: float | None, class_set: float | None, by_class: bool
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
    for option, level in (("--interval", interval), ("--set", class_set)):
        if level is not None and not 0 < level < 1:
            raise InvalidInputError(f"{option} must be a level between 0 and 1, for example 0.9; got {level}")
    if estimator._ensemble.quantiles:
        return lambda table: _with_quantiles(estimator, table)
    _check_names(estimator, proba, interval is not None, class_set is not None)
    if interval is not None:
        return lambda table: _with_interval(estimator, table, interval)
    return lambda table: _with_classes(estimator, table, proba, class_set, by_class)


def _with_interval(estimator: BaseAutoML, table: Any, level: float) -> pd.DataFrame:
    import pandas as pd

    from automl.fitted.intervals import intervals

    prediction, ends = intervals(estimator, table, level)
    layout = estimator._ensemble.targets
    if layout is None:
        return pd.DataFrame({"prediction": prediction, "interval_low": ends[:, 0], "interval_high": ends[:, 1]})
    parts: dict[str, Any] = {}
    for j, name in enumerate(layout.names):
        parts[name] = prediction[:, j]
        parts |= {f"{name}{end}": own for end, own in zip(_ENDS, ends[..., j].T, strict=True)}
    return pd.DataFrame(parts)


def _check_names(estimator: BaseAutoML, proba: bool, intervals: bool, sets: bool) -> None:
    """Check that the columns of the predictions have different names.

    Raises
    ------
    InvalidInputError
        If two of them have the same name, because a target or a class has the name of an added column.
    """
    layout = estimator._ensemble.targets
    targets = ["prediction"] if layout is None else layout.names
    names = _names(estimator, proba)
    added = _ENDS if intervals else (_SET,) if sets else ()
    names += [f"{name}{end}" for name in targets for end in added]
    both = next((name for name, count in Counter(names).items() if count > 1), None)
    if both is not None:
        options = [name for name, given in (("--proba", proba), ("--interval", intervals), ("--set", sets)) if given]
        raise InvalidInputError(
            f"{' and '.join(options)}: the file of the predictions would have two columns '{both}', because of the "
            f"names of targets or classes; leave out {' and '.join(options)}, or predict in Python"
        )


def _with_quantiles(estimator: BaseAutoML, table: Any) -> pd.DataFrame:
    """Return the middle quantile, and a column for each quantile."""
    import pandas as pd

    from automl.task.quantiles import level_name

    ensemble, found = estimator._ensemble, estimator.predict_quantiles(table)
    columns = {
        f"quantile_{level_name(level)}": column for level, column in zip(ensemble.quantiles, found.T, strict=True)
    }
    return pd.DataFrame({"prediction": ensemble.values(found), **columns})


def _with_classes(estimator: BaseAutoML, table: Any, proba: bool, level: float | None, by_class: bool) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    from automl.fitted.intervals import class_sets

    if level is None:
        answer = (estimator.predict_proba if proba else estimator.predict)(table)
        answer = np.hstack(answer) if isinstance(answer, list) else answer  # of several targets
        return pd.DataFrame(answer.reshape(len(answer), -1), columns=_names(estimator, proba))
    p, sets = class_sets(estimator, table, level, by_class)
    layout = estimator._ensemble.targets
    every = list(estimator.classes_) if layout is not None else [np.asarray(estimator.classes_)]
    codes = np.atleast_2d(estimator._ensemble.decide(p).T)
    parts = [(name, labels[own]) for name, labels, own in zip(_names(estimator, False), every, codes, strict=True)]
    if proba:
        parts = list(zip(_names(estimator, True), p.T, strict=True))
    prefixes = list(layout.names) if layout is not None else ["prediction"]
    for prefix, labels, own in zip(prefixes, every, sets, strict=True):
        texts = np.array([str(label) for label in labels.tolist()], dtype=object)
        parts.append((f"{prefix}{_SET}", [SEPARATOR.join(texts[row]) for row in own]))
    return pd.DataFrame(dict(parts))


def _names(estimator: BaseAutoML, proba: bool) -> list[str]:
    """Return the names of the columns of the predictions, which are those of the server, too.

    Several targets have a column each, or one for each class.
    """
    layout = estimator._ensemble.targets
    if layout is None:
        return [f"probability_{label}" for label in estimator.classes_] if proba else ["prediction"]
    if not proba:
        return list(layout.names)
    pairs = zip(layout.names, estimator.classes_, strict=True)
    return [f"probability_{name}={label}" for name, classes in pairs for label in classes.tolist()]
