"""TabM: an ensemble of networks that share almost all weights."""

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
from pipelines.nets.architectures import TabM
from pipelines.nets.fleet import TrainingConfig

EPOCHS = 100
PATIENCE = 16
N_MEMBERS = 16


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    architecture = TabM(width=params["width"], depth=params["depth"], n_members=N_MEMBERS, n_bins=params["n_bins"])
    config = TrainingConfig(
        learning_rate=params["learning_rate"],
        weight_decay=params["weight_decay"],
        dropout=params["dropout"],
        schedule="flat_cos",
        epochs=affordable_epochs(EPOCHS, seconds(params, context.traits), context),
        batch_size=batch_size(context.traits.n_rows),
        patience=PATIENCE,
        patience_growth=0.2,
        max_gradient_norm=1.0,
        betas=(0.9, 0.999),
    )
    return make_net(architecture, config, params, context)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(
        Float("learning_rate", (3e-4, 2e-2), log=True, default=6e-3),
        Float("weight_decay", (1e-5, 0.1), log=True, default=3e-4),
        Integer("max_one_hot", (2, 100), log=True, default=9),
        Float("dropout", (0.0, 0.5), default=0.1),
        Integer("width", (64, 512), log=True, default=128),
        Integer("depth", (1, 4), default=2),
        Integer("n_bins", (2, 64), log=True, default=16),
    )
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    width = int(params.get("width", 128))
    first = first_layer_inputs(traits, 8)
    weights = width * (first + (int(params.get("depth", 2)) - 1) * width + n_outputs(traits))
    return training_seconds(traits, 0.6 * EPOCHS, weights, N_MEMBERS)


COMPONENT = net_component("tabm", make, space, seconds, predict_milliseconds=(0.48, 45.9))

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {"model": "tabm", "encoding": "native", "imputation": "median", "scaling": "robust"},
)
