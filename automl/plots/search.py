"""Figures of the search: scores over time, scores and times of smaller ensembles, importance of hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from automl.ensemble.estimate import Estimate
from automl.explain.hyperparameters import LEAST_SHARE, setting_label
from automl.explain.methods import Explanations
from automl.fitted.attributes import FittedAttributes
from automl.fitted.score_over_time import SearchGains, scores_over_measured_seconds
from automl.plots.axes import BLUE, GRAY, ORANGE, clean, metric_label, new_axes, shorten
from automl.plurals import plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The default colors without gray, which stands for the other families: one for each of the most frequent families.
_COLORS = [f"C{i}" for i in range(10) if i != 7]
_LOWEST = 0.1  # quantile of the scores below which the vertical axis ends


def score_over_time(estimator: SearchGains, ax: Axes | None = None) -> Axes:
    """
    Draw the score of each configuration, and the best score so far, against the seconds of the search.

    The seconds are those of the trials, added up over all workers. The score of a configuration is its mean over its
    finished folds, adjusted for folds that are harder than others. The best of many scores is optimistic; the line
    with a band is the estimate for new rows, if it is known. It is a score of all rows together, and therefore another
    measure than a mean over folds. The dots that a line connects are this estimate if the search had ended earlier, see
    ``score_over_time_``.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    AttributeError
        If the model was loaded for prediction only.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=2, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.score_over_time(reg).get_xlabel()
    'seconds of all trials'
    """
    check_is_fitted(estimator)
    history = estimator.history_
    ends: dict[Any, float] = {}
    seconds = 0.0
    for result in history:
        seconds += result.seconds
        ends[result.trial.configuration] = seconds
    known = [
        (ends[o.configuration], -o.loss, o.configuration.family) for o in history.observations() if o.loss is not None
    ]
    known.sort(key=lambda entry: entry[0])
    at, scores = np.array([entry[0] for entry in known]), np.array([entry[1] for entry in known])
    families = [entry[2] for entry in known]
    ax = new_axes(ax, (7.2, 4.4))
    counts = {family: families.count(family) for family in dict.fromkeys(families)}
    named = sorted(counts, key=lambda family: -counts[family])[: len(_COLORS)]
    for family, color in zip([*named, None], [*_COLORS[: len(named)], GRAY], strict=True):
        rows = [i for i, own in enumerate(families) if own == family or (family is None and own not in named)]
        if rows:
            ax.scatter(
                at[rows],
                scores[rows],
                s=22,
                alpha=0.85,
                linewidths=0,
                zorder=3,
                label=family or "other families",
                color=color,
            )
    ax.step(at, np.maximum.accumulate(scores), where="post", color="#1f2937", linewidth=1.8, label="best so far")
    expected = scores_over_measured_seconds(estimator)
    if expected is not None:
        ax.plot(expected["seconds"], expected["score"], "o-", color=ORANGE, linewidth=1.4, markersize=4, zorder=4)
    estimate = vars(estimator).get("_estimate")
    if isinstance(estimate, Estimate) and np.isfinite(estimate.score):
        ax.axhline(estimate.score, color=ORANGE, linewidth=1.4, label="expected on new rows")
        ax.axhspan(estimate.low, estimate.high, color=ORANGE, alpha=0.12, linewidth=0)
    _limit(ax, scores)
    ax.set(xlabel="seconds of all trials", ylabel=metric_label(estimator._metric))
    ax.legend(frameon=False, fontsize="x-small", ncols=2)
    ax.set_title(plural(len(scores), "configuration"), fontsize="medium")
    clean(ax)
    return ax


def _limit(ax: Axes, scores: Any) -> None:
    """End the vertical axis above scores that are far below the others."""
    best, low = scores.max(), np.quantile(scores, _LOWEST)
    bottom = max(scores.min(), best - 3 * max(best - np.median(scores), 1e-9), min(low, best - 1e-9) - (best - low))
    if bottom < best:
        ax.set_ylim(bottom=bottom - 0.05 * (best - bottom))


def score_against_latency(estimator: FittedAttributes, ax: Axes | None = None) -> Axes:
    """
    Draw the ensembles of `frontier_`: their scores against the milliseconds for a single row.

    The number of a point is the row of `frontier_`, which `choose` takes; the legend names the families of the row.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    AttributeError
        If the model has no `frontier_`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=2, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.score_against_latency(reg).get_xlabel()
    'milliseconds for a single row'
    """
    check_is_fitted(estimator)
    frontier = estimator.frontier_.sort_values("milliseconds")
    ax = new_axes(ax, (9.0, 4.6))
    from matplotlib.lines import Line2D  # matplotlib is an optional package

    errors = np.stack([frontier["score"] - frontier["low"], frontier["high"] - frontier["score"]])
    ax.errorbar(
        frontier["milliseconds"], frontier["score"], yerr=np.nan_to_num(np.clip(errors, 0, None)), fmt="none",
        ecolor="#c3cad4", elinewidth=1, capsize=2, zorder=1,
    )  # fmt: skip
    is_single = ~frontier["members"].str.contains("models").to_numpy()
    for rows, color, name in ((~is_single, BLUE, "models of all folds"), (is_single, ORANGE, "one model per member")):
        part = frontier[rows]
        if len(part):
            ax.scatter(part["milliseconds"], part["score"], s=110, color=color, label=name, zorder=3)
    for entry in frontier.itertuples():
        place = (entry.milliseconds, entry.score)
        ax.annotate(
            str(entry.Index), place, ha="center", va="center_baseline", fontsize="x-small", color="white", zorder=4
        )
    if frontier["milliseconds"].max() > 3 * frontier["milliseconds"].min():
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:g}")
    ax.margins(x=0.15, y=0.12)
    ax.set(xlabel="milliseconds for a single row", ylabel=metric_label(estimator._metric))
    handles, labels = ax.get_legend_handles_labels()
    for entry in frontier.sort_index().itertuples():
        handles.append(Line2D([], [], linestyle="none"))
        labels.append(f"{entry.Index}: {_members(str(entry.members))}")
    ax.legend(handles, labels, frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    ax.set_title("Score against time of smaller ensembles", fontsize="medium")
    clean(ax)
    return ax


def _members(members: str) -> str:
    """Return the families of an ensemble in a short form."""
    names = [part.split(" (")[0] for part in members.split("), ")]
    distinct = list(dict.fromkeys(names))
    return shorten(", ".join(distinct[:2]) + (f" + {len(distinct) - 2}" if len(distinct) > 2 else ""), 40)


def hyperparameter_importance(
    estimator: Explanations, table: pd.DataFrame | None = None, max_settings: int = 15, ax: Axes | None = None
) -> Axes:
    """
    Draw which steps, choices and hyperparameters explain the differences between the scores of configurations.

    A bar is the share of the variance of the scores over the search space that a setting explains by itself
    (functional ANOVA). A step counts with all its hyperparameters. The thin lines are one standard deviation over the
    trees of the forest that has learned the scores. Shares below 0.1 % are left out.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    table : DataFrame, optional
        A result of ``estimator.hyperparameter_importance()``; by default it is computed.
    max_settings : int, default=15
        Largest number of choices and hyperparameters in the figure; all steps are shown.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    AttributeError
        If the model was loaded for prediction only and `table` is missing.
    AutoMLError
        If the search has fewer than 10 configurations with a score and `table` is missing.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=10, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.hyperparameter_importance(reg).get_xlabel()
    'share of the differences between scores'
    """
    check_is_fitted(estimator)
    table = estimator.hyperparameter_importance() if table is None else table
    table = table[table["importance"] >= LEAST_SHARE]
    steps, settings = table[table["kind"] == "step"], table[table["kind"] != "step"].head(max_settings)
    groups = [(steps, ORANGE, "steps with all hyperparameters"), (settings, BLUE, "choices and hyperparameters")]
    ax = new_axes(ax, (6.8, 1.6 + 0.28 * max(3, len(steps) + len(settings))))
    names, places, first = [], [], 0.0
    for part, color, label in groups:
        at = first + np.arange(len(part))
        shares = part["importance"].to_numpy(dtype=float)
        errors = np.stack([np.minimum(part["std"], shares), part["std"]])
        ax.barh(at, shares, color=color, height=0.62, label=label)
        ax.errorbar(shares, at, xerr=errors, fmt="none", ecolor="#1f2937", elinewidth=1, capsize=2)
        for name, kind in zip(part["name"], part["kind"], strict=True):
            names.append(shorten(setting_label(name, kind), 40) + (" (choice)" if kind == "choice" else ""))
        places += at.tolist()
        first = len(part) + 0.5  # a gap between the groups
    ax.set_yticks(places, names, fontsize="small")
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    ax.set_xlim(left=0)
    ax.set_xlabel("share of the differences between scores")
    if len(table):
        ax.legend(frameon=False, fontsize="small", loc="lower right")
        n = int(table["n_configurations"].max())
        ax.set_title(f"Importance of steps and hyperparameters ({plural(n, 'configuration')})", fontsize="medium")
    else:
        ax.set_title("All configurations have nearly the same score", fontsize="medium")
    clean(ax, "x")
    return ax
