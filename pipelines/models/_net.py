"""What the families of networks share: from searched values to an estimator, and where networks are worth trying."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from sklearn.base import BaseEstimator

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, outputs

if TYPE_CHECKING:
    from pipelines.nets.architectures import Architecture
    from pipelines.nets.fleet import Recipe

MAX_CELLS = 50_000_000  # networks work on a dense table
FEW_ROWS = 1_500
MEMBERS = 2  # on small tables a single network and its few validation rows are a gamble
_TORCH = 40.0  # MiB that the library takes when it first computes
_PER_ROW = 2 / 1024  # MiB of what the layers hold of a row, give or take a factor of two on 6,000 to 48,000 rows
_SIZES = ((1_024, 64), (8_192, 128), (30_000, 256), (100_000, 512), (np.inf, 1_024))


def net_component(
    name: str,
    make: Callable[[Mapping[str, Any], FitContext], BaseEstimator],
    space: Callable[[TableTraits], ConfigurationSpace],
    seconds: Callable[[Mapping[str, Any], TableTraits], float],
) -> Component:
    """A family of networks: all of them take and do the same."""
    return Component(
        name=name,
        make=make,
        space=space,
        applies=applies,
        accepts_categories=True,
        accepts_sparse=True,
        accepts_weights=True,
        interruptible=True,
        fit_together=fit_together,
        fleet_varies=("learning_rate", "weight_decay", "dropout", "label_smoothing"),
        uses_device=True,
        imports=("torch", "pipelines.nets.architectures", "pipelines.nets.fleet"),
        seconds=seconds,
        memory=memory,
    )


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return _TORCH + _PER_ROW * traits.n_rows


def batch_size(n_rows: int) -> int:
    """Rows a step: more of them on longer tables, as in pytabkit's RealMLP."""
    return next(size for most, size in _SIZES if n_rows <= most)


def members(traits: TableTraits) -> int:
    """Networks that one fit trains and averages."""
    return MEMBERS if traits.n_rows <= FEW_ROWS else 1


def applies(traits: TableTraits) -> bool:
    """Whether the table fits into memory as the network sees it."""
    return traits.n_rows * encoded_width(traits) <= MAX_CELLS


def make_net(
    architecture: Architecture, recipe: Recipe, params: Mapping[str, Any], context: FitContext
) -> BaseEstimator:
    """An estimator for the task of the context."""
    from pipelines.nets.estimator import NetClassifier, NetRegressor, NetSettings

    traits = context.traits
    settings = NetSettings(
        architecture,
        recipe,
        members=members(traits),
        one_hot=int(params.get("max_one_hot", 9)),
        cardinalities=traits.cardinalities if params.get("native_categories") else (),
        time_limit=context.time_limit,
        random_state=context.random_state,
        n_threads=context.n_threads,
        device=context.device,
    )
    return NetClassifier(settings) if traits.is_classification else NetRegressor(settings)


def fit_together(
    nets: Sequence[Any],
    tables: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    contenders: Sequence[int] | None = None,
) -> None:
    """Fit estimators that `make_net` made in one fleet."""
    from pipelines.nets.estimator import fit_together

    fit_together(nets, tables, targets, weights, contenders)


def training_seconds(traits: TableTraits, epochs: float, weights: float, rows_factor: float = 1.0) -> float:
    """Seconds for passes over the rows with a network of so many weights, at one thread.

    Six operations a weight and row, of which a core does some 10^10.5 a second in batches of a hundred rows, and half
    a millisecond a step for everything that does not depend on them.
    """
    size = batch_size(traits.n_rows)
    steps = epochs * max(1, round(traits.n_rows / size))
    return 0.05 + members(traits) * steps * (5e-4 + size * rows_factor * weights * 6 / 3e10)


def first_width(traits: TableTraits, per_number: int = 1) -> int:
    """Inputs of the first layer, roughly."""
    return per_number * max(1, traits.n_features - len(traits.categorical)) + encoded_width(traits)


def n_outputs(traits: TableTraits) -> int:
    return max(2, outputs(traits)) if traits.is_classification else 1
