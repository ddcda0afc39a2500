"""What a search has cost, and the budget in processor seconds."""

from __future__ import annotations

import json

import pytest
from sklearn.datasets import load_wine

import automl
from automl import AutoMLClassifier
from automl.energy import Energy
from automl.errors import InvalidInputError
from automl.fitted.costs import costs_line, make_costs
from automl.trials.history import RunHistory
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.configuration import Configuration

LDA, RIDGE = Configuration({"model": "lda"}), Configuration({"model": "ridge"})
SMALL = {"include": ["lda"], "n_jobs": 1, "random_state": 0, "verbose": 0}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    store = tmp_path_factory.mktemp("run")
    clf = AutoMLClassifier(time_budget=None, max_trials=2, store=store, **SMALL)
    return clf.fit(*load_wine(return_X_y=True))


def result(configuration, n_folds, seconds, processor_seconds, reason="", gpu_seconds=0.0):
    folds = {fold: FoldResult(0.1, 0.5, 0.5) for fold in range(n_folds)}
    status = Status.CRASH if reason else Status.OK
    return TrialResult(
        Trial(configuration), status, folds, seconds, 100.0, reason,
        processor_seconds=processor_seconds, gpu_seconds=gpu_seconds,
    )  # fmt: skip


def test_costs_are_measured_for_every_trial_and_for_the_own_process(fitted):
    costs = fitted.costs_
    assert costs["fate"].isin(["in the ensemble", "dropped", "search and ensemble"]).all()
    assert (costs["processor_seconds"] > 0).all()
    trials = costs[costs["family"] == "lda"]
    assert trials["fits"].sum() == sum(len(result.folds) for result in fitted.history_)
    assert trials["peak_memory"].min() > 20
    measured = sum(result.processor_seconds for result in fitted.history_)
    assert trials["processor_seconds"].sum() == pytest.approx(measured)
    # One thread cannot use more than one processor; the clocks differ a little.
    assert measured < 1.1 * sum(result.seconds for result in fitted.history_)


def test_costs_are_divided_by_fate():
    history = RunHistory([result(LDA, 2, 4.0, 2.0), result(RIDGE, 1, 3.0, 1.5, "ValueError: no rows")])
    costs = make_costs(history, {LDA: 1.0}, own_seconds=0.5).set_index(["family", "fate"])
    assert costs["processor_seconds"].to_dict() == {
        ("lda", "in the ensemble"): 2.0,
        ("ridge", "dropped"): 0.5,
        ("ridge", "thrown away"): 1.0,
        ("", "search and ensemble"): 0.5,
    }
    assert costs["watt_hours"].sum() == pytest.approx(12 * 4.0 / 3600)
    assert set(costs["energy"]) == {"estimated"}


def test_measured_energy_is_divided_by_the_seconds_of_processors_and_gpus():
    history = RunHistory([result(LDA, 2, 4.0, 3.0), result(RIDGE, 1, 4.0, 1.0, gpu_seconds=2.0)])
    costs = make_costs(history, {}, energy=Energy(8.0, 4.0, 6.0, "a meter"))
    assert costs.set_index("family")["watt_hours"].to_dict() == {"lda": 6.0, "ridge": 2.0 + 4.0}
    assert costs["co2_grams"].sum() == 6.0


def test_costs_of_an_earlier_version_are_unknown(fitted, tmp_path):
    directory = RunDirectory(fitted.store)
    path = directory.folder / "history.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["processor_seconds"], line["gpu_seconds"]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "run.json").write_text((directory.folder / "run.json").read_text())
    costs = make_costs(RunHistory(RunDirectory(tmp_path).read()), {})
    assert costs["processor_seconds"].isna().all()
    assert costs["seconds"].min() > 0


def test_costs_survive_saving(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model")
    assert loaded.costs_.equals(fitted.costs_)
    assert "processor seconds" in costs_line(loaded)
    loaded._energy = Energy(2.0, 0.0, 1.0, "a meter")
    loaded.save(tmp_path / "measured")
    assert automl.load(tmp_path / "measured").costs_["watt_hours"].sum() == pytest.approx(2.0)


@pytest.mark.slow
def test_the_report_shows_the_costs(fitted, tmp_path):
    fitted.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "What the search has cost" in page
    assert "12 W for a busy processor core" in page
    fitted.report(tmp_path / "report.json", format="json")
    part = json.loads((tmp_path / "report.json").read_text())["costs"]
    assert part["total"]["processor_seconds"] == pytest.approx(fitted.costs_["processor_seconds"].sum(), rel=1e-3)


def test_energy_without_a_country_that_codecarbon_knows_is_an_error():
    X, y = load_wine(return_X_y=True)
    with pytest.raises(InvalidInputError, match=r'energy must be the country .* such as "DEU" or "USA"; got .germany.'):
        AutoMLClassifier(energy="germany").fit(X, y)
    with pytest.raises(InvalidInputError, match="energy measures this machine only"):
        AutoMLClassifier(energy="DEU", executor="ray").fit(X, y)


@pytest.mark.slow
def test_codecarbon_measures_the_energy():
    pytest.importorskip("codecarbon")
    X, y = load_wine(return_X_y=True)
    with pytest.raises(InvalidInputError, match="energy: 'XXX' is unknown"):
        AutoMLClassifier(energy="XXX").fit(X, y)
    clf = AutoMLClassifier(time_budget=90, n_jobs=1, verbose=0, energy="DEU").fit(X, y)
    assert clf.costs_["energy"].iloc[0].startswith("codecarbon: processors ")
    assert clf.costs_["watt_hours"].sum() > 0
