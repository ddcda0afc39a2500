"""Networks as scikit-learn estimators, which one fleet can fit together.

Training needs torch, and predictions do not. `predict_function` and `predict_together_function`, with which ensembles
predict, compute networks that were read from a file in numpy: a model predicts the same in every process. The methods
of an estimator use torch where it is imported already. Their results differ from those in numpy by rounding, about
1e-6 of a probability, and more for embeddings of high frequencies.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.early_stopping import Deadline, split_rows
from pipelines.libraries import import_library
from pipelines.losses import LOG_LINK, LOG_RANGE, SQUARED_ERROR, mean_scale, usable_loss
from pipelines.nets.architectures import Architecture, Inputs
from pipelines.nets.device import has_cuda, torch_device
from pipelines.nets.fleet import FleetMember, TrainingConfig
from pipelines.nets.inference import FrozenNetworks
from pipelines.quantiles import uncrossed
from pipelines.training_part import TrainingPart
from pipelines.weights import weighted_rows

Array = NDArray[Any]

MAX_INPUT = 10.0  # standard deviations; larger values would outweigh all others
ROWS_PER_PREDICTION = 20_000
MIN_PROBABILITY = 1e-7  # limits the log loss of a confident wrong prediction


@dataclass(frozen=True)
class NetSettings:
    """How to build and train the networks of one estimator.

    Attributes
    ----------
    architecture : Architecture
        `fit` replaces its inputs and outputs by those of the table.
    n_networks : int
        Networks to train and average, each with its own seed and validation rows.
    validation_share : float
        Share of the training rows that serves to find the best epoch.
    cardinalities : tuple of int
        Number of categories of each leading column that holds codes; empty where all columns hold numbers.
    max_one_hot : int
        Columns with at most this number of categories become flags; other columns are embedded.
    device : str
        "cpu", "cuda", "cuda:1" and so on, or "auto" for CUDA where there is a GPU. Training uses it. Predictions of
        networks that were read from a file use a GPU only if it is named here.
    """

    architecture: Architecture
    config: TrainingConfig
    n_networks: int = 1
    validation_share: float = 0.2
    cardinalities: tuple[int, ...] = ()
    max_one_hot: int = 9
    time_limit: float | None = None
    random_state: int = 0
    n_threads: int = 1
    device: str = "auto"
    part: TrainingPart | None = None  # of the training; None for the whole


@dataclass(frozen=True)
class NetTable:
    """Table, target and weights of one estimator in the form that the networks take."""

    X: Array
    y: Array
    weight: Array
    n_outputs: int  # 1 for regression
    blocks: tuple[int, ...] = ()  # of several targets: the number of outputs of each


class NetEstimator(BaseEstimator):
    """Common part of the classifier and the regressor."""

    _trained_here = False  # by this process

    def __init__(self, settings: NetSettings):
        self.settings = settings

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_trained_here"}

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the networks."""
        fit_together([self], [X], [y], [sample_weight])
        return self

    def _target(self, y: Array, weight: Array) -> tuple[Array, int]:
        raise NotImplementedError

    def _finish(self, outputs: Array) -> Array:
        """Return probabilities or values from the outputs of the networks, shape (n_samples, n_outputs)."""
        raise NotImplementedError

    def _config(self) -> TrainingConfig:
        return self.settings.config

    def _table(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> NetTable:
        X, values, weight = checked_rows(X, y, sample_weight)
        target, n_outputs = self._target(values, weight)
        return NetTable(net_inputs(X, self.settings), target, weight.astype(np.float32), n_outputs)

    def _members(self, table: NetTable, earlier: Sequence[Any] | None) -> list[FleetMember]:
        s = self.settings
        flags, codes = _category_columns(s)
        n_numeric = table.X.shape[1] - sum(_n_flags(s.cardinalities[c]) for c in flags) - len(codes)
        inputs = Inputs(
            n_numeric, table.X.shape[1] - n_numeric - len(codes), tuple(s.cardinalities[c] + 1 for c in codes)
        )
        outputs = {"n_outputs": table.n_outputs, "blocks": table.blocks}
        self.architecture_ = replace(s.architecture, inputs=inputs, **outputs)  # type: ignore[type-var]
        members = []
        for number in range(s.n_networks):
            seed = s.random_state + 1000 * number
            train, validation = split_rows(
                table.y if table.y.ndim == 1 else table.y[:, 0],
                fraction=s.validation_share,
                classification=table.y.dtype.kind == "i",
                random_state=seed,
            )
            rows = (table.X, table.y, table.weight)
            state = None if earlier is None else earlier[number]
            members.append(FleetMember(self.architecture_, self._config(), *rows, train, validation, seed, state))
        return members

    def _outputs(self, X: Any) -> Array:
        """Return the mean output of the networks, shape (n_samples, n_outputs)."""
        check_is_fitted(self)
        table = net_inputs(X, self.settings)
        if sys.modules.get("torch") is None and not _names_gpu(self.settings):
            return FrozenNetworks(self.architecture_, self.weights_).predict(table[None])[0]
        torch = import_library("torch")
        from pipelines.nets import torch_inference

        with _threads(torch, self.settings.n_threads):
            device = torch_device(self.settings.device)
            parts = [
                torch_inference.predict(
                    self.architecture_, self.weights_, table[start : start + ROWS_PER_PREDICTION], device
                )
                for start in range(0, len(table), ROWS_PER_PREDICTION)
            ]
        return np.concatenate(parts)


class NetClassifier(ClassifierMixin, NetEstimator):
    """Classify with networks trained by cross entropy.

    Parameters
    ----------
    settings : NetSettings

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    weights_ : ndarray of shape (n_networks, n_weights), float32
    n_iter_ : int
        Epochs until the lowest validation loss, of the network with the most epochs.
    """

    def _target(self, y: Array, weight: Array) -> tuple[Array, int]:
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        return codes.astype(np.int64), len(self.classes_)

    def predict_proba(self, X: Any) -> Array:
        """Return class probabilities of shape (n_samples, n_classes)."""
        return self._finish(self._outputs(X))

    def _finish(self, outputs: Array) -> Array:
        p = np.clip(outputs, MIN_PROBABILITY, None)
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Array:
        """Return the most probable classes, shape (n_samples,)."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


class NetRegressor(RegressorMixin, NetEstimator):
    """Predict numbers with networks trained on the standardized target.

    Networks for the losses of `LOG_LINK` are trained on the target divided by its mean, and their outputs are the
    logarithms of the predictions.

    Parameters
    ----------
    settings : NetSettings

    Attributes
    ----------
    loss_ : str
        The loss of the settings, or squared error where the target does not allow it.
    weights_, n_iter_ : as for `NetClassifier`
    """

    loss_ = SQUARED_ERROR  # of models that earlier versions have stored

    def _config(self) -> TrainingConfig:
        return replace(self.settings.config, loss=self.loss_)

    def _target(self, y: Array, weight: Array) -> tuple[Array, int]:
        values = y.astype(np.float64)
        self.loss_ = usable_loss(self.settings.config.loss, values)
        if self.loss_ in LOG_LINK:
            scaled, self.mean_, self.scale_ = mean_scale(values, weight)
            self.range_ = (float(scaled.min()), float(scaled.max()))
            return scaled.astype(np.float32), 1
        self.mean_ = float(np.average(values, weights=weight))
        self.scale_ = float(np.sqrt(np.average((values - self.mean_) ** 2, weights=weight))) or 1.0
        standard = ((values - self.mean_) / self.scale_).astype(np.float32)
        self.range_ = (float(standard.min()), float(standard.max()))
        return standard, 1

    def predict(self, X: Any) -> Array:
        """Return predictions within the range of the training target, shape (n_samples,)."""
        return self._finish(self._outputs(X))

    def _finish(self, outputs: Array) -> Array:
        values = np.exp(np.clip(outputs[:, 0], *LOG_RANGE)) if self.loss_ in LOG_LINK else outputs[:, 0]
        return self.mean_ + self.scale_ * np.clip(values, *self.range_)


class QuantileNetRegressor(NetRegressor):
    """Predict quantiles with networks that have an output for each level; the loss is the mean pinball loss.

    The parameters and attributes are those of `NetRegressor`.
    """

    def _table(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> NetTable:
        levels = self.settings.config.quantiles
        return replace(super()._table(X, y, sample_weight), n_outputs=len(levels), blocks=(1,) * len(levels))

    def predict(self, X: Any) -> Array:
        """Return quantiles within the range of the training target, shape (n_samples, n_quantiles)."""
        return self._finish(self._outputs(X))

    def _finish(self, outputs: Array) -> Array:
        return uncrossed(self.mean_ + self.scale_ * np.clip(outputs, *self.range_))


class JointNetClassifier(ClassifierMixin, NetEstimator):
    """Classify several targets with networks that share all layers but the outputs.

    The loss is the mean cross entropy of the targets. The parameters are those of `NetClassifier`; ``classes_`` and
    ``predict_proba`` have an array for each target.
    """

    def _table(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> NetTable:
        X, values, weight = checked_rows(X, y, sample_weight)
        found = [np.unique(column, return_inverse=True) for column in values.T]
        self.classes_ = [classes for classes, _ in found]
        blocks = tuple(len(classes) for classes in self.classes_)
        if min(blocks) < 2:
            raise ValueError("a target has a single class in the training rows")
        codes = np.column_stack([codes for _, codes in found]).astype(np.int64)
        return NetTable(net_inputs(X, self.settings), codes, weight.astype(np.float32), sum(blocks), blocks)

    def predict_proba(self, X: Any) -> list[Array]:
        """Return the class probabilities of each target."""
        return self._finish(self._outputs(X))

    def _finish(self, outputs: Array) -> Any:
        ends = np.cumsum([len(classes) for classes in self.classes_])[:-1]
        parts = [np.clip(part, MIN_PROBABILITY, None) for part in np.split(outputs, ends, axis=1)]
        return [part / part.sum(axis=1, keepdims=True) for part in parts]


class JointNetRegressor(RegressorMixin, NetEstimator):
    """Predict several numbers with networks that share all layers but the outputs.

    The loss is the mean squared error of the standardized targets. The parameters are those of `NetRegressor`.
    """

    def _table(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> NetTable:
        X, values, weight = checked_rows(X, y, sample_weight)
        target = values.astype(np.float64)
        self.mean_ = np.average(target, axis=0, weights=weight)
        scale = np.sqrt(np.average((target - self.mean_) ** 2, axis=0, weights=weight))
        self.scale_ = np.where(scale > 0, scale, 1.0)
        standard = ((target - self.mean_) / self.scale_).astype(np.float32)
        self.low_, self.high_ = standard.min(axis=0), standard.max(axis=0)
        n_targets = standard.shape[1]
        return NetTable(net_inputs(X, self.settings), standard, weight.astype(np.float32), n_targets, (1,) * n_targets)

    def predict(self, X: Any) -> Array:
        """Return predictions within the ranges of the training targets, shape (n_samples, n_targets)."""
        return self._finish(self._outputs(X))

    def _finish(self, outputs: Array) -> Array:
        return np.asarray(self.mean_ + self.scale_ * np.clip(outputs, self.low_, self.high_))


def checked_rows(X: Any, y: ArrayLike, sample_weight: ArrayLike | None) -> tuple[Any, Array, Array]:
    """Return the rows with a positive weight: features, target and weights with mean one."""
    X, values, relative = weighted_rows(X, y, sample_weight)
    return X, values, np.ones(len(values)) if relative is None else relative / relative.mean()


def fit_together(
    nets: Sequence[NetEstimator],
    tables: Sequence[Any],
    targets: Sequence[ArrayLike],
    weights: Sequence[ArrayLike | None],
    configuration_numbers: Sequence[int] | None = None,
) -> None:
    """Fit estimators in one fleet, each on its own table: the folds of a configuration, or several configurations.

    On a processor the networks are the same as those of single fits, up to rounding. The fleet may take the sum of
    the time limits.

    Parameters
    ----------
    nets : sequence of NetClassifier or NetRegressor
    tables, targets, weights : sequences
        One entry for each estimator.
    configuration_numbers : sequence of int, optional
        The number of the configuration of each estimator, for successive halving among the configurations: see
        `pipelines.nets.training.train`.

    Raises
    ------
    MissingLibraryError
        If torch cannot be imported.
    """
    torch = import_library("torch")
    from pipelines.nets import training

    limits = [net.settings.time_limit for net in nets]
    deadline = Deadline(None if None in limits else sum(limit or 0.0 for limit in limits))
    parts = [net.settings.part for net in nets]
    share = 1.0 if parts[0] is None else parts[0].share
    members = [
        net._members(net._table(X, y, weight), None if part is None else part.begin(X, y, weight))
        for net, X, y, weight, part in zip(nets, tables, targets, weights, parts, strict=True)
    ]
    numbers: list[int] | None = None  # of the configuration of each network
    if configuration_numbers is not None:
        numbers = np.repeat(configuration_numbers, [len(group) for group in members]).tolist()
    with _threads(torch, nets[0].settings.n_threads):
        device = torch_device(nets[0].settings.device)
        trained = training.train([member for group in members for member in group], deadline, device, numbers, share)
    start = 0
    for net, group, part in zip(nets, members, parts, strict=True):
        own = trained[start : start + len(group)]
        start += len(group)
        net.weights_ = np.stack([t.weights for t in own])
        net.n_iter_, net.cut_ = max(t.epoch for t in own), any(t.cut for t in own)
        net._trained_here = True
        if part is not None:
            part.keep([t.state for t in own])


def predict_function(
    net: NetClassifier | NetRegressor | JointNetClassifier | JointNetRegressor,
) -> Callable[[Any], Any]:
    """Return a fast function with the output of ``predict_proba`` of a fitted classifier, or of ``predict``.

    An estimator that this process has trained keeps its method, so that its predictions for the search are those of
    torch; so does an estimator for a GPU that is here. Others predict in numpy.
    """
    if net._trained_here or _names_gpu(net.settings):
        own: Callable[[Any], Any] = net.predict_proba if hasattr(net, "classes_") else net.predict
        return own
    settings, networks = net.settings, FrozenNetworks(net.architecture_, net.weights_)
    return lambda X: net._finish(networks.predict(net_inputs(X, settings)[None])[0])


def predict_together_function(
    nets: Sequence[NetClassifier | NetRegressor],
) -> Callable[[Sequence[Any]], list[Array]] | None:
    """Return a function that predicts with several fitted estimators, each on its own table, in one batch.

    The results are those of `predict_function`, to the last bit. The function is None for estimators that cannot share
    a batch: because their architectures differ, or because they do not predict in numpy.
    """
    first = nets[0]
    for net in nets:
        same = net.architecture_ == first.architecture_ and net.weights_.shape == first.weights_.shape
        if not same or net._trained_here or _names_gpu(net.settings):
            return None
    networks = FrozenNetworks(first.architecture_, np.concatenate([net.weights_ for net in nets]))

    def predict(tables: Sequence[Any]) -> list[Array]:
        own = {id(table): net_inputs(table, first.settings) for table in tables}
        outputs = networks.predict(np.stack([own[id(table)] for table in tables]))
        return [net._finish(out) for net, out in zip(nets, outputs, strict=True)]

    return predict


class _ThreadLimit:
    """The number of torch threads, which several threads of this process may limit at the same time.

    torch keeps a part of this setting for the whole process. Therefore the number before the first limit is the one
    that is set again at the end of each limit.
    """

    def __init__(self) -> None:
        self.lock, self.n_users, self.before = threading.Lock(), 0, 1


_limit = _ThreadLimit()


def _renew_limit() -> None:
    """In a fork of the process: no thread of the fork would ever end a limit that another thread has set."""
    global _limit
    _limit = _ThreadLimit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_limit)


@contextmanager
def _threads(torch: Any, n_threads: int) -> Iterator[None]:
    """Run a block with this number of torch threads."""
    limit = _limit
    with limit.lock:
        if not limit.n_users:
            limit.before = torch.get_num_threads()
        limit.n_users += 1
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        with limit.lock:
            limit.n_users -= 1
            torch.set_num_threads(limit.before)


def _names_gpu(settings: NetSettings) -> bool:
    """Return whether the settings name a GPU, and this machine has one."""
    return settings.device.startswith("cuda") and has_cuda()


def _category_columns(s: NetSettings) -> tuple[list[int], list[int]]:
    """Return the leading columns that become flags, and the leading columns that are embedded."""
    flags = [c for c, cardinality in enumerate(s.cardinalities) if cardinality <= s.max_one_hot]
    return flags, [c for c in range(len(s.cardinalities)) if c not in flags]


def _n_flags(cardinality: int) -> int:
    return 1 if cardinality <= 2 else cardinality


def net_inputs(X: Any, s: NetSettings) -> Array:
    """Return the columns as float32: numbers, then flags, then codes.

    A missing or unseen category is 0 in every flag, or has the last code.
    """
    table = X.toarray() if sparse.issparse(X) else np.asarray(X)
    k = len(s.cardinalities)
    parts = [np.clip(table[:, k:].astype(np.float32), -MAX_INPUT, MAX_INPUT)]
    flags, codes = _category_columns(s)
    for c in flags:
        if s.cardinalities[c] <= 2:
            parts.append(np.select([table[:, [c]] == 0, table[:, [c]] == 1], [-1.0, 1.0], 0.0))
        else:
            parts.append(table[:, [c]] == np.arange(s.cardinalities[c]))
    for c in codes:
        known = (table[:, [c]] >= 0) & (table[:, [c]] < s.cardinalities[c])
        parts.append(np.where(known, table[:, [c]], s.cardinalities[c]))
    return np.ascontiguousarray(np.concatenate(parts, axis=1, dtype=np.float32))
