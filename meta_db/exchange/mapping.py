"""Maps OpenML's setups to configurations of our space, where they have a counterpart there.

Hyperparameters keep their names and values. Our models decide some values themselves: the trees of a forest (fixed),
the rounds of boosting (early stopping), the iterations of a solver. A setup with a large enough value counts as the
same. A penalty below our least one counts as our least one, and a tree of unlimited depth as our deepest. A
setup is not mapped if any other parameter differs from the library's default and is not in our space, or if a value is
outside of our ranges.
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
from meta_db.exchange.steps import STEPS as STEP_RULES
from pipelines.catalog import STEPS
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space, complete

_IN_UNITS_OF_THE_TARGET = ("SVR", "LinearSVR", "SGDRegressor", "ElasticNet", "Lasso")
# The steps of a flow that does not name them; without an encoder, scikit-learn's categories are codes.
_NO_STEPS: Mapping[str, str] = {
    "encoding": "ordinal",
    **{name: "none" for name, step in STEPS.items() if step.none_probability is not None},
}


def map_setup(flow_name: str, parameters: Parameters, traits: TableTraits) -> Configuration:
    """Return the configuration of our space that corresponds to a setup.

    Parameters
    ----------
    flow_name : str
        Name at OpenML, for example ``sklearn.ensemble.forest.RandomForestClassifier(33)``.
    parameters : mapping of str to mapping of str to object
        Values by the name of the class and the name of the parameter.
    traits : TableTraits
        Traits of the table: the meaning of "sqrt" and the need for an encoder depend on them.

    Raises
    ------
    NotMappedError
        If there is no such configuration; the message is the reason.
    """
    values: dict[str, Any] = dict(_NO_STEPS)
    taken: set[str] = set()
    for step in parse_flow(flow_name).leaves():
        rule = MODELS.get(step.short) or STEP_RULES.get(step.short)
        if step.short in _IN_UNITS_OF_THE_TARGET:
            raise NotMappedError(f"{step.short} has penalties in units of the target, ours standardize the target")
        if rule is None:
            raise NotMappedError(f"{step.short} is not in our space")
        setup = SetupReader(step.short, parameters.get(step.class_name, {}), traits, values)
        found = rule.read(setup)
        setup.check_rest(rule)
        twice = taken & found.keys()
        if twice:
            raise NotMappedError(f"two steps of the flow are our one step {min(twice).split(':')[0]}")
        taken |= found.keys()
        values |= found
    if "model" not in values:
        raise NotMappedError("the flow has no model of our space")
    return _check(values, traits)


@lru_cache(maxsize=8)
def _space(traits: TableTraits) -> ConfigurationSpace:
    """Return the space of a table; cached, because a table has many setups."""
    return build_space(traits)


def _check(values: Mapping[str, Any], traits: TableTraits) -> Configuration:
    """Return the complete configuration if our space holds all the values."""
    space = _space(traits)
    found = complete(space, values)
    if found is None:
        raise NotMappedError(f"{values['model']} does not apply to the table in our space")
    for name, value in values.items():
        step = name.split(":")[0]
        if step not in space:
            continue  # the step has nothing to do on this table
        if name not in found:
            raise NotMappedError(f"{name} is not in our space together with the rest")
        if not _same(found[name], value):
            where = "goes together with the rest" if name == step else "is within our range"
            raise NotMappedError(f"no value of {name} in our space that {where}")
    return found


def _same(ours: Any, theirs: Any) -> bool:
    """Return whether two values are equal up to rounding: the space stores numbers on a scale of its own."""
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-12)
    return bool(ours == theirs)
