"""Tests of the forward pass in numpy: the same numbers as torch, in every process."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pipelines import storage
from pipelines.nets import inference, layers, torch_inference
from pipelines.nets.architectures import Inputs, RealMLP, ResNet, TabM
from pipelines.nets.estimator import NetClassifier, NetRegressor, NetSettings
from pipelines.nets.fleet import TrainingConfig
from pipelines.nets.inference import FrozenNetworks
from pipelines.nets.layout import n_weights
from pipelines.nets.parameters import Parameters
from pipelines.prediction import fast_predict, fast_predict_together

ROOT = Path(__file__).parents[3]
ARCHITECTURES = {
    "realmlp": RealMLP(width=24),
    "realmlp, mish, no embedding": RealMLP(width=24, depth=1, activation="mish", embedding=False),
    "realmlp, relu": RealMLP(width=24, depth=2, activation="relu", sigma=1.0),
    "tabm": TabM(width=24, n_members=4, n_bins=5),
    "tabm, one member, one bin": TabM(width=24, depth=1, n_members=1, n_bins=1),
    "tabm, no bins": TabM(width=24, n_members=3, n_bins=0),
    "resnet": ResNet(width=24, depth=2),
}
INPUTS = {
    "numbers": Inputs(4),
    "numbers, flags, codes": Inputs(3, 2, (4, 12)),
    "codes": Inputs(0, 0, (7,)),
    "wide": Inputs(120, 1),
}
N_ROWS = 60


def rows(inputs: Inputs, n_rows: int = N_ROWS, seed: int = 0) -> NDArray[np.float32]:
    """Return numbers, flags and codes, the last code of each column for missing categories."""
    rng = np.random.default_rng(seed)
    parts = [
        np.clip(3 * rng.standard_normal((n_rows, inputs.n_numeric)), -10, 10),
        rng.integers(-1, 2, (n_rows, inputs.n_flags)),
        *(rng.integers(n, size=(n_rows, 1)) for n in inputs.cardinalities),
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


def weights(net: Any, n_networks: int) -> NDArray[np.float32]:
    """Return initial weights, changed as a training changes them."""
    found = torch.zeros(n_networks, n_weights(net.layout()))
    generator = torch.Generator().manual_seed(0)
    for b in range(n_networks):
        own = Parameters(net.layout(), found[b : b + 1], trained=False)
        layers.initialize(net, own, torch.as_tensor(rows(net.inputs, seed=b)).unsqueeze(0), generator)
        for spec in net.layout():
            if spec.rate:
                own[spec.name].add_(0.2 * torch.randn(own[spec.name].shape, generator=generator))
    return found.numpy()


def assert_close(found: NDArray[Any], expected: NDArray[Any]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("n_outputs", [1, 2, 5])
@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_numpy_predicts_what_torch_predicts(architecture: Any, inputs: Inputs, n_outputs: int) -> None:
    net = replace(architecture, inputs=inputs, n_outputs=n_outputs)
    own = weights(net, 3)
    if getattr(net, "n_bins", 0) and net.n_embedded:  # a value that many rows share gives bins without width
        Parameters(net.layout(), torch.as_tensor(own), trained=False)["bin.width"][:, 0, -1] = 0.0
    for n_networks in (1, 3):
        for X in (rows(inputs, seed=9), rows(inputs, 1, seed=9)):
            expected = torch_inference.predict(net, own[:n_networks], X)
            assert np.ptp(expected) > 1e-3 or len(X) == 1
            assert_close(FrozenNetworks(net, own[:n_networks]).predict(X[None])[0], expected)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_a_network_predicts_the_same_alone_in_a_group_and_in_blocks_of_rows(
    architecture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = replace(architecture, inputs=INPUTS["numbers, flags, codes"], n_outputs=3)
    own, tables = weights(net, 4), np.stack([rows(net.inputs, seed=seed) for seed in range(2)])
    together = FrozenNetworks(net, own).predict(tables)
    for group in range(2):
        alone = FrozenNetworks(net, own[2 * group : 2 * group + 2]).predict(tables[group : group + 1])
        np.testing.assert_array_equal(alone[0], together[group])
    monkeypatch.setattr(inference, "BLOCK", 7 * net.largest_layer)
    assert_close(FrozenNetworks(net, own).predict(tables), together)


def test_activations_take_numbers_of_all_sizes() -> None:
    X = np.array([-1e30, -200, -30, -1, -1e-6, 0, 1e-6, 1, 19, 21, 200, 1e30], np.float32)
    for name, mine in (("selu", inference._selu), ("mish", inference._mish), ("relu", inference._relu)):
        expected = layers._activate(name, torch.as_tensor(X)).numpy()
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(mine(X), expected, rtol=1e-6, atol=1e-7)


@pytest.fixture(scope="module")
def trained() -> tuple[NDArray[np.float64], list[NetClassifier]]:
    """Return a table with categories and missing cells, and networks that this process has trained on it."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(3, size=200), rng.integers(30, size=200), rng.normal(size=(200, 3))])
    X[::7, :2] = np.nan
    y = (X[:, 2] * X[:, 3] > 0).astype(int)
    config = TrainingConfig(0.02, epochs=2)
    settings = NetSettings(RealMLP(width=24), config, n_networks=2, cardinalities=(3, 30), device="cpu")
    fold_models = [NetClassifier(replace(settings, random_state=seed)).fit(X, y) for seed in range(2)]
    tabm = NetClassifier(replace(settings, architecture=TabM(width=24, n_members=4))).fit(X, y)
    return X, [*fold_models, tabm]


def test_networks_predict_with_torch_where_they_were_trained_and_in_numpy_after_storage(
    trained: tuple[NDArray[np.float64], list[NetClassifier]],
) -> None:
    X, nets = trained
    for net in nets:
        np.testing.assert_array_equal(fast_predict(net)(X), net.predict_proba(X))
        stored, unpickled = storage.load(storage.dump(net)), pickle.loads(pickle.dumps(net))
        np.testing.assert_array_equal(stored.predict_proba(X), net.predict_proba(X))  # torch is imported here
        np.testing.assert_array_equal(fast_predict(stored)(X), fast_predict(unpickled)(X))
        assert_close(fast_predict(stored)(X), net.predict_proba(X))
    assert fast_predict_together(nets[:2]) is None
    first, second, tabm = (storage.load(storage.dump(net)) for net in nets)
    together = fast_predict_together([first, second])
    assert together is not None
    for net, out in zip((first, second), together([X, X]), strict=True):
        np.testing.assert_array_equal(out, fast_predict(net)(X))
    assert fast_predict_together([first, tabm]) is None


WITHOUT_TORCH = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
import numpy as np
from pipelines import storage
from pipelines.prediction import fast_predict
X, folder = np.load(sys.argv[1]), sys.argv[2]
nets = storage.load(open(folder + "/nets", "rb").read())
np.save(folder + "/fast.npy", [fast_predict(net)(X) for net in nets])
np.save(folder + "/own.npy", [net.predict_proba(X) for net in nets])
try:
    nets[0].fit(X, X[:, 2] > 0)
except ImportError as error:
    print(error)
"""


@pytest.mark.slow
def test_networks_predict_the_same_numbers_where_torch_is_missing(
    trained: tuple[NDArray[np.float64], list[NetClassifier]], tmp_path: Path
) -> None:
    X, nets = trained
    (tmp_path / "nets").write_bytes(storage.dump(nets))
    np.save(tmp_path / "X.npy", X)
    command = [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path / "X.npy"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "torch is not installed; install it with: pip install torch"
    expected = [fast_predict(storage.load(storage.dump(net)))(X) for net in nets]
    np.testing.assert_array_equal(np.load(tmp_path / "fast.npy"), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "own.npy"), expected)


def test_a_regressor_predicts_within_the_range_of_the_target_in_numpy() -> None:
    X = np.random.default_rng(0).normal(size=(200, 3))
    settings = NetSettings(ResNet(width=24, depth=1), TrainingConfig(0.02, epochs=2), device="cpu")
    net = NetRegressor(settings).fit(X, 100 + X[:, 0])
    stored = storage.load(storage.dump(net))
    assert_close(fast_predict(stored)(X), net.predict(X))
    far = fast_predict(stored)(1e6 * X)
    assert 90 < far.min() < far.max() < 110
