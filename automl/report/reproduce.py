"""Section 7 of a report: all that another run needs to come to the same result."""

from __future__ import annotations

import ast
import inspect
import os
import platform
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from automl.ensemble.missing import REFIT, SLIM, is_retuned
from automl.execute.machine import available_cpus, available_memory
from automl.persistence.manifest import versions_for
from automl.persistence.requirements import model_libraries
from automl.persistence.state import parameter_names
from automl.refit.rows import find_rows
from automl.report.command import command_of
from automl.report.data import Parameter, Reproduce
from automl.report.model import ReportedModel
from automl.report.rows import LabeledTable, label_codes
from automl.report.words import clean
from automl.task.split_arguments import in_python
from automl.task.table_validation import check_table
from automl.trials.endings import REPEATABLE
from automl.trials.fingerprint import dataset_fingerprint

_LONGEST = 300  # characters of the value of a parameter


def make_reproduce_section(estimator: ReportedModel, train: LabeledTable | None) -> Reproduce:
    """Return the section about repeating the run."""
    signature = inspect.signature(type(estimator)).parameters
    values = {name: getattr(estimator, name) for name in parameter_names(estimator)}
    changed = {name: value for name, value in values.items() if not _same(value, signature[name].default)}
    if not changed.get("columns", True):  # the command line passes an empty dictionary
        del changed["columns"]
    # With the same run directory, a fit would go on with this run and not repeat it.
    repeated = {name: value for name, value in changed.items() if name != "store"}
    command, note = command_of(estimator, repeated)
    if hidden := [name for name, value in repeated.items() if name != "callbacks" and not _is_code(_in_code(value))]:
        note = f"{note} The code cannot show the value of {', '.join(hidden)}.".strip()
    seed = estimator.random_state
    reason = _why_another(estimator)
    has_seed = isinstance(seed, int | np.integer)
    is_repeatable = not _has_clock(estimator) and estimator.n_jobs == 1 and has_seed and not reason
    return Reproduce(
        parameters=tuple(Parameter(name, _short(value), name in changed) for name, value in values.items()),
        seed=_short(seed),
        is_repeatable=is_repeatable,
        reason=reason,
        n_folds=int(estimator.n_splits_),
        fold_rows=_fold_words(estimator),
        versions=tuple(versions_for(sorted(model_libraries(estimator))).items()),
        machine=_machine(),
        fingerprint=_fingerprint(estimator, train),
        python=_python(estimator, repeated),
        command=command,
        command_note=note,
    )


def _why_another(estimator: ReportedModel) -> str:
    """Return why a new fit with the same parameters gives another model, whatever they are; empty without a reason."""
    if is_retuned(estimator):
        return "The model comes from retune, but the code starts the search of a new fit."
    if vars(estimator).get("_changed_by") == REFIT:
        return "The model comes from refit, but the code starts the search of a new fit."
    if vars(estimator).get("_changed_by") == SLIM:
        return "slim or choose has made the ensemble smaller, but the code gives the larger one."
    if vars(estimator).get("_has_earlier_sessions") and _may_be_longer(estimator):
        return (
            "The model comes from several sessions of its search, because of more or of another fit with the same "
            "store, but the code starts a new search with the budget of the parameters."
        )
    if estimator.stop_reason_ not in REPEATABLE:
        return f"The code starts a search that runs to its end, but this one did not: {clean(estimator.stop_reason_)}."
    return ""


def _has_clock(estimator: ReportedModel) -> bool:
    return estimator.time_budget is not None or estimator.max_processor_seconds is not None


def _may_be_longer(estimator: ReportedModel) -> bool:
    """Return whether all sessions together may have tried more than one fit with the same parameters."""
    most = estimator.max_trials
    return _has_clock(estimator) or most is None or bool(estimator.history_.n_run > most)


def _same(value: Any, default: Any) -> bool:
    try:
        return bool(value is default or (type(value) is type(default) and value == default))
    except (ValueError, TypeError):  # arrays have no single truth value
        return False


def _short(value: Any) -> str:
    """Return the start of the representation of a parameter, for a table."""
    return clean(_in_code(value), _LONGEST)


def _in_code(value: Any) -> str:
    """Return the whole representation of a parameter in one line; the object may be the user's own."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)  # a text needs no import
    elif isinstance(value, np.integer | np.floating):
        value = value.item()
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  the object may be the user's code
        text = type(value).__name__
    # Texts hold no line break and no control character in their representation, but objects of the user may.
    line = re.sub(r"\s*[\r\n]+\s*", " ", text)
    return "".join(c for c in line if c.isprintable())


def _is_code(text: str) -> bool:
    """Return whether a representation is an expression of Python without "...", which stands for what it leaves out."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return not any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(tree))


def _fold_words(estimator: ReportedModel) -> str:
    rows = find_rows(estimator)
    if rows is None or not rows.train_shares:
        return ""
    low, high = min(rows.train_shares), max(rows.train_shares)
    share = f"{100 * low:.0f}" if high - low < 0.005 else f"{100 * low:.0f} to {100 * high:.0f}"
    return f"each trains on {share} % of the rows"


def _machine() -> tuple[tuple[str, str], ...]:
    """Return the machine on which the report is made."""
    return (
        ("system", f"{platform.system()} {platform.release()}"),
        ("processor", platform.machine()),
        ("cores", str(available_cpus())),
        ("free memory", f"{available_memory() / 1024:.1f} GiB"),
    )


def _fingerprint(estimator: ReportedModel, train: LabeledTable | None) -> str | None:
    """Return the fingerprint of the training rows as the models see them; None where they are not known."""
    rows = find_rows(estimator)
    if rows is not None:
        return dataset_fingerprint(rows.X, rows.y)
    if train is None:
        return None
    if estimator._ensemble.targets is not None:
        return None
    labels = pd.Series(np.asarray(train.y).ravel())
    if labels.isna().any():
        return None
    table = estimator._reader.transform(check_table(train.X))
    return dataset_fingerprint(table, label_codes(estimator, labels, "train"))


def _python(estimator: ReportedModel, changed: Mapping[str, Any]) -> str:
    """Return the lines of Python that start the same search."""
    arguments = ", ".join(f"{name}={_in_code(value)}" for name, value in changed.items() if name != "callbacks")
    name = type(estimator).__name__
    split = in_python(vars(estimator).get("_split_arguments", {}))
    return f"from automl import {name}\n\nestimator = {name}({arguments})\nestimator.fit(X, y{split})"
