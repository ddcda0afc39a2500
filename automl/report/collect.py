"""Collect the content of a report from a fitted or loaded estimator."""

from __future__ import annotations

import datetime
from typing import Any

from automl.persistence.manifest import library_versions
from automl.report.data import ReportData
from automl.report.ensemble import make_ensemble_section
from automl.report.groups import make_group_table
from automl.report.importance import make_importance_section
from automl.report.model import ReportedModel
from automl.report.performance import out_of_fold_performance, scores_by_metric, test_performance
from automl.report.reproduce import make_reproduce_section
from automl.report.rows import labeled_table
from automl.report.search import make_search_section
from automl.report.search_costs import make_costs_part
from automl.report.search_settings import make_settings_part
from automl.report.search_start import make_start_part
from automl.report.table import make_table_section
from automl.report.verdict import make_verdict
from automl.report.words import clean


def collect(estimator: ReportedModel, train: Any = None, test: Any = None) -> ReportData:
    """Return the content of the report about a fitted estimator.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        Fitted, or loaded.
    train : tuple of (table, target), optional
        The training table, for the counts of its cells.
    test : tuple of (table, target), optional
        Rows that the model has not seen, with known labels.

    Raises
    ------
    InvalidInputError
        If a table does not suit the model.
    """
    train_table, test_table = labeled_table(train, "train"), labeled_table(test, "test")
    notes = []
    performances, note = out_of_fold_performance(estimator)
    if not performances:
        notes.append(("performance", note))
    if test_table is not None:
        performances += test_performance(estimator, test_table)
    search = make_search_section(estimator)
    if search is None:
        notes.append(("search", "The model was loaded for prediction only, without its search."))
    importance, reason = make_importance_section(estimator, test_table)
    if importance is None:
        notes.append(("importance", reason))
    verdict = make_verdict(estimator)
    subject = f"'{verdict.target}'" if verdict.target is not None else "the target"
    return ReportData(
        title=clean(f"Prediction of {subject}"),
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        version=library_versions(["cash-automl"]).get("cash-automl", ""),
        verdict=verdict,
        table=make_table_section(estimator, train_table),
        performances=tuple(performances),
        scores=scores_by_metric(estimator),
        groups=make_group_table(estimator),
        importance=importance,
        ensemble=make_ensemble_section(estimator),
        search=search,
        costs=make_costs_part(estimator),
        start=make_start_part(estimator),
        settings=make_settings_part(estimator),
        reproduce=make_reproduce_section(estimator, train_table),
        notes=tuple(notes),
    )
