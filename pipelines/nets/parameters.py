"""The weights of a fleet: one matrix with a row for each network, whose parts are the named tensors of the layers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch


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


class Parameters:
    """Named tensors of shape (n_networks, ...), which are views of one matrix; their gradients share another matrix.

    An optimizer thus updates all weights of all networks in a few operations, and removing a row removes a network.

    Parameters
    ----------
    layout : tuple of TensorSpec
    flat : Tensor of shape (n_networks, n_weights)
        The matrix of weights; it is not copied.
    trained : bool
        Whether gradients are needed.
    """

    def __init__(self, layout: tuple[TensorSpec, ...], flat: torch.Tensor, trained: bool = True):
        self.layout, self.flat = layout, flat
        self.grad = torch.zeros_like(flat) if trained else flat
        self._views: dict[str, torch.Tensor] = {}
        start = 0
        for spec in layout:
            end = start + prod(spec.shape)
            shape = (len(flat), *spec.shape)
            view = flat[:, start:end].view(shape)
            if spec.rate and trained:
                view.requires_grad_()
                view.grad = self.grad[:, start:end].view(shape)
            self._views[spec.name] = view
            start = end

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._views[name]

    def __contains__(self, name: str) -> bool:
        return name in self._views


def n_weights(layout: tuple[TensorSpec, ...]) -> int:
    """Return the number of weights of one network, which is the number of columns of the matrix."""
    return sum(prod(spec.shape) for spec in layout)


def per_weight(layout: tuple[TensorSpec, ...], attribute: str) -> torch.Tensor:
    """Return an attribute of the specs, repeated for each weight, shape (n_weights,)."""
    return torch.cat([torch.full((prod(spec.shape),), float(getattr(spec, attribute))) for spec in layout])
