"""Common parts of the network families: the component, the estimator, guesses of seconds and memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float
from ConfigSpace.hyperparameters import Hyperparameter
from sklearn.base import BaseEstimator

from pipelines.component import Component, FitContext, TableTraits
from pipelines.losses import LOG_LINK, PINBALL, SQUARED_ERROR
from pipelines.models._cost import encoded_width, outputs
from pipelines.nets.architectures import Architecture
from pipelines.nets.estimator import (
    JointNetClassifier,
    JointNetRegressor,
    NetClassifier,
    NetRegressor,
    NetSettings,
    QuantileNetRegressor,
    fit_together,
)
from pipelines.nets.fleet import TrainingConfig
from pipelines.nets.ordered import OrderedNetClassifier
from pipelines.ordered_codes import STEPWISE

MAX_CELLS = 50_000_000  # networks work on a dense table
MAX_WIDTH = 5_000  # encoded columns
FEW_ROWS = 1_500
NETWORKS_ON_FEW_ROWS = 2  # on few rows the result of one network depends too much on its few validation rows
_SECONDS_WITHOUT_LIMIT = 0.75  # of a fit on few rows that has no time limit; more rows get more seconds
_FEWEST_EPOCHS = 20
_TORCH_MEMORY = 40.0  # MiB that torch takes at its first computation
_MEMORY_PER_ROW = 2 / 1024  # MiB of the layers for one row, right within a factor of two on 6,000 to 48,000 rows
# Largest number of rows of a table, and the batch size up to it.
_BATCH_SIZES = ((1_024, 64), (8_192, 128), (30_000, 256), (100_000, 512), (np.inf, 1_024))


def net_component(
    name: str,
    make: Callable[[Mapping[str, Any], FitContext], BaseEstimator],
    space: Callable[[TableTraits], ConfigurationSpace],
    seconds: Callable[[Mapping[str, Any], TableTraits], float],
    predict_milliseconds: tuple[float, float],
) -> Component:
    """Return the component of a network family; all families accept the same tables and train in fleets."""

    def whole_space(traits: TableTraits) -> ConfigurationSpace:
        found = space(traits)
        if traits.is_classification and traits.noisy_labels:
            found.add(*(one for one in against_noise() if one.name not in found))
        return found

    return Component(
        name=name,
        make=make,
        space=whole_space,
        predict_milliseconds=predict_milliseconds,
        applies=applies,
        accepts_categories=True,
        accepts_sparse=True,
        accepts_weights=True,
        accepts_targets=True,
        accepts_quantiles=True,
        orderings=(STEPWISE,),
        interruptible=True,
        continues=True,
        limit_factor=2.5,
        max_overtime=25.0,
        fit_together=fit_together,
        losses=("absolute_error", "huber", *LOG_LINK),
        fleet_varies=("learning_rate", "weight_decay", "dropout", "label_smoothing"),
        uses_device=True,
        imports=("torch", "pipelines.nets.training"),
        prediction_imports=(),
        seconds=seconds,
        memory=memory,
    )


def against_noise() -> list[Hyperparameter[Any, Any]]:
    """Return the hyperparameters that are worth a try where labels are wrong."""
    return [
        Float("label_smoothing", (0.0, 0.2), default=0.0),
        Categorical("loss_power", [0.0, 0.3, 0.7], default=0.0),
        Categorical("forgotten_share", [0.0, 0.1, 0.2, 0.4], default=0.0),
    ]


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    """Return a guess of the MiB of one fit."""
    return _TORCH_MEMORY + _MEMORY_PER_ROW * traits.n_rows


def affordable_epochs(epochs: int, guessed_seconds: float, context: FitContext) -> int:
    """Return the largest number of epochs: fewer for a fit without a time limit that would take long.

    The number follows from the guess of the seconds and not from the clock, so that the fit is repeatable.
    """
    if context.time_limit is not None:
        return epochs
    seconds = _SECONDS_WITHOUT_LIMIT * max(1.0, context.traits.n_rows / FEW_ROWS)
    return round(min(epochs, max(_FEWEST_EPOCHS, epochs * seconds / guessed_seconds)))


def batch_size(n_rows: int) -> int:
    """Return the rows of one training step: more on longer tables, as in pytabkit's RealMLP."""
    return next(size for most, size in _BATCH_SIZES if n_rows <= most)


def n_networks(traits: TableTraits) -> int:
    """Return the number of networks that one fit trains and averages."""
    return NETWORKS_ON_FEW_ROWS if traits.n_rows <= FEW_ROWS else 1


def applies(traits: TableTraits) -> bool:
    """Return whether the encoded table fits into memory, and whether its first layer can be trained in minutes."""
    width = encoded_width(traits)
    return width <= MAX_WIDTH and traits.n_rows * width <= MAX_CELLS


def make_net(
    architecture: Architecture, config: TrainingConfig, params: Mapping[str, Any], context: FitContext
) -> BaseEstimator:
    """Return the unfitted estimator for the task of the context."""
    traits = context.traits
    loss = PINBALL if traits.quantiles else str(params.get("loss", SQUARED_ERROR))
    settings = NetSettings(
        architecture,
        replace(
            config,
            loss=loss,
            quantiles=traits.quantiles,
            label_smoothing=float(params.get("label_smoothing", 0.0)),
            loss_power=float(params.get("loss_power", 0.0)),
            forgotten_share=float(params.get("forgotten_share", 0.0)),
        ),
        n_networks=n_networks(traits),
        max_one_hot=int(params.get("max_one_hot", 9)),
        cardinalities=traits.cardinalities if params.get("native_categories") else (),
        time_limit=context.time_limit,
        random_state=context.random_state,
        n_threads=context.n_threads,
        device=context.device,
        part=context.part,
    )
    if traits.quantiles:
        return QuantileNetRegressor(settings)
    if traits.targets is not None:
        return JointNetClassifier(settings) if traits.is_classification else JointNetRegressor(settings)
    if params.get("ordering") == STEPWISE:
        return OrderedNetClassifier(settings, traits.ranks)
    return NetClassifier(settings) if traits.is_classification else NetRegressor(settings)


def training_seconds(traits: TableTraits, epochs: float, weights: float, rows_factor: float = 1.0) -> float:
    """Return a guess of the seconds, at one thread, of some epochs with a network of this number of weights.

    Each weight and row takes six operations, of which a core does about 10^10.5 in a second in batches of a hundred
    rows. Each step takes half a millisecond for operations that do not depend on weights and rows.
    """
    size = batch_size(traits.n_rows)
    steps = epochs * max(1, round(traits.n_rows / size))
    return 0.05 + n_networks(traits) * steps * (5e-4 + size * rows_factor * weights * 6 / 3e10)


def first_layer_inputs(traits: TableTraits, per_number: int = 1) -> int:
    """Return about how many inputs the first layer has."""
    return per_number * max(1, traits.n_features - len(traits.categorical)) + encoded_width(traits)


def n_outputs(traits: TableTraits) -> int:
    """Return the number of outputs of a network: one for each class or quantile, or one for a mean."""
    return max(2, outputs(traits)) if traits.is_classification else outputs(traits)
