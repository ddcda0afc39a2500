"""The weights of a fleet in training: one matrix with a row for each network, whose parts are tensors of torch."""

from __future__ import annotations

from math import prod

import torch

from pipelines.nets.layout import TensorSpec, places


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
        for spec, columns in places(layout):
            shape = (len(flat), *spec.shape)
            view = flat[:, columns].view(shape)
            if spec.rate and trained:
                view.requires_grad_()
                view.grad = self.grad[:, columns].view(shape)
            self._views[spec.name] = view

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._views[name]

    def __contains__(self, name: str) -> bool:
        return name in self._views


def per_weight(layout: tuple[TensorSpec, ...], attribute: str) -> torch.Tensor:
    """Return an attribute of the specs, repeated for each weight, shape (n_weights,)."""
    return torch.cat([torch.full((prod(spec.shape),), float(getattr(spec, attribute))) for spec in layout])
