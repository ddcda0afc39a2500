"""Code of the folds of a script, and remarks about what it does with rows in another way than the search."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from string import Template
from typing import Any

from sklearn.model_selection import TimeSeriesSplit

from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.missing import order_of_rows
from automl.export.code import Script

_OPTION = """    parser.add_argument("--groups", help="column with the group of each row: no fold divides a group")
"""
_FEWER_FOLDS = """    if groups is not None and arguments.test is None:
        FOLDS.n_splits = min(5, groups.nunique(dropna=False))
        if FOLDS.n_splits < 2:
            parser.error(f"column '{arguments.groups}' holds a single group; at least 2 are needed for the folds")
"""
_DROP = """        test = test.drop(columns=[arguments.groups], errors="ignore")
"""
_NO_SCORE = """    if arguments.test is None and groups is None:
        print("no cross-validation, because a group must not be divided; name its column with --groups")
    elif arguments.test is None:
"""


def add_remarks(estimator: FittedModel, script: Script) -> None:
    """Add what the script does with weights, folds and probabilities in another way than the search."""
    given, ensemble = _arguments(estimator), estimator._ensemble
    if given.get("sample_weight"):
        script.remark("the search has weighted the rows; in this script all rows have the same weight")
    if "sample_weight" not in given:
        script.remark(
            "an earlier version has saved the model, which does not say whether the search had groups or weights of "
            "rows; this script has neither"
        )
    if _is_in_time_order(estimator):
        by = "the splitter TimeSeriesSplit" if isinstance(estimator.cv, TimeSeriesSplit) else "the folds of cv"
        if "time" in given:
            by = "the times" if given["time"] is None else f"the times of column {given['time']}"
        script.remark(
            f"the search has trained on older rows and scored newer rows, by {by}; the folds of this script do this by "
            "the order of the rows in the file, in which the oldest row must be the first one"
        )
        if given.get("gap") or getattr(estimator.cv, "gap", 0):
            script.remark("the folds of this script have no gap between training rows and scored rows")
        if given.get("groups"):
            script.remark("the folds of this script may divide a group of rows, which makes its scores too good")
    elif given.get("groups"):
        script.remark("the search has divided no group of rows; without --groups this script has no cross-validation")
        script.remark("with fewer than five groups, the cross-validation has one fold for each group")
    elif "X_val" in given:
        script.remark("the search has scored validation rows; this script scores them with --test")
    elif not (estimator.cv is None or isinstance(estimator.cv, Integral)):
        script.remark("the search had folds of its own (cv); this script has five folds")
    if getattr(ensemble, "calibration", None) is not None:
        script.remark("the probabilities of the model are calibrated; those of this script are not")
    if (weights := getattr(ensemble, "decision_weights", None)) is not None:
        threshold = f" of {estimator.decision_threshold_:.4g}" if len(weights) == 2 else ""
        script.remark(f"the model has a decision threshold{threshold}; this script predicts the most probable class")


def splitter(estimator: FittedModel, is_classification: bool, script: Script) -> str:
    """Return the code of five folds that divide the rows as the search has divided them.

    The main function has fewer folds where there are fewer groups.
    """
    cv, given = estimator.cv, _arguments(estimator)
    if _is_in_time_order(estimator):
        return script.call("sklearn.model_selection", "TimeSeriesSplit", "5")
    shuffle = {"shuffle": True, "random_state": 0}
    if given.get("groups"):
        if is_classification:
            return script.call("sklearn.model_selection", "StratifiedGroupKFold", "5", **shuffle)
        return script.call("sklearn.model_selection", "GroupKFold", "5")
    # A splitter without the attribute `shuffle` may split rows in the order of time, unless it draws random rows.
    if not (cv is None or isinstance(cv, Integral) or getattr(cv, "shuffle", hasattr(cv, "random_state"))):
        shuffle = {}
    return script.call("sklearn.model_selection", "StratifiedKFold" if is_classification else "KFold", "5", **shuffle)


def with_groups(main: str, estimator: FittedModel) -> str:
    """Return the code of the main function for a model with or without groups."""
    if not _arguments(estimator).get("groups") or _is_in_time_order(estimator):
        parts = {
            "option": "",
            "more": "",
            "take": "",
            "argument": "",
            "drop": "",
            "start": "    if arguments.test is None:\n",
        }
        return Template(main).substitute(parts)
    # Without names, the columns are known by their places, so that no other column may be between them.
    named = estimator._reader.named_
    take = "table[arguments.groups]" if named else "table.pop(arguments.groups)"
    return Template(main).substitute(
        option=_OPTION,
        more=", *filter(None, [arguments.groups])",
        take=f"    groups = None if arguments.groups is None else {take}\n{_FEWER_FOLDS}",
        argument=", groups=groups",
        drop="" if named else _DROP,
        start=_NO_SCORE,
    )


def _is_in_time_order(estimator: FittedModel) -> bool:
    """Return whether the search has trained on older rows and scored newer rows."""
    return order_of_rows(estimator) in ("time", "cv")


def _arguments(estimator: FittedModel) -> Mapping[str, Any]:
    """Return what the arguments of `fit` said about the rows."""
    found: Mapping[str, Any] = vars(estimator).get("_split_arguments", {})
    return found
