"""The parameters and the attributes of a fitted estimator, as `save` writes them and `load` reads them."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from automl.ensemble.attribute_rules import Saved, names_saved
from automl.ensemble.fitted_model import FittedModel
from automl.task.metrics import Metric
from automl.task.own_objects import pack, unpack

_PLAIN = (type(None), bool, int, float, str)


def parameter_names(estimator: FittedModel) -> list[str]:
    """Return the names of the constructor's parameters."""
    return list(estimator.get_params(deep=False))


def pack_parameters(estimator: FittedModel) -> dict[str, Any]:
    """Return the parameters as plain values and packed objects.

    Callbacks are left out: they serve during a fit, and they often hold objects such as locks and files.
    """
    values = {name: getattr(estimator, name) for name in parameter_names(estimator)}
    if "callbacks" in values:
        values["callbacks"] = ()
    return {
        name: {"value": value} if type(value) in _PLAIN else {"packed": pack(name, value)}
        for name, value in values.items()
    }


def unpack_parameters(saved: Mapping[str, Any], kind: type, trusted: Collection[str]) -> dict[str, Any]:
    """Return the parameters without names that this version does not know; new parameters have their defaults."""
    known = inspect.signature(kind).parameters
    values = {name: parameter.default for name, parameter in known.items()}
    for name, value in saved.items():
        if name in values:
            values[name] = unpack(value["packed"], trusted) if "packed" in value else value["value"]
    return values


def split_attributes(estimator: FittedModel) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes that predictions need, and the others; parameters are in neither.

    The others are all that the table of attributes does not list elsewhere: a subclass of the user may have its own.
    """
    left_out = names_saved(Saved.APART).union(parameter_names(estimator))
    held = {name: value for name, value in vars(estimator).items() if name not in left_out}
    prediction = {name: held.pop(name) for name in names_saved(Saved.FOR_PREDICTION) & held.keys()}
    return prediction, held


def needs_rows(name: str, value: Any) -> bool:
    """Return whether an attribute holds rows of the training table, or serves only together with these rows."""
    if name == "_fold_bags":
        return value is not None
    metric = getattr(value, "metric", None)
    return isinstance(metric, Metric) and metric.table is not None


def scorers_of(attributes: Mapping[str, Any]) -> dict[int, Any]:
    """Return the scorers in the attributes by their ids: they may be the user's own, so each is packed by itself."""
    found = {}
    for value in attributes.values():
        metric = getattr(value, "metric", value)
        scorer = metric.scorer if isinstance(metric, Metric) else None
        if scorer is not None:
            found[id(scorer)] = scorer
    if "scorer_" in attributes:
        found[id(attributes["scorer_"])] = attributes["scorer_"]
    return found
