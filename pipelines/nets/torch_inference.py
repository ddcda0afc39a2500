"""Predictions of networks with torch: in the process that has trained them, and on a GPU."""

from __future__ import annotations

import numpy as np
import torch

from pipelines.nets import layers
from pipelines.nets.architectures import Architecture
from pipelines.nets.parameters import Parameters

MAX_ACTIVATIONS = 2**23  # numbers in the widest layer of one forward pass without gradients


def forward_in_blocks(architecture: Architecture, p: Parameters, X: torch.Tensor) -> torch.Tensor:
    """Return outputs, without gradients, in blocks of limited memory."""
    widest = max(spec.shape[-1] for spec in architecture.layout()) * getattr(architecture, "n_members", 1)
    block = max(1, MAX_ACTIVATIONS // (len(X) * widest))
    with torch.no_grad():
        parts = [layers.forward(architecture, p, part, _no_dropout) for part in torch.split(X, block, dim=1)]
    return torch.cat(parts, dim=1)


def probabilities(out: torch.Tensor) -> torch.Tensor:
    """Return the probabilities of the outputs of one target; a single output is a number, which stays as it is."""
    return out.softmax(3) if out.shape[3] > 1 else out


def _no_dropout(X: torch.Tensor) -> torch.Tensor:
    return X


def predict(architecture: Architecture, weights: np.ndarray, X: np.ndarray, device: str = "cpu") -> np.ndarray:
    """Return the mean of probabilities or values over networks and their members, shape (n_samples, n_outputs).

    Parameters
    ----------
    weights : ndarray of shape (n_networks, n_weights)
    X : ndarray of shape (n_samples, n_inputs), float32
    """
    p = Parameters(architecture.layout(), torch.as_tensor(weights, device=device), trained=False)
    table = torch.as_tensor(X, device=device).unsqueeze(0).expand(len(weights), -1, -1)
    out = forward_in_blocks(architecture, p, table)
    blocks = list(architecture.blocks or (architecture.n_outputs,))
    out = torch.cat([probabilities(part) for part in torch.split(out, blocks, 3)], 3)
    mean: np.ndarray = out.mean(dim=(0, 2)).double().cpu().numpy()
    return mean
