"""Tests of networks: trained in fleets and alone, on tables with categories, weights and few rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.metrics import log_loss, r2_score
from sklearn.preprocessing import StandardScaler

from pipelines.nets import training
from pipelines.nets.architectures import Architecture, Inputs, RealMLP, ResNet, TabM
from pipelines.nets.estimator import NetClassifier, NetRegressor, NetSettings, fit_together
from pipelines.nets.fleet import FleetMember, TrainingConfig
from pipelines.training_part import TrainingPart

Array = NDArray[np.float64]

ARCHITECTURES = {
    "realmlp": RealMLP(width=32),
    "realmlp without embedding": RealMLP(width=32, depth=1, embedding=False, activation="mish"),
    "tabm": TabM(width=32, n_members=4, n_bins=5),
    "tabm without bins": TabM(width=32, n_members=4, n_bins=0),
    "resnet": ResNet(width=32, depth=2),
}
# The default run trains the first of each kind; the other settings and kinds add little to some tests.
FIRST_OF_EACH_KIND, FIRST_TWO = ("realmlp", "tabm", "resnet"), ("realmlp", "tabm")
STEPS = {"realmlp": 0.04, "realmlp without embedding": 0.04}


def others_slow(names: Sequence[str]) -> list[Any]:
    """Return the names of all architectures for a parametrization; those which are not listed are slow."""
    return [pytest.param(name, marks=[] if name in names else pytest.mark.slow) for name in ARCHITECTURES]


def config(name: str, **changes: object) -> TrainingConfig:
    start = TrainingConfig(STEPS.get(name, 3e-3), 0.01, 0.1, 0.02, epochs=8, batch_size=32)
    return replace(start, **changes)  # type: ignore[arg-type]


def classifier(name: str, **changes: object) -> NetClassifier:
    settings = NetSettings(ARCHITECTURES[name], config(name), device="cpu")
    return NetClassifier(replace(settings, **changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def iris() -> tuple[Array, Array]:
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def shuffled(X: Array, y: Array, seed: int, n: int) -> tuple[Array, Array]:
    rows = np.random.default_rng(seed).permutation(len(y))[:n]
    return X[rows], y[rows]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_fleet_trains_the_same_networks_as_single_fits(name: str, iris: tuple[Array, Array]) -> None:
    # Numbers of rows, seeds and rates differ from network to network, as in a real fleet of folds.
    parts = [shuffled(*iris, seed=i, n=120 + i) for i in range(4)]
    configs = [config(name, learning_rate=0.01 * (1 + i), dropout=0.1 * i, weight_decay=0.1 * i) for i in range(4)]
    nets, alone = (
        [classifier(name, config=r, random_state=i, n_networks=2) for i, r in enumerate(configs)] for _ in range(2)
    )
    fit_together(nets, [X for X, _ in parts], [y for _, y in parts], [None] * 4)
    for net, other, (X, y) in zip(nets, alone, parts, strict=True):
        other.fit(X, y)
        assert net.n_iter_ == other.n_iter_
        np.testing.assert_allclose(net.predict_proba(iris[0]), other.predict_proba(iris[0]), atol=1e-5)


@pytest.mark.parametrize("name", others_slow(FIRST_OF_EACH_KIND))
def test_networks_learn_classes(name: str, iris: tuple[Array, Array]) -> None:
    X, y = iris
    train, test = np.arange(0, 150, 2), np.arange(1, 150, 2)
    net = classifier(name, config=config(name, epochs=100, batch_size=8)).fit(X[train], y[train])
    assert log_loss(y[test], net.predict_proba(X[test])) < 0.25


@pytest.mark.parametrize("name", others_slow(FIRST_OF_EACH_KIND))
def test_networks_learn_numbers_and_stay_within_the_range_of_training(name: str) -> None:
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    net = NetRegressor(NetSettings(ARCHITECTURES[name], config(name, epochs=40), n_networks=2)).fit(X[:300], y[:300])
    assert r2_score(y[300:], net.predict(X[300:])) > 0.35
    far = net.predict(100 * X)
    assert y[:300].min() - 1e-3 <= far.min()
    assert far.max() <= y[:300].max() + 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", others_slow(FIRST_TWO))
def test_categories_become_flags_or_embeddings(name: str) -> None:
    rng = np.random.default_rng(0)
    few, many = rng.integers(3, size=900), rng.integers(40, size=900)
    X = np.column_stack([few, many, rng.normal(size=(900, 2))]).astype(float)
    y = (few == 1) ^ (many % 2 == 0)
    net = classifier(name, cardinalities=(3, 40), config=config(name, epochs=60)).fit(X[:600], y[:600])
    assert np.mean(net.predict(X[600:]) == y[600:]) > 0.9
    unknown = X[600:].copy()
    unknown[::2, 1] = np.nan
    unknown[1::2, 1] = 99
    assert np.isfinite(net.predict_proba(unknown)).all()


def test_bins_work_for_numbers_that_hardly_vary() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.zeros(200), (rng.random(200) < 0.02).astype(float), rng.normal(size=200)])
    y = (X[:, 2] > 0).astype(int)
    net = classifier("tabm", config=config("tabm", epochs=30)).fit(X, y)
    assert np.mean(net.predict(X) == y) > 0.9


def test_weights_count_as_repetitions() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 2)), rng.integers(2, size=400)
    heavy = np.where(y == 1, 9.0, 1.0)
    net = classifier("realmlp", config=config("realmlp", epochs=20)).fit(X, y, sample_weight=heavy)
    assert net.predict_proba(X)[:, 1].mean() == pytest.approx(0.9, abs=0.05)


@pytest.mark.slow
def test_the_temperature_of_an_overconfident_network_rises() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 30))
    y = (X[:, 0] + 2 * rng.normal(size=300) > 0).astype(int)
    long = config("realmlp", epochs=100, learning_rate=0.1, dropout=0.0, label_smoothing=0.0)
    net = classifier("realmlp", config=long).fit(X, y)
    new = rng.normal(size=(2000, 30))
    truth = (new[:, 0] + 2 * rng.normal(size=2000) > 0).astype(int)
    assert log_loss(truth, net.predict_proba(new)) < 0.75


def test_training_stops_when_the_validation_loss_no_longer_falls() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 5)), rng.integers(2, size=300)
    impatient = config("realmlp", epochs=10_000, patience=5)
    net = classifier("realmlp", config=impatient).fit(X, y)  # would take minutes
    assert net.n_iter_ < 200


def test_the_schedule_ends_when_the_time_is_up() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    deadline = 1.0
    endless = config("realmlp", epochs=10**6, patience=10**6)
    net = classifier("realmlp", config=endless, time_limit=deadline).fit(X[:400], y[:400])
    assert log_loss(y[400:], net.predict_proba(X[400:])) < 0.3
    assert classifier("realmlp", time_limit=1e-9).fit(X, y).predict_proba(X)[:, 1].mean() == pytest.approx(
        y.mean(), abs=0.1
    )


@pytest.mark.parametrize("patience", [40, 3])  # the patience of the second one is over in the first part
def test_a_training_in_parts_gives_the_networks_of_a_training_at_once(iris: tuple[Array, Array], patience: int) -> None:
    own = config("resnet", epochs=40, patience=patience, dropout=0.1)
    whole = classifier("resnet", config=own).fit(*iris)
    states: list[Any] = []
    for share in (0.1, 0.4, 1.0):
        part = TrainingPart(share, states)
        net = classifier("resnet", config=own, part=part).fit(*iris)
        states = part.states
    np.testing.assert_array_equal(net.weights_, whole.weights_)
    assert net.n_iter_ == whole.n_iter_


def test_a_fleet_that_does_not_fit_into_memory_is_halved(
    iris: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = training._Fleet.__init__
    sizes: list[int] = []

    def small_device(self: training._Fleet, members: list[FleetMember], *rest: Any) -> None:
        sizes.append(len(members))
        if len(members) > 2:
            raise torch.OutOfMemoryError("device is full")
        real(self, members, *rest)

    monkeypatch.setattr(training._Fleet, "__init__", small_device)
    nets = [classifier("realmlp", random_state=i) for i in range(5)]
    fit_together(nets, [iris[0]] * 5, [iris[1]] * 5, [None] * 5)
    assert sizes == [5, 2, 3, 1, 2]
    for i, net in enumerate(nets):
        alone = classifier("realmlp", random_state=i).fit(*iris)
        np.testing.assert_allclose(net.predict_proba(iris[0]), alone.predict_proba(iris[0]), atol=1e-4)


def test_configurations_that_fall_behind_leave_the_fleet_early(iris: tuple[Array, Array]) -> None:
    long = config("realmlp", epochs=60, patience=60)
    rates = (0.04, 1e-5, 1e-5, 1e-5)
    parts = [shuffled(*iris, seed=i, n=120) for i in range(2)]
    nets, alone = (
        [
            classifier("realmlp", config=replace(long, learning_rate=rate), random_state=i)
            for rate in rates
            for i in range(2)
        ]
        for _ in range(2)
    )
    columns = [[part[side] for _ in rates for part in parts] for side in (0, 1)]
    configuration_numbers = [number for number in range(len(rates)) for _ in parts]
    fit_together(nets, *columns, [None] * len(nets), configuration_numbers=configuration_numbers)
    fit_together(alone, *columns, [None] * len(nets))
    # Networks that hardly learn improve until halving ends them: two of four at 1/15, one at 3/15 of the epochs.
    ended = sorted(max(nets[2 * n].n_iter_, nets[2 * n + 1].n_iter_) for n in range(1, 4))
    assert ended == [4, 4, 12]
    assert min(net.n_iter_ for net in alone[2:]) > 12
    for winner, other in zip(nets[:2], alone[:2], strict=True):
        assert winner.n_iter_ == other.n_iter_
        np.testing.assert_allclose(winner.predict_proba(iris[0]), other.predict_proba(iris[0]), atol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_outputs_of_rows_do_not_depend_on_the_other_rows(architecture: Architecture) -> None:
    rng = np.random.default_rng(0)
    net = NetRegressor(NetSettings(architecture, TrainingConfig(0.01, epochs=2))).fit(
        rng.normal(size=(200, 3)), rng.random(200)
    )
    X = rng.normal(size=(50, 3))
    np.testing.assert_allclose(net.predict(X)[:7], net.predict(X[:7]), rtol=1e-4)
    assert net.architecture_.inputs == Inputs(3)


def test_units_of_weights_and_targets_do_not_matter_and_rows_of_weight_0_do_not_count() -> None:
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X)[:80], y[:80]
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 80)
    settings = NetSettings(ARCHITECTURES["resnet"], config("resnet"), device="cpu")
    plain = NetRegressor(settings).fit(X, y, weight).predict(X)
    ignored = np.full((20, X.shape[1]), 1e6)
    rows, target = np.concatenate([X, ignored]), np.concatenate([1e6 * y, [1e12] * 20])
    scaled = NetRegressor(settings).fit(rows, target, np.concatenate([1e-9 * weight, np.zeros(20)])).predict(X)
    np.testing.assert_allclose(scaled / 1e6, plain, rtol=1e-3)
