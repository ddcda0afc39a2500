"""Words and numbers as people read them: the names of metrics, numbers with few digits, times and shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from automl.report.data import ReportMetric
from automl.task import metric_words as task_words

_LONGEST = 200  # characters of a text from the user's table or code

# Title and meaning by name of the scorer, without "neg_".
_METRICS = {
    "roc_auc": (
        "ROC AUC",
        "the chance that a random row of one class gets a higher probability of it than a random row of the other "
        "class; 0.5 is guessing, 1 is perfect",
    ),
    "average_precision": ("average precision", "the area under the curve of precision and recall; 1 is perfect"),
    "accuracy": ("accuracy", "the share of rows whose label is predicted correctly"),
    "balanced_accuracy": ("balanced accuracy", "the mean over the classes of the share of their rows that are found"),
    "f1": ("F1", "the harmonic mean of precision and recall of the positive class"),
    "f1_macro": ("macro F1", "the mean over the classes of the harmonic mean of precision and recall"),
    "f1_weighted": ("weighted F1", "the mean of F1 over the classes, weighted by their rows"),
    "precision": ("precision", "the share of rows predicted as the positive class that belong to it"),
    "recall": ("recall", "the share of rows of the positive class that are found"),
    "log_loss": ("log loss", "the mean of minus the logarithm of the probability of the true class; 0 is perfect"),
    "brier_score": ("Brier score", "the mean squared error of the probabilities; 0 is perfect"),
    "root_mean_squared_error": (
        "root mean squared error",
        "a typical error in the unit of the target, in which large errors count more",
    ),
    "mean_squared_error": ("mean squared error", "the mean of the squared errors"),
    "mean_absolute_error": ("mean absolute error", "the mean size of an error, in the unit of the target"),
    "median_absolute_error": ("median absolute error", "half of the errors are smaller, in the unit of the target"),
    "mean_absolute_percentage_error": ("mean absolute percentage error", "the mean size of an error, as a share"),
    "ranked_probability_score": (
        "ranked probability score",
        "the mean squared error of the cumulative probabilities of ordered classes; 0 is perfect",
    ),
    "mean_rank_error": ("mean rank error", "the mean distance of predicted and true class, in classes"),
    "quadratic_weighted_kappa": ("quadratic weighted kappa", "1 is perfect, and 0 is the agreement by chance"),
    "mean_pinball_loss": (
        "mean pinball loss",
        "the mean loss of the predicted quantiles, in the unit of the target; 0 is perfect",
    ),
    "root_mean_squared_log_error": ("root mean squared logarithmic error", "a typical error of the logarithm"),
    "r2": ("R²", "the share of the variance of the target that is explained; 0 is the mean, 1 is perfect"),
}


def metric_words(name: str, of_class: str = "") -> ReportMetric:
    """Return the metric in words.

    Parameters
    ----------
    of_class : str
        The class that the score is about, if it is about one; see `class_in_words`.

    Examples
    --------
    >>> metric_words("neg_root_mean_squared_error").title
    'root mean squared error'
    >>> metric_words("roc_auc_ovr").title
    'ROC AUC (ovr)'
    >>> words = metric_words("neg_mean_absolute_error relative to a constant, mean of targets")
    >>> words.name, words.title
    ('neg_mean_absolute_error', 'mean absolute error relative to a constant, mean of targets')
    >>> metric_words("make_scorer(cost, greater_is_better=False, response_method='predict')").sign
    -1
    """
    if name.endswith(task_words.OF_TARGETS):
        return _mean_of_targets(name.removesuffix(task_words.OF_TARGETS))
    words = task_words.MetricWords.of(name)
    sign = -1 if words.is_loss else 1
    plain = name.removeprefix("neg_")
    if of_class:
        title, meaning = _METRICS.get(plain, (words.name, ""))
        return ReportMetric(name, f"{title} of {clean(of_class)}", meaning, sign)
    if plain in _METRICS:
        return ReportMetric(name, *_METRICS[plain], sign)
    if plain.startswith("roc_auc_"):
        kind = plain.removeprefix("roc_auc_").replace("_", ", ")
        return ReportMetric(name, f"ROC AUC ({kind})", "the mean of ROC AUC over the classes; 1 is perfect", sign)
    return ReportMetric(clean(name), clean(words.name), "", sign)


def _mean_of_targets(name: str) -> ReportMetric:
    """Return the metric of several targets in words, with the name of the scorer of one target."""
    own, meaning = metric_words(name.removesuffix(task_words.RELATIVE)), "the mean over the targets"
    title = own.title
    if name.endswith(task_words.RELATIVE):
        title += task_words.RELATIVE
        meaning += " of the error divided by that of the best constant prediction; below 1 is better than a constant"
    elif own.meaning:
        meaning += f"; for each target, it is {own.meaning}"
    return ReportMetric(own.name, title + task_words.OF_TARGETS, meaning, own.sign)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with few digits, and a dash for a value that is not known.

    Examples
    --------
    >>> number(0.123456), number(1234567.0), number(None), number(12), number(-0.00001234)
    ('0.1235', '1,234,567', '–', '12', '-1.234e-05')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.{1 if abs(value) < 10**digits else 0}f}"
    return f"{value:.{digits}g}"


def interval(low: float, high: float, digits: int = 3) -> str:
    """Return an interval whose ends have the same decimals: as many as the larger end needs.

    Examples
    --------
    >>> interval(-0.0000191, 0.0134), interval(12.34, 1234.5), interval(0.0, 0.0)
    ('0 to 0.0134', '12 to 1,234', '0 to 0')
    """
    largest = max(abs(low), abs(high))
    decimals = 0 if largest == 0 else max(0, digits - 1 - math.floor(math.log10(largest)))
    return f"{number(round(low, decimals), digits)} to {number(round(high, decimals), digits)}"


def percent(share: float | None) -> str:
    """Return a share as a percentage.

    Examples
    --------
    >>> percent(0.5), percent(0.1234), percent(0.0001), percent(0.0), percent(None), percent(0.9996)
    ('50 %', '12.3 %', '< 0.1 %', '0 %', '–', '> 99.9 %')
    """
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def duration(seconds: float | None) -> str:
    """Return seconds in words.

    Examples
    --------
    >>> duration(0.5), duration(59.7), duration(125), duration(7300)
    ('0.5 s', '60 s', '2 min 5 s', '2 h 1 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def clean(value: Any, longest: int = _LONGEST) -> str:
    """Return a text of the user in one line: without control characters, and not longer than a page can show.

    Examples
    --------
    >>> clean("a\\nb\\x00c"), len(clean("x" * 1000))
    ('a bc', 200)
    """
    text = " ".join(str(value).split())
    # Halves of characters cannot be written in UTF-8. Marks of direction would turn the rest of a line around.
    kept = (" " if 0xD800 <= ord(c) <= 0xDFFF else c for c in text if c.isprintable() or 0xD800 <= ord(c) <= 0xDFFF)
    text = "".join(kept)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def rounded(value: Any, digits: int = 6) -> float | None:
    """Return a number with few significant digits, which keeps files small; None if it is not finite.

    Examples
    --------
    >>> rounded(0.12345678), rounded(float("nan")), rounded(123456789.0)
    (0.123457, None, 123457000.0)
    """
    if value is None or not np.isfinite(value):
        return None
    return float(f"{float(value):.{digits}g}") + 0.0  # without the sign of a zero


def all_rounded(values: Any, digits: int = 6) -> tuple[float, ...]:
    """Return finite numbers with few significant digits."""
    return tuple(float(f"{float(value):.{digits}g}") for value in values)
