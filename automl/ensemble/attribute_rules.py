"""The attributes of a fitted estimator, one line each: the rules for copies, later fits, `save` and `load`.

A new attribute needs a line here, and a type in `FittedModel` or in a subclass of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Subject(Enum):
    """What an attribute of a fitted estimator describes. A change of it makes the attribute out of date."""

    MODELS = "the models that predict"
    MEMBERS = "the members and their weights, by what their fold models predict for out-of-fold rows"
    ROWS = "the training rows"
    RUN = "the search and its arguments"
    SETTING = "a setting of the user beside the parameters, which no fit and no copy changes"


class Saved(Enum):
    """Where `save` writes an attribute."""

    FOR_PREDICTION = "in the file that each `load` reads"
    WITH_SEARCH = "in the file that `load` leaves out with ``for_prediction=True``"
    APART = "nowhere, or in a file of its own"


@dataclass(frozen=True)
class Attribute:
    """The rules for an attribute of a fitted estimator.

    Attributes
    ----------
    subject : Subject
    saved : Saved
    is_optional : bool
        Whether the attribute is missing where there is no value, so that a later fit and a copy remove it. Others are
        None then.
    public : str
        The public attribute that is computed from it, for messages; empty if it is public itself, or for several.
    """

    subject: Subject
    saved: Saved = Saved.WITH_SEARCH
    is_optional: bool = False
    public: str = ""


ATTRIBUTES: Mapping[str, Attribute] = {
    "_ensemble": Attribute(Subject.MODELS, Saved.FOR_PREDICTION),
    "_changed_by": Attribute(Subject.MODELS),
    "_frontier": Attribute(Subject.MODELS, public="frontier_"),
    "_score_curve": Attribute(Subject.MODELS, public="score_over_time_"),
    "_stored_run": Attribute(Subject.MODELS),
    "_has_warned_of_intervals": Attribute(Subject.MODELS, Saved.APART, is_optional=True),
    "refit_report_": Attribute(Subject.MODELS, is_optional=True),
    "retune_report_": Attribute(Subject.MODELS, is_optional=True),
    "_conformal": Attribute(Subject.MEMBERS, Saved.FOR_PREDICTION),
    "_estimate": Attribute(Subject.MEMBERS, public="estimate_"),
    "_fold_bags": Attribute(Subject.MEMBERS),
    "_members_changed_by": Attribute(Subject.MEMBERS, is_optional=True),
    "_metric_scores": Attribute(Subject.MEMBERS),
    "_quantile_scores": Attribute(Subject.MEMBERS),
    "_row_predictions": Attribute(Subject.MEMBERS, public="out_of_fold_predictions_"),
    "_single_scores": Attribute(Subject.MEMBERS),
    "_target_scores": Attribute(Subject.MEMBERS),
    "_constant": Attribute(Subject.ROWS, is_optional=True),
    "_metric": Attribute(Subject.ROWS, Saved.FOR_PREDICTION),
    "_reader": Attribute(Subject.ROWS, Saved.FOR_PREDICTION),
    "_refit_facts": Attribute(Subject.ROWS, is_optional=True),
    "_rows": Attribute(Subject.ROWS, Saved.APART),
    "_sensitive": Attribute(Subject.ROWS),
    "_sketch": Attribute(Subject.ROWS, Saved.FOR_PREDICTION, is_optional=True),
    "_warnings": Attribute(Subject.ROWS, public="warnings_"),
    "feature_names_in_": Attribute(Subject.ROWS, Saved.FOR_PREDICTION, is_optional=True),
    "n_features_in_": Attribute(Subject.ROWS, Saved.FOR_PREDICTION),
    "scorer_": Attribute(Subject.ROWS, Saved.FOR_PREDICTION),
    "_energy": Attribute(Subject.RUN),
    "_fit_seconds": Attribute(Subject.RUN),
    "_fold_rows": Attribute(Subject.RUN),
    "_guard_curve": Attribute(Subject.RUN, public="guard_curve_"),
    "_has_earlier_sessions": Attribute(Subject.RUN),
    "_initial_design": Attribute(Subject.RUN),
    "_is_retuned": Attribute(Subject.RUN, is_optional=True),
    "_own_processor_seconds": Attribute(Subject.RUN),
    "_row_order": Attribute(Subject.RUN, Saved.FOR_PREDICTION),
    "_split_arguments": Attribute(Subject.RUN, Saved.FOR_PREDICTION),
    "_target_name": Attribute(Subject.RUN, Saved.FOR_PREDICTION),
    "classes_": Attribute(Subject.RUN, Saved.FOR_PREDICTION),
    "history_": Attribute(Subject.RUN),
    "n_splits_": Attribute(Subject.RUN, Saved.FOR_PREDICTION),
    "stop_reason_": Attribute(Subject.RUN, Saved.FOR_PREDICTION),
    "_warns_of_drift": Attribute(Subject.SETTING, Saved.FOR_PREDICTION),
    # Callbacks of scikit-learn serve during a fit.
    "_callback_fit_ctx": Attribute(Subject.SETTING, Saved.APART),
    "_skl_callbacks": Attribute(Subject.SETTING, Saved.APART),
    "_skl_callbacks_to_teardown": Attribute(Subject.SETTING, Saved.APART),
}


def names_saved(where: Saved) -> frozenset[str]:
    """Return the names of the attributes that `save` writes into a place."""
    return frozenset(name for name, attribute in ATTRIBUTES.items() if attribute.saved is where)
