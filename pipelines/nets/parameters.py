"""The weights of a fleet: one matrix with a row for each network, seen as the named tensors of its layers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch


@dataclass(frozen=True)
class Slot:
    """One tensor of a network.

    Attributes
    ----------
    shape : tuple of int
        Without the leading dimension of the fleet.
    rate : float
        Step size as a multiple of the network's; 0 for a constant that is not trained.
    decay : bool
        Whether weight decay shrinks it.
    """

    name: str
    shape: tuple[int, ...]
    rate: float = 1.0
    decay: bool = True


class Parameters:
    """Named tensors of shape (n_networks, ...) that share one matrix, and one of gradients.

    An optimiser then moves all weights of all networks in a few operations, and a network leaves the fleet by leaving
    its row out.

    Parameters
    ----------
    layout : tuple of Slot
    flat : Tensor of shape (n_networks, n_weights)
        Held, not copied.
    trained : bool
        Whether gradients will be asked for.
    """

    def __init__(self, layout: tuple[Slot, ...], flat: torch.Tensor, trained: bool = True):
        self.layout, self.flat = layout, flat
        self.grad = torch.zeros_like(flat) if trained else flat
        self._views: dict[str, torch.Tensor] = {}
        start = 0
        for slot in layout:
            end = start + prod(slot.shape)
            shape = (len(flat), *slot.shape)
            view = flat[:, start:end].view(shape)
            if slot.rate and trained:
                view.requires_grad_()
                view.grad = self.grad[:, start:end].view(shape)
            self._views[slot.name] = view
            start = end

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._views[name]

    def __contains__(self, name: str) -> bool:
        return name in self._views


def n_weights(layout: tuple[Slot, ...]) -> int:
    """Columns of the matrix."""
    return sum(prod(slot.shape) for slot in layout)


def per_weight(layout: tuple[Slot, ...], attribute: str) -> torch.Tensor:
    """An attribute of the slots for each weight, shape (n_weights,)."""
    return torch.cat([torch.full((prod(slot.shape),), float(getattr(slot, attribute))) for slot in layout])
