"""An adapter that makes any sampler of Optuna a search strategy."""

from __future__ import annotations

import copy
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from ConfigSpace import (
    CategoricalHyperparameter,
    ConfigurationSpace,
    Constant,
    OrdinalHyperparameter,
    UniformIntegerHyperparameter,
)
from ConfigSpace import Configuration as SpaceConfiguration
from ConfigSpace.exceptions import ForbiddenValueError

from automl.errors import AutoMLError
from automl.search.vectors import VectorSpace
from automl.trials.history import Observation, RunHistory
from automl.trials.trial import Trial
from pipelines.configuration import Configuration
from pipelines.space import to_configuration

SAMPLERS = {
    "tpe": "TPESampler",
    "cma_es": "CmaEsSampler",
    "gp": "GPSampler",
    "nsga_ii": "NSGAIISampler",
    "qmc": "QMCSampler",
}
_ATTEMPTS = 20  # suggestions of the sampler until one is new


def import_optuna() -> Any:
    """Return the package Optuna.

    Raises
    ------
    AutoMLError
        If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise AutoMLError("this needs Optuna; install it with: pip install 'cash-automl[optuna]'") from error
    return optuna


def is_optuna_sampler(searcher: Any) -> bool:
    """Return whether an object is a sampler of Optuna, also one of a user's own class."""
    samplers = sys.modules.get("optuna.samplers")  # a sampler exists only where Optuna was imported
    return samplers is not None and isinstance(searcher, samplers.BaseSampler)


def check_sampler(sampler: Any) -> None:
    """Check that the packages of a sampler, a name of `SAMPLERS` or an object, are installed.

    Raises
    ------
    AutoMLError
        If one is not, or is too old.
    """
    optuna = import_optuna()
    if not hasattr(optuna.samplers, "BaseGASampler"):
        raise AutoMLError("this needs Optuna 4.3 or newer; install it with: pip install 'cash-automl[optuna]'")
    is_cma_es = sampler == "cma_es" or isinstance(_innermost(sampler), optuna.samplers.CmaEsSampler)
    if is_cma_es and find_spec("cmaes") is None:  # Optuna would import it only after some trials
        raise AutoMLError("CMA-ES needs the package cmaes; install it with: pip install 'cash-automl[optuna]'")


def _learns_from_asked_trials(sampler: Any) -> bool:
    """Return whether a sampler learns only from trials for which it was asked.

    A genetic algorithm notes the generation of a trial in it, and CMA-ES the distribution of the next points. Other
    samplers learn from the parameters, the values and the number of the known trials.
    """
    samplers = import_optuna().samplers
    return isinstance(_innermost(sampler), (samplers.BaseGASampler, samplers.CmaEsSampler))


def _innermost(sampler: Any) -> Any:
    """Return the sampler that chooses the values which are not fixed."""
    while isinstance(sampler, import_optuna().samplers.PartialFixedSampler):
        sampler = sampler._base_sampler
    return sampler


class OptunaSearcher:
    """Proposes the suggestions of a sampler of Optuna, which gets the history as finished trials.

    Parameters
    ----------
    space : ConfigurationSpace
    seed : int
    initial : sequence of Configuration
        Tried first, in this order.
    sampler : str or optuna.samplers.BaseSampler
        A name of `SAMPLERS`, or an object.
    """

    def __init__(
        self,
        space: ConfigurationSpace,
        *,
        seed: int = 0,
        initial: Sequence[Configuration] = (),
        sampler: Any = "tpe",
    ):
        self._space, self._vectors = space, VectorSpace(space)
        self._seed, self._initial, self._sampler = seed, tuple(initial), sampler
        self._distributions: dict[str, Any] = {}  # of the hyperparameters that a trial has had
        self._finished: dict[Configuration, Any] = {}  # the trials of Optuna that stand for observations

    def suggest(self, history: RunHistory, n: int) -> list[Trial]:
        """See `Searcher.suggest`."""
        tried = set(history.tried)
        trials = [Trial(c, origin="initial") for c in self._initial if c not in tried][:n]
        tried.update(trial.configuration for trial in trials)
        if len(trials) == n:
            return trials
        study = self._study(history, tried)
        while len(trials) < n:
            for _ in range(_ATTEMPTS):
                trial = study.ask()
                configuration = self._complete(trial)
                if configuration is not None and configuration not in tried:
                    trials.append(Trial(configuration, origin="optuna"))
                    tried.add(configuration)
                    break
                with suppress(RuntimeError):  # a sampler of a grid wants to end the study with its last point
                    study.tell(trial, state=import_optuna().trial.TrialState.FAIL)
            else:  # the sampler repeats itself; a random configuration gives it something new
                rng = np.random.default_rng((self._seed, len(tried)))
                new = self._vectors.first_new(self._vectors.samples(rng), tried)
                if new is None:
                    break
                trials.append(Trial(new, origin="random"))
                tried.add(new)
        return trials

    def _study(self, history: RunHistory, tried: Collection[Configuration]) -> Any:
        """Return a new study with the history, so that a resumed run continues in the same way."""
        optuna = import_optuna()
        sampler = self._sampler
        if sampler == "qmc":  # the points of one sequence; without scrambling, all seeds have the same one
            others = optuna.samplers.RandomSampler(seed=self._seed + len(tried))  # for what not all trials have
            sampler = optuna.samplers.QMCSampler(seed=self._seed, scramble=True, independent_sampler=others)
        elif isinstance(sampler, str):
            sampler = getattr(optuna.samplers, SAMPLERS[sampler])(seed=self._seed + len(tried))
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study(sampler=sampler)
        finally:
            optuna.logging.set_verbosity(verbosity)
        observations = history.observations()
        unfinished = sorted(set(tried).difference(o.configuration for o in observations), key=lambda c: c.id)
        if _learns_from_asked_trials(sampler):
            for observation in observations:
                trial = self._asked_trial(study, observation.configuration)
                study.tell(trial, observation.loss, _state(observation))
            for configuration in unfinished:
                self._asked_trial(study, configuration)
            return study
        for observation in observations:
            study.add_trial(self._finished_trial(observation))
        for configuration in unfinished:
            study.add_trial(self._running_trial(configuration))
        if tried and isinstance(_innermost(sampler), optuna.samplers.QMCSampler):
            _skip_points(study, len(tried))
        return study

    def _asked_trial(self, study: Any, configuration: Configuration) -> Any:
        """Return a trial of a known configuration for which the study has asked its sampler, which notes its state."""
        known = self._known_values(configuration)
        study.enqueue_trial(known)
        trial = study.ask()
        trial.relative_params  # noqa: B018  to read them asks the sampler, where no hyperparameter has needed it yet
        for name in known:
            trial._suggest(name, self._distribution(name))
        return trial

    def _known_values(self, configuration: Configuration) -> dict[str, Any]:
        return {name: value for name, value in configuration.items() if name in self._space}

    def _finished_trial(self, observation: Observation) -> Any:
        """Return an observation as a finished trial, of which a study makes its own copy."""
        configuration = observation.configuration
        if configuration not in self._finished:
            known = self._known_values(configuration)
            distributions = {name: self._distribution(name) for name in known}
            now = datetime.now()
            self._finished[configuration] = _finished_trials()(
                number=-1,
                trial_id=-1,
                state=_state(observation),
                value=None,
                datetime_start=now,
                datetime_complete=now,
                params=known,
                distributions=distributions,
                user_attrs={},
                system_attrs={},
                intermediate_values={},
            )
        trial = self._finished[configuration]
        trial.state = _state(observation)
        trial.value = observation.loss  # a further fold of one configuration changes the losses of others, too
        return trial

    def _running_trial(self, configuration: Configuration) -> Any:
        optuna, known = import_optuna(), self._known_values(configuration)
        distributions = {name: self._distribution(name) for name in known}
        return optuna.trial.create_trial(
            state=optuna.trial.TrialState.RUNNING, params=known, distributions=distributions
        )

    def _distribution(self, name: str) -> Any:
        if name not in self._distributions:
            self._distributions[name] = to_distribution(self._space[name])
        return self._distributions[name]

    def _complete(self, trial: Any) -> Configuration | None:
        """Return a configuration of suggested values, parents first; None where the configuration is forbidden."""
        values: dict[str, Any] = {}
        vector = np.full(len(self._space), np.nan)
        for i, (name, hyperparameter) in enumerate(self._space.items()):
            if self._vectors.is_active(vector, name):
                values[name] = trial._suggest(name, self._distribution(name))
                vector[i] = hyperparameter.to_vector(values[name])
        try:
            return to_configuration(SpaceConfiguration(self._space, values=values))
        except ForbiddenValueError:
            return None


def _state(observation: Observation) -> Any:
    """Return the state of the trial of Optuna that stands for an observation."""
    states = import_optuna().trial.TrialState
    return states.FAIL if observation.loss is None else states.COMPLETE


def _skip_points(study: Any, n_known: int) -> None:
    """Let the sequence of a sampler go on as if the sampler had been asked for the known trials.

    The first known trial is no point of the sequence, because its hyperparameters are the dimensions.
    """
    trial = study.ask()
    trial.relative_params  # noqa: B018  the sampler writes the number of its last point into the study
    study.tell(trial, state=import_optuna().trial.TrialState.FAIL)
    storage, study_id = study._storage, study._study_id
    for key in storage.get_study_system_attrs(study_id):  # the name depends on the version of Optuna
        storage.set_study_system_attr(study_id, key, n_known - 2)


@cache
def _finished_trials() -> Any:
    """Return a class of trials that share their values with their copies, because nobody changes a finished trial.

    A study makes a deep copy of each trial, which would take most of the time of a suggestion.
    """
    from optuna.trial import FrozenTrial

    class FinishedTrial(FrozenTrial):
        def __deepcopy__(self, memo: dict[int, Any]) -> FinishedTrial:
            return copy.copy(self)

    return FinishedTrial


def to_distribution(hyperparameter: Any) -> Any:
    """Return a hyperparameter of a ConfigSpace as a distribution of Optuna."""
    distributions = import_optuna().distributions
    if isinstance(hyperparameter, CategoricalHyperparameter):
        return distributions.CategoricalDistribution([_plain(c) for c in hyperparameter.choices])
    if isinstance(hyperparameter, OrdinalHyperparameter):
        return distributions.CategoricalDistribution([_plain(c) for c in hyperparameter.sequence])
    if isinstance(hyperparameter, Constant):
        return distributions.CategoricalDistribution([_plain(hyperparameter.value)])
    kind = "Int" if isinstance(hyperparameter, UniformIntegerHyperparameter) else "Float"
    make = getattr(distributions, f"{kind}Distribution")
    return make(_plain(hyperparameter.lower), _plain(hyperparameter.upper), log=hyperparameter.log)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
