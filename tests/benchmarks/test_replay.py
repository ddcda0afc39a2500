"""Runs are replayed on recorded results: the same run each time, within its seconds, by the rules of the engine."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
import pandas as pd
import pytest
import typer

from automl.execute.evaluate import evaluate
from automl.search.simulation import Clock
from automl.task.task import ALL_ROWS, Task
from automl.trials.artifacts import Artifacts
from automl.trials.trial import Status, Trial
from benchmarks import replay, replay_store
from benchmarks.replay import RULES, RecordedExecutor, patched
from benchmarks.requirements import MissingRequirementError

FAMILIES = ["decision_tree", "lda", "gaussian_nb"]


class DirectExecutor:
    """An executor that runs each trial at once in this process."""

    def __init__(self, folder, n_workers, **options):
        self.task, self.artifacts = Task.open(folder), Artifacts(folder)

    def submit(self, trials, time_limit):
        future = Future()
        future.set_result(evaluate(self.task, trials, self.artifacts, 1, "cpu", time_limit))
        return future

    def shutdown(self):
        pass


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    table["target"] = np.where(table["a"] + rng.normal(size=200) > 0, "yes", "no")
    task = replay_store.make_task(table, "binary", fold=0)
    trials = replay_store.choose_trials(task, 3, FAMILIES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay_store, "LocalExecutor", DirectExecutor)
        for n in (2, len(trials)):  # the second call continues the first
            done = replay_store.record(folder / "classes-0", task, trials[:n], 60.0, 1, float("inf"))
            assert done == n
    return folder


@pytest.fixture(scope="module")
def table(store):
    (table,) = replay_store.read_tables(store)
    return table


def test_a_store_holds_predictions_for_scored_rows_and_test_rows_but_no_models(store, table):
    assert (table.name, table.fold) == ("classes", 0)
    assert len(table.task.holdout.y) == 40
    assert len(table.results) == 6
    assert not list(store.glob("*/*.model"))
    configuration = next(iter(table.results))
    assert table.artifacts.holdout_predictions(configuration, 0).shape == (40, 2)


def test_a_replay_repeats_and_its_ensemble_is_better_than_chance(table):
    first, second = (replay.replay(table, 20.0, 1, "shuffled") for _ in range(2))
    assert first[0] == second[0]
    assert [r.trial for r in first[1]] == [r.trial for r in second[1]]
    assert first[0] < 0.4
    assert first[1].n_run == 6


def test_fewer_seconds_run_fewer_configurations(table):
    seconds = [replay.quiet_seconds(f) for r in table.results.values() for f in r.folds.values()]
    with patched({"benchmarks.replay.START_SECONDS": 0.0}):
        _, history = replay.replay(table, float(np.mean(seconds)) * 4, 1, "portfolio")
    assert history.n_run < 6


def test_workers_are_busy_for_the_recorded_seconds(table):
    clock = Clock()
    executor = RecordedExecutor(table, 1, clock)
    trials = [Trial(configuration, (0,)) for configuration in list(table.results)[:2]]
    running = {executor.submit([trial]) for trial in trials}
    taken = [replay.quiet_seconds(table.results[trial.configuration].folds[0]) for trial in trials]
    while running:
        _, running = executor.wait(running)
    assert clock.now == pytest.approx(sum(taken))
    assert executor.wait({executor.submit([trials[0]])}, timeout=taken[0] / 2)[0] == set()


def test_a_trial_that_takes_longer_than_its_limit_is_cut(table):
    trial = Trial(next(iter(table.results)), (0,))
    future = RecordedExecutor(table, 1, Clock()).submit([trial], time_limit=1e-9)
    assert future.done() is False
    executor = RecordedExecutor(table, 1, Clock())
    future = executor.submit([trial], time_limit=1e-9)
    executor.wait({future})
    assert future.result()[0].status is Status.TIMEOUT


def test_a_rule_changes_constants_of_the_engine_for_one_replay(table):
    for changes in RULES.values():
        with patched(changes):
            pass
    with patched(RULES["one_first_fold"]):
        _, history = replay.replay(table, 3.0, 1, "recorded")
    assert history.results[0].trial.folds == (0,)
    assert len(replay.replay(table, 3.0, 1, "recorded")[1].results[0].trial.folds) > 1
    with pytest.raises(typer.BadParameter, match="there is no constant"):
        patched({"automl.search.racing._NO_SUCH_CONSTANT": 1})


def test_an_empty_store_is_one_clear_message(tmp_path):
    with pytest.raises(MissingRequirementError, match="holds no recorded tables"):
        replay_store.read_tables(tmp_path)


@pytest.mark.slow
def test_models_of_all_rows_are_recorded_and_predict_where_the_budget_has_time_for_them(store, monkeypatch):
    monkeypatch.setattr(replay_store, "LocalExecutor", DirectExecutor)
    monkeypatch.setattr("automl.task.task._MANY_ROWS", 100)
    for _ in range(2):  # the second call finds the models of the first
        assert replay_store.record_models_of_all_rows(store / "classes-0", 3, 1) == 3
    assert not list(store.glob("*/*.model"))
    (table,) = replay_store.read_tables(store)
    recorded = [c for c in table.results if table.artifacts.holdout_path(c, ALL_ROWS).exists()]
    assert len(recorded) == 3
    for configuration in recorded:  # those of the folds and of all rows would differ by too little for the error
        path = table.artifacts.holdout_path(configuration, ALL_ROWS)
        np.save(path, 50 * (1 - np.load(path)))
    with_them, _ = replay.replay(table, 300.0, 1)
    with patched(RULES["no_models_of_all_rows"]):
        without, _ = replay.replay(table, 300.0, 1)
    assert with_them > without + 0.1
    assert replay.replay(table, 60.0, 1)[0] == without  # too short for them
