"""The check of the argument `scoring`, which runs before any work; an error says what to pass in its place."""

from __future__ import annotations

from inspect import isfunction
from typing import Any

from sklearn.metrics import get_scorer, get_scorer_names

from automl.errors import InvalidInputError, check_names
from automl.task.metrics import ALIASES
from automl.task.ordered_classes import NAMES as ORDERED_NAMES

_LOSS_ENDINGS = ("_loss", "_error", "_deviance")  # scikit-learn's functions with such names return losses


def check_scoring(scoring: Any, classification: bool) -> None:
    """Check one scorer of the argument `scoring`.

    Parameters
    ----------
    scoring : str, callable or None
    classification : bool
        Whether the scorer is for a classifier.

    Raises
    ------
    InvalidInputError
        If it cannot be used; the message says what to pass in its place.
    """
    if scoring is None:
        return
    if callable(scoring):
        _check_callable(scoring)
        return
    if not isinstance(scoring, str):
        kind = type(scoring).__name__
        raise InvalidInputError(
            f"scoring must be the name of a scorer, a callable, or a list or dict of these; got {kind}"
        )
    if scoring in ORDERED_NAMES and classification:
        return
    known = [*get_scorer_names(), *ALIASES]
    if scoring not in known:
        own = ("._classification", "._ranking") if classification else ("._regression",)
        check_names("scoring", scoring, [name for name in known if _scorer_module(name).endswith(own)])
    module = _scorer_module(scoring)
    if classification and module.endswith("._regression"):
        raise InvalidInputError(f"scoring={scoring!r} scores regression; use for example 'roc_auc' or 'neg_log_loss'")
    if not classification and module.endswith(("._classification", "._ranking")):
        raise InvalidInputError(f"scoring={scoring!r} scores classification; use for example 'r2'")


def _check_callable(scoring: Any) -> None:
    if isfunction(scoring) and _is_of_scikit_learn(scoring):
        raise InvalidInputError(f"scoring={scoring.__name__} is a metric, and no scorer; pass {_remedy(scoring)}")
    function: Any = getattr(scoring, "_score_func", None)
    if (
        _is_of_scikit_learn(function)
        and function.__name__.endswith(_LOSS_ENDINGS)
        and getattr(scoring, "_sign", -1) > 0
    ):
        raise InvalidInputError(
            f"scoring={scoring} maximizes a loss, so that the worst model is selected; pass {_remedy(function)}"
        )


def _is_of_scikit_learn(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("sklearn.metrics")


def _remedy(function: Any) -> str:
    """Say which scorer takes the place of a metric: the name of a known one, or how to make it."""
    name = function.__name__
    scorers = [each for each in get_scorer_names() if getattr(get_scorer(each), "_score_func", None) is function]
    if scorers:
        shortest = min(scorers, key=len)  # "f1", and not "f1_macro"
        response = get_scorer(shortest)._response_method
        how = "" if response == "predict" else f", response_method={response!r}"
        return f"{shortest!r}, or {_made(name, name.endswith(_LOSS_ENDINGS), how)}"
    if _is_of_scikit_learn(function) and name.endswith(("_score", *_LOSS_ENDINGS)):
        return _made(name, name.endswith(_LOSS_ENDINGS))
    return f"{_made(name, False)}, or {_made(name, True)} if lower values of it are better"


def _made(name: str, is_loss: bool, how: str = "") -> str:
    return f"make_scorer({name}{', greater_is_better=False' if is_loss else ''}{how})"


def _scorer_module(scoring: str) -> str:
    """Return the module of the scorer's function in scikit-learn, whose name says what the scorer is for."""
    return getattr(getattr(get_scorer(ALIASES.get(scoring, scoring)), "_score_func", None), "__module__", "")
