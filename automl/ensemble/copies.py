"""Copies of a fitted estimator with other models, which lose the attributes that are out of date."""

from __future__ import annotations

import copy
from collections.abc import Collection

from automl.ensemble.attribute_rules import ATTRIBUTES, Subject
from automl.ensemble.fitted_model import FittedModel, Model


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
    for name, attribute in ATTRIBUTES.items():
        if attribute.subject in changed:
            vars(new).pop(name, None)
            if not attribute.is_optional:
                vars(new)[name] = None
    new._changed_by = cause
    # What an earlier change has removed does not come back where this one leaves the members as they are.
    before = vars(estimator).get("_members_changed_by", vars(estimator).get("_changed_by", cause))
    new._members_changed_by = cause if Subject.MEMBERS in changed else before
    return new


def unfitted_copy(estimator: Model) -> Model:
    """Return a copy of an estimator without the attributes of an earlier fit."""
    new = copy.copy(estimator)
    for name, attribute in ATTRIBUTES.items():
        if attribute.subject is not Subject.SETTING:
            vars(new).pop(name, None)
    return new


def forget_earlier_fit(estimator: FittedModel) -> None:
    """Remove the attributes of an earlier fit that the next one does not always set."""
    for name, attribute in ATTRIBUTES.items():
        if attribute.is_optional:
            vars(estimator).pop(name, None)
