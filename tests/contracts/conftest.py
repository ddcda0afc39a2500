"""Which tests of the contracts take too long for the default run."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

_SLOW = ("tabm", "resnet")  # RealMLP stands for the networks in the default run
# Two classes are the case between numbers and several classes, and extra trees share the code of random forests. In the
# default run, each of these families learns all task types with its defaults, and the other rules see fewer cases.
_LONG = (
    *("catboost", "xgboost", "lightgbm", "hist_gradient_boosting"),
    *("random_forest", "extra_trees", "realmlp", "gaussian_process"),
)
_ALL_TASKS = "test_default_learns_is_repeatable_can_be_pickled_and_stored_and_prints_nothing"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the trainings of most networks, and repeated cases of families that train long, as slow."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            name = getattr(item.callspec.params.get("component"), "name", None)
            if name in _SLOW or (item.originalname != _ALL_TASKS and _is_repeated(name, item.callspec.params)):
                item.add_marker(pytest.mark.slow)


def _is_repeated(name: str | None, params: Mapping[str, object]) -> bool:
    return "task" in params and (name == "extra_trees" or (name in _LONG and params["task"] == "binary"))
