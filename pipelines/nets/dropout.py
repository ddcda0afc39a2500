"""Dropout for the networks of a fleet, each with its own probability."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch


class FleetDropout:
    """Dropout on a processor: each network draws from its own generator.

    Rows that only fill up a batch draw no numbers. A network therefore draws the same numbers in any fleet.
    """

    def __init__(self, probability: torch.Tensor, generators: Sequence[torch.Generator], present: torch.Tensor):
        self._threshold = _threshold(probability)
        self._n_rows = present.shape[1]
        drops, counts = self._threshold.tolist(), present.sum(1).tolist()
        self._active = [(b, g, n) for b, (g, n, drop) in enumerate(zip(generators, counts, drops, strict=True)) if drop]

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        return _drop(X, self._noise(X), self._threshold) if self._active else X

    def _noise(self, X: torch.Tensor) -> torch.Tensor:
        """Return random bytes in the shape of X."""
        n_values = X[0].numel() // self._n_rows
        noise = torch.zeros(len(X), math.ceil(X[0].numel() / 8), dtype=torch.int64)
        for b, generator, n_rows in self._active:
            noise[b, : math.ceil(n_rows * n_values / 8)].random_(-(2**63), None, generator=generator)
        return noise.view(torch.uint8)[:, : X[0].numel()].view(X.shape)


class DeviceDropout:
    """Dropout on a device: one generator serves all networks, and the host reads nothing back from the device."""

    def __init__(self, probability: torch.Tensor, generator: torch.Generator):
        self._threshold, self._generator = _threshold(probability), generator

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        noise = torch.empty(X.shape, dtype=torch.uint8, device=X.device).random_(0, 256, generator=self._generator)
        return _drop(X, noise, self._threshold)


def _threshold(probability: torch.Tensor) -> torch.Tensor:
    """Return for each network the value below which a random byte drops a unit."""
    return (256 * probability).round().clamp(max=255)


def _drop(X: torch.Tensor, noise: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    threshold = threshold.view(-1, *[1] * (X.ndim - 1))
    return X * ((noise >= threshold) * (256 / (256 - threshold)))
