"""RealMLP: a multi-layer perceptron with improvements for tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
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
from pipelines.nets.architectures import RealMLP
from pipelines.nets.fleet import TrainingConfig

EPOCHS = 128
PATIENCE = 16
PATIENCE_GROWTH = 1.2  # the waves of the schedule double in length, and each wave ends with a lower loss


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    architecture = RealMLP(
        width=params["width"],
        depth=params["depth"],
        activation=params["activation"],
        embedding=params["embedding"] == "periodic",
        sigma=params.get("sigma", 0.1),
    )
    config = TrainingConfig(
        learning_rate=params["learning_rate"],
        weight_decay=params["weight_decay"],
        dropout=params["dropout"],
        schedule="coslog4",
        fade_regularization=True,
        epochs=affordable_epochs(EPOCHS, seconds(params, context.traits), context),
        batch_size=batch_size(context.traits.n_rows),
        patience=PATIENCE,
        patience_growth=PATIENCE_GROWTH,
    )
    return make_net(architecture, config, params, context)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    classification = traits.is_classification
    embedding = Categorical("embedding", ["periodic", "none"], default="periodic")
    sigma = Float("sigma", (1e-2, 10.0), log=True, default=0.1)
    space.add(
        Float("learning_rate", (5e-3, 0.5), log=True, default=0.04 if classification else 0.2),
        Float("weight_decay", (1e-4, 0.2), log=True, default=0.02),
        Integer("max_one_hot", (2, 100), log=True, default=9),
        Float("dropout", (0.0, 0.5), default=0.15),
        Integer("width", (32, 512), log=True, default=256),
        Integer("depth", (1, 4), default=3),
        Categorical("activation", ["selu", "mish", "relu"], default="selu" if classification else "mish"),
        embedding,
        sigma,
        EqualsCondition(sigma, embedding, "periodic"),
    )
    if classification:
        space.add(Float("label_smoothing", (0.0, 0.2), default=0.0))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    width = int(params.get("width", 256))
    first = first_layer_inputs(traits, 4 if params.get("embedding", "periodic") == "periodic" else 1)
    weights = width * (first + (int(params.get("depth", 3)) - 1) * width + n_outputs(traits))
    return training_seconds(traits, 0.7 * EPOCHS, weights)


COMPONENT = net_component("realmlp", make, space, seconds, predict_milliseconds=(0.44, 5.7))

_PREPARED = {"model": "realmlp", "encoding": "native", "imputation": "median", "scaling": "robust_clip"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {**_PREPARED, "model:realmlp:width": 128, "model:realmlp:dropout": 0.35},
    _PREPARED,
    {
        **_PREPARED,
        "model:realmlp:width": 128,
        "model:realmlp:dropout": 0.35,
        "model:realmlp:label_smoothing": 0.03,
        "model:realmlp:max_one_hot": 100,
    },
)
