"""The forward pass of trained networks in numpy: predictions need no torch, whose import takes seconds.

The formulas are those of `pipelines.nets.layers`, in single precision. The results differ by rounding, about 1e-6.

Arrays are transposed, with the shape (n_networks, n_columns, n_rows): the cells of a column lie side by side in
memory, so that sums over the columns of a row, and products with a number for each column, take long runs of cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from pipelines.nets.architectures import Architecture, Inputs, RealMLP, ResNet, TabM
from pipelines.nets.layout import places

Array = NDArray[np.float32]
Weights = Mapping[str, Array]

BLOCK = 2**18  # numbers in the largest layer of one forward pass; they stay in the cache of a core
LARGEST_EXPONENT = 20.0  # from here on, the activation mish returns its argument
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
NORM_EPSILON = 1e-5  # of the variance, as in torch


class FrozenNetworks:
    """Trained networks of one architecture, which only predict.

    Every network is computed as if it were alone: the same rows get the same outputs, to the last bit, whichever other
    networks are here. Several threads may predict at the same time.

    Parameters
    ----------
    architecture : Architecture
    weights : ndarray of shape (n_networks, n_weights), float32
        The matrix of weights; it is not copied.
    """

    def __init__(self, architecture: Architecture, weights: NDArray[np.float32]):
        weights = np.require(weights, np.float32, ["C", "ALIGNED"])
        self._architecture, self._n_networks = architecture, len(weights)
        self._weights = {
            spec.name: weights[:, columns].reshape(len(weights), *spec.shape)
            for spec, columns in places(architecture.layout())
        }
        self._rows_at_once = max(1, BLOCK // architecture.largest_layer)

    def predict(self, tables: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean outputs of groups of networks, each for its own table.

        Parameters
        ----------
        tables : ndarray of shape (n_groups, n_samples, n_inputs), float32
            The networks are in the order of the groups, and each group has the same number of networks.

        Returns
        -------
        ndarray of shape (n_groups, n_samples, n_outputs)
            The mean of probabilities or values over the networks of a group and their members.
        """
        n_groups, n_rows, _ = tables.shape
        X, group_size = tables.swapaxes(1, 2), self._n_networks // n_groups
        groups = np.arange(self._n_networks) // group_size
        out = np.empty((self._n_networks, self._architecture.n_outputs, n_rows), np.float32)
        at_once = max(1, self._rows_at_once // max(1, n_rows))  # networks
        with np.errstate(all="ignore"):
            for first in range(0, self._n_networks, at_once):
                own = slice(first, first + at_once)
                p = {name: values[own] for name, values in self._weights.items()}
                for start in range(0, n_rows, self._rows_at_once):
                    rows = slice(start, start + self._rows_at_once)
                    block = np.ascontiguousarray(X[groups[own], :, rows])
                    out[own, :, rows] = self._mean_over_members(p, block)
            mean = out.reshape(n_groups, group_size, *out.shape[1:]).mean(axis=1)
        return mean.swapaxes(1, 2).astype(np.float64, order="C")

    def _mean_over_members(self, p: Weights, X: Array) -> Array:
        out = forward(self._architecture, p, X)
        ends = np.cumsum(self._architecture.blocks or (self._architecture.n_outputs,))
        for part in np.split(out, ends[:-1], axis=2):  # views, which are changed in place
            if part.shape[2] > 1:
                _softmax(part)
        return out[:, 0] if out.shape[1] == 1 else out.mean(axis=1)


@singledispatch
def forward(net: Architecture, p: Weights, X: Array) -> Array:
    """Return the outputs of networks.

    Parameters
    ----------
    net : Architecture
    p : mapping of str to ndarray of shape (n_networks, ...)
        The tensors of the weights.
    X : ndarray of shape (n_networks, n_inputs, n_rows)

    Returns
    -------
    ndarray of shape (n_networks, n_members, n_outputs, n_rows)
    """
    raise TypeError(f"there is no forward pass in numpy for the architecture {type(net).__name__}")


@forward.register
def _forward_realmlp(net: RealMLP, p: Weights, X: Array) -> Array:
    X = _realmlp_first(net, p, X)
    for layer in range(net.depth):
        X = _linear(p, f"{layer}", X, X.shape[1] ** -0.5)
        change = _activate(net.activation, X)
        change -= X
        change *= p[f"{layer}.slope"][..., None]
        X += change
    return _linear(p, "out", X, X.shape[1] ** -0.5)[:, None]


def _realmlp_first(net: RealMLP, p: Weights, X: Array) -> Array:
    """Return the scaled inputs: dense columns, embeddings of numbers, embeddings of categories."""
    n_dense, d = net.inputs.n_dense, net.n_embedded
    first = np.empty((len(X), net.n_first, X.shape[2]), np.float32)
    first[:, :n_dense] = X[:, :n_dense]
    end = net.n_first - net.inputs.categories_width
    if d:
        waves = p["frequency"][..., None] * X[:, :d, None]  # (n_networks, d, n_frequencies, n_rows)
        waves += p["phase"][..., None] / (2 * math.pi)
        waves *= 2 * math.pi
        np.cos(waves, out=waves)
        mixed = p["periodic.weight"].swapaxes(2, 3) @ waves
        mixed += p["periodic.bias"][..., None]
        first[:, n_dense:end] = mixed.reshape(len(X), -1, X.shape[2])
    first[:, end:] = _categories(p, net.inputs, X)
    first *= p["scale"][..., None]
    return first


@forward.register
def _forward_tabm(net: TabM, p: Weights, X: Array) -> Array:
    first = _tabm_first(net, p, X)
    n_networks, n_first, n_rows = first.shape
    X = np.empty((n_networks, n_first, net.n_members, n_rows), np.float32)
    np.multiply(first[:, :, None], p["member"].swapaxes(1, 2)[..., None], out=X)
    X = X.reshape(n_networks, n_first, -1)
    for layer in range(net.depth):
        X = _linear(p, f"{layer}", X)
        np.maximum(X, 0, out=X)
    X = X.reshape(n_networks, -1, net.n_members, n_rows).swapaxes(1, 2)
    out: Array = p["out.weight"].swapaxes(2, 3) @ X
    out += p["out.bias"][..., None]
    return out


def _tabm_first(net: TabM, p: Weights, X: Array) -> Array:
    """Return the inputs of all members: embeddings of numbers, other dense columns, embeddings of categories."""
    d, n_dense = net.n_embedded, net.inputs.n_dense
    first = np.empty((len(X), net.n_first, X.shape[2]), np.float32)
    start, end = d * net.n_dimensions, net.n_first - net.inputs.categories_width
    if d:
        width = p["bin.width"]
        # Bins without width come from repeated values and carry no information: their inputs become 0.
        rate = np.divide(1, width, out=np.zeros_like(width), where=width > 1e-6)
        inside = X[:, :d, None] - p["bin.left"][..., None]  # (n_networks, d, n_bins, n_rows)
        inside *= rate[..., None]
        # The first and the last bin extrapolate values outside of the range, within limits.
        low, high = np.zeros((net.n_bins, 1), np.float32), np.ones((net.n_bins, 1), np.float32)
        low[0], high[-1] = -2.0, 3.0
        np.clip(inside, low, high, out=inside)
        embedded = p["bins.weight"].swapaxes(2, 3) @ inside
        embedded += p["bins.bias"][..., None]
        np.maximum(embedded.reshape(len(X), start, -1), 0, out=first[:, :start])
    first[:, start:end] = X[:, d:n_dense]
    first[:, end:] = _categories(p, net.inputs, X)
    return first


@forward.register
def _forward_resnet(net: ResNet, p: Weights, X: Array) -> Array:
    first = np.empty((len(X), net.n_first, X.shape[2]), np.float32)
    first[:, : net.inputs.n_dense] = X[:, : net.inputs.n_dense]
    first[:, net.inputs.n_dense :] = _categories(p, net.inputs, X)
    X = _linear(p, "first", first)
    for block in range(net.depth):
        hidden = _linear(p, f"{block}.up", _normalize(p, f"{block}.norm", X))
        np.maximum(hidden, 0, out=hidden)
        X += _linear(p, f"{block}.down", hidden)
    X = _normalize(p, "norm", X)
    np.maximum(X, 0, out=X)
    return _linear(p, "out", X)[:, None]


def _normalize(p: Weights, name: str, X: Array) -> Array:
    X = X - X.mean(axis=1, keepdims=True)
    variance = np.einsum("bcr,bcr->br", X, X) / X.shape[1]
    variance += NORM_EPSILON
    X /= np.sqrt(variance)[:, None]
    X *= p[f"{name}.weight"][..., None]
    X += p[f"{name}.bias"][..., None]
    return X


def _categories(p: Weights, inputs: Inputs, X: Array) -> Array:
    """Return the embeddings of the codes, shape (n_networks, categories_width, n_rows)."""
    if not inputs.cardinalities:
        return X[:, :0]
    first_codes = np.cumsum([0, *inputs.cardinalities[:-1]])
    codes = X[:, inputs.n_dense :].astype(np.intp) + first_codes[:, None]  # (n_networks, n_columns, n_rows)
    found = p["categories"][np.arange(len(X))[:, None, None], codes]
    return found.swapaxes(2, 3).reshape(len(X), inputs.categories_width, X.shape[2])


def _linear(p: Weights, name: str, X: Array, scale: float = 1.0) -> Array:
    out: Array = p[f"{name}.weight"].swapaxes(1, 2) @ X
    if scale != 1.0:
        out *= scale
    out += p[f"{name}.bias"][..., None]
    return out


def _activate(name: str, X: Array) -> Array:
    """Return a new array."""
    return {"selu": _selu, "mish": _mish, "relu": _relu}[name](X)


def _relu(X: Array) -> Array:
    return np.maximum(X, 0)


def _selu(X: Array) -> Array:
    out = np.minimum(X, 0)
    np.exp(out, out=out)
    out -= 1
    out *= SELU_ALPHA
    out += np.maximum(X, 0)
    out *= SELU_SCALE
    return out


def _mish(X: Array) -> Array:
    """Return X tanh(log(1 + e^X)) as X w / (w + 2) with w = e^X (e^X + 2)."""
    power = np.minimum(X, LARGEST_EXPONENT)
    np.exp(power, out=power)
    out = power + 2
    out *= power
    np.add(out, 2, out=power)
    out /= power
    out *= X
    return out


def _softmax(out: Array) -> None:
    """Turn outputs into probabilities, in place; the outputs are on axis 2."""
    out -= out.max(axis=2, keepdims=True)
    np.exp(out, out=out)
    out /= out.sum(axis=2, keepdims=True)
