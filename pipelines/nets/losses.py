"""The losses of networks: one for each row, of many networks at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional

from pipelines.losses import HUBER_DELTA, LOG_LINK, LOG_RANGE, TWEEDIE_POWER
from pipelines.nets.fleet import TrainingConfig


def log_losses(out: torch.Tensor, y: torch.Tensor, blocks: Sequence[int]) -> torch.Tensor:
    """Return the log loss of the mean probability over members; of several targets, the mean over the targets."""
    if y.dim() == 3:
        parts = torch.split(out, list(blocks), 3)
        return _mean_over_targets([log_losses(part, y[..., j].clamp(min=0), ()) for j, part in enumerate(parts)], y)
    hits = y.view(*y.shape, 1, 1).expand(-1, -1, out.shape[2], 1)
    return -out.softmax(3).gather(3, hits).mean((2, 3)).clamp(min=1e-12).log()


def _mean_over_targets(losses: list[torch.Tensor], y: torch.Tensor) -> torch.Tensor:
    """Return the mean over targets of losses; a target with the code -1 does not count for its row."""
    return (torch.stack(losses) * (y >= 0).movedim(-1, 0)).mean(0)


def training_losses(
    out: torch.Tensor,
    y: torch.Tensor,
    smoothing: torch.Tensor,
    config: TrainingConfig,
    blocks: Sequence[int] = (),
    levels: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return cross entropy (class codes) or the loss (floats), mean over members, shape (n_networks, n_rows).

    Of several targets, it is the mean over the targets, whose outputs have the sizes of `blocks`. The levels are those
    of quantiles.
    """
    if levels is not None:
        return pinball_losses(out, y.unsqueeze(2), levels).mean(2)
    if y.dim() == 3 and y.dtype == torch.int64:
        parts = torch.split(out, list(blocks), 3)
        each = [training_losses(part, y[..., j].clamp(min=0), smoothing, config) for j, part in enumerate(parts)]
        return _mean_over_targets(each, y)
    if y.dim() == 3:
        return errors(out, y.unsqueeze(2), config.loss).mean((2, 3))
    if y.dtype != torch.int64:
        return errors(out[..., 0], y.unsqueeze(2), config.loss).mean(2)
    log_p = functional.log_softmax(out, dim=3)
    if config.loss_power:
        log_p = (config.loss_power * log_p).expm1() / config.loss_power
    hit = log_p.gather(3, y.view(*y.shape, 1, 1).expand(-1, -1, out.shape[2], 1))[..., 0].mean(2)
    share = smoothing.unsqueeze(1)
    return -(1 - share) * hit - share * log_p.mean(dim=(2, 3))


def pinball_losses(out: torch.Tensor, y: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Return the pinball loss of each row, the mean over the quantiles on the last axis of the outputs."""
    errors = y.unsqueeze(-1) - out
    return torch.maximum(levels * errors, (levels - 1) * errors).mean(-1)


def errors(out: torch.Tensor, y: torch.Tensor, loss: str) -> torch.Tensor:
    """Return the loss of each output of a regression; the losses of `LOG_LINK` take outputs as logarithms."""
    if loss == "absolute_error":
        return (out - y).abs()
    if loss == "huber":
        return functional.huber_loss(out, y.expand_as(out), reduction="none", delta=HUBER_DELTA)
    if loss not in LOG_LINK:
        return (out - y) ** 2
    out = out.clamp(*LOG_RANGE)
    if loss == "poisson":
        return out.exp() - y * out
    if loss == "gamma":
        return out + y * (-out).exp()
    p = TWEEDIE_POWER
    return ((2 - p) * out).exp() / (2 - p) - y * ((1 - p) * out).exp() / (1 - p)
