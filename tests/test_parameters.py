"""The parameters of the estimators, in all places that list them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from automl import AutoMLClassifier, AutoMLRegressor
from automl.arguments import check_arguments
from automl.base import BaseAutoML
from automl.cli.fit import fit as fit_command
from automl.errors import InvalidInputError
from automl.jobs.schema import batch_schema
from automl.jobs.spec import SET_BY_JOBS
from automl.report.command import OPTIONS
from automl.trials.stored_run import TASK_PARAMETERS

ROOT = Path(__file__).resolve().parents[1]
NAMES = {name for kind in (AutoMLClassifier, AutoMLRegressor) for name in kind().get_params(deep=False)}
# The method `more` may continue a search with other values of these; the task of the search is the same.
MAY_CHANGE = {
    "callbacks", "components", "device", "energy", "ensemble_size", "exclude", "executor", "include",
    "initial_configurations", "max_model_megabytes", "max_predict_milliseconds", "max_processor_seconds", "max_trials",
    "memory_limit", "n_jobs", "searcher", "space", "store", "time_budget", "trial_time_limit", "verbose", "without",
}  # fmt: skip


def names_with_a_type():
    """Return the parameters that the base class of both estimators or its bases declare for the type checker."""
    return {name for kind in BaseAutoML.__mro__ for name in vars(kind).get("__annotations__", {})} & NAMES


def names_of_page():
    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`.*?) \|", page, flags=re.MULTILINE)
    return [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]


def names_of_command():
    renamed = {"seed": "random_state"}
    return {renamed.get(name, name) for name in inspect.signature(fit_command).parameters} & NAMES


def names_of_schema():
    """Return the parameters that a setting of a batch may have, with a text and with a rule for its values."""
    properties = batch_schema()["definitions"]["setting"]["then"]["properties"]
    return {name for name, rule in properties.items() if rule["description"] and set(rule) > {"description"}} & NAMES


@pytest.mark.parametrize(
    ("listed", "left_out"),
    [
        (names_with_a_type, set()),
        (names_of_page, set()),
        (names_of_command, set()),
        (lambda: OPTIONS, {"store", "callbacks"}),
        (lambda: {*names_of_schema(), *SET_BY_JOBS}, set()),
        (lambda: TASK_PARAMETERS, MAY_CHANGE),
    ],
    ids=["annotations", "page", "command", "command of a report", "schema of jobs", "more"],
)
def test_all_parameters_are_listed_once(listed, left_out):
    assert sorted(listed()) == sorted(NAMES - left_out)


class Odd:
    """A value that no parameter can have, beside the label of a class."""


@pytest.mark.parametrize("name", sorted(NAMES - {"positive_label"}))
def test_a_value_of_a_wrong_type_is_an_error_before_the_search(name):
    kind = AutoMLRegressor if name in AutoMLRegressor().get_params(deep=False) else AutoMLClassifier
    with pytest.raises(InvalidInputError, match=name):
        check_arguments({**kind().get_params(deep=False), name: Odd()}, classification=kind is AutoMLClassifier)
