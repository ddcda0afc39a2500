"""The checks of the estimators' arguments, which run before any work; an error names the argument and how to fix it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from inspect import signature
from numbers import Integral
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from automl.energy import check_energy
from automl.errors import InvalidInputError, check_names, did_you_mean
from automl.execute.catalog import EXECUTORS
from automl.guard import make_guard
from automl.limits import LARGEST
from automl.persistence import check_loaded, takes_files
from automl.search.catalog import check_searcher
from automl.search.initial import DESIGNS
from automl.search.optuna_sampler import is_optuna_sampler
from automl.search.own_components import read_components
from automl.search.user_space import check_components, check_user_space
from automl.task.monotonic import check_monotonic
from automl.task.objectives import SCORE, check_objectives, further_objectives
from automl.task.quantiles import check_quantiles
from automl.task.scoring import check_scoring
from automl.task.several_metrics import named_scorers
from automl.task.validation import is_number, is_whole_number, python_number
from automl.trials.leaderboard import COLUMNS as LEADERBOARD
from automl.trials.leaderboard import FIDELITY
from automl.trials.run_directory import RunDirectory
from pipelines.catalog import CATALOG, OwnComponents, component_names, is_named
from pipelines.libraries import MissingLibraryError, import_library
from pipelines.table.column_types import KINDS

_MAX_SEED = 2**32 - 1  # the largest seed that NumPy accepts
_Self = TypeVar("_Self")
_P = ParamSpec("_P")
_R = TypeVar("_R")

# What other AutoML libraries and scikit-learn call a parameter, and what to use here.
_ELSEWHERE = {
    **dict.fromkeys(
        ("time_limit", "time_left_for_this_task", "max_runtime_secs", "budget", "timeout", "seconds"), "time_budget"
    ),
    **dict.fromkeys(("metric", "eval_metric", "score", "sort_metric"), "scoring"),
    **dict.fromkeys(("seed", "session_id"), "random_state"),
    **dict.fromkeys(("max_iter", "max_models", "n_trials", "n_iter"), "max_trials"),
    **dict.fromkeys(("estimator_list", "included_model_types", "include_algos"), "include"),
    **dict.fromkeys(("excluded_model_types", "exclude_algos"), "exclude"),
    **dict.fromkeys(("n_splits", "nfolds", "fold", "resampling_strategy"), "cv"),
    **dict.fromkeys(("per_run_time_limit", "train_time_limit"), "trial_time_limit"),
    **dict.fromkeys(("path", "tmp_folder"), "store for the run directory, or the method save for the model"),
    **dict.fromkeys(("task", "problem_type"), "AutoMLClassifier or AutoMLRegressor"),
    **dict.fromkeys(("label", "target"), "fit(X, y), where y is the target"),
    **dict.fromkeys(("sample_weight", "groups"), "the argument of fit with this name"),
    "presets": "time_budget: a longer search gives a better model",
    "num_cpus": "n_jobs",
    "num_gpus": "device",
    "verbosity": "verbose",
}
_ABOUT_CLASSES = {  # what only a classifier has
    **dict.fromkeys(("positive_label", "positive_class", "pos_label"), "positive_label"),
    "class_weight": "scoring='balanced_accuracy', or sample_weight of fit",
}
_NEEDED = {"X": "X (the table of features)", "y": "y (the target)"}  # arguments of fit
# What other libraries call an argument of fit, and what to use here.
_FIT_ELSEWHERE = {
    **dict.fromkeys(
        ("label", "target", "train_data", "training_frame", "dataframe", "data", "X_train", "y_train"),
        "fit(X, y), where X is the table of features and y is the target",
    ),
    **dict.fromkeys(
        ("tuning_data", "validation_data", "validation_frame", "eval_set", "X_valid", "y_valid"), "X_val and y_val"
    ),
    **dict.fromkeys(("weight", "weights", "weights_column", "sample_weight_column"), "sample_weight"),
    **dict.fromkeys(("group", "fold_column", "fold_groups"), "groups"),
    **dict.fromkeys(
        ("cat_features", "categorical_features", "categorical_feature", "feat_type"),
        "columns={...: 'category'} of the estimator",
    ),
}


def suggest_parameters(
    init: Callable[Concatenate[_Self, _P], None],
) -> Callable[Concatenate[_Self, _P], None]:
    """Let the error about an unknown parameter of an estimator name the right one."""
    known = signature(init).parameters

    @wraps(init)
    def suggesting(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        for name in kwargs:
            if name not in known:
                raise _unknown(init.__qualname__, name, _hint(name, known))
        init(self, *args, **kwargs)

    return suggesting


def suggest_fit_arguments(fit: Callable[Concatenate[_Self, _P], _R]) -> Callable[Concatenate[_Self, _P], _R]:
    """Let the error about unknown arguments of `fit` name the right ones, and that about missing ones the class."""
    known = signature(fit).parameters

    @wraps(fit)
    def suggesting(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        for name in kwargs:
            if name not in known:
                raise _unknown(f"{type(self).__name__}.fit", name, _hint_of_fit(name, known, type(self)))
        given = {*kwargs, *("X", "y")[: len(args)]}
        if missing := [what for name, what in _NEEDED.items() if name not in given]:
            raise TypeError(f"{type(self).__name__}.fit() needs {' and '.join(missing)}: call fit(X, y)")
        return fit(self, *args, **kwargs)

    return suggesting


def _unknown(function: str, name: str, hint: str) -> TypeError:
    return TypeError(f"{function}() got an unexpected keyword argument {name!r}{'; ' if hint else ''}{hint}")


def _hint_of_fit(name: str, known: Collection[str], estimator: type) -> str:
    """Say what to use in place of an unknown argument of `fit`; an empty text if that is unclear."""
    parameters = signature(estimator).parameters
    if name in parameters:
        return f"it is a parameter of the estimator: {estimator.__name__}({name}=...)"
    if name in _FIT_ELSEWHERE:
        return f"use {_FIT_ELSEWHERE[name]}"
    if hint := did_you_mean(name, known):
        return hint
    hint = _hint(name, parameters)
    return f"among the parameters of {estimator.__name__}, {hint}" if hint else ""


def _hint(name: str, known: Collection[str]) -> str:
    """Say what to use in place of an unknown parameter; an empty text if that is unclear."""
    if name in _ABOUT_CLASSES:
        return f"use {_ABOUT_CLASSES[name]}" if "positive_label" in known else "a regressor has no classes"
    return f"use {_ELSEWHERE[name]}" if name in _ELSEWHERE else did_you_mean(name, known)


def check_arguments(settings: Mapping[str, Any], classification: bool) -> None:
    """Check the arguments of an estimator.

    Parameters
    ----------
    settings : mapping
        Arguments by name, as `get_params(deep=False)` returns them; unknown names are ignored.
    classification : bool
        Whether the estimator is a classifier.

    Raises
    ------
    InvalidInputError
        If an argument cannot be used; the message names the first one.
    """
    check_loaded(settings)
    _check_numbers(settings)
    _check_device(settings.get("device", "auto"), settings.get("executor", "local"))
    objectives = settings.get("objectives", (SCORE,))
    searcher, initial = settings.get("searcher", "smac"), settings.get("initial_configurations", "meta")
    check_objectives(objectives, searcher, is_optuna_sampler(searcher))
    scorers = named_scorers(settings.get("scoring"))
    if taken := sorted({*scorers} & {*LEADERBOARD, FIDELITY, *further_objectives(objectives)}):
        raise InvalidInputError(f"scoring: {taken[0]!r} is a column of leaderboard_; give the scorer another name")
    check_quantiles(settings.get("quantiles"), settings.get("scoring"))
    for number, scorer in enumerate(scorers.values()):
        check_scoring(scorer, classification, decides=number == 0)
    _check_cv(settings.get("cv"))
    check_energy(settings.get("energy"), settings.get("executor", "local"))
    own = OwnComponents(read_components(settings.get("components")))
    for argument in ("include", "exclude"):
        if not isinstance(settings.get(argument), Mapping):
            if isinstance(settings.get(argument), str):  # so that the next message shows a name that exists
                check_components(argument, [settings[argument]], own)
            _check_list(argument, settings.get(argument), "names")
        check_components(argument, settings.get(argument), own)
    check_searcher(searcher)
    check_user_space(settings.get("space"), searcher, own)
    if isinstance(initial, str):
        check_names("initial_configurations", initial, DESIGNS)
    elif initial is None:
        raise InvalidInputError('initial_configurations must be "meta", "default" or a list of dicts; got None')
    else:
        _check_list("initial_configurations", initial, "dicts", lambda entry: isinstance(entry, Mapping))
    _check_list("without", settings.get("without"), "names of data sets", lambda entry: isinstance(entry, str))
    check_names("executor", str(settings.get("executor", "local")), EXECUTORS)
    make_guard(settings.get("guard"))
    _check_columns(settings.get("columns"))
    check_monotonic(settings.get("monotonic"))
    _check_flag("noisy_labels", settings.get("noisy_labels", False))
    _check_cleaning(settings, classification)
    _check_list("callbacks", settings.get("callbacks"), "callables", callable)
    _check_store(settings.get("store"))
    seed = settings.get("random_state")
    is_seed = seed is not None and is_whole_number(seed) and 0 <= seed <= _MAX_SEED
    if not (seed is None or isinstance(seed, np.random.RandomState) or is_seed):
        raise InvalidInputError(
            f"random_state must be a whole number from 0 to {_MAX_SEED}, a RandomState or None; got {seed!r}"
        )


def _check_numbers(settings: Mapping[str, Any]) -> None:
    for name, what, whole, optional in (
        ("time_budget", "seconds", False, True),
        ("trial_time_limit", "seconds", False, True),
        ("memory_limit", "MiB", False, True),
        ("max_processor_seconds", "processor seconds", False, True),
        ("max_predict_milliseconds", "milliseconds", False, True),
        ("max_model_megabytes", "MB", False, True),
        ("max_trials", "trials", True, True),
        ("ensemble_size", "models", True, False),
    ):
        if name in settings and not (optional and settings[name] is None):
            _check_positive(name, settings[name], what, whole)
    budgets = ("time_budget", "max_trials", "max_processor_seconds")
    if "time_budget" in settings and all(settings.get(name) is None for name in budgets):
        raise InvalidInputError(
            "time_budget, max_trials and max_processor_seconds are all None; give one of them, because the search "
            "would never end"
        )
    verbose = settings.get("verbose", 1)
    if not isinstance(verbose, Integral | np.bool_) or verbose < 0:
        raise InvalidInputError(f"verbose must be 0, 1 or 2; got {verbose!r}")
    n_jobs = settings.get("n_jobs")
    if n_jobs is not None and (not is_whole_number(n_jobs) or n_jobs == 0):
        raise InvalidInputError(f"n_jobs must be a whole number, -1 for all processors, and not 0; got {n_jobs!r}")


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool | np.bool_):
        raise InvalidInputError(f"{name} must be True or False; got {value!r}")


def _check_cleaning(settings: Mapping[str, Any], classification: bool) -> None:
    """Check that a search with components of the step cleaning is one of classes, and expects wrong labels."""
    cleaning = [component.name for component in CATALOG["cleaning"] if component.name != "none"]
    wanted = component_names(settings.get("include"))
    named = [name for name in cleaning if is_named("cleaning", name, wanted)]
    if named and not classification:
        raise InvalidInputError(
            f"include names {named[0]}, which leaves out rows with a wrong class; a regressor has no such step: leave "
            "it out, noisy_labels=True then tries robust losses"
        )
    if named and not settings.get("noisy_labels", False):
        raise InvalidInputError(f"include names {named[0]}, which is for wrong labels; set noisy_labels=True, too")


def _check_list(argument: str, given: Any, what: str, fits: Callable[[Any], bool] | None = None) -> None:
    """Check that an argument is a collection whose entries fit; None stands for an empty collection."""
    if given is None:
        return
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Collection):
        shown = getattr(given, "__name__", None) or repr(given)
        raise InvalidInputError(f"{argument} must be a list of {what}; write {argument}=[{shown}]")
    for entry in given:
        if fits is not None and not fits(entry):
            raise InvalidInputError(f"{argument} must be a list of {what}; it holds {entry!r}")


def _check_columns(columns: Any) -> None:
    if columns is None:
        return
    if not isinstance(columns, Mapping):
        raise InvalidInputError(f'columns must be a dict such as {{"zip": "category"}}; got {columns!r}')
    for name, kind in columns.items():
        if not isinstance(kind, str):
            raise InvalidInputError(f"columns: the kind of column {name!r} must be a text; got {kind!r}")
        check_names("columns", kind, KINDS)


def _check_store(store: Any) -> None:
    if store is None:
        return
    if not isinstance(store, str | os.PathLike):
        raise InvalidInputError(f"store must be the path of a folder; got {store!r}")
    try:
        existing = next(path for path in (Path(store).absolute(), *Path(store).absolute().parents) if path.exists())
    except (OSError, ValueError) as error:  # for example a name that is too long, or a folder that may not be entered
        raise InvalidInputError(f"store cannot be used: {error}; name another folder") from error
    if not existing.is_dir():
        raise InvalidInputError(f"store '{store}': '{existing}' is a file; name a folder")
    if not takes_files(existing):
        raise InvalidInputError(f"store '{store}': '{existing}' cannot be written to; name another folder")
    RunDirectory(Path(store)).seed()  # raises an error where the folder holds something else


def _check_device(device: Any, executor: Any) -> None:
    if isinstance(device, str) and device in ("auto", "cpu"):
        return
    if not isinstance(device, str) or not re.fullmatch(r"cuda(:\d+)?", device):
        raise InvalidInputError(f'device must be "auto", "cpu", "cuda" or "cuda:0", "cuda:1", ...; got {device!r}')
    if executor == "ray":  # the nodes of the cluster have the GPUs
        return
    try:
        torch = import_library("torch")
    except MissingLibraryError as error:
        raise InvalidInputError(f'device={device!r} needs torch: {error}; or use device="auto"') from error
    wanted = int(device.partition(":")[2] or 0)
    if wanted >= torch.cuda.device_count():
        there = torch.cuda.device_count()
        raise InvalidInputError(
            f'device={device!r} does not exist: torch finds {there} CUDA devices; use device="auto"'
        )


def check_budget(method: str, limits: Mapping[str, Any], one_only: bool) -> None:
    """Check the budget of the method `more` or `retune`.

    Parameters
    ----------
    limits : mapping of str to number or None
        The arguments `seconds`, `max_trials` and `max_processor_seconds`, or some of them.
    one_only : bool
        Whether only one limit may be given.

    Raises
    ------
    InvalidInputError
        If no limit is given, or both and `one_only`, or if one is no number above 0.
    """
    units = {"seconds": "seconds", "max_trials": "trials", "max_processor_seconds": "processor seconds"}
    given = {name: value for name, value in limits.items() if value is not None}
    if not given or (one_only and len(given) > 1):
        *names, last = limits
        listed = f"{', '.join(names)} {'and' if one_only else 'or'} {last}"
        raise InvalidInputError(
            f"{method} needs {'one of ' if one_only else ''}{listed}, for example {method}(seconds=600)"
        )
    for name, value in given.items():
        _check_positive(name, value, units[name], whole=name == "max_trials")


def _check_positive(name: str, value: Any, what: str, whole: bool) -> None:
    right = is_whole_number(value) if whole else is_number(value)
    if not right or not 0 < value < math.inf:
        raise InvalidInputError(
            f"{name} must be a {'whole' if whole else 'finite'} number of {what} above 0; got {value!r}"
        )
    if python_number(value) > LARGEST:
        raise InvalidInputError(f"{name} must be at most {LARGEST:g} {what}")


def _check_cv(cv: Any) -> None:
    if cv is None or (hasattr(cv, "split") and not isinstance(cv, str | bytes)):
        return
    if is_whole_number(cv):
        if cv < 2:
            raise InvalidInputError(f"cv must be 2 folds or more; got {cv}")
    elif isinstance(cv, str | bytes) or is_number(cv) or not isinstance(cv, Iterable):
        raise InvalidInputError(f"cv must be a whole number, a splitter, or (train, test) pairs; got {cv!r}")
