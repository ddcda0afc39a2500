"""The parameters of an estimator that say what is to be learned."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from automl.task.objectives import SCORE


@dataclass(frozen=True)
class TaskSettings:
    """The parameters of an estimator that decide about its task; the docstrings of the estimators describe them.

    Attributes
    ----------
    scoring : str, callable, list or dict, optional
        A scikit-learn scorer or its name, or several, of which the first decides; the default of the task type when
        None.
    quantiles : sequence of float, optional
        Levels of the quantiles to predict, in place of a scorer.
    cv : int, splitter or iterable, optional
        Folds as in scikit-learn; chosen by the number of rows when None.
    columns : mapping, optional
        Kinds of some columns of the table.
    positive_label : label, optional
        The class of interest of two classes, for scorers of one class.
    monotonic : mapping, optional
        The sign of some columns, with which predictions never fall or never rise.
    noisy_labels : bool
        Whether some labels are expected to be wrong.
    objectives : collection of str
        What the search optimizes, the score included.
    """

    scoring: Any = None
    quantiles: Any = None
    cv: Any = None
    columns: Mapping[Any, str] | None = None
    positive_label: Any = None
    monotonic: Mapping[Any, int] | None = None
    noisy_labels: bool = False
    objectives: Collection[str] = (SCORE,)

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the settings of an estimator."""
        return cls(**{field.name: getattr(estimator, field.name) for field in fields(cls)})


DEFAULTS = TaskSettings()
