"""The search space as a table: each name with its kind, range, condition and default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pandas as pd
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import CategoricalHyperparameter, IntegerHyperparameter, NumericalHyperparameter

from automl.errors import InvalidInputError, check_names
from automl.search.own_components import read_components
from automl.search.user_space import check_components, read_space
from automl.table_files.target import TaskName, guess_task
from automl.task.prepare import TrainingData, prepare
from pipelines.catalog import CATALOG, OwnComponents, component_names
from pipelines.component import TableTraits
from pipelines.overrides import SpaceError
from pipelines.rich_tables import RICH_TABLE_OF_ORDERED_CLASSES, RICH_TABLES, RICH_TABLES_OF_SEVERAL_TARGETS
from pipelines.space import build_space
from pipelines.value_limits import find_limits

COLUMNS = ["name", "kind", "low", "high", "log", "choices", "default", "condition", "accepted"]
_TASKS = (*RICH_TABLES, "auto", "classification")


def space(
    X: Any = None,
    y: Any = None,
    *,
    task: str = "auto",
    include: Sequence[str] | Mapping[str, Sequence[str]] = (),
    exclude: Sequence[str] | Mapping[str, Sequence[str]] = (),
    space: Mapping[str, Any] | None = None,
    components: Sequence[Any] | Mapping[str, Sequence[Any]] = (),
    noisy_labels: bool = False,
) -> pd.DataFrame:
    """
    List the search space: every choice and every hyperparameter, with its range, condition and default.

    Parameters
    ----------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features), optional
        The training table. Without it, the space of a table with numbers, categories and missing values is listed.
    y : array-like of shape (n_samples,), optional
        The target; needed with `X`.
    task : {"auto", "classification", "regression", "binary", "multiclass"}, default="auto"
        The kind of target. "auto" looks at `y`; without a table it means two classes.
    include, exclude : sequence of str or dict, default=()
        As in the estimators.
    space : dict, optional
        The changes of the space, as in the estimators.
    components : sequence or dict, default=()
        Your own components, as in the estimators.
    noisy_labels : bool, default=False
        Whether wrong labels are expected, as in the estimators.

    Returns
    -------
    DataFrame
        One row for each name. The column `kind` is "step", "choice", "integer" or "number". The columns `low`, `high`
        and `log` are for numbers, `choices` holds a tuple. `condition` says when the hyperparameter is used, and
        `accepted` which numbers the argument `space` may set.

    Raises
    ------
    InvalidInputError
        If an argument or the data cannot be used.

    Examples
    --------
    >>> import automl
    >>> table = automl.space(task="regression", include=["ridge"]).set_index("name")
    >>> table.loc["model:ridge:alpha", ["low", "high", "default"]].astype(float).tolist()
    [0.0001, 10000.0, 1.0]
    """
    check_names("task", task, _TASKS)
    own = OwnComponents(read_components(components))
    for argument, given in (("include", include), ("exclude", exclude)):
        check_components(argument, given, own)
    overrides = read_space(space, own)
    if (X is None) != (y is None):
        raise InvalidInputError("automl.space needs both X and y, or none of them")
    try:
        names = component_names(include), component_names(exclude)
        traits = replace(_traits(X, y, task), noisy_labels=bool(noisy_labels))
        found = build_space(traits, *names, 0, overrides, own)
    except SpaceError as error:
        raise InvalidInputError(str(error)) from error
    if X is not None:
        return space_table(found)
    others = _steps_of_other_targets(traits, *names, 0, overrides, own)
    return pd.concat([space_table(found), *others], ignore_index=True)


def space_table(space: ConfigurationSpace) -> pd.DataFrame:
    """Return the rows of `automl.space`."""
    return pd.DataFrame([_row(space, name) for name in space], columns=COLUMNS)


def _steps_of_other_targets(traits: TableTraits, *arguments: Any) -> Iterator[pd.DataFrame]:
    """Yield the rows of the steps that only several targets or ordered classes have, where a model suits them."""
    others = [(RICH_TABLES_OF_SEVERAL_TARGETS[traits.task], "multi_output")]
    if traits.task == "multiclass":
        others.append((RICH_TABLE_OF_ORDERED_CLASSES, "ordering"))
    for table, step in others:
        with suppress(SpaceError):
            space = build_space(table, *arguments)
            names = [name for name in space if name.partition(":")[0] == step]
            if names:
                yield pd.DataFrame([_row(space, name) for name in names], columns=COLUMNS)


def _traits(X: Any, y: Any, task: str) -> TableTraits:
    if X is None:
        kind = {"auto": "binary", "classification": "binary"}.get(task, task)
        return next(traits for name, traits in RICH_TABLES.items() if name == kind)
    classification = task != "regression"
    if task == "auto":
        target = y if isinstance(y, pd.Series) else pd.Series(pd.DataFrame(y).iloc[:, 0])
        classification = guess_task(target)[0] is TaskName.CLASSIFICATION
    return prepare(TrainingData(X, y), classification=classification).task.traits


def _row(space: ConfigurationSpace, name: str) -> list[Any]:
    hyperparameter: Any = space[name]
    condition = " and ".join(_condition_text(condition) for condition in space.parent_conditions_of[name])
    limits = find_limits(name)
    if isinstance(hyperparameter, NumericalHyperparameter):
        kind = "integer" if isinstance(hyperparameter, IntegerHyperparameter) else "number"
        ends, log, choices = [hyperparameter.lower, hyperparameter.upper], bool(hyperparameter.log), None
    else:
        kind = "step" if name in CATALOG else "choice"
        ends, log = [None, None], None
        choices = tuple(hyperparameter.choices) if isinstance(hyperparameter, CategoricalHyperparameter) else ()
    accepted = "" if kind in ("step", "choice") or limits is None else str(limits)
    return [name, kind, *ends, log, choices, hyperparameter.default_value, condition, accepted]


def _condition_text(condition: Any) -> str:
    """Return a condition for people.

    The conditions of the space are of one parent, which must have one value or one of several values.
    """
    values = getattr(condition, "values", None)
    if values is None or callable(values):
        return f"{condition.parent.name} = {condition.value}"
    if len(values) == 1:
        return f"{condition.parent.name} = {values[0]}"
    return f"{condition.parent.name} in ({', '.join(map(str, values))})"
