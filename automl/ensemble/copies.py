"""Copies of a fitted estimator with other models: what each attribute describes, and which ones a copy loses."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from enum import Enum

from automl.ensemble.fitted_model import FittedModel, Model


class Subject(Enum):
    """What an attribute of a fitted estimator describes. A change of it makes the attribute out of date."""

    MODELS = "the models that predict"
    MEMBERS = "the members and their weights, by what their fold models predict for out-of-fold rows"
    ROWS = "the training rows"
    RUN = "the search and its arguments, or a wish of the user"


SUBJECTS: Mapping[str, Subject] = {
    "_ensemble": Subject.MODELS,
    "_changed_by": Subject.MODELS,
    "_frontier": Subject.MODELS,
    "_score_curve": Subject.MODELS,
    "_stored_run": Subject.MODELS,
    "_has_warned_of_intervals": Subject.MODELS,
    "refit_report_": Subject.MODELS,
    "retune_report_": Subject.MODELS,
    "_conformal": Subject.MEMBERS,
    "_estimate": Subject.MEMBERS,
    "_fold_bags": Subject.MEMBERS,
    "_members_changed_by": Subject.MEMBERS,
    "_metric_scores": Subject.MEMBERS,
    "_quantile_scores": Subject.MEMBERS,
    "_row_predictions": Subject.MEMBERS,
    "_single_scores": Subject.MEMBERS,
    "_target_scores": Subject.MEMBERS,
    "_constant": Subject.ROWS,
    "_metric": Subject.ROWS,
    "_reader": Subject.ROWS,
    "_refit_facts": Subject.ROWS,
    "_rows": Subject.ROWS,
    "_sensitive": Subject.ROWS,
    "_sketch": Subject.ROWS,
    "_warnings": Subject.ROWS,
    "feature_names_in_": Subject.ROWS,
    "n_features_in_": Subject.ROWS,
    "scorer_": Subject.ROWS,
    "_energy": Subject.RUN,
    "_fit_seconds": Subject.RUN,
    "_fold_rows": Subject.RUN,
    "_guard_curve": Subject.RUN,
    "_has_earlier_sessions": Subject.RUN,
    "_initial_design": Subject.RUN,
    "_own_processor_seconds": Subject.RUN,
    "_row_order": Subject.RUN,
    "_split_arguments": Subject.RUN,
    "_target_name": Subject.RUN,
    "_warns_of_drift": Subject.RUN,
    "classes_": Subject.RUN,
    "history_": Subject.RUN,
    "n_splits_": Subject.RUN,
    "stop_reason_": Subject.RUN,
}
# Attributes that a fit does not always set, so that a later fit must remove them; the others are None where unknown.
_NOT_OF_EACH_FIT = (
    "_constant",
    "_has_warned_of_intervals",
    "_members_changed_by",
    "_refit_facts",
    "_sketch",
    "feature_names_in_",
    "refit_report_",
    "retune_report_",
)


def derived_copy(estimator: Model, cause: str, changed: Collection[Subject]) -> Model:
    """Return a copy of a fitted estimator without the attributes that a change makes out of date.

    The caller sets those that the copy has anew. What it does not set is missing, and never that of the old estimator.

    Parameters
    ----------
    cause : str
        The name of the change, for `why_missing`.
    changed : collection of Subject
        What the copy has anew.
    """
    new = copy.copy(estimator)
    vars(new).update({name: None for name, subject in SUBJECTS.items() if subject in changed})
    for name in _NOT_OF_EACH_FIT:
        if SUBJECTS[name] in changed:
            del vars(new)[name]
    new._changed_by = cause
    # What an earlier change has removed does not come back where this one leaves the members as they are.
    before = vars(estimator).get("_members_changed_by", vars(estimator).get("_changed_by", cause))
    new._members_changed_by = cause if Subject.MEMBERS in changed else before
    return new


def forget_earlier_fit(estimator: FittedModel) -> None:
    """Remove the attributes of an earlier fit that the next one does not always set."""
    for name in _NOT_OF_EACH_FIT:
        vars(estimator).pop(name, None)
