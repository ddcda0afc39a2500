"""A multi-layer perceptron in torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.component import Component, FitContext, TableTraits
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._early_stopping import Deadline, split_rows

EPOCHS = 100
PATIENCE = 20
VALIDATION_SHARE = 0.15
MEMBERS = 4  # on small tables a single network and its few validation rows are a gamble
FEW_ROWS = 3000
LARGEST_INPUT = 10.0  # standard deviations; farther values are outliers that would swamp the others
MAX_CELLS = 50_000_000  # the network works on a dense table


@dataclass(frozen=True)
class Settings:
    """What the classifier and the regressor share; searched values first."""

    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.1
    width: int = 128
    layers: int = 3
    activation: str = "silu"
    members: int = 1  # networks to average, each with its own seed and validation part
    time_limit: float | None = None
    random_state: int = 0
    n_threads: int = 1


def _dense(X: Any) -> np.ndarray:
    table = X.toarray() if sparse.issparse(X) else np.asarray(X)
    return np.clip(table.astype(np.float32), -LARGEST_INPUT, LARGEST_INPUT)


def _batch_size(n_rows: int) -> int:
    """Rows a step: more of them on longer tables."""
    return int(np.clip(2 ** round(np.log2(max(n_rows, 1) / 16)), 16, 512))


def _fit(X: ArrayLike, y: np.ndarray, weight: ArrayLike | None, n_classes: int, settings: Settings) -> Any:
    """Train the networks one after the other; gives them and the epochs of the longest training."""
    import torch

    deadline = Deadline(settings.time_limit)
    torch.set_num_threads(settings.n_threads)
    table = _dense(X)
    weights = None if weight is None else np.asarray(weight, dtype=np.float64)
    networks, epochs = [], []
    for member in range(settings.members):
        share = None if settings.time_limit is None else deadline.left / (settings.members - member)
        if member and deadline.passed(0.9):
            break
        seed = settings.random_state + 1000 * member
        network, n_epochs = _fit_one(table, y, weights, n_classes, settings, Deadline(share), seed)
        networks.append(network)
        epochs.append(n_epochs)
    return networks, max(epochs)


def _fit_one(
    table: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None,
    n_classes: int,
    settings: Settings,
    deadline: Deadline,
    seed: int,
) -> tuple[Any, int]:
    """Train a network on a part of the rows; its best epoch on the others counts."""
    import torch

    from pipelines.models import _network

    classification = n_classes > 0
    train, held = split_rows(y, fraction=VALIDATION_SHARE, classification=classification, random_state=seed)
    part, watched = (
        _network.rows(table[i], y[i], None if weight is None else weight[i], classification=classification)
        for i in (train, held)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network.build(
            table.shape[1],
            max(n_classes, 1),
            width=settings.width,
            layers=settings.layers,
            dropout=settings.dropout,
            activation=settings.activation,
        )
        how = _network.Training(
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            batch_size=_batch_size(len(train)),
            epochs=EPOCHS,
            patience=PATIENCE,
            deadline=deadline,
        )
        epochs = _network.train(network, part, watched, how, torch.Generator().manual_seed(seed))
    return network, epochs


def _outputs(networks: list[Any], X: ArrayLike, settings: Settings, *, classification: bool) -> np.ndarray:
    """Mean over the networks of probabilities or predictions, shape (n_samples, n_outputs)."""
    import torch

    from pipelines.models import _network

    torch.set_num_threads(settings.n_threads)
    table = torch.as_tensor(_dense(X))
    each = [_network.forward(network, table).numpy().astype(np.float64) for network in networks]
    out: np.ndarray = np.mean([softmax(raw, axis=1) if classification else raw for raw in each], axis=0)
    return out


class MLPClassifier(ClassifierMixin, BaseEstimator):
    """Classify with a network trained by cross entropy.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : int
        Epochs until the lowest validation loss, of the network that took most.
    """

    def __init__(self, settings: Settings = Settings()):
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network."""
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        self.networks_, self.n_iter_ = _fit(X, codes, sample_weight, len(self.classes_), self.settings)
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Class probabilities, shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return _outputs(self.networks_, X, self.settings, classification=True)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Most probable class, shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class MLPRegressor(RegressorMixin, BaseEstimator):
    """Predict means with a network trained by squared error on the standardised target.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings = Settings()):
        self.settings = settings

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network."""
        target = np.asarray(y, dtype=np.float64)
        self.mean_ = float(target.mean())
        self.scale_ = float(target.std()) or 1.0
        standard = (target - self.mean_) / self.scale_
        self.range_ = (float(standard.min()), float(standard.max()))
        self.networks_, self.n_iter_ = _fit(X, standard, sample_weight, 0, self.settings)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Means inside the range of the training target, shape (n_samples,)."""
        check_is_fitted(self)
        out = _outputs(self.networks_, X, self.settings, classification=False)[:, 0]
        return self.mean_ + self.scale_ * np.clip(out, *self.range_)


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    settings = Settings(
        **params,
        members=MEMBERS if context.traits.n_rows <= FEW_ROWS else 1,
        time_limit=context.time_limit,
        random_state=context.random_state,
        n_threads=context.n_threads,
    )
    return MLPClassifier(settings) if context.traits.is_classification else MLPRegressor(settings)


def space(traits: TableTraits) -> ConfigurationSpace:
    space = ConfigurationSpace()
    space.add(
        Float("learning_rate", (1e-4, 3e-2), log=True, default=2e-3),
        Float("weight_decay", (1e-5, 0.3), log=True, default=1e-2),
        Float("dropout", (0.0, 0.5), default=0.1),
        Integer("width", (16, 512), log=True, default=128),
        Integer("layers", (1, 4), default=3),
        Categorical("activation", ["relu", "silu", "mish"], default="silu"),
    )
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    members = MEMBERS if traits.n_rows <= FEW_ROWS else 1
    size = float(params.get("width", 128)) / 128 * float(params.get("layers", 3)) / 3
    one = power_law(traits, 0.5, rows=0.95, columns=0.1, classes=0.1, width=encoded_width(traits))
    return 0.1 + members * one * (0.4 + 0.6 * size)


COMPONENT = Component(
    name="mlp",
    make=make,
    space=space,
    applies=lambda traits: traits.n_rows * encoded_width(traits) <= MAX_CELLS,
    accepts_sparse=True,
    accepts_weights=True,
    interruptible=True,
    imports=("torch", "pipelines.models._network"),
    seconds=seconds,
)

_PREPARED = {"model": "mlp", "encoding": "one_hot", "imputation": "median", "scaling": "robust_clip"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    _PREPARED,
    {
        **_PREPARED,
        "scaling": "quantile",
        "model:mlp:learning_rate": 0.0015,
        "model:mlp:layers": 2,
        "model:mlp:dropout": 0.3,
        "model:mlp:weight_decay": 0.1,
    },
)
