"""Train the members of a fitted estimator on all rows that it has kept."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from automl.ensemble.attribute_rules import Subject
from automl.ensemble.copies import derived_copy
from automl.ensemble.missing import REFIT
from automl.ensemble.out_of_fold_scores import known_records, of_refit
from automl.errors import NothingFittedError
from automl.refit.evaluation import of_fold_models
from automl.refit.known_traits import kept_traits
from automl.refit.members import (
    known_facts,
    reasons_of,
    replace_models,
    train_on_all_rows,
)
from automl.refit.model import RefitModel
from automl.refit.preparation import seed_of
from automl.refit.report import RefitReport
from automl.refit.rows import get_rows
from automl.refit.workers import in_workers
from automl.task.dummy import constant_of_model
from automl.task.task import Task
from pipelines.steps.preprocessing import with_offsets


def train_on_kept_rows(estimator: RefitModel, deadline: float = float("inf")) -> RefitModel:
    """Return a fitted copy of an estimator whose members were trained on all rows that it has kept.

    Parameters
    ----------
    deadline : float
        Time of `time.monotonic`, in seconds. A member that is not finished then keeps its fold models.

    Raises
    ------
    InvalidInputError
        If there are no rows.
    NothingFittedError
        If no configuration could be trained.
    """
    rows, ensemble = get_rows(getattr(estimator, "_rows", None)), estimator._ensemble
    traits = kept_traits(estimator, rows.sample_weight is not None, len(rows.y))
    traits, metric = with_offsets(traits, rows.X), estimator._metric
    task = Task(rows.X, rows.y, traits, metric, (), rows.sample_weight, rows.groups)
    facts = known_facts(estimator, rows.train_shares)
    ordered = sorted(ensemble.bags, key=lambda bag: -bag.weight)
    wanted = {bag.configuration: facts[bag.configuration] for bag in ordered}
    training = partial(train_on_all_rows, wanted, seed=seed_of(estimator), deadline=deadline)
    models, failed = in_workers(estimator, task, training)
    if not models:
        raise NothingFittedError(f"no member of the ensemble could be trained on all rows: {reasons_of(failed)}")
    new = derived_copy(estimator, REFIT, (Subject.MODELS,))
    new._ensemble = replace(ensemble, bags=replace_models(ensemble.bags, models, failed))
    if vars(new).get("_single_scores") is None and "_constant" not in vars(new):  # no score of a constant is known
        new._constant = constant_of_model(metric, rows.y, rows.sample_weight)
    if "_estimate" in vars(estimator):  # a model that was loaded for prediction only has none
        new._estimate = of_fold_models(estimator._estimate)
    new._fold_bags = getattr(estimator, "_fold_bags", None) or ensemble.bags
    new._conformal = of_refit(known_records(estimator))
    new.refit_report_ = RefitReport(len(rows.y), len(models), 0.0, task.metric.name)
    return new
