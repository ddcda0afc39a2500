"""The command `automl fit` that starts the search of an estimator again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import sklearn.model_selection

from automl.guard import Guard
from automl.report.model import ReportedModel
from automl.task.split_arguments import SPLITTERS, on_command_line
from pipelines.catalog import component_names

_LISTS = (list, tuple, set, frozenset)
_SCALARS = (str, int, float, np.integer, np.floating, np.bool_)

# It returns the words of an option for a value; None if the command line cannot give the parameter this value.
Writer = Callable[[str, Any], list[str] | None]


def command_of(estimator: ReportedModel, changed: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the command that starts the same search, or None and the reason why there is none.

    Parameters
    ----------
    changed : mapping
        The parameters that differ from their defaults. Callbacks are left out of the command.
    """
    words = ["automl", "fit", "TABLE"]
    layout, target = estimator._ensemble.targets, estimator._target_name
    for name in (target,) if layout is None else layout.names:
        words += ["--target", "COLUMN" if name is None else str(name)]
    # Without it, the command line guesses the task from the values of the target.
    words += ["--task", "classification" if estimator._is_classifier else "regression"]
    ordered = _ordered_classes(estimator)
    if ordered is None:
        return None, "The command line has no option for the names of these ordered classes; use Python."
    words += ordered
    words += on_command_line(vars(estimator).get("_split_arguments", {}))
    for name, value in _given(estimator, changed).items():
        found = OPTIONS[name](_option(name), value) if name in OPTIONS else None
        if found is None:
            shown = f"{name}=None" if value is None else f"this value of {name}"
            return None, f"The command line has no option for {shown}; use Python."
        words += found
    return _in_one_line(words)


def _given(estimator: ReportedModel, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that the command must give, because the command line has another default."""
    given = {name: value for name, value in changed.items() if name != "callbacks"}
    if estimator.max_processor_seconds is not None:  # the command line then has no time budget by default
        given["time_budget"] = estimator.time_budget
        if estimator.time_budget is None:
            del given["time_budget"]
    return given


def _ordered_classes(estimator: Any) -> list[str] | None:
    """Return the words for the order of the classes, which a file does not keep; None if no option can give it."""
    ranks = estimator._metric.ranks
    if not ranks:
        return []
    return _names("--ordered-classes", [str(label) for label in estimator.classes_[np.argsort(ranks)].tolist()])


def _option(name: str) -> str:
    return "--seed" if name == "random_state" else f"--{name.replace('_', '-')}"


def _in_one_line(words: list[str]) -> tuple[str | None, str]:
    """Return the command of these words, or None and the reason why there is none."""
    for word in words:
        if not word.isprintable():
            return None, f"A command in one line cannot show {word!r}; use Python."
    return " ".join(shlex.quote(word) for word in words), ""


def _text(option: str, value: Any) -> list[str] | None:
    return [option, str(value)] if isinstance(value, _SCALARS) else None


def _whole_number(option: str, value: Any) -> list[str] | None:
    """Return the words for a number that may be True or False."""
    return [option, str(int(value))]


def _flag(option: str, value: Any) -> list[str] | None:
    return [option] if value else []


def _names(option: str, value: Any) -> list[str] | None:
    """Return the words for names, which commas separate; None stands for no name."""
    if value is None or isinstance(value, str):
        return [] if value is None else [option, value]
    if not isinstance(value, _LISTS) or not all(map(_is_name, value)):
        return None
    return [option, ",".join(value)] if value else []


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value == value.strip() != "" and "," not in value


def _components(option: str, value: Any) -> list[str] | None:
    """Return the words for names of components, also for lists of them by step."""
    return _names(option, component_names(value))


def _numbers(option: str, value: Any) -> list[str] | None:
    return [option, ",".join(map(str, value))] if isinstance(value, Iterable) else None


def _folds(option: str, value: Any) -> list[str] | None:
    """Return the words for a number of folds, or for a splitter with no other settings than that number."""
    kind = next((name for name in SPLITTERS if type(value) is getattr(sklearn.model_selection, name)), None)
    if kind is None:
        return _text(option, value)
    plain = type(value)(value.n_splits)
    return [option, f"{kind}:{value.n_splits}"] if repr(plain) == repr(value) else None


def _guard(option: str, value: Any) -> list[str] | None:
    if not isinstance(value, Guard):
        return _text(option, value)
    return [option, str(value.share), *(["--guard-stop"] if value.stop else [])]


def _pairs(option: str, value: Any, text: Callable[[Any], str | None] = str) -> list[str] | None:
    """Return the words ``option NAME=VALUE`` for each entry of a mapping."""
    if not isinstance(value, Mapping):
        return None
    words = []
    for name, entry in value.items():
        shown = text(entry)
        if not isinstance(name, str) or not name or name != name.strip() or "=" in name or shown is None:
            return None
        words += [option, f"{name}={shown}"]
    return words


def _change(value: Any) -> str | None:
    """Return the change of a hyperparameter as the command line takes it: numbers and names, or else JSON."""
    if isinstance(value, Mapping):
        prior = value.get("prior")
        has_texts = not isinstance(prior, Mapping) or all(isinstance(choice, str) for choice in prior)
        return _json(value) if has_texts else None  # the keys of JSON are texts
    values = list(value) if isinstance(value, _LISTS) else [value]
    is_plain = all(isinstance(each, _SCALARS) and not _is_read_otherwise(each) for each in values)
    if is_plain and (len(values) > 1 or not isinstance(value, _LISTS)):
        return ",".join(map(str, values))
    return _json(values)


def _is_read_otherwise(value: Any) -> bool:
    """Return whether the command line may read a text as several values, or as a value of another type."""
    if not isinstance(value, str):
        return False
    return not value.isidentifier() or value.lower() in ("true", "false", "nan", "inf", "infinity")


def _json(value: Any) -> str | None:
    try:
        return json.dumps(value, default=lambda each: each.item() if isinstance(each, np.generic) else list(each))
    except TypeError:
        return None


OPTIONS: Mapping[str, Writer] = {
    "time_budget": _text,
    "max_trials": _text,
    "max_processor_seconds": _text,
    "scoring": _names,
    "quantiles": _numbers,
    "objectives": _names,
    "positive_label": _text,
    "cv": _folds,
    "n_jobs": _text,
    "memory_limit": _text,
    "trial_time_limit": _text,
    "device": _text,
    "include": _components,
    "exclude": _components,
    "space": partial(_pairs, text=_change),
    "components": _names,
    "initial_configurations": _text,
    "without": _names,
    "searcher": _text,
    "ensemble_size": _text,
    "max_predict_milliseconds": _text,
    "max_model_megabytes": _text,
    "executor": _text,
    "energy": _text,
    "guard": _guard,
    "columns": _pairs,
    "monotonic": _pairs,
    "noisy_labels": _flag,
    "random_state": _text,
    "verbose": _whole_number,
}
