"""Tests of networks on a GPU; skipped on machines without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from pipelines.nets import layers
from pipelines.nets.architectures import Architecture, RealMLP, ResNet, TabM
from pipelines.nets.cuda_graph import CapturedStep
from pipelines.nets.estimator import NetClassifier, NetSettings, fit_together
from pipelines.nets.fleet import TrainingConfig

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

ARCHITECTURES: dict[str, Architecture] = {
    "realmlp": RealMLP(width=64),
    "tabm": TabM(width=64, n_members=4),
    "resnet": ResNet(width=64, depth=2),
}
CONFIG = TrainingConfig(0.02, 0.01, 0.1, 0.02, epochs=40, batch_size=64)


def rows(n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Return a column of codes and three columns of numbers, and the classes."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.integers(20, size=n), rng.normal(size=(n, 3))]).astype(float)
    return X, (X[:, 1] * X[:, 2] + (X[:, 0] % 2) > 0.5).astype(int)


def classifier(name: str, device: str, seed: int = 0, config: TrainingConfig = CONFIG) -> NetClassifier:
    return NetClassifier(
        NetSettings(ARCHITECTURES[name], config, cardinalities=(20,), random_state=seed, device=device)
    )


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Return a list that gets one entry for each step that a device replays."""
    steps: list[None] = []
    real = torch.cuda.CUDAGraph.replay

    def replay(self: torch.cuda.CUDAGraph) -> None:
        steps.append(None)
        real(self)

    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", replay)
    return steps


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_networks_learn_on_a_gpu_what_they_learn_on_a_processor(name: str, replays: list[None]) -> None:
    (X, y), (new, truth) = rows(1000, 0), rows(1000, 1)
    here, there = (classifier(name, device).fit(X, y) for device in ("cpu", "cuda"))
    assert len(replays) == 39 * round(800 / 64)  # all epochs but the first
    losses = [log_loss(truth, net.predict_proba(new)) for net in (here, there)]
    assert losses[1] < losses[0] + 0.05
    assert losses[1] < 0.45
    expected = there.predict_proba(new)
    there.settings = replace(there.settings, device="cpu")
    np.testing.assert_allclose(there.predict_proba(new), expected, atol=5e-3)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_step_that_cannot_be_captured_is_taken_operation_by_operation(
    name: str, replays: list[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = rows(1000, 0)
    slow = replace(CONFIG, epochs=3, learning_rate=0.002)
    captured = classifier(name, "cuda", config=slow).fit(X, y).predict_proba(X)
    assert replays
    replays.clear()
    monkeypatch.setattr(CapturedStep, "works", True)  # monkeypatch restores it after this test
    real = layers.forward

    def forward(*arguments: Any) -> torch.Tensor:
        if torch.cuda.is_current_stream_capturing():
            raise torch.OutOfMemoryError("no memory for a capture")
        return real(*arguments)

    monkeypatch.setattr(layers, "forward", forward)
    taken = classifier(name, "cuda", config=slow).fit(X, y).predict_proba(X)
    assert not replays
    np.testing.assert_allclose(taken, captured, atol=0.02)


def test_networks_leave_a_fleet_on_a_gpu_as_on_a_processor(replays: list[None]) -> None:
    parts = [rows(1000 + i, i) for i in range(2)]
    configs = [replace(CONFIG, learning_rate=rate, epochs=60) for rate in (0.02, 1e-5, 1e-5, 1e-5)]
    nets = [classifier("realmlp", "cuda", seed, config) for config in configs for seed in range(2)]
    columns = [[part[side] for _ in configs for part in parts] for side in (0, 1)]
    fit_together(nets, *columns, [None] * 8, configuration_numbers=[n for n in range(4) for _ in parts])
    assert sorted(max(nets[2 * n].n_iter_, nets[2 * n + 1].n_iter_) for n in range(1, 4)) == [4, 4, 12]
    new, truth = rows(1000, 9)
    assert max(log_loss(truth, net.predict_proba(new)) for net in nets[:2]) < 0.45
    assert replays
