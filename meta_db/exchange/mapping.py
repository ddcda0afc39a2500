"""OpenML's setups as configurations of our space, where they have a counterpart there.

Hyperparameters keep their names and values. Where ours decide something themselves, theirs count as the same if they
are enough of it: trees of a forest (ours are fixed), rounds of boosting (ours stop early), iterations of a solver.
Penalties below our least count as our least, and trees of unlimited depth as our deepest. All else that differs from
the library's default and is not in our space, and every value outside our ranges, is a reason not to map.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ConfigSpace import ConfigurationSpace

from meta_db.exchange.flows import NotMappedError, Parameters, parse_flow
from meta_db.exchange.models import MODELS
from meta_db.exchange.rules import SetupReader
from meta_db.exchange.steps import STEPS
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

_IN_UNITS_OF_THE_TARGET = ("SVR", "LinearSVR", "SGDRegressor", "ElasticNet", "Lasso")
# What a flow that has no such step does: scikit-learn's categories are codes then.
_NO_STEPS: Mapping[str, str] = {
    "imputation": "none",
    "encoding": "ordinal",
    "scaling": "none",
    "generation": "none",
    "selection": "none",
    "balancing": "none",
    "calibration": "none",
}


def map_setup(flow_name: str, parameters: Parameters, traits: TableTraits) -> Configuration:
    """The configuration of our space that does what a setup does.

    Parameters
    ----------
    flow_name : str
        As OpenML has it, for example ``sklearn.ensemble.forest.RandomForestClassifier(33)``.
    parameters : mapping of str to mapping of str to object
        By the name of the class, then by the name of the parameter.
    traits : TableTraits
        Of the table: what "sqrt" means, or whether an encoder has anything to do, depends on it.

    Raises
    ------
    NotMappedError
        If there is none; the message is the reason.
    """
    wishes: dict[str, Any] = dict(_NO_STEPS)
    taken: set[str] = set()
    for step in parse_flow(flow_name).leaves():
        rule = MODELS.get(step.short) or STEPS.get(step.short)
        if step.short in _IN_UNITS_OF_THE_TARGET:
            raise NotMappedError(f"{step.short} has penalties in units of the target, ours standardize it")
        if rule is None:
            raise NotMappedError(f"{step.short} is not in our space")
        setup = SetupReader(step.short, parameters.get(step.class_name, {}), traits, wishes)
        found = rule.read(setup)
        setup.check_rest(rule)
        twice = taken & found.keys()
        if twice:
            raise NotMappedError(f"two steps of the flow are our one step {min(twice).split(':')[0]}")
        taken |= found.keys()
        wishes |= found
    if "model" not in wishes:
        raise NotMappedError("the flow has no model of our space")
    return _check(wishes, traits)


@lru_cache(maxsize=8)
def _space(traits: TableTraits) -> ConfigurationSpace:
    """Made once for the many setups of a table."""
    return build_space(traits)


def _check(wishes: Mapping[str, Any], traits: TableTraits) -> Configuration:
    """The whole configuration, if our space holds all that is wished for."""
    space = _space(traits)
    found = complete(space, wishes)
    if found is None:
        raise NotMappedError(f"{wishes['model']} does not suit the table in our space")
    for name, wish in wishes.items():
        step = name.split(":")[0]
        if step not in space:
            continue  # the table leaves the step nothing to do
        if name not in found:
            raise NotMappedError(f"{name} is not in our space together with the rest")
        if not _same(found[name], wish):
            where = "goes together with the rest" if name == step else "is within our range"
            raise NotMappedError(f"no value of {name} in our space that {where}")
    return found


def _same(ours: Any, theirs: Any) -> bool:
    """Whether a value is kept by the space, which stores numbers on a scale of its own."""
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-12)
    return bool(ours == theirs)
