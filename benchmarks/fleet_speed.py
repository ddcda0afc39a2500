"""Measure the seconds of networks trained in a fleet and of the same networks trained one after the other.

Examples:
python -m benchmarks.fleet_speed --rows 1000,3000 --networks 8 --threads 2
python -m benchmarks.fleet_speed --device cuda --networks 8,64,512 --alone 4
"""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from benchmarks.requirements import MissingRequirementError
from pipelines.models._net import batch_size
from pipelines.nets.architectures import Architecture, RealMLP, ResNet, TabM
from pipelines.nets.estimator import NetClassifier, NetSettings, fit_together
from pipelines.nets.fleet import TrainingConfig

ARCHITECTURES: dict[str, Architecture] = {
    "realmlp": RealMLP(),
    "realmlp, width 128": RealMLP(width=128),
    "realmlp, width 64, no embedding": RealMLP(width=64, embedding=False),
    "tabm": TabM(width=128, n_members=16),
    "resnet": ResNet(),
}


def measure(
    architecture: Architecture, rows: int, networks: int, alone: int, epochs: int, threads: int, device: str
) -> tuple[float, float]:
    """Return the seconds of a fleet, and of its networks one after the other.

    Only `alone` networks are trained one after the other; their seconds are scaled up to the size of the fleet.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 20)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=rows) > 0).astype(int)
    config = TrainingConfig(0.01, 0.01, 0.1, epochs=epochs, batch_size=batch_size(rows))

    def make(n: int) -> list[NetClassifier]:
        return [
            NetClassifier(NetSettings(architecture, config, random_state=i, n_threads=threads, device=device))
            for i in range(n)
        ]

    def seconds(nets: list[NetClassifier], together: bool) -> float:
        start = time.perf_counter()
        if together:
            fit_together(nets, [X] * len(nets), [y] * len(nets), [None] * len(nets))
        else:
            for net in nets:
                net.fit(X, y)
        return time.perf_counter() - start

    seconds(make(1), together=True)  # the first training initializes libraries and the device
    few = min(alone, networks)
    return seconds(make(networks), together=True), seconds(make(few), together=False) * networks / few


def _require_device(device: str) -> None:
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise MissingRequirementError("torch finds no CUDA device; --device cuda needs a GPU and a torch build for it")


def main(
    rows: Annotated[str, typer.Option(help="Numbers of rows, with commas.")] = "1000,3000",
    networks: Annotated[str, typer.Option(help="Sizes of the fleet, with commas.")] = "8",
    alone: Annotated[int, typer.Option(help="Networks that are trained one after the other, at most.")] = 8,
    epochs: Annotated[int, typer.Option(help="Epochs of each training.")] = 8,
    threads: Annotated[int, typer.Option(help="Threads of each training.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Print both times and their ratio."""
    _require_device(device)
    measured = []
    for name, architecture in ARCHITECTURES.items():
        for n in map(int, rows.split(",")):
            for size in map(int, networks.split(",")):
                fleet, single = measure(architecture, n, size, alone, epochs, threads, device)
                steps = epochs * max(1, round((1 - NetSettings.validation_share) * n / batch_size(n)))
                measured.append((name, n, size, fleet, 1000 * fleet / steps, single, single / fleet))
                print(*measured[-1][:3], f"{single / fleet:.2f}", flush=True)
    columns = ["network", "rows", "networks", "fleet s", "ms a step", "one by one s", "ratio"]
    print(pd.DataFrame(measured, columns=columns).to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    typer.run(main)
