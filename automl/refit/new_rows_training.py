"""Train the members of a fitted estimator on new rows: on folds of them, and on all of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.checks.data_checks import DataChecks
from automl.ensemble.attribute_rules import Subject
from automl.ensemble.copies import derived_copy
from automl.ensemble.estimate import UNKNOWN, OutOfFoldRecord
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.missing import REFIT
from automl.ensemble.out_of_fold_scores import OF_REFIT, Records, collect_scores
from automl.ensemble.quantile_shift import fit_shift
from automl.ensemble.selection import Ensemble, FoldBag
from automl.ensemble.slimming import AnyEstimate
from automl.errors import InvalidInputError, NothingFittedError
from automl.execute.base import Executor
from automl.interruption import unless_interrupted
from automl.refit.evaluation import COLUMNS, evaluate
from automl.refit.members import (
    UNKNOWN_SECONDS,
    FitFacts,
    facts_from_folds,
    known_facts,
    reasons_of,
    run_trials,
    train_on_all_rows,
)
from automl.refit.model import RefitModel
from automl.refit.new_rows import keep_reasons
from automl.refit.preparation import prepare_new_rows, seed_of
from automl.refit.report import RefitReport
from automl.refit.rows import TrainingRows
from automl.refit.workers import in_workers
from automl.search.user_space import known_components, user_space
from automl.task.dummy import constant_of_model
from automl.task.prepare import PreparedTask, TrainingData
from automl.task.scored_target import ScoredTarget
from automl.task.scorers import take_rows
from automl.task.split_arguments import time_of_refit
from automl.task.task import Task
from automl.trials.artifacts import Artifacts
from automl.trials.trial import FoldResult, Trial
from pipelines.build import fits_together
from pipelines.configuration import Configuration
from pipelines.overrides import SpaceError
from pipelines.space import build_space, complete

logger = logging.getLogger(__name__)

Array = NDArray[Any]

_N_FOLDS = 5  # of the new rows, unless the argument cv of the estimator says how to split them
_MAX_FOLD_BYTES = 2**28  # of the fold models that stay in memory after a refit on new rows


@dataclass(frozen=True)
class Member:
    """A member of the old ensemble, and its configuration as the table of the new rows allows it."""

    bag: FoldBag
    configuration: Configuration


def train_on_new_rows(estimator: RefitModel, data: TrainingData) -> RefitModel:
    """Return a fitted copy of an estimator whose members were trained on new rows.

    Raises
    ------
    InvalidInputError
        If the new rows do not suit the model.
    NothingFittedError
        If no configuration could be trained.
    """
    notes: list[str] = []
    prepared, X = prepare_new_rows(estimator, data, notes, _folds(estimator, data))
    if prepared.positions is not None:
        X = take_rows(X, prepared.positions)
    task = prepared.task
    members = find_members(estimator, task, notes)
    trained = in_workers(estimator, task, partial(_train_members, estimator, X, task, members, notes))
    new = _copy_with(estimator, prepared, trained, notes)
    for note in notes:
        logger.warning(note)
    new._fold_bags, new._conformal = trained.fold_bags, trained.conformal
    new._refit_facts, new._estimate = trained.facts, trained.estimate
    new.refit_report_ = RefitReport(
        n_rows=len(task.y),
        n_models=trained.n_models,
        seconds=0.0,
        metric=task.metric.name,
        scores=trained.scores,
        notes=tuple(notes),
    )
    return new


def _folds(estimator: FittedModel, data: TrainingData) -> list[Any]:
    """Return the values of `cv` for new rows: the folds of the estimator, or else five, where the rows allow them.

    Pairs of row numbers belong to the old table. Rare classes or few groups may allow fewer than five folds only.
    """
    cv = estimator.cv
    if time_of_refit(vars(estimator).get("_split_arguments", {}), data.time)[0] is not None:
        return [cv if isinstance(cv, Integral) else None]
    return [cv] if isinstance(cv, Integral) or hasattr(cv, "split") else [_N_FOLDS, None]


def find_members(estimator: FittedModel, task: Task, notes: list[str]) -> list[Member]:
    """Return the members that the table of the new rows allows, with their configurations completed for this table."""
    try:
        space = build_space(
            task.traits, seed=seed_of(estimator), overrides=user_space(estimator), own=known_components(estimator)
        )
    except SpaceError as error:
        raise InvalidInputError(str(error)) from error
    members = []
    for bag in sorted(estimator._ensemble.bags, key=lambda bag: -bag.weight):
        configuration = complete(space, bag.configuration)
        if configuration is None:
            notes.append(f"{bag.configuration.family} left the ensemble: it does not suit the table of the new rows")
        else:
            members.append(Member(bag, configuration))
    if not members:
        raise InvalidInputError("no model of the ensemble suits the table of the new rows; call fit for a new search")
    return members


def _copy_with(estimator: RefitModel, prepared: PreparedTask, trained: _Trained, notes: list[str]) -> RefitModel:
    """Return a copy of the estimator with the reader, the rows and the ensemble of the new rows."""
    new, reader = derived_copy(estimator, REFIT, (Subject.MODELS, Subject.MEMBERS, Subject.ROWS)), prepared.reader
    keep_reasons(reader, estimator._reader)
    new._ensemble, new._reader, new._metric = trained.ensemble, reader, prepared.task.metric.without_table()
    new._rows = rows = TrainingRows.from_task(prepared.task)
    known = trained.estimate
    own = ScoredTarget(rows.y, new._metric, rows.sample_weight)
    scored = known.scored_target if isinstance(known, OutOfFoldRecord) else own
    new._constant = constant_of_model(scored.metric, scored.y, scored.sample_weight)
    checks = DataChecks(prepared, logger.info)
    unless_interrupted(checks.before_search, "warnings_ is not complete", notes.append)
    new._warnings = checks.warnings
    new.scorer_ = prepared.task.metric.scorer
    new.n_features_in_ = reader.n_features_in_
    if hasattr(reader, "feature_names_in_"):
        new.feature_names_in_ = reader.feature_names_in_
    return new


@dataclass(frozen=True)
class _Trained:
    """The ensemble of new rows, and what is known about it.

    Attributes
    ----------
    n_models : int
        Number of models of all rows.
    scores : DataFrame
        Scores on the folds of the new rows; without a row if the user has interrupted their computation.
    """

    ensemble: Ensemble
    n_models: int
    facts: dict[Configuration, FitFacts]
    fold_bags: list[FoldBag] | None
    conformal: Records | None
    scores: pd.DataFrame
    estimate: AnyEstimate


def _train_members(
    estimator: FittedModel,
    X: Any,
    task: Task,
    members: list[Member],
    notes: list[str],
    executor: Executor,
    artifacts: Artifacts,
) -> _Trained:
    """Train members on the folds of new rows, and on all of them.

    After the training on the folds, an interrupt ends the current step only.
    """
    seed = seed_of(estimator)
    expected = known_facts(estimator, _get_shares(estimator))
    growth = max(1.0, len(task.y) / max(1, estimator._reader.n_rows_))
    limits = {m.configuration: _fold_limit(expected, m, growth) for m in members}
    folds, failed = _train_folds(limits, executor, task, seed)
    members = [member for member in members if member.configuration in folds]
    if not members:
        raise NothingFittedError(f"no member of the ensemble could be trained on the new rows: {reasons_of(failed)}")
    notes += [f"{c.family} left the ensemble: {reason}" for c, reason in failed.items()]
    weights = _weights(members)
    ensemble = _with_own_shift(estimator._ensemble, weights, artifacts, task, seed)
    facts = {c: facts_from_folds(folds[c], task.train_shares, len(task.y)) for c in weights}
    training = partial(train_on_all_rows, facts, executor, artifacts, seed)
    lost = "the members keep the models of their folds"
    models, late = unless_interrupted(training, lost, notes.append) or ({}, {})
    notes += [f"{c.family} keeps the models of its folds: {reason}" for c, reason in late.items()]
    # In the order of time, models of older folds have not seen the newest rows.
    predicting = range(1 if task.in_time_order else len(task.folds))
    kept = {c: [models[c]] if c in models else [artifacts.model(c, f) for f in predicting] for c in weights}
    total = sum(member.bag.weight for member in members)
    bags = [
        replace(
            m.bag,
            weight=m.bag.weight / total,
            models=kept[m.configuration],
            folds=() if m.configuration in models else tuple(predicting),
        )
        for m in members
    ]
    evaluating = partial(evaluate, estimator, X, task, weights, ensemble, artifacts, notes)
    lost = "the old model and the new model were not compared, and the new model has no estimate_"
    unknown = pd.DataFrame(columns=COLUMNS, dtype=float), UNKNOWN if task.has_estimate else None
    scores, estimate = unless_interrupted(evaluating, lost, notes.append) or unknown
    reading = partial(read_fold_models, weights, artifacts, predicting)
    fold_bags = unless_interrupted(reading, "explanations use the models of all rows", notes.append)
    used = {c: (w, range(len(task.folds))) for c, w in weights.items()}
    scoring = partial(collect_scores, used, ensemble, artifacts, task, seed, note=OF_REFIT)
    conformal = unless_interrupted(scoring, "the model predicts no intervals and no sets", notes.append)
    facts = {m.bag.configuration: facts[m.configuration] for m in members}
    return _Trained(replace(ensemble, bags=bags), len(models), facts, fold_bags, conformal, scores, estimate)


def _get_shares(estimator: FittedModel) -> Sequence[float]:
    """Return the shares of the rows on which the folds of the search were trained, as far as they are known."""
    n_splits = int(getattr(estimator, "n_splits_", 2))
    return [1 - 1 / max(2, n_splits)] * n_splits


def _fold_limit(expected: Mapping[Configuration, FitFacts], member: Member, growth: float) -> float:
    """Return the time limit of a fold in seconds, where the new rows are `growth` times as many as the old ones."""
    known = expected.get(member.bag.configuration, FitFacts(None, UNKNOWN_SECONDS))
    return FitFacts(None, known.seconds * growth).limit(member.configuration)


def _train_folds(
    limits: Mapping[Configuration, float], executor: Executor, task: Task, seed: int
) -> tuple[dict[Configuration, dict[int, FoldResult]], dict[Configuration, str]]:
    """Train all configurations on all folds; return the results of finished configurations, and why others failed."""
    every = tuple(range(len(task.folds)))
    trials = []
    for configuration, limit in limits.items():
        for folds in [every] if fits_together(configuration) else [(fold,) for fold in every]:
            trials.append((Trial(configuration, folds, seed, "refit"), limit * len(folds)))
    done: dict[Configuration, dict[int, FoldResult]] = {}
    failed: dict[Configuration, str] = {}
    for result in run_trials(trials, executor):
        configuration = result.trial.configuration
        done.setdefault(configuration, {}).update(result.folds)
        if len(result.folds) < len(result.trial.folds):
            failed[configuration] = f"{result.status}: {result.reason or 'the time was too short'}"
    return {c: folds for c, folds in done.items() if c not in failed}, failed


def _weights(members: Sequence[Member]) -> dict[Configuration, float]:
    """Return the weight of each configuration; two members may have become the same configuration."""
    total = sum(member.bag.weight for member in members)
    weights: dict[Configuration, float] = {}
    for member in members:
        weights[member.configuration] = weights.get(member.configuration, 0.0) + member.bag.weight / total
    return weights


def _with_own_shift(
    ensemble: Ensemble, weights: Mapping[Configuration, float], artifacts: Artifacts, task: Task, seed: int
) -> Ensemble:
    """Return the ensemble with quantiles that are calibrated on the new rows."""
    if not ensemble.quantiles:
        return ensemble
    folds = range(len(task.folds))
    means = [sum(w * artifacts.predictions(c, fold) for c, w in weights.items()) for fold in folds]
    rows = np.concatenate([task.folds[fold][1] for fold in folds])
    shift = fit_shift(task.y[rows], np.concatenate(means), ensemble.quantiles, task.weights(rows), seed)
    return replace(ensemble, quantile_shift=shift)


def read_fold_models(
    weights: Mapping[Configuration, float], artifacts: Artifacts, folds: Sequence[int]
) -> list[FoldBag] | None:
    """Return the fold models of a refit, which show what the ensemble uses; None if they are too large."""
    if sum(artifacts.model_bytes(c, f) for c in weights for f in folds) > _MAX_FOLD_BYTES:
        return None
    return [FoldBag(c, w, [artifacts.model(c, f) for f in folds], tuple(folds)) for c, w in weights.items()]
