"""Figures of raw columns: their importance, and how the prediction depends on one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from automl.errors import InvalidInputError
from automl.explain.methods import Explanations
from automl.explain.partial_dependence import PartialDependence
from automl.explain.partial_dependence import partial_dependence as compute
from automl.plots.axes import (
    BLUE,
    GRAY,
    MAX_CURVES,
    ORANGE,
    check_label,
    class_style,
    clean,
    draw_legend,
    metric_label,
    new_axes,
    of_classes,
    shorten,
)
from automl.task.several_targets import refuse_targets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MAX_LEVELS = 12  # whose names are written horizontally


def importance(
    estimator: Explanations, table: pd.DataFrame | None = None, max_columns: int = 15, ax: Axes | None = None
) -> Axes:
    """
    Draw the permutation importance of the most important columns with their intervals.

    Columns with a strongly correlated other column are orange, because the two share their importance.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    table : DataFrame, optional
        A result of ``estimator.importance()``; by default it is computed.
    max_columns : int, default=15
        Largest number of columns in the figure.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidInputError
        If the model has no rows and `table` is missing.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.importance(reg).get_xlabel()
    'loss of score if exchanged between rows (negative root mean squared error)'
    """
    check_is_fitted(estimator)
    table = estimator.importance() if table is None else table
    shown = table[table["importance"].notna()].head(max_columns).iloc[::-1]
    ax = new_axes(ax, (6.8, 1.2 + 0.3 * max(3, len(shown))))
    places = np.arange(len(shown))
    is_correlated = shown["correlated_with"].notna().to_numpy()
    errors = np.abs(shown[["low", "high"]].to_numpy(dtype=float).T - shown["importance"].to_numpy(dtype=float))
    ax.barh(places, shown["importance"], color=np.where(is_correlated, ORANGE, BLUE), height=0.62)
    ax.errorbar(
        shown["importance"], places, xerr=np.nan_to_num(errors), fmt="none", ecolor="#1f2937", elinewidth=1, capsize=2
    )
    names = [
        shorten(name) + (f"\n(like {shorten(other, 22)})" if correlated else "")
        for name, other, correlated in zip(shown["name"], shown["correlated_with"], is_correlated, strict=True)
    ]
    ax.set_yticks(places, names, fontsize="small")
    ax.axvline(0, color="#1f2937", linewidth=0.8)
    ax.set_xlabel(f"loss of score if exchanged between rows ({metric_label(estimator._metric)})")
    left_out = int(table["importance"].notna().sum()) - len(shown)
    ax.set_title("Importance of columns" + (f" (the first {len(shown)})" if left_out else ""))
    clean(ax, "x")
    return ax


def partial_dependence(
    estimator: Explanations,
    column: Any,
    X: Any = None,
    label: Any = None,
    n_rows: int = 100,
    random_state: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw how the prediction depends on one column: the mean over rows, and thin lines for single rows.

    Marks at the bottom show the values of the column in the table.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    column : hashable
        Name of the column; its position if the columns have no names.
    X : DataFrame, ndarray or sparse matrix, optional
        Rows whose other cells are kept; by default some of the training rows that the estimator has kept.
    label : label, optional
        The class whose probability is drawn. By default, the class of interest of two classes; with more classes, the
        means of up to eight classes.
    n_rows : int, default=100
        Largest number of rows.
    random_state : int, default=0
        Seed of the choice of rows.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidInputError
        If there are no rows, or if the column does not exist, is not used or holds texts.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.partial_dependence(reg, "bmi").get_xlabel()
    'bmi'
    """
    check_is_fitted(estimator)
    refuse_targets(estimator._ensemble.targets, "this plot")
    known = compute(estimator, column, X, n_rows, random_state=random_state)
    named = known.kind in ("category", "boolean")
    places = np.arange(len(known.values)) if named else known.values
    curves = _curves(estimator, known, label)
    ax = new_axes(ax, (6.4, 4.4) if len(curves) == 1 else (7.8, 4.4))
    if len(curves) == 1:
        individual = curves[0][1]
        lines = ax.plot(places, individual.T, color=GRAY, linewidth=0.6, alpha=0.35, zorder=1)
        lines[0].set_label("single rows")
        ax.plot(places, individual.mean(axis=0), color=BLUE, linewidth=2.4, label="mean", **_marker(named))
        ax.set_ylabel(curves[0][0])
    else:
        for name, individual, code in curves:
            ax.plot(places, individual.mean(axis=0), linewidth=2, label=name, **_marker(named), **class_style(code))
        ax.set_ylabel("mean probability")
    _draw_cells(ax, known, named)
    ax.set_xlabel(shorten(column))
    draw_legend(ax, beside=len(curves) > 1)
    shown = of_classes(len(curves), len(estimator.classes_)) if len(curves) > 1 else ""
    ax.set_title(f"Partial dependence on {shorten(column)}" + (f" ({shown})" if shown else ""))
    clean(ax)
    return ax


def _marker(named: bool) -> dict[str, Any]:
    return {"marker": "o", "markersize": 4} if named else {}


def _curves(estimator: Explanations, known: PartialDependence, label: Any) -> list[tuple[str, Any, int]]:
    """Return name, predictions of the single rows, shape (n_rows, n_values), and number of the class of each curve."""
    if not estimator._is_classifier:
        if label is not None:
            raise InvalidInputError("label is for classifiers; leave it out for regression")
        return [("prediction", known.individual, 0)]
    labels = estimator.classes_.tolist()
    check_label(estimator, label)
    if label is None and len(labels) > 2:
        spread = known.average.max(axis=0) - known.average.min(axis=0)
        chosen = np.sort(np.argsort(-spread, kind="stable")[:MAX_CURVES])
        return [(shorten(labels[code], 24), known.individual[:, :, code], code) for code in chosen.tolist()]
    code = estimator._positive_code() if label is None else labels.index(label)
    return [(f"probability of {shorten(labels[code], 16)}", known.individual[:, :, code], code)]


def _draw_cells(ax: Axes, known: PartialDependence, named: bool) -> None:
    """Show where the rows of the table are: marks for numbers and dates, counts for levels."""
    if not named:
        cells = np.sort(known.cells)
        marks = cells[np.linspace(0, len(cells) - 1, min(200, len(cells))).astype(int)]
        marks = marks[(marks >= known.values.min()) & (marks <= known.values.max())]
        ax.plot(
            marks, np.full(len(marks), 0.012), "|", transform=ax.get_xaxis_transform(), color="#1f2937", markersize=7,
            markeredgewidth=0.5, alpha=0.5,
        )  # fmt: skip
        if known.kind == "date":
            ax.tick_params(axis="x", labelrotation=30)
        return
    names = [shorten(value, 16) for value in known.values]
    counts = [int((known.cells == value).sum()) for value in known.values]
    crowded = len(names) > 4 and (len(names) > _MAX_LEVELS or max(map(len, names)) > 8)
    texts = [
        f"{name} ({count:,})" if crowded else f"{name}\n({count:,})" for name, count in zip(names, counts, strict=True)
    ]
    ax.set_xticks(np.arange(len(names)), texts, fontsize="small", rotation=45 if crowded else 0)
    if crowded:
        for tick in ax.get_xticklabels():
            tick.set_horizontalalignment("right")
            tick.set_rotation_mode("anchor")
