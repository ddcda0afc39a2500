"""What a fleet trains, and what it returns: the members of the fleet and their trained weights, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipelines.nets.architectures import Architecture


@dataclass(frozen=True)
class TrainingConfig:
    """How to train a network; the first four values may differ within a fleet.

    Attributes
    ----------
    schedule : {"coslog4", "flat_cos"}
        Course of the learning rate: four falling waves, or constant in the first half and falling in the second.
    fade_regularization : bool
        Whether dropout and weight decay fall like "flat_cos".
    patience : int
        Epochs without a lower validation loss after which the training of a network ends.
    patience_growth : float
        This factor times the number of the best epoch is added to `patience`.
    max_gradient_norm : float
        Largest norm of the gradient of a network; infinite for no limit.
    loss : str
        Loss of regression, see `Component.losses`; networks for classes are trained by cross entropy.
    quantiles : tuple of float
        Levels of the pinball loss, one for each output of the network; empty for other losses.
    loss_power : float
        The power q of the generalized cross entropy of classes, ``(1 - p ** q) / q`` for the probability p of the given
        class; 0 for cross entropy, its limit. Near 1 it is the absolute error of p, for which wrong labels count less
        (Zhang and Sabuncu, 2018, "Generalized cross entropy loss for training deep neural networks with noisy labels",
        equation 6).
    forgotten_share : float
        Share of the training rows that are left out at last, because their losses are the largest; see
        `pipelines.nets.small_loss`.
    """

    learning_rate: float
    weight_decay: float = 0.0
    dropout: float = 0.0
    label_smoothing: float = 0.0
    schedule: str = "coslog4"
    fade_regularization: bool = False
    epochs: int = 256
    batch_size: int = 256
    patience: int = 256
    patience_growth: float = 0.0
    max_gradient_norm: float = math.inf
    betas: tuple[float, float] = (0.9, 0.95)
    loss: str = "squared_error"
    quantiles: tuple[float, ...] = ()
    loss_power: float = 0.0
    forgotten_share: float = 0.0


@dataclass(frozen=True)
class FleetMember:
    """One network of a fleet before its training: its architecture, configuration and rows.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_inputs), float32
    y : ndarray of shape (n_samples,), or (n_samples, n_targets) for several targets
        Class codes or floats.
    weight : ndarray of shape (n_samples,)
        With mean one.
    train, validation : ndarrays of int
        Row numbers. Without validation rows the last epoch is the best one.
    earlier : mapping or None
        The state that an earlier part of the training has left, see `Trained`.
    """

    architecture: Architecture
    config: TrainingConfig
    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    seed: int
    earlier: Mapping[str, Any] | None = None

    @property
    def n_steps(self) -> int:
        """Number of batches of an epoch; all have about the same size."""
        return max(1, round(len(self.train) / self.config.batch_size))

    @property
    def group(self) -> tuple[object, ...]:
        """Key that the networks of one fleet have in common."""
        common = replace(self.config, learning_rate=0.0, weight_decay=0.0, dropout=0.0, label_smoothing=0.0)
        begun = 0 if self.earlier is None else self.earlier["step"]
        return self.architecture, common, self.n_steps, self.y.dtype.kind, len(self.validation) > 0, begun


@dataclass(frozen=True)
class Trained:
    """Weights of the best epoch, shape (n_weights,), and the number of this epoch, counted from one.

    `cut` is True if the time limit has ended the training. A part of a training also leaves a state, from which a later
    part goes on: of a network whose training has ended, only these weights and the epoch.
    """

    weights: np.ndarray
    epoch: int
    cut: bool = False
    state: Mapping[str, Any] | None = None
