"""Networks where labels are wrong: the generalized cross entropy, and rows that partners choose."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.nets.fleet import TrainingConfig
from pipelines.nets.losses import training_losses
from pipelines.nets.small_loss import partners, small_loss_rows


def losses(power, outputs):
    out = torch.tensor(outputs).reshape(1, 1, 1, -1)
    return float(
        training_losses(
            out, torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1), TrainingConfig(0.1, loss_power=power)
        )
    )


@pytest.mark.parametrize("power", [0.3, 0.7])
def test_the_generalized_cross_entropy_follows_its_formula(power) -> None:
    p = 1 / (1 + np.exp(2.0))  # of the class 0
    assert losses(power, [0.0, 2.0]) == pytest.approx((1 - p**power) / power, rel=1e-5)


def test_a_small_power_gives_cross_entropy() -> None:
    assert losses(1e-4, [0.0, 2.0]) == pytest.approx(losses(0.0, [0.0, 2.0]), rel=1e-3)


def test_the_partner_chooses_the_rows() -> None:
    found = small_loss_rows(
        torch.tensor([[5.0, 1.0, 1.0, 9.0], [1.0, 1.0, 7.0, 1.0], [1.0, 8.0, 1.0, 1.0]]),
        torch.tensor([[0, 1, 2, 0], [1, 2, 3, 4], [0, 1, 2, 3]]),  # the first network has a row of padding
        torch.tensor([3, 4, 4]),
        torch.tensor([0, 0, 1]),
        0.34,
        5,
    )
    assert partners([0, 0, 1]) == [1, 0, 2]
    assert found.tolist() == [
        [1, 1, 1, 0, 1],  # row 3 has the largest loss of the second network
        [0, 1, 1, 1, 1],
        [1, 0, 1, 1, 1],  # a network without a partner chooses for itself
    ]
