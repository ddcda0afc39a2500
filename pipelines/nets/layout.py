"""The layout of the weights of a network: a row of numbers, whose parts are the named tensors of the layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape and training of one tensor of a network.

    Attributes
    ----------
    shape : tuple of int
        Shape without the leading dimension of the fleet.
    rate : float
        Factor of the learning rate of the network; 0 for a constant that is not trained.
    decay : bool
        Whether weight decay shrinks it.
    """

    name: str
    shape: tuple[int, ...]
    rate: float = 1.0
    decay: bool = True


def n_weights(layout: tuple[TensorSpec, ...]) -> int:
    """Return the number of weights of one network, which is the number of columns of the matrix of a fleet."""
    return sum(prod(spec.shape) for spec in layout)


def places(layout: tuple[TensorSpec, ...]) -> Iterator[tuple[TensorSpec, slice]]:
    """Yield each tensor with its columns in the matrix of a fleet."""
    start = 0
    for spec in layout:
        end = start + prod(spec.shape)
        yield spec, slice(start, end)
        start = end
