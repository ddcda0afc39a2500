"""Searchers are given by name or as objects."""

from __future__ import annotations

import builtins
import sys

import pytest
from ConfigSpace import ConfigurationSpace

from automl.errors import AutoMLError, InvalidInputError
from automl.search.catalog import SEARCHERS, check_searcher, make_searcher
from automl.search.optuna_sampler import OptunaSearcher
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, TrialResult
from tests.search.spaces import every_kind

SPACE = ConfigurationSpace({"x": (0.0, 1.0), "kind": ["a", "b"]})


def test_the_error_for_a_misspelled_name_suggests_the_nearest_name():
    with pytest.raises(InvalidInputError, match="'smca' is unknown; did you mean 'smac'"):
        make_searcher("smca", SPACE, 0)


def test_the_error_for_an_unknown_name_lists_the_choices():
    with pytest.raises(InvalidInputError, match=r"smac.*random|random.*smac"):
        make_searcher("zzzzzz", SPACE, 0)


def test_an_object_without_suggest_is_refused():
    with pytest.raises(InvalidInputError, match="no method suggest"):
        make_searcher(3, SPACE, 0)


def test_an_object_of_the_user_is_used_as_it_is():
    class Mine:
        def suggest(self, history, n):
            return []

    mine = Mine()
    assert make_searcher(mine, SPACE, 0) is mine


def run(searcher, n):
    history = RunHistory()
    for _ in range(n):
        trial = searcher.suggest(history, 1)[0]
        loss = float(trial.configuration.get("x", trial.configuration.get("size", 0)))
        history.append(TrialResult(trial, Status.OK, {0: FoldResult(loss, 1.0, 0.0)}, 1.0))
    return history


def test_a_sampler_object_of_optuna_is_adapted():
    optuna = pytest.importorskip("optuna")
    searcher = make_searcher(optuna.samplers.RandomSampler(seed=0), SPACE, 0)
    assert isinstance(searcher, OptunaSearcher)
    assert len(run(searcher, 5).evaluations) == 5


def test_a_users_subclass_of_an_optuna_sampler_is_adapted():
    optuna = pytest.importorskip("optuna")

    class Mine(optuna.samplers.TPESampler):
        """A sampler that is defined outside Optuna."""

    searcher = make_searcher(Mine(seed=0), SPACE, 0)
    assert isinstance(searcher, OptunaSearcher)
    assert len(run(searcher, 5).evaluations) == 5


def test_an_object_of_optuna_that_is_no_sampler_is_refused():
    optuna = pytest.importorskip("optuna")
    with pytest.raises(InvalidInputError, match=r"Study has no method suggest"):
        make_searcher(optuna.create_study(), SPACE, 0)


@pytest.mark.parametrize("name", ["tpe", "nsga_ii", "qmc"])
def test_samplers_of_optuna_respect_conditions_and_forbidden_clauses(name):
    pytest.importorskip("optuna")
    space = every_kind()
    history = run(make_searcher(name, space, 0), 30)
    assert len(history.evaluations) == 30
    for configuration in history.evaluations:
        assert configuration.get("flavor") != "salty"
        assert (configuration["model"] == "forest") == ("trees" in configuration)


def test_the_error_without_optuna_names_the_extra_to_install(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.startswith("optuna"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(AutoMLError, match=r"pip install 'cash-automl\[optuna\]'"):
        make_searcher("tpe", SPACE, 0).suggest(RunHistory(), 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda samplers: "cma_es",
        lambda samplers: samplers.CmaEsSampler(),
        lambda samplers: samplers.PartialFixedSampler({}, samplers.CmaEsSampler()),
    ],
    ids=["name", "object", "wrapped"],
)
def test_the_error_without_cmaes_comes_before_a_search_and_names_what_to_install(make, monkeypatch):
    optuna = pytest.importorskip("optuna")
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(AutoMLError, match=r"package cmaes; install it with: pip install 'cash-automl\[optuna\]'"):
        check_searcher(make(optuna.samplers))


def test_a_version_of_optuna_whose_genetic_algorithms_would_learn_nothing_is_refused(monkeypatch):
    optuna = pytest.importorskip("optuna")
    monkeypatch.delattr(optuna.samplers, "BaseGASampler")  # Optuna 4.3 added it
    with pytest.raises(AutoMLError, match=r"Optuna 4\.3 or newer"):
        check_searcher("nsga_ii")


def test_the_catalog_has_the_strategies_of_the_literature():
    assert {"smac", "random", "sobol", "grid", "genetic", "tpe"} <= set(SEARCHERS)
