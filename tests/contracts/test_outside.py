"""The suites of automl.testing check components that lie outside the repository, and name the guarantees they break."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# A package that somebody else could write: a model, a searcher and an executor.
PLUGIN = '''
import numpy as np
from ConfigSpace import Float
from sklearn.linear_model import LogisticRegression, Ridge

from automl.components import Component, Configuration, space_of
from automl.execute.local import LocalExecutor
from automl.searchers import Trial
from pipelines.weights import relative_weights


class WeightedRidge(Ridge):
    """Takes weights without a unit, which would otherwise change the weight of the penalty."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y, sample_weight=None if sample_weight is None else relative_weights(sample_weight))


def make(params, context):
    alpha = params.get("alpha", 1.0)
    if context.traits.is_classification:
        return LogisticRegression(C=1 / alpha, max_iter=1_000)
    return WeightedRidge(alpha=alpha)


MODEL = Component(
    "shrunken_linear",
    make,
    space=lambda traits: space_of(Float("alpha", (1e-3, 1e3), log=True, default=1.0)),
    accepts_weights=True,
    accepts_sparse=True,
    seconds=lambda params, traits: 1e-3 + 1e-7 * traits.n_rows * traits.n_features,
)


class Searcher:
    """Proposes a random configuration of the space."""

    def __init__(self, space, seed):
        self.space, self.seed = space, seed

    def seed_of(self, history):
        return self.seed + 1_000 * len(history.tried)

    def suggest(self, history, n):
        self.space.seed(self.seed_of(history))
        new = {}
        for _ in range(500):
            if len(new) == n:
                break
            drawn = Configuration(dict(self.space.sample_configuration()))
            if drawn not in history.tried:
                new[drawn] = None
        return [Trial(configuration, origin="mine") for configuration in new]


class Executor:
    """Counts the trials that it gives to the workers of another executor."""

    def __init__(self, folder, n_workers, memory_limit, own_scorer):
        self.inner = LocalExecutor(folder, n_workers, memory_limit=memory_limit, own_scorer=own_scorer)
        self.n_workers, self.memory_limit = self.inner.n_workers, self.inner.memory_limit
        self.fleet_size = self.inner.fleet_size
        self.n_submitted = 0

    def submit(self, trials, time_limit):
        self.n_submitted += len(trials)
        return self.inner.submit(trials, time_limit)

    def shutdown(self):
        self.inner.shutdown()
'''
TESTS = """
from typing import ClassVar

from automl.testing import ExecutorContract, ModelContract, SearcherContract
from automl.testing.executors import FAILING_TRIALS
from plugin import MODEL, Executor, Searcher


class TestMyModel(ModelContract):
    components = [MODEL]


class TestMySearcher(SearcherContract):
    searchers: ClassVar = {"mine": Searcher}


class TestMyExecutor(ExecutorContract):
    executors: ClassVar = {"mine": Executor}
    failing_trials: ClassVar = {name: FAILING_TRIALS[name] for name in ("segfault", "raise")}
"""
BROKEN = """
import time
from concurrent.futures import Future
from dataclasses import replace
from typing import ClassVar

from sklearn.svm import LinearSVC

from automl.testing import ExecutorContract, ModelContract, SearcherContract
from automl.trials.history import RunHistory
from plugin import MODEL, Executor, Searcher, make


def without_weights(params, context):
    estimator = make(params, context)

    class Careless(type(estimator)):
        def fit(self, X, y, sample_weight=None):
            return super().fit(X, y)

    estimator.__class__ = Careless
    return estimator


class TestModelWithoutWeights(ModelContract):
    components = [replace(MODEL, make=without_weights)]


class TestModelWithoutProbabilities(ModelContract):
    components = [replace(MODEL, make=lambda params, context: LinearSVC(), applies=lambda t: t.is_classification)]


class TestModelWithWrongGuess(ModelContract):
    components = [replace(MODEL, seconds=lambda params, traits: float("inf"))]


class ClockSearcher(Searcher):
    def seed_of(self, history):
        return time.time_ns() % 2**31


class TestClock(SearcherContract):
    searchers: ClassVar = {"clock": ClockSearcher}


class CountingSearcher(Searcher):
    calls = 0

    def seed_of(self, history):
        self.calls += 1
        return self.seed + self.calls


class TestHiddenState(SearcherContract):
    searchers: ClassVar = {"counting": CountingSearcher}


class RepeatingSearcher(Searcher):
    def suggest(self, history, n):
        return super().suggest(RunHistory(), n)


class TestRepetition(SearcherContract):
    searchers: ClassVar = {"repeating": RepeatingSearcher}


class RaisingExecutor(Executor):
    def submit(self, trials, time_limit):
        outer = Future()

        def end(inner):
            failed = [result for result in inner.result() if result.reason]
            outer.set_exception(RuntimeError(failed[0].reason)) if failed else outer.set_result(inner.result())

        super().submit(trials, time_limit).add_done_callback(end)
        return outer


class TestRaisingExecutor(ExecutorContract):
    executors: ClassVar = {"raising": RaisingExecutor}
"""

GUARANTEES = {
    "TestModelWithoutWeights": "sample_weight must move the predictions towards heavy rows",
    "TestModelWithoutProbabilities": "a classifier must have predict_proba",
    "TestModelWithWrongGuess": "guesses must be finite and positive",
    "TestClock": "a searcher must not use a clock",
    "TestHiddenState": "a new searcher with the same seed must continue a history in the same way",
    "TestRepetition": "suggest must not repeat a configuration of history.tried",
    "TestRaisingExecutor": "a future must end with results, whatever a trial does",
}


@pytest.fixture
def run_pytest(tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)

    def run(content, *arguments):
        (tmp_path / "test_plugin.py").write_text(content)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *arguments]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500)

    return run


@pytest.mark.slow
@pytest.mark.alone
def test_a_model_a_searcher_and_an_executor_from_outside_pass(run_pytest):
    done = run_pytest(TESTS)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50


@pytest.mark.slow
def test_broken_guarantees_are_named(run_pytest):
    names = ["weights", "learns", "guesses", "continues", "clocks", "first_fold", "several_fits", "raise"]
    done = run_pytest(BROKEN, "-k", " or ".join(names))
    assert done.returncode == 1, done.stdout
    failures = {}  # message of the assertion, by name of the class
    for section in re.split(r"\n_+ (?=Test)", done.stdout)[1:]:
        error = re.search(r"^E +AssertionError: (.*)", section, re.MULTILINE)
        failures.setdefault(section.partition(".")[0], []).append(error[1] if error else section)
    for name, guarantee in GUARANTEES.items():
        assert any(guarantee in message for message in failures.get(name, [])), (name, failures.get(name))


@pytest.mark.slow
def test_a_suite_without_components_says_what_it_needs(run_pytest):
    done = run_pytest("from automl.testing import ModelContract\nclass TestNothing(ModelContract):\n    pass\n")
    assert done.returncode == 2
    assert "TestNothing needs the class attribute components, a list of models" in done.stdout


@pytest.mark.slow
def test_without_pytest_one_error_says_what_to_install():
    code = "import sys; sys.modules['pytest'] = None; import automl, automl.estimator; import automl.testing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: automl.testing needs pytest, which runs its contract suites; pip install pytest"
    )
