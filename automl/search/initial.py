"""The initial design: a hand-made portfolio of tuned configurations, strong and cheap ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ConfigSpace import ConfigurationSpace

from automl.budget import Budget
from automl.errors import InvalidInputError
from automl.runtime import RuntimeModel
from pipelines.configuration import Configuration
from pipelines.models import MODELS, PORTFOLIO
from pipelines.space import complete, describe

# Families in the order in which they help an ensemble most per second on tables of a few thousand rows.
_ORDER = (
    "lightgbm",
    "logistic_regression",
    "ridge",
    "extra_trees",
    "catboost",
    "realmlp",
    "kernel_svm",
    "xgboost",
    "tabm",
    "gaussian_process",
    "random_forest",
    "hist_gradient_boosting",
    "k_nearest_neighbors",
    "lda",
    "qda",
    "elastic_net",
)
_DEAREST = 0.2  # share of the budget that one fold of a model without a clock of its own may take


def default_portfolio(space: ConfigurationSpace, runtime: RuntimeModel, budget: Budget) -> list[Configuration]:
    """Configurations to begin with, those first that are likely to help most per second.

    The first entry of each family comes before the second of any. What would take more than a fifth of the budget for
    one fold and cannot stop by itself is left out.
    """
    seconds = budget.search_left
    interruptible = {component.name for component in MODELS if component.interruptible}
    rounds: dict[str, int] = {}
    keyed = []
    for entry in PORTFOLIO:
        configuration = complete(space, entry)
        if configuration is None:
            continue
        family = configuration.family
        turn = rounds[family] = rounds.get(family, -1) + 1
        share = runtime.guess(configuration) / seconds
        if family in interruptible:
            share = 0.0  # stopped in time, whatever it would take
        elif share > _DEAREST:
            continue
        place = _ORDER.index(family) if family in _ORDER else len(_ORDER)
        keyed.append(((turn, place), configuration))
    keyed.sort(key=lambda pair: pair[0])
    return list(dict.fromkeys(configuration for _, configuration in keyed))


def from_user(space: ConfigurationSpace, entries: Sequence[Mapping[str, Any]]) -> list[Configuration]:
    """The user's own configurations, their missing hyperparameters filled with defaults.

    Raises
    ------
    InvalidInputError
        If an entry names no model, or one that is not in the space.
    """
    found = []
    for number, entry in enumerate(entries):
        configuration = complete(space, entry) if "model" in entry else None
        if configuration is None:
            named = entry.get("model", "no model")
            raise InvalidInputError(
                f"initial_configurations[{number}] names {named}; it needs a 'model' that the space holds: "
                f"{', '.join(describe(space)['families'])}"
            )
        found.append(configuration)
    return found
