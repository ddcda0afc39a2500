"""Networks as scikit-learn estimators, and the way to fit several of them in one fleet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from pipelines.early_stopping import Deadline, split_rows

if TYPE_CHECKING:
    from pipelines.nets.architectures import Architecture
    from pipelines.nets.fleet import Member, Recipe

Array = NDArray[Any]

LARGEST_INPUT = 10.0  # standard deviations; farther values are outliers that would swamp the others
BLOCK = 20_000  # rows that predict at a time
CLAMP = 1e-7  # smallest probability: a network that is surely wrong once should not cost more than others do


@dataclass(frozen=True)
class NetSettings:
    """How to build and train the networks of one estimator.

    Attributes
    ----------
    architecture : Architecture
        Its inputs and outputs are filled in by `fit`.
    members : int
        Networks to average, each with its own seed and validation rows.
    validation_share : float
        Of the training rows, to find the best epoch on.
    cardinalities : tuple of int
        Categories of each of the leading columns, which hold codes; empty where all columns hold numbers.
    one_hot : int
        Columns with at most so many categories become flags, others are embedded.
    device : str
        "cpu", "cuda", or "auto" for CUDA where there is any.
    """

    architecture: Architecture
    recipe: Recipe
    members: int = 1
    validation_share: float = 0.2
    cardinalities: tuple[int, ...] = ()
    one_hot: int = 9
    time_limit: float | None = None
    random_state: int = 0
    n_threads: int = 1
    device: str = "auto"


@dataclass(frozen=True)
class _Table:
    """What one estimator is fitted on, as the networks see it."""

    X: Array
    y: Array
    weight: Array
    n_outputs: int  # 1 for regression


class _Net(BaseEstimator):
    """What classifier and regressor share."""

    def __init__(self, settings: NetSettings):
        self.settings = settings

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the networks."""
        fit_together([self], [X], [y], [sample_weight])
        return self

    def _target(self, y: ArrayLike) -> tuple[Array, int]:
        raise NotImplementedError

    def _table(self, X: Any, y: ArrayLike, weight: ArrayLike | None) -> _Table:
        target, n_outputs = self._target(y)
        weights = np.ones(len(target)) if weight is None else np.asarray(weight, dtype=np.float64)
        return _Table(_inputs(X, self.settings), target, (weights / weights.mean()).astype(np.float32), n_outputs)

    def _members(self, table: _Table) -> list[Member]:
        from pipelines.nets.architectures import Inputs
        from pipelines.nets.fleet import Member

        s = self.settings
        flags, codes = _category_columns(s)
        n_numeric = table.X.shape[1] - sum(_n_flags(s.cardinalities[c]) for c in flags) - len(codes)
        inputs = Inputs(
            n_numeric, table.X.shape[1] - n_numeric - len(codes), tuple(s.cardinalities[c] + 1 for c in codes)
        )
        self.architecture_ = replace(s.architecture, inputs=inputs, n_outputs=table.n_outputs)  # type: ignore[type-var]
        members = []
        for number in range(s.members):
            seed = s.random_state + 1000 * number
            train, validation = split_rows(
                table.y, fraction=s.validation_share, classification=table.n_outputs > 1, random_state=seed
            )
            rows = (table.X, table.y, table.weight)
            members.append(Member(self.architecture_, s.recipe, *rows, train, validation, seed))
        return members

    def _outputs(self, X: Any) -> Array:
        """Mean over the networks, shape (n_samples, n_outputs)."""
        import torch

        from pipelines.nets import fleet

        check_is_fitted(self)
        table = _inputs(X, self.settings)
        with _threads(torch, self.settings.n_threads):
            device = _device(self.settings.device)
            parts = [
                fleet.predict(self.architecture_, self.weights_, table[start : start + BLOCK], device)
                for start in range(0, len(table), BLOCK)
            ]
        return np.concatenate(parts)


class NetClassifier(ClassifierMixin, _Net):
    """Classify with networks trained by cross entropy.

    Parameters
    ----------
    settings : NetSettings

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    weights_ : ndarray of shape (n_networks, n_weights), float32
    n_iter_ : int
        Epochs until the lowest validation loss, of the network that took most.
    """

    def _target(self, y: ArrayLike) -> tuple[Array, int]:
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        return codes.astype(np.int64), len(self.classes_)

    def predict_proba(self, X: Any) -> Array:
        """Class probabilities, shape (n_samples, n_classes)."""
        p = np.clip(self._outputs(X), CLAMP, None)
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> Array:
        """Most probable class, shape (n_samples,)."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(X), axis=1)])


class NetRegressor(RegressorMixin, _Net):
    """Predict means with networks trained by squared error on the standardised target.

    Parameters
    ----------
    settings : NetSettings

    Attributes
    ----------
    weights_, n_iter_ : as for `NetClassifier`
    """

    def _target(self, y: ArrayLike) -> tuple[Array, int]:
        target = np.asarray(y, dtype=np.float64)
        self.mean_, self.scale_ = float(target.mean()), float(target.std()) or 1.0
        standard = ((target - self.mean_) / self.scale_).astype(np.float32)
        self.range_ = (float(standard.min()), float(standard.max()))
        return standard, 1

    def predict(self, X: Any) -> Array:
        """Means inside the range of the training target, shape (n_samples,)."""
        return self.mean_ + self.scale_ * np.clip(self._outputs(X)[:, 0], *self.range_)


def fit_together(
    nets: Sequence[_Net],
    tables: Sequence[Any],
    targets: Sequence[ArrayLike],
    weights: Sequence[ArrayLike | None],
    contenders: Sequence[int] | None = None,
) -> None:
    """Fit estimators in one fleet, each on its own table: the folds of a configuration, or several configurations.

    On a processor the same networks as those of single fits, up to rounding; they share the seconds of all.

    Parameters
    ----------
    nets : sequence of NetClassifier or NetRegressor
    tables, targets, weights : sequences
        One for each estimator.
    contenders : sequence of int, optional
        The configuration of each estimator, for successive halving among them: see `pipelines.nets.fleet.train`.
    """
    import torch

    from pipelines.nets import fleet

    limits = [net.settings.time_limit for net in nets]
    deadline = Deadline(None if None in limits else sum(limit or 0.0 for limit in limits))
    rows = zip(nets, tables, targets, weights, strict=True)
    members = [net._members(net._table(X, y, weight)) for net, X, y, weight in rows]
    with _threads(torch, nets[0].settings.n_threads):
        of = None if contenders is None else np.repeat(contenders, [len(group) for group in members]).tolist()
        trained = fleet.train([m for group in members for m in group], deadline, _device(nets[0].settings.device), of)
    start = 0
    for net, group in zip(nets, members, strict=True):
        own = trained[start : start + len(group)]
        start += len(group)
        net.weights_ = np.stack([t.weights for t in own])
        net.n_iter_ = max(t.epoch for t in own)


@contextmanager
def _threads(torch: Any, n_threads: int) -> Iterator[None]:
    """Runs a block with a number of torch threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _device(name: str) -> str:
    """A device of this machine: models that were trained on another one's predict on the processor."""
    import torch

    if name == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return "cuda" if name == "auto" else name


def _category_columns(s: NetSettings) -> tuple[list[int], list[int]]:
    """The leading columns that become flags, and those that are embedded."""
    flags = [c for c, cardinality in enumerate(s.cardinalities) if cardinality <= s.one_hot]
    return flags, [c for c in range(len(s.cardinalities)) if c not in flags]


def _n_flags(cardinality: int) -> int:
    return 1 if cardinality <= 2 else cardinality


def _inputs(X: Any, s: NetSettings) -> Array:
    """Numbers, then flags, then codes, as float32.

    A missing or unseen category is 0 in every flag, or the last code.
    """
    table = X.toarray() if sparse.issparse(X) else np.asarray(X)
    k = len(s.cardinalities)
    parts = [np.clip(table[:, k:].astype(np.float32), -LARGEST_INPUT, LARGEST_INPUT)]
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
