"""What a component is: a name, where it applies, its hyperparameters, and how to make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import Hyperparameter
from sklearn.base import BaseEstimator

TaskType = Literal["binary", "multiclass", "regression"]

# Of a table's numbers, in size: scikit-learn's trees work in single precision, where numbers beyond 3e38 are infinite,
# and liblinear refuses those beyond 1e30.
LARGEST = 1e30


def task_type(n_classes: int) -> TaskType:
    """Return the task type that a number of classes stands for.

    Parameters
    ----------
    n_classes : int
        Number of different classes of the target; 0 for a target of numbers (regression).

    Raises
    ------
    ValueError
        If `n_classes` is 1 or negative. A target of one class leaves nothing to learn, so callers check the target
        of a user before they ask for its task type.

    Examples
    --------
    >>> [task_type(n) for n in (0, 2, 3)]
    ['regression', 'binary', 'multiclass']
    """
    if n_classes == 0:
        return "regression"
    if n_classes < 2:
        raise ValueError(f"the target has {n_classes} classes; classification needs at least 2, regression has 0")
    return "binary" if n_classes == 2 else "multiclass"


@dataclass(frozen=True)
class TableTraits:
    """What the space and its components need to know of a table.

    The table itself is a float64 array ``(n_rows, n_features)``: category columns hold codes ``0, 1, ...``, missing
    cells are NaN, numbers lie within `LARGEST`. A sparse table is a CSR matrix without category columns and without
    missing cells.
    """

    task: TaskType
    n_rows: int
    n_features: int
    n_classes: int = 0  # 0 for regression
    categorical: tuple[int, ...] = ()  # positions of the category columns
    cardinalities: tuple[int, ...] = ()  # number of categories of each of them
    has_missing: bool = False
    sparse: bool = False
    weighted: bool = False  # the user gave sample weights: components that cannot use them leave the space

    @property
    def is_classification(self) -> bool:
        return self.task != "regression"

    @property
    def numeric(self) -> tuple[int, ...]:
        """Positions of the columns that are not categories."""
        categorical = set(self.categorical)
        return tuple(i for i in range(self.n_features) if i not in categorical)


@dataclass(frozen=True)
class FitContext:
    """What a component may use while it is made and fitted; none of it is searched."""

    traits: TableTraits
    random_state: int = 0
    n_threads: int = 1
    time_limit: float | None = None  # seconds for one fit; iterative models stop there with what they have
    device: str = "auto"  # of networks: "cpu", "cuda", "cuda:1", ..., or "auto" for CUDA where there is any


def space_of(*hyperparameters: Hyperparameter[Any, Any]) -> ConfigurationSpace:
    """A space of some hyperparameters."""
    space = ConfigurationSpace()
    space.add(*hyperparameters)
    return space


def _everywhere(traits: TableTraits) -> bool:
    return True


def _empty(traits: TableTraits) -> ConfigurationSpace:
    return ConfigurationSpace()


@dataclass(frozen=True)
class Component:
    """One choice at one step of the pipeline.

    Attributes
    ----------
    name : str
        The value of the step's hyperparameter that picks this component.
    make : callable
        ``make(params, context)`` gives an unfitted scikit-learn estimator or transformer, or ``"passthrough"``.
    space : callable
        ``space(traits)`` gives the component's own hyperparameters, conditions and forbidden clauses.
    applies : callable
        ``applies(traits)`` is False where the component cannot or should never be used; it then leaves the space.
    accepts_missing, accepts_categories, accepts_sparse, accepts_weights : bool
        What `fit` takes: NaN cells, category codes in the leading columns, CSR matrices, ``sample_weight``.
    interruptible : bool
        Whether training stops by itself at `FitContext.time_limit`, with a usable model.
    fit_together : callable or None
        ``fit_together(estimators, tables, targets, weights, contenders)`` fits several estimators of this component
        at once, one on each table, faster than one after the other. With `contenders`, the number of the
        configuration of each, those that fall behind end early.
    fleet_varies : tuple of str
        Hyperparameters in which configurations that are fitted together may differ.
    uses_device : bool
        Whether training runs on `FitContext.device`.
    imports : tuple of str
        Modules that `fit` will import; a worker imports them before the clock of a trial starts.
    seconds : callable or None
        ``seconds(params, traits)`` guesses the duration in seconds of one fit on ``traits.n_rows`` rows with one
        thread (models only); used until the run has measured its own.
    memory : callable or None
        ``memory(params, traits)`` guesses the MiB that one fit on ``traits.n_rows`` rows holds at its highest beside
        copies of the table (models only); none to speak of when None.
    """

    name: str
    make: Callable[[Mapping[str, Any], FitContext], BaseEstimator | str]
    space: Callable[[TableTraits], ConfigurationSpace] = _empty
    applies: Callable[[TableTraits], bool] = _everywhere
    accepts_missing: bool = False
    accepts_categories: bool = False
    accepts_sparse: bool = False
    accepts_weights: bool = False
    interruptible: bool = False  # training stops by itself at the context's time limit, with a usable model
    fit_together: Callable[..., None] | None = None
    fleet_varies: tuple[str, ...] = ()
    uses_device: bool = False
    imports: tuple[str, ...] = ()
    seconds: Callable[[Mapping[str, Any], TableTraits], float] | None = None
    memory: Callable[[Mapping[str, Any], TableTraits], float] | None = None
