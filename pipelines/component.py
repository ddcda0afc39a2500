"""The contract of a component: what somebody who adds a model or a preprocessor has to provide.

A component is one choice at one step of the pipeline: an imputation, an encoding, a scaling, a generation or selection
of features, a balancing, a cleaning of labels, a model, the ordering of its classes, a loss, a transform of the
target, a calibration, the models of several targets. It is a `Component` record of plain functions. The steps, in this
order, are the records of `pipelines.catalog.STEPS`; the record of its step lists a component.

**In the main process**, when a fit starts: `Component.applies` and `Component.space` are called with the traits of the
table, to build the search space. They must be fast, return the same result for the same traits, and import no heavy
library. They must not raise: a component that cannot work returns False from `applies`. Combinations of components
that cannot work are excluded by the ``accepts_...`` fields.

**In the main process**, many times during the search: `Component.seconds`, `Component.memory` and `Component.width`
guess what a fit will take, so that the search does not start trials that would exceed their limits. They must be fast,
must not raise, and return finite positive numbers. Hyperparameters may be absent in `params`, and then have their
defaults. Measured results correct the guesses.

**In a worker process**, once for each trial: the modules of `Component.imports` are imported, before the time limit of
the trial starts.

**In a worker process**, once for each fold: ``make(params, context)`` returns an unfitted estimator, which is fitted
and predicts.

- `params` maps the names of the active hyperparameters in `space`, without prefix, to plain Python values. Some entries
  may be added: ``native_categories`` (int), the number of leading columns that hold category codes, for a model with
  `accepts_categories`; ``loss`` (str), one of `Component.losses` or "squared_error", for a model with such losses;
  ``ordering`` (str), one of `Component.orderings`; and ``estimator``, the unfitted model, for a component of the steps
  ordering, balancing, cleaning, target and calibration; ``weighted`` (bool), whether this model takes
  ``sample_weight``, for a component of the step balancing; ``held_out_estimator``, a second unfitted model, for a
  component of the step target, see `Component.reproduces_rows`; ``estimators``, the unfitted models, for a component
  of the step multi_output. `make` must not change `params`.
- `FitContext` says which seed, how many threads and which device to use, and how many seconds a fit may take.
- A model with `continues` asks `FitContext.part`, where there is one, for its state when each of its fits begins, and
  passes the data of the fit, because a state belongs to them. It trains up to the share of its iterations, and leaves a
  state of plain values, arrays and storable objects. In parts, the training should give the same model as at once. See
  `pipelines.training_part`.
- Transformers are fitted with ``fit_transform(X, y)`` and must keep the number and the order of the rows. Models are
  fitted with ``fit(X, y, sample_weight=None)``. The argument `sample_weight` is always passed, and it is None for
  components without `accepts_weights`. `X` is a float64 array or CSR matrix as in `TableTraits`, `y` holds class codes
  ``0, 1, ...`` or floats. The rows of a fold may lack classes of the table, and may be few.
- A classifier has ``classes_`` (the sorted codes in `y`) and ``predict_proba``, whose columns have the order of
  ``classes_``; a regressor has ``predict``. Predictions must be finite for all finite inputs, and must not depend on
  the other rows of the table. Iterative models set ``n_iter_``. A model sets ``cut_`` (bool) if its training may end at
  the time limit before it has converged.
- The same seed must give the same model, with one thread.
- Nothing may be written to standard output or standard error.

`make` and `fit` may raise any exception, for example ValueError where `y` has a single class. The trial then ends with
the status "crash" ("memory" after a MemoryError, "invalid" after predictions that are not finite), and the search goes
on. A worker whose trial exceeds its time or memory is killed. A model with `interruptible` avoids this, because its
training stops at `FitContext.time_limit`.

**Later, in the main process**: the fitted pipeline is read from a file and predicts as part of the ensemble. It must
therefore be storable by `pipelines.storage`, give the same predictions afterwards, and not need the worker process or
its device. It must import nothing but the modules of `Component.imports_to_predict`. `pipelines.storage` stores the
attributes of Python objects, arrays and the boosters of the usual libraries without pickle. It refuses types that
``pipelines/storage/trusted.py`` does not list. An estimator must be picklable, too, because users pickle whole models.

The suites of `automl.testing` check these rules, and ``tests/contracts`` applies them to all components of the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import Hyperparameter
from sklearn.base import BaseEstimator

from pipelines.targets import TargetLayout
from pipelines.training_part import TrainingPart

TaskType = Literal["binary", "multiclass", "regression"]

# Largest absolute value of a number in a table. Trees of scikit-learn use single precision, where numbers beyond 3e38
# are infinite, and liblinear refuses numbers beyond 1e30.
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
    """Properties of a table on which the search space and the components depend.

    The table itself is a float64 array of shape (n_rows, n_features): category columns hold codes ``0, 1, ...``,
    missing cells are NaN, and no absolute value exceeds `LARGEST`. A sparse table is a CSR matrix without category
    columns and without missing cells.
    """

    task: TaskType
    n_rows: int
    n_features: int
    n_classes: int = 0  # 0 for regression
    categorical: tuple[int, ...] = ()  # positions of the category columns
    cardinalities: tuple[int, ...] = ()  # number of categories of each category column
    has_missing: bool = False
    sparse: bool = False
    weighted: bool = False  # the user gave sample weights: components that cannot use them leave the space
    noisy_labels: bool = False  # the user expects wrong labels: the space also has what helps against them
    ranks: tuple[int, ...] = ()  # of ordered classes: the place of each class in the order; () for other targets
    # For each column 1 if predictions must not fall while its value rises, -1 if they must not rise, or 0; () for none.
    monotonic: tuple[int, ...] = ()
    # Of regression: what suits the metric and the target, the best choice first.
    losses: tuple[str, ...] = ("squared_error",)
    target_transforms: tuple[str, ...] = ("none",)
    # Levels of the quantiles to predict, in ascending order; () for means. Models without quantiles leave the space.
    quantiles: tuple[float, ...] = ()
    # Of several targets; then `task` and `n_classes` are those of the target with the most classes.
    targets: TargetLayout | None = None
    # Some number column varies far less than its distance from 0, so that its differences vanish in single precision.
    has_offsets: bool = False

    @property
    def is_classification(self) -> bool:
        """Whether the target holds classes."""
        return self.task != "regression"

    @property
    def predicts_mean(self) -> bool:
        """Whether the best prediction of a number is its mean, and not its median."""
        return not self.quantiles and self.losses[0] not in ("absolute_error", "percentage_error", "huber")

    @property
    def n_columns(self) -> int:
        """Number of columns of the predictions; 0 for a number of one target, which has no columns."""
        if self.quantiles:
            return len(self.quantiles)
        return self.n_classes if self.targets is None else self.targets.n_columns

    def of_target(self, target: int) -> TableTraits:
        """Return the traits for a model of one of several targets."""
        n_classes = 0 if self.targets is None else self.targets.classes_of(target)
        return replace(self, task=task_type(n_classes), n_classes=n_classes, targets=None)

    @property
    def numeric(self) -> tuple[int, ...]:
        """Positions of the columns that hold no categories."""
        categorical = set(self.categorical)
        return tuple(i for i in range(self.n_features) if i not in categorical)


@dataclass(frozen=True)
class FitContext:
    """Seed, threads, time limit and device of one fit, and the traits of the table; the search does not vary them."""

    traits: TableTraits
    random_state: int = 0
    n_threads: int = 1
    # Seconds for a fit and the prediction of `n_rows_to_predict` rows; iterative models stop there with what they have.
    time_limit: float | None = None
    device: str = "auto"  # of networks: "cpu", "cuda", "cuda:1", ..., or "auto" for CUDA where there is a GPU
    rounds: int | None = None  # of boosting: this number, on all rows; with None the model finds it on validation rows
    learning_rate: float | None = None  # of boosting with `rounds`; with None it is that of the configuration
    n_rows_to_predict: int = 0  # rows that the model predicts after its training, within the time limit
    part: TrainingPart | None = None  # of the training of a model that can continue; None for a whole training


def space_of(*hyperparameters: Hyperparameter[Any, Any]) -> ConfigurationSpace:
    """Return a space of these hyperparameters."""
    space = ConfigurationSpace()
    space.add(*hyperparameters)
    return space


def _applies_always(traits: TableTraits) -> bool:
    return True


def _empty_space(traits: TableTraits) -> ConfigurationSpace:
    return ConfigurationSpace()


@dataclass(frozen=True)
class Component:
    """One choice at one step of the pipeline; the docstring of this module describes who calls what.

    Attributes
    ----------
    name : str
        Name of the choice, unique among all components of its step: a value of the hyperparameter of the step.
    make : callable
        ``make(params, context)`` returns an unfitted scikit-learn estimator or transformer, or ``"passthrough"``.
    space : callable
        ``space(traits)`` returns the hyperparameters of the component, with their conditions and forbidden clauses.
    applies : callable
        ``applies(traits)`` is False where the component cannot be used or is never worth a try. The search space of
        the table then does not contain it.
    accepts_missing, accepts_categories, accepts_sparse, accepts_weights : bool
        Inputs that `fit` accepts: NaN cells, category codes in the leading columns, CSR matrices, ``sample_weight``.
    accepts_copies : bool
        Whether a table may hold copies of rows, which oversampling gives to models without weights. False for what
        learns from predictions for rows that were held out. Only models and components of the step ordering have it.
    accepts_targets : bool
        Whether the model can learn several targets at once: then its estimator follows scikit-learn's convention for
        several outputs where `TableTraits.targets` is not None. Only models have it.
    reads_target : bool
        Whether the step, which comes before the model, learns from one target. The space of several targets does not
        contain it.
    accepts_monotonic : bool
        Whether the model can be trained with constraints. `make` then gets the parameter ``monotonic`` where the table
        has some, see `pipelines.monotonic`. Only models have it.
    keeps_order : bool
        Whether predictions of a model with constraints keep their order with this step. The step passes all number
        columns on as the last ones and in their order, a larger value never becomes a smaller one, and other columns
        do not depend on it. A step around the model only trains it, or changes predictions by a map that never falls.
        With monotonic columns, the space contains no other steps. Models do not have it.
    accepts_quantiles : bool
        Whether the model can predict quantiles: where `TableTraits.quantiles` names levels, its estimator minimizes
        the pinball loss, and ``predict`` returns values of shape (n_samples, n_quantiles), in ascending order in each
        row. Only models have it.
    orderings : tuple of str
        Names of the step "ordering" that the model can train itself, by the order of `TableTraits.ranks`: `make` then
        gets the parameter ``ordering``, and no component of this step wraps the model. Only models have them.
    reproduces_rows : bool
        Whether the predictions for training rows are much nearer to their targets than those for other rows. Then a
        component of the step target gets ``held_out_estimator``, a second unfitted model. Only models have it.
    losses : tuple of str
        Losses of regression, beside squared error, that the model can be trained with. The names are those of the step
        "loss" of the catalog; only models have them.
    interruptible : bool
        Whether training stops by itself before `FitContext.time_limit`, with a usable model, and leaves the seconds for
        the prediction of `FitContext.n_rows_to_predict` rows.
    limit_factor : float
        How many times the usual share of the time budget one fit is worth. It is above 1 for models that differ from
        trees, and need more time to converge: an ensemble gains more from one of these than from several more trees. It
        is below 1 for models whose last seconds bring little.
    max_overtime : float or None
        How many times its time limit the guessed seconds of a fit may be. Where they are more, the training would end
        long before it has converged, so that the model is trained on a random part of the rows. None for a model that
        is always trained on all rows.
    fit_together : callable or None
        ``fit_together(estimators, tables, targets, weights, configuration_numbers)`` fits several estimators of this
        component at once, each on its own table, faster than one after the other. `configuration_numbers` is None, or
        holds the number of the configuration of each estimator. The training of configurations that are worse than
        the others may then end early.
    fleet_varies : tuple of str
        Hyperparameters in which configurations that are fitted together may differ.
    uses_device : bool
        Whether training runs on `FitContext.device`.
    continues : bool
        Whether a training can end after a share of its iterations and go on later, perhaps in another process:
        `FitContext.part` then says from which state and how far. Only models have it.
    imports : tuple of str
        Modules that `fit` needs, and `predict` right after it, beside the libraries that every component may import. A
        worker imports them before the time limit of a trial starts. Where their libraries are not installed, the
        search space does not contain the component.
    prediction_imports : tuple of str or None
        Modules that a fitted pipeline needs to predict in another process; None for those of `imports`. A saved model
        names only the libraries of these modules.
    seconds : callable or None
        ``seconds(params, traits)`` guesses the seconds of one fit on ``traits.n_rows`` rows with one thread. Only
        models and steps before the model have it; None for a step that takes next to none. The search uses it until it
        has measured seconds of its own.
    predict_milliseconds : tuple of float, or None
        Milliseconds in which one fold model predicts a single row, and 1,000 rows. Those of the catalog are medians of
        processor time on ten tables. The ensemble is chosen by them, and ``max_predict_milliseconds`` leaves out
        models that are slower; None for a model that is never left out. Only models have it.
    simple_kind : str
        The kind of a model that a person could explain, in words such as "linear model": reports compare the ensemble
        with it. Empty for other models.
    memory : callable or None
        ``memory(params, traits)`` guesses the MiB that one fit on ``traits.n_rows`` rows adds at its peak, without
        copies of the table. Only models have it; None for a model that needs next to none.
    width : callable or None
        ``width(params, traits)`` guesses how many columns a table of ``traits.n_features`` columns has after this step.
        A category column is one column, except for an encoding. Only encodings, generations and selections have it;
        None for one that does not change the number of columns.
    """

    name: str
    make: Callable[[Mapping[str, Any], FitContext], BaseEstimator | str]
    space: Callable[[TableTraits], ConfigurationSpace] = _empty_space
    applies: Callable[[TableTraits], bool] = _applies_always
    accepts_missing: bool = False
    accepts_categories: bool = False
    accepts_sparse: bool = False
    accepts_weights: bool = False
    accepts_copies: bool = True
    accepts_targets: bool = False
    reads_target: bool = False
    accepts_monotonic: bool = False
    keeps_order: bool = False
    accepts_quantiles: bool = False
    orderings: tuple[str, ...] = ()
    reproduces_rows: bool = False
    losses: tuple[str, ...] = ()
    interruptible: bool = False
    limit_factor: float = 1.0
    max_overtime: float | None = None
    fit_together: Callable[..., None] | None = None
    fleet_varies: tuple[str, ...] = ()
    uses_device: bool = False
    continues: bool = False
    imports: tuple[str, ...] = ()
    prediction_imports: tuple[str, ...] | None = None
    seconds: Callable[[Mapping[str, Any], TableTraits], float] | None = None
    predict_milliseconds: tuple[float, float] | None = None
    simple_kind: str = ""
    memory: Callable[[Mapping[str, Any], TableTraits], float] | None = None
    width: Callable[[Mapping[str, Any], TableTraits], int] | None = None

    @property
    def imports_to_predict(self) -> tuple[str, ...]:
        """Modules that a fitted pipeline needs to predict."""
        return self.imports if self.prediction_imports is None else self.prediction_imports
