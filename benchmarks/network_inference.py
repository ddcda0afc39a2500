"""Measure the processor milliseconds of predictions of networks with torch and with numpy, in one thread.

Example:
python -m benchmarks.network_inference --rows 1,500,10000
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from threadpoolctl import threadpool_limits

from pipelines.nets.architectures import Architecture, Inputs, RealMLP, ResNet, TabM
from pipelines.nets.inference import FrozenNetworks
from pipelines.nets.layout import n_weights

_INPUTS = Inputs(16, 4, (12, 30))
ARCHITECTURES: dict[str, Architecture] = {
    "realmlp": RealMLP(inputs=_INPUTS, n_outputs=2),
    "realmlp, mish, regression": RealMLP(activation="mish", inputs=_INPUTS),
    "tabm": TabM(width=128, n_members=16, inputs=_INPUTS, n_outputs=2),
    "resnet": ResNet(inputs=_INPUTS, n_outputs=2),
}


def seconds_of(call: Callable[[], object], repeats: int) -> float:
    """Return the fewest processor seconds of some calls, which other programs hardly change."""
    found = []
    for _ in range(repeats + 1):
        started = time.thread_time()
        call()
        found.append(time.thread_time() - started)
    return min(found[1:])


def measure(net: Architecture, n_rows: int, n_networks: int, repeats: int) -> tuple[float, float]:
    """Return the seconds with torch and with numpy."""
    from pipelines.nets import torch_inference

    rng = np.random.default_rng(0)
    weights = 0.3 * rng.standard_normal((n_networks, n_weights(net.layout())), dtype=np.float32)
    codes = [rng.integers(n, size=n_rows) for n in _INPUTS.cardinalities]
    X = np.column_stack([rng.normal(size=(n_rows, _INPUTS.n_dense)), *codes]).astype(np.float32)
    networks = FrozenNetworks(net, weights)
    with_torch = seconds_of(lambda: torch_inference.predict(net, weights, X), repeats)
    return with_torch, seconds_of(lambda: networks.predict(X[None]), repeats)


def main(
    rows: Annotated[str, typer.Option(help="Numbers of rows, with commas.")] = "1,500,10000",
    networks: Annotated[int, typer.Option(help="Networks of one estimator.")] = 1,
    repeats: Annotated[int, typer.Option(help="Calls, of which the fastest counts.")] = 20,
) -> None:
    """Print the processor milliseconds with torch and with numpy, and their ratio."""
    import torch

    torch.set_num_threads(1)
    measured = []
    with threadpool_limits(1):
        for name, net in ARCHITECTURES.items():
            for n in map(int, rows.split(",")):
                own, other = measure(net, n, networks, repeats)
                measured.append((name, n, 1000 * own, 1000 * other, other / own))
    columns = ["network", "rows", "torch ms", "numpy ms", "ratio"]
    print(pd.DataFrame(measured, columns=columns).to_markdown(index=False, floatfmt=".2f"))


if __name__ == "__main__":
    typer.run(main)
