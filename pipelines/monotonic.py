"""Monotonic columns: predictions that never fall, or never rise, while the value of a column rises.

`TableTraits.monotonic` holds 1, -1 or 0 for each column of the table. All steps before the model keep the order of the
values of a number, and the numbers are the last columns that the model gets: only components with
`Component.keeps_order` are in the space, and some hyperparameters have one value (`FIXED`). A model with
`Component.accepts_monotonic` gets the parameter ``monotonic``: the constraints of its last columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.component import Component, TableTraits

FIXED: Mapping[str, Any] = {
    "model:lightgbm:linear_tree": False,  # linear models in the leaves have no constraints
    "model:catboost:grow_policy": "SymmetricTree",  # the library has constraints for these trees only
    # Indicators of missing cells would follow the numbers.
    **{f"imputation:{name}:add_indicator": False for name in ("median", "mean", "most_frequent", "constant")},
}


def allows_monotonic(step: str, component: Component) -> bool:
    """Return whether a pipeline with the component can have monotonic columns."""
    return component.accepts_monotonic if step == "model" else component.keeps_order


def trailing_constraints(traits: TableTraits) -> tuple[int, ...]:
    """Return the constraints of the last columns that a model gets, which are the numbers of the table."""
    return tuple(traits.monotonic[i] for i in traits.numeric) if traits.monotonic else ()


def all_constraints(trailing: Sequence[int], n_columns: int) -> list[int]:
    """Return the constraints of all columns of a model.

    Examples
    --------
    >>> all_constraints((1, 0), 4)
    [0, 0, 1, 0]
    """
    return [0] * (n_columns - len(trailing)) + [int(one) for one in trailing]


class TrailingMonotonic:
    """Base class that comes before a tree or forest of scikit-learn: its constraints are those of its last columns.

    The number of all columns is known only when the steps before the model are fitted.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit with the constraints of all columns."""
        trailing = self.monotonic_cst  # type: ignore[has-type]
        self.monotonic_cst = all_constraints(trailing, X.shape[1])
        try:
            super().fit(X, y, sample_weight=sample_weight)  # type: ignore[misc]
        finally:
            self.monotonic_cst = trailing
        return self


def tree_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of a tree or forest of scikit-learn, in which ``monotonic`` has the name of the library."""
    out = {name: value for name, value in params.items() if name != "monotonic"}
    return {**out, "monotonic_cst": params["monotonic"]} if params.get("monotonic") else out
