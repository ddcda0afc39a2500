"""The check of the argument `scoring`, which runs before any work; an error says what to pass in its place."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import isfunction, signature
from typing import Any

from sklearn.metrics import get_scorer, get_scorer_names

from automl.errors import InvalidInputError, check_names
from automl.task.metrics import ALIASES
from automl.task.ordered_classes import NAMES as ORDERED_NAMES

# Names of metrics in AutoGluon, FLAML, PyCaret, auto-sklearn, LightGBM and XGBoost, in small letters, and our scorers.
# Names that differ only by scikit-learn's "neg_" or "_score" need no line.
_OTHER_NAMES = {
    "acc": "accuracy", "error": "accuracy", "merror": "accuracy", "balanced_acc": "balanced_accuracy",
    "bacc": "balanced_accuracy", "auc": "roc_auc", "roc_auc_weighted": "roc_auc_ovr_weighted",
    "roc_auc_ovo_macro": "roc_auc_ovo", "roc_auc_ovr_macro": "roc_auc_ovr", "ap": "average_precision",
    "aucpr": "average_precision", "pr_auc": "average_precision", "mcc": "matthews_corrcoef", "prec.": "precision",
    "prec": "precision", "f1_binary": "f1", "macro_f1": "f1_macro", "micro_f1": "f1_micro",
    "precision_binary": "precision", "recall_binary": "recall", "logloss": "neg_log_loss", "nll": "neg_log_loss",
    "mlogloss": "neg_log_loss", "binary_logloss": "neg_log_loss", "multi_logloss": "neg_log_loss",
    "cross_entropy": "neg_log_loss", "brier": "neg_brier_score", "brier_score_loss": "neg_brier_score",
    "l1": "neg_mean_absolute_error", "mse": "neg_mean_squared_error", "l2": "neg_mean_squared_error",
    "msle": "neg_mean_squared_log_error", "rmsle": "neg_root_mean_squared_log_error",
    "mape": "neg_mean_absolute_percentage_error", "medae": "neg_median_absolute_error",
}  # fmt: skip
_MADE = "make_scorer(f), where f(y, predicted) returns "
_KAPPA = """make_scorer(cohen_kappa_score, weights="quadratic"), or 'quadratic_weighted_kappa' for ordered classes"""
_SMAPE = (
    "make_scorer(f, greater_is_better=False), where f(y, predicted) returns "
    "numpy.mean(2 * abs(y - predicted) / (abs(y) + abs(predicted)))"
)
_PINBALL = (
    "make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False), or predict the quantiles themselves with "
    "quantiles=[0.1, 0.5, 0.9]"
)
# How to make the scorers of further names, for a classifier and for a regressor.
_TO_MAKE: dict[bool, dict[str, str]] = {
    True: {
        "kappa": "make_scorer(cohen_kappa_score)",
        "cohen_kappa": "make_scorer(cohen_kappa_score)",
        "quadratic_kappa": _KAPPA,
        "qwk": _KAPPA,
        "pac": "'d2_log_loss_score', which also compares the log loss with that of the shares of the classes",
        "roc_auc_ovr_micro": 'make_scorer(roc_auc_score, multi_class="ovr", average="micro", '
        'response_method="predict_proba")',
        "fbeta": "make_scorer(fbeta_score, beta=2)",
    },
    False: {
        "spearmanr": f"{_MADE}scipy.stats.spearmanr(y, predicted).statistic",
        "pearsonr": f"{_MADE}scipy.stats.pearsonr(y, predicted).statistic",
        "smape": _SMAPE,
        "symmetric_mean_absolute_percentage_error": _SMAPE,
        "pinball": _PINBALL,
        "pinball_loss": _PINBALL,
        "mean_pinball_loss": _PINBALL,
        "neg_mean_pinball_loss": _PINBALL,
    },
}
_OF_SCORER = ("_score_func", "_kwargs", "_response_method")  # all that a scorer of scikit-learn has beside its sign
_LOSS_ENDINGS = ("_loss", "_error", "_deviance")  # scikit-learn's functions with such names return losses


def check_scoring(scoring: Any, classification: bool, decides: bool) -> None:
    """Check one scorer of the argument `scoring`.

    Parameters
    ----------
    scoring : str, callable or None
    classification : bool
        Whether the scorer is for a classifier.
    decides : bool
        Whether the search maximizes the score; a loss may be recorded beside it with any sign.

    Raises
    ------
    InvalidInputError
        If it cannot be used; the message says what to pass in its place.
    """
    if scoring is None:
        return
    if callable(scoring):
        _check_callable(scoring, decides)
        return
    if not isinstance(scoring, str):
        kind = type(scoring).__name__
        raise InvalidInputError(
            f"scoring must be the name of a scorer, a callable, or a list or dict of these; got {kind}"
        )
    if scoring in ORDERED_NAMES and classification:
        return
    known = [*get_scorer_names(), *ALIASES]
    meant = scoring if scoring in known else _of_other_tool(scoring, known, classification)
    own = ("._classification", "._ranking") if classification else ("._regression",)
    if meant is None:
        check_names("scoring", scoring, [name for name in known if _scorer_module(name).endswith(own)])
    module = "" if meant is None else _scorer_module(meant)
    if classification and module.endswith("._regression"):
        raise InvalidInputError(f"scoring={scoring!r} scores regression; use for example 'roc_auc' or 'neg_log_loss'")
    if not classification and module.endswith(("._classification", "._ranking")):
        raise InvalidInputError(f"scoring={scoring!r} scores classification; use for example 'r2'")
    if meant != scoring:
        raise InvalidInputError(f"scoring: {scoring!r} is unknown; did you mean {meant!r}?")


def _of_other_tool(name: str, known: Sequence[str], classification: bool) -> str | None:
    """Return the scorer for another tool's name of a metric; None if the name is in no list.

    Raises
    ------
    InvalidInputError
        If the scorer has no name; the message says how to make it.
    """
    given = name.lower()
    plain = given.removesuffix("_score")
    if how := _how_to_make(given, classification):
        raise InvalidInputError(f"scoring: {name!r} is unknown; pass {how}")
    if _how_to_make(given, not classification):
        task, example = ("regression", "roc_auc") if classification else ("classification", "r2")
        raise InvalidInputError(f"scoring={name!r} scores {task}; use for example {example!r}")
    possible = (given, f"neg_{given}", _OTHER_NAMES.get(given), plain, f"neg_{plain}", _OTHER_NAMES.get(plain))
    return next((each for each in possible if each in known), None)


def _how_to_make(name: str, classification: bool) -> str | None:
    """Return how to make the scorer of a metric by its name in small letters; None if it is not in `_TO_MAKE`."""
    return _TO_MAKE[classification].get(name) or _TO_MAKE[classification].get(name.removesuffix("_score"))


def _check_callable(scoring: Any, decides: bool) -> None:
    if isfunction(scoring) and _is_of_scikit_learn(scoring):
        raise InvalidInputError(f"scoring={scoring.__name__} is a metric, and no scorer; pass {_remedy(scoring)}")
    if _is_metric(scoring):
        name = getattr(scoring, "__name__", str(scoring))
        raise InvalidInputError(
            f"scoring={name} takes true and predicted values: it is a metric, and no scorer; scoring needs a name, or "
            f"a callable with the parameters (estimator, X, y); pass {_made(name, False)} if greater values of {name} "
            f"are better, and {_made(name, True)} otherwise"
        )
    if decides and is_raw_loss(scoring):
        raise InvalidInputError(
            f"scoring={scoring} maximizes a loss, so that the worst model is selected; {_turned(scoring)}"
        )


def is_raw_loss(scoring: Any) -> bool:
    """Return whether a scorer returns a loss of scikit-learn without its sign turned, so that lower scores are better.

    >>> from sklearn.metrics import make_scorer, mean_absolute_error
    >>> [is_raw_loss(make_scorer(mean_absolute_error, greater_is_better=greater)) for greater in (True, False)]
    [True, False]
    """
    function: Any = getattr(scoring, "_score_func", None)
    known = _is_of_scikit_learn(function) and function.__name__.endswith(_LOSS_ENDINGS)
    return bool(known and getattr(scoring, "_sign", -1) > 0)


def _is_metric(scoring: Any) -> bool:
    """Return whether a callable takes true and predicted values, in place of an estimator, a table and a target."""
    try:
        call = signature(scoring)
    except (TypeError, ValueError):  # such as a function in C
        return False
    try:
        call.bind(None, None, None)
    except TypeError:
        return len(call.parameters) == 2
    first = next(iter(call.parameters))
    return first == "y" or first.startswith("y_")


def _is_of_scikit_learn(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("sklearn.metrics")


def _remedy(function: Any) -> str:
    """Say which scorer takes the place of a metric: the name of a known one, or how to make it."""
    name = function.__name__
    if how := _how_to_make(name, True) or _how_to_make(name, False):
        return how
    scorers = [each for each in get_scorer_names() if getattr(get_scorer(each), "_score_func", None) is function]
    if scorers:
        shortest = min(scorers, key=len)  # "f1", and not "f1_macro"
        response = get_scorer(shortest)._response_method
        how = "" if response == "predict" else f", response_method={response!r}"
        return f"{shortest!r}, or {_made(name, name.endswith(_LOSS_ENDINGS), how)}"
    if _is_of_scikit_learn(function) and name.endswith(("_score", *_LOSS_ENDINGS)):
        return _made(name, name.endswith(_LOSS_ENDINGS))
    return f"{_made(name, False)}, or {_made(name, True)} if lower values of it are better"


def _turned(scoring: Any) -> str:
    """Say how to turn the sign of a scorer of a loss; its other arguments stay."""
    turned = "add greater_is_better=False to your make_scorer(...)"
    for name in get_scorer_names():
        known = get_scorer(name)
        if all(getattr(known, each, None) == getattr(scoring, each, None) for each in _OF_SCORER):
            return f"pass {name!r}, or {turned}"
    return turned


def _made(name: str, is_loss: bool, how: str = "") -> str:
    return f"make_scorer({name}{', greater_is_better=False' if is_loss else ''}{how})"


def _scorer_module(scoring: str) -> str:
    """Return the module of the scorer's function in scikit-learn, whose name says what the scorer is for."""
    return getattr(getattr(get_scorer(ALIASES.get(scoring, scoring)), "_score_func", None), "__module__", "")
