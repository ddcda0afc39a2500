"""Why a fitted estimator lacks an attribute that most have: the one cause that applies, and what to change."""

from __future__ import annotations

from sklearn.model_selection import TimeSeriesSplit

from automl.ensemble.attribute_rules import Subject
from automl.ensemble.fitted_model import FittedModel
from automl.trials.endings import GOES_ON, was_interrupted

SLIM, REFIT, FOR_PREDICTION, LIMIT = "slim", "refit", "for_prediction", "max_predict_milliseconds"
NOT_READ = "the out-of-fold predictions could not be read in time, or Ctrl-C ended the reading; give fit more seconds"
# The texts stand behind "the model has no ..." and "there are no ...": no pronoun fits all of these.
_CAUSES = {
    SLIM: "slim or choose has made the ensemble smaller; use the estimator with the larger one",
    FOR_PREDICTION: "the model was loaded with for_prediction=True, which leaves out the search; load it without",
}


def why_missing(estimator: FittedModel, otherwise: str, subject: Subject = Subject.MODELS) -> str:
    """Return why a fitted estimator lacks what an uninterrupted `fit` has computed from its out-of-fold predictions.

    Parameters
    ----------
    otherwise : str
        The cause where neither a later method nor an interrupt explains it.
    subject : {Subject.MODELS, Subject.MEMBERS}
        What the attribute describes: only changes of its subject have removed it.
    """
    known = vars(estimator)
    cause = known.get("_changed_by", "" if "history_" in known else FOR_PREDICTION)
    if subject is Subject.MEMBERS:
        cause = known.get("_members_changed_by", cause)
    if cause in _CAUSES:
        return _CAUSES[cause]
    is_older = "_changed_by" not in known  # an earlier version has saved the model
    if is_retuned(estimator) and subject is Subject.MODELS and (cause == REFIT or is_older):
        # Retune reads out-of-fold predictions before it replaces the models, and a later refit replaces them again.
        return "retune has replaced the models of its search; only fit keeps such models"
    if cause == REFIT or (is_older and "refit_report_" in known):
        return "refit has replaced the models of the search; use the estimator that still has them"
    if was_interrupted(known.get("stop_reason_")):
        return "the fit was interrupted; call fit again, which continues the run where store is set"
    if known.get("stop_reason_") == GOES_ON:
        return "the search goes on; use the estimator of its end"
    return otherwise


def is_retuned(estimator: FittedModel) -> bool:
    """Return whether the search of a fitted estimator is that of `retune`, also after a later `refit`."""
    known = vars(estimator)
    return "_is_retuned" in known or "retune_report_" in known  # the second one in models of earlier versions


def why_left_out(estimator: FittedModel, otherwise: str) -> str:
    """Return why `load` or `save` has left out a part of the search; a later `refit` does not bring it back.

    A change of the models sets what it removes to None; only in models of earlier versions may it be missing.
    """
    known = vars(estimator)
    if "history_" not in known:
        return _CAUSES[FOR_PREDICTION]
    return otherwise if "_changed_by" in known else why_missing(estimator, otherwise)


def order_of_rows(estimator: FittedModel) -> str:
    """Return which argument has given the rows of the search an order or validation rows; see `Task.row_order`."""
    known = vars(estimator)
    if "_row_order" in known:
        return str(known["_row_order"])
    # Models of earlier versions do not say it. They have no estimate where `cv` orders the rows.
    given = next((name for name in ("time", "X_val") if name in known.get("_split_arguments", {})), "")
    by_cv = known.get("_estimate", "") is None or isinstance(known.get("cv"), TimeSeriesSplit)
    return given or ("cv" if by_cv else "")
