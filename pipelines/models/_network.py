"""A plain network for tables and its training loop; imported only where a network is fitted or asked."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pipelines.models._early_stopping import Deadline

CLIP = 1.0  # largest gradient norm
WARM_UP = 0.1  # share of the epochs in which the step size rises


@dataclass(frozen=True)
class Training:
    """How to train.

    Attributes
    ----------
    epochs : int
        Largest number of passes; fewer are planned when the deadline is near.
    patience : int
        Epochs without a better validation loss after which the training ends.
    """

    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int
    patience: int
    deadline: Deadline


@dataclass(frozen=True)
class Rows:
    """Features (n, d), target (n,) as class codes or floats, weights (n,) with mean one."""

    X: torch.Tensor
    y: torch.Tensor
    weight: torch.Tensor


def rows(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, *, classification: bool) -> Rows:
    """Tensors of a table."""
    weight = np.ones(len(y)) if weight is None else weight / weight.mean()
    target = torch.as_tensor(y, dtype=torch.int64 if classification else torch.float32)
    return Rows(torch.as_tensor(X, dtype=torch.float32), target, torch.as_tensor(weight, dtype=torch.float32))


def build(n_in: int, n_out: int, *, width: int, layers: int, dropout: float, activation: str) -> nn.Module:
    """Hidden layers with batch-free normalisation, and a linear shortcut from the features to the output."""
    act = {"relu": nn.ReLU, "silu": nn.SiLU, "mish": nn.Mish}[activation]
    steps: list[nn.Module] = []
    size = n_in
    for _ in range(layers):
        steps += [nn.Linear(size, width), nn.LayerNorm(width), act(), nn.Dropout(dropout)]
        size = width
    last = nn.Linear(size, n_out)
    _silence(last)
    return _Shortcut(nn.Sequential(*steps, last), nn.Linear(n_in, n_out))


def _silence(layer: nn.Linear) -> None:
    """Zero output at the start: training begins at the mean target, not at noise that small tables never unlearn."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


class _Shortcut(nn.Module):
    """Sum of a deep and a linear path: what is linear need not be learnt by the deep one."""

    def __init__(self, deep: nn.Module, linear: nn.Linear):
        super().__init__()
        self.deep = deep
        self.linear = linear
        _silence(linear)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.deep(X) + self.linear(X)
        return out


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), for matrices only.

    torch has its own, but making one imports its compiler, which takes longer than training on a small table.
    """

    def __init__(self, network: nn.Module, weight_decay: float, betas: tuple[float, float] = (0.9, 0.95)):
        self.parameters: list[torch.Tensor] = list(network.parameters())
        self.weight_decay, self.betas, self.steps = weight_decay, betas, 0
        self._matrices: list[torch.Tensor] = [p for p in self.parameters if p.ndim > 1]
        self._mean: list[torch.Tensor] = [torch.zeros_like(p) for p in self.parameters]
        self._square: list[torch.Tensor] = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Clip the gradients, move the parameters, forget the gradients."""
        grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        torch._foreach_mul_(grads, float(torch.clamp(CLIP / (norm + 1e-6), max=1.0)))
        self.steps += 1
        first, second = self.betas
        torch._foreach_lerp_(self._mean, grads, 1 - first)
        torch._foreach_mul_(self._square, second)
        torch._foreach_addcmul_(self._square, grads, grads, 1 - second)
        scale = torch._foreach_div(self._square, 1 - second**self.steps)
        torch._foreach_sqrt_(scale)
        torch._foreach_add_(scale, 1e-8)
        torch._foreach_mul_(self._matrices, 1 - learning_rate * self.weight_decay)
        torch._foreach_addcdiv_(self.parameters, self._mean, scale, -learning_rate / (1 - first**self.steps))
        for p in self.parameters:
            p.grad = None


def train(network: nn.Module, part: Rows, watched: Rows, how: Training, generator: torch.Generator) -> int:
    """Train in place up to the epoch with the lowest validation loss; returns that epoch, counted from one.

    An empty validation part leaves the network as it is after the last epoch.
    """
    optimizer = AdamW(network, how.weight_decay)
    best_loss, best_epoch, best_state = np.inf, 0, copy.deepcopy(network.state_dict())
    planned, epoch = how.epochs, 0
    while epoch < planned:
        started = how.deadline.spent
        complete = _epoch(network, optimizer, part, how, generator, epoch, planned)
        epoch += 1
        loss = float(np.nan_to_num(_watch(network, watched), nan=np.inf)) if len(watched.y) else -epoch
        if loss < best_loss:
            best_loss, best_epoch, best_state = loss, epoch, copy.deepcopy(network.state_dict())
        if not complete or epoch - best_epoch >= how.patience:
            break
        if epoch == 1:
            affordable = 1 + 0.9 * how.deadline.left / max(how.deadline.spent - started, 1e-9)
            planned = int(min(planned, max(affordable, 1)))
    network.load_state_dict(best_state)
    return max(best_epoch, 1)


def _epoch(
    network: nn.Module,
    optimizer: AdamW,
    part: Rows,
    how: Training,
    generator: torch.Generator,
    epoch: int,
    planned: int,
) -> bool:
    """One pass over the rows; False when the clock cut it short."""
    network.train()
    batches = list(_batches(len(part.y), how.batch_size, generator))
    for i, batch in enumerate(batches):
        done = (epoch + i / len(batches)) / planned
        loss = _losses(network(part.X[batch]), part.y[batch], part.weight[batch])
        torch.autograd.backward(loss)
        optimizer.step(how.learning_rate * _schedule(done))
        if how.deadline.passed():
            return False
    return True


def _schedule(done: float) -> float:
    """Step size as a share of the largest one: up in a line, down in a cosine."""
    if done < WARM_UP:
        return 0.1 + 0.9 * done / WARM_UP
    return float(0.5 * (1 + np.cos(np.pi * (done - WARM_UP) / (1 - WARM_UP)))) + 1e-3


def _batches(n: int, size: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Random batches of about equal size that cover all rows."""
    order = torch.randperm(n, generator=generator)
    yield from torch.tensor_split(order, max(1, round(n / size)))


def _losses(out: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Weighted mean of cross entropy (class codes) or squared error (floats)."""
    classes = y.dtype == torch.int64
    each = nn.functional.cross_entropy(out, y, reduction="none") if classes else (out[:, 0] - y) ** 2
    return (each * weight).mean()


def _watch(network: nn.Module, watched: Rows) -> float:
    return float(_losses(forward(network, watched.X), watched.y, watched.weight))


def forward(network: nn.Module, X: torch.Tensor, batch_size: int = 8192) -> torch.Tensor:
    """Outputs without gradients, batch by batch."""
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(part) for part in torch.split(X, batch_size)])
