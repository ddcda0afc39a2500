"""Which components of different steps go together."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

from pipelines.catalog import STEPS, get_component, steps_of_kind
from pipelines.component import Component
from pipelines.losses import LOG_LINK, SQUARED_ERROR
from pipelines.ordered_codes import NUMBERS, STEPWISE, THRESHOLDS
from pipelines.overrides import SpaceError
from pipelines.rich_tables import RICH_TABLES
from pipelines.steps.multi_output import JOINT

_LATER = steps_of_kind("model", "table")  # steps that get what the steps of columns return
# Components that pass on missing cells, category codes, weights or copies of rows: the step, the component, the field
# that must be True for the components of other steps, and these steps.
REQUIREMENTS = (
    ("imputation", "none", "accepts_missing", _LATER),
    ("encoding", "native", "accepts_categories", _LATER),
    ("balancing", "weights", "accepts_weights", ("model",)),
    ("balancing", "oversample", "accepts_copies", ("model", "ordering")),
)


def fits(step: str, name: str, picked: Mapping[str, str]) -> bool:
    """Return whether a component goes together with the components of other steps that are picked already."""
    return not any(conflict(step, name, *other) for other in picked.items())


def conflict(step: str, name: str, other: str, other_name: str) -> bool:
    """Return whether two components do not go together."""
    return _refuses(step, name, other, other_name) or _refuses(other, other_name, step, name)


def _refuses(step: str, name: str, source_step: str, source: str) -> bool:
    """Return whether a component does not accept what a component of another step passes on."""
    if (step, source_step) == ("model", "loss"):
        return not _can_train(get_component("model", name), source)
    if (step, source_step) == ("model", "ordering"):
        return not can_order(get_component("model", name), source)
    if (step, source_step) == ("target", "loss"):
        return name != "none" and source in LOG_LINK
    if (source_step, source) == ("multi_output", JOINT):
        return refuses_joint(step, name)
    for passing_step, passing, needed, later_steps in REQUIREMENTS:
        if (source_step, source) == (passing_step, passing) and step in later_steps:
            return not getattr(get_component(step, name), needed)
    return False


def refuses_joint(step: str, name: str) -> bool:
    """Return whether a component does not go with one model of all targets."""
    if step == "model":
        return not get_component("model", name).accepts_targets
    return STEPS[step].kind == "classifier" and name != "none"


def _can_train(model: Component, loss: str) -> bool:
    """Return whether a model can be trained with a loss."""
    needed = "absolute_error" if loss == "percentage_error" else loss  # with weighted rows
    return loss == SQUARED_ERROR or needed in model.losses


def can_order(model: Component, ordering: str) -> bool:
    """Return whether a model can be trained with an ordering: by itself, on two classes, or on numbers."""
    if ordering == NUMBERS:
        return model.applies(RICH_TABLES["regression"])
    if ordering == THRESHOLDS:  # networks answer the same questions together; neighbors would give the same shares
        return STEPWISE not in model.orderings and model.name != "k_nearest_neighbors"
    return ordering in ("none", *model.orderings)


def prune(offered: dict[str, list[Component]]) -> None:
    """Remove components that go with no component of some other step, until no such component is left."""
    for step, components in offered.items():
        if not components:
            raise SpaceError(f"include and exclude leave no component for {step}; name at least one, or none at all")
    shrinking = True
    while shrinking:
        shrinking = False
        for step, other in permutations(offered, 2):
            kept = [
                component
                for component in offered[step]
                if not all(conflict(step, component.name, other, rival.name) for rival in offered[other])
            ]
            if not kept:
                here, there = (", ".join(component.name for component in offered[name]) for name in (step, other))
                raise SpaceError(
                    f"include and exclude leave only {step} {here} and {other} {there}, which do not go together"
                )
            shrinking |= len(kept) < len(offered[step])
            offered[step] = kept
