"""A residual network, for longer tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import ConfigurationSpace, Float, Integer
from sklearn.base import BaseEstimator

from pipelines.component import FitContext, TableTraits
from pipelines.models._net import (
    affordable_epochs,
    batch_size,
    first_layer_inputs,
    make_net,
    n_outputs,
    net_component,
    training_seconds,
)
from pipelines.nets.architectures import ResNet
from pipelines.nets.fleet import TrainingConfig

EPOCHS = 60
PATIENCE = 12


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    architecture = ResNet(width=params["width"], depth=params["depth"], expansion=params["expansion"])
    config = TrainingConfig(
        learning_rate=params["learning_rate"],
        weight_decay=params["weight_decay"],
        dropout=params["dropout"],
        schedule="flat_cos",
        epochs=affordable_epochs(EPOCHS, seconds(params, context.traits), context),
        batch_size=batch_size(context.traits.n_rows),
        patience=PATIENCE,
        max_gradient_norm=1.0,
        betas=(0.9, 0.999),
    )
    return make_net(architecture, config, params, context)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(
        Float("learning_rate", (1e-4, 1e-2), log=True, default=1e-3),
        Float("weight_decay", (1e-6, 1e-2), log=True, default=1e-4),
        Integer("max_one_hot", (2, 100), log=True, default=9),
        Float("dropout", (0.0, 0.5), default=0.2),
        Integer("width", (64, 512), log=True, default=192),
        Integer("depth", (1, 6), default=3),
        Float("expansion", (1.0, 4.0), default=2.0),
    )
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    width = int(params.get("width", 192))
    block = 2 * float(params.get("expansion", 2.0)) * width
    weights = width * (first_layer_inputs(traits) + int(params.get("depth", 3)) * block + n_outputs(traits))
    return training_seconds(traits, 0.6 * EPOCHS, weights)


COMPONENT = net_component("resnet", make, space, seconds, predict_milliseconds=(0.72, 14.8))

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {"model": "resnet", "encoding": "native", "imputation": "median", "scaling": "quantile"},
)
