"""Train the configurations of an ensemble on all rows: one model for each, in the workers of an executor."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace

import numpy as np
from sklearn.pipeline import Pipeline

from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.selection import FoldBag, Member
from automl.errors import NoWorkersError
from automl.execute.base import Executor
from automl.task.task import ALL_ROWS, Task
from automl.trials.artifacts import Artifacts
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.catalog import get_component
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

UNKNOWN_SECONDS = 60.0  # of a fit, where the model was saved without the history of its search
_LIMIT_FACTOR = 10.0  # times the expected seconds, after which a fit counts as hanging
_STOPPING_FACTOR, _STOPPING_SECONDS = 2.0, 2.0  # for models that stop by themselves: times the expected seconds, plus
_LEAST_LIMIT = 60.0  # seconds; a busy machine must not end a fit that is only slow
_PLANNED_FACTOR, _PLANNED_SECONDS = 1.2, 0.5  # the limit of a fit that stops by itself, beside its planned seconds


@dataclass(frozen=True)
class FitFacts:
    """What the folds of a configuration say about a training on all rows.

    Attributes
    ----------
    rounds : int or None
        Rounds of boosting; None for models that find their own end.
    seconds : float
        Expected seconds.
    learning_rate : float or None
        Learning rate of these rounds, which may be above that of the configuration where the time was short.
    is_cut : bool
        Whether the time limit has ended the training on a fold before its end.
    """

    rounds: int | None
    seconds: float
    learning_rate: float | None = None
    is_cut: bool = False

    def limit(self, configuration: Configuration) -> float:
        """Return the time limit of a fit in seconds.

        A model that stops by itself gets little more time than in the search. For others it is the time after which
        they count as hanging.
        """
        if self.rounds is None and get_component("model", configuration.family).interruptible:
            return _STOPPING_FACTOR * self.seconds + _STOPPING_SECONDS
        return max(_LEAST_LIMIT, _LIMIT_FACTOR * self.seconds)

    def planned_limit(self, configuration: Configuration) -> float:
        """Return the time limit of a fit in seconds where it must end soon after the planned ones."""
        if self.rounds is None and get_component("model", configuration.family).interruptible:
            return _PLANNED_FACTOR * self.seconds + _PLANNED_SECONDS
        return self.limit(configuration)


def facts_from_folds(folds: Mapping[int, FoldResult], train_shares: Sequence[float], n_rows: int) -> FitFacts:
    """Return what a training on all rows takes.

    With more rows a boosted model overfits after more rounds. Therefore the number of rounds of a fold is divided by
    the share of the rows on which the fold was trained. The medians over the folds are carried over: of the learning
    rate, and of the sum of the learning rates of all rounds.

    Parameters
    ----------
    folds : mapping of int to FoldResult
        Results by number of the fold; at least one.
    train_shares : sequence of float
        Share of all rows that each fold has for its training.
    n_rows : int
        Number of all rows. A fold that was trained on a sample says how many rows it had, but a training on all rows
        takes no sample.
    """
    pairs = [(result, train_shares[fold]) for fold, result in folds.items()]
    is_cut = any(result.info.get("cut", False) for result in folds.values())
    seconds = max(
        (result.fit_seconds + result.predict_seconds) / min(share, result.info.get("training_rows", n_rows) / n_rows)
        for result, share in pairs
    )
    boosted = [
        (r.info["full_rounds"] / share, r.info["learning_rate"]) for r, share in pairs if "full_rounds" in r.info
    ]
    if not boosted:
        return FitFacts(None, seconds, is_cut=is_cut)
    rate = float(np.median([rate for _, rate in boosted]))
    total = float(np.median([rounds * rate for rounds, rate in boosted]))
    return FitFacts(max(1, round(total / rate)), seconds, rate, is_cut)


def known_facts(estimator: FittedModel, train_shares: Sequence[float]) -> dict[Configuration, FitFacts]:
    """Return what is known about a training of each member on all rows that the estimator was trained on."""
    known = getattr(estimator, "_refit_facts", None)
    if known is not None:
        return dict(known)
    evaluations = getattr(getattr(estimator, "history_", None), "evaluations", {})
    facts, n_rows = {}, estimator._reader.n_rows_
    for bag in estimator._ensemble.bags:
        folds = evaluations[bag.configuration].whole_folds() if bag.configuration in evaluations else {}
        usable = {fold: result for fold, result in folds.items() if fold < len(train_shares)}
        facts[bag.configuration] = (
            facts_from_folds(usable, train_shares, n_rows) if usable else FitFacts(None, UNKNOWN_SECONDS)
        )
    return facts


def run_trials(
    trials: Sequence[tuple[Trial, float]], executor: Executor, deadline: float = float("inf")
) -> list[TrialResult]:
    """Run trials and wait for their results.

    Parameters
    ----------
    trials : sequence of (Trial, float)
        Trials with their time limits in seconds, the most important one first.
    deadline : float
        Time of `time.monotonic`, in seconds. A trial that is not finished then counts as timed out.
    """
    futures: list[Future[list[TrialResult]]] = []
    for trial, limit in trials:
        futures.append(executor.submit([trial], max(0.1, min(limit, deadline - time.monotonic()))))
    results = []
    for (trial, _), future in zip(trials, futures, strict=True):
        left = None if deadline == float("inf") else max(0.0, deadline - time.monotonic())
        try:
            results.append(future.result(timeout=left)[0])
        except FutureTimeoutError:
            results.append(TrialResult(trial, Status.TIMEOUT, {}, 0.0, reason="the time was too short"))
        except NoWorkersError as error:
            results.append(TrialResult(trial, Status.CRASH, {}, 0.0, reason=str(error)))
    return results


def train_on_all_rows(
    members: Mapping[Configuration, FitFacts],
    executor: Executor,
    artifacts: Artifacts,
    seed: int,
    deadline: float = float("inf"),
    limit: Callable[[FitFacts, Configuration], float] = FitFacts.limit,
    keep_cut: bool = True,
) -> tuple[dict[Configuration, Pipeline], dict[Configuration, str]]:
    """Train each configuration on all rows of the task of the executor.

    Parameters
    ----------
    members : mapping of Configuration to FitFacts
        The most important configuration first.
    deadline : float
        Time of `time.monotonic`, in seconds.
    limit : callable
        Returns the time limit of a fit in seconds.
    keep_cut : bool
        Whether a model counts whose time limit has ended its training, although it has not ended those on the folds.

    Returns
    -------
    models : dict of Configuration to Pipeline
    failed : dict of Configuration to str
        The reason why a configuration has no model.
    """
    trials = [
        (Trial(c, (ALL_ROWS,), seed, "refit", facts.rounds, facts.learning_rate), limit(facts, c))
        for c, facts in members.items()
    ]
    for configuration in () if keep_cut else members:
        artifacts.remove(configuration, ALL_ROWS)  # a training that was cut has left it
    models, failed = {}, {}
    for result in run_trials(trials, executor, deadline):
        configuration = result.trial.configuration
        if ALL_ROWS not in result.folds:
            failed[configuration] = f"{result.status}: {result.reason}"
            continue
        model = artifacts.model(configuration, ALL_ROWS)
        if keep_cut or _is_whole(model, members[configuration]):
            models[configuration] = model
        else:  # without its files, a later session reserves seconds for a whole training
            artifacts.remove(configuration, ALL_ROWS)
            failed[configuration] = "the time limit has ended its training"
    return models, failed


def _is_whole(model: Pipeline, facts: FitFacts) -> bool:
    """Return whether the time limit has not ended the training of a model, unless it has ended those on the folds."""
    return facts.is_cut or not getattr(model[-1], "cut_", False)


def replace_models(
    bags: Sequence[FoldBag], models: Mapping[Configuration, Pipeline], failed: Mapping[Configuration, str]
) -> list[FoldBag]:
    """Return bags with the models of all rows; a member without such a model keeps its fold models."""
    for configuration, reason in failed.items():
        logger.warning(
            "%s %s keeps the models of its folds: the training on all rows ended as %s",
            configuration.family,
            configuration.id,
            reason,
        )
    return [
        replace(bag, models=[models[bag.configuration]], folds=()) if bag.configuration in models else bag
        for bag in bags
    ]


def add_models(bags: Sequence[FoldBag], models: Mapping[Configuration, Pipeline]) -> list[FoldBag]:
    """Return bags in which a model of all rows comes before the fold models, so that a smaller bag keeps it."""
    return [
        replace(bag, models=[models[bag.configuration], *bag.models], folds=(ALL_ROWS, *bag.folds))
        if bag.configuration in models
        else bag
        for bag in bags
    ]


def facts_of(members: Sequence[FoldBag | Member], history: RunHistory, task: Task) -> dict[Configuration, FitFacts]:
    """Return what a training of each member on all rows takes, the member with the largest weight first."""
    facts = {}
    for member in sorted(members, key=lambda member: -member.weight):
        folds = history.evaluations[member.configuration].whole_folds()
        facts[member.configuration] = facts_from_folds(folds, task.train_shares, len(task.y))
    return facts


def in_time(
    members: Mapping[Configuration, FitFacts], seconds: float, n_workers: int
) -> tuple[dict[Configuration, FitFacts], float]:
    """Return the members that workers can train on all rows in some seconds, and the seconds that they need.

    Parameters
    ----------
    members : mapping of Configuration to FitFacts
        The most important configuration first. A later one takes the place of one that takes too long.
    seconds : float
        Wall-clock seconds.
    """
    chosen: dict[Configuration, FitFacts] = {}
    busy = [0.0] * n_workers
    for configuration, facts in members.items():
        first = busy.index(min(busy))
        if busy[first] + facts.seconds <= seconds:
            busy[first] += facts.seconds
            chosen[configuration] = facts
    return chosen, max(busy)


def train_in_time(
    members: Mapping[Configuration, FitFacts], executor: Executor, artifacts: Artifacts, seed: int, deadline: float
) -> dict[Configuration, Pipeline]:
    """Return models of all rows of the members of `in_time`; a member whose training fails has none.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds.
    """
    limit = FitFacts.limit if deadline == float("inf") else FitFacts.planned_limit
    models, failed = train_on_all_rows(members, executor, artifacts, seed, deadline, limit, keep_cut=False)
    logger.info("%d members have a model of all rows", len(models))
    for configuration, reason in failed.items():
        logger.info("%s %s has no model of all rows: %s", configuration.family, configuration.id, reason)
    return models


def train_at_last(
    trials: FinishedTrials, members: Sequence[FoldBag], executor: Executor, deadline: float
) -> tuple[dict[Configuration, Pipeline], dict[Configuration, str]]:
    """Train members of a run on all rows, where its fold models have not seen the newest or the validation rows.

    A model of all rows whose training a time limit has cut in an earlier session is kept, unless there is time for a
    whole training.

    Parameters
    ----------
    members : sequence of FoldBag
        Those without a whole model of all rows.
    deadline : float
        Time of `time.monotonic`, in seconds. A member that is not finished then keeps the model of its first fold.

    Returns
    -------
    models : dict of Configuration to Pipeline
    failed : dict of Configuration to str
        The reason why a configuration has no model.
    """
    artifacts = trials.artifacts
    facts, left = facts_of(members, trials.history, trials.task), deadline - time.monotonic()
    cut = {c: artifacts.model(c, ALL_ROWS) for c in facts if artifacts.has_fold(c, ALL_ROWS)}
    wanted = {c: known for c, known in facts.items() if c not in cut or known.seconds <= left}
    trained, failed = train_on_all_rows(wanted, executor, artifacts, trials.random_state, deadline)
    logger.info("%d of %d members were trained on all rows", len(trained), len(facts))
    models = cut | trained
    return models, {configuration: reason for configuration, reason in failed.items() if configuration not in models}


def stored_models(
    trials: FinishedTrials, members: Sequence[FoldBag], keep_cut: bool = False
) -> dict[Configuration, Pipeline]:
    """Return the models of all rows of the members that a run has left; those that a limit has cut only on request."""
    artifacts = trials.artifacts
    stored = [bag for bag in members if artifacts.has_fold(bag.configuration, ALL_ROWS)]
    facts = facts_of(stored, trials.history, trials.task)
    models = {configuration: artifacts.model(configuration, ALL_ROWS) for configuration in facts}
    return {c: model for c, model in models.items() if keep_cut or _is_whole(model, facts[c])}


def reasons_of(failed: Mapping[Configuration, str]) -> str:
    """Return why configurations could not be trained, in one text."""
    return "; ".join(f"{configuration.family}: {reason}" for configuration, reason in failed.items())
