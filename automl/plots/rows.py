"""Figures of single rows."""

from __future__ import annotations

from datetime import datetime, time
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.errors import InvalidInputError
from automl.explain.explanation import Explanation
from automl.plots.axes import BLUE, GRAY, RED, clean, new_axes, shorten
from automl.plurals import cell_number, plural, short_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def waterfall(
    explanation: Explanation, row: int = 0, label: Any = None, max_columns: int = 10, ax: Axes | None = None
) -> Axes:
    """
    Draw how the cells of one row lead from the mean prediction to its prediction.

    Parameters
    ----------
    explanation : Explanation
        A result of ``estimator.explain(X)``.
    row : int, default=0
        Position of the row in the explanation.
    label : label, optional
        The class whose probability is explained. By default, the class of interest of two classes; with more classes,
        the most probable class of the row.
    max_columns : int, default=10
        Largest number of columns in the figure; all others are one bar.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidInputError
        If there is no such row or class.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor, plots
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.waterfall(reg.explain(X[:1]), max_columns=3).get_xlabel()
    'prediction'
    """
    if not -len(explanation.values) <= row < len(explanation.values):
        raise InvalidInputError(
            f"row={row} does not exist; the explanation has {plural(len(explanation.values), 'row')}"
        )
    code = explanation.code_of(label)
    if label is None and explanation.classes is not None and explanation.positive is None:
        code = (int(explanation.predictions[row].argmax()),)
    values = explanation.values[row][(slice(None), *code)]
    base, end = float(explanation.base[code]), float(explanation.predictions[row][code])
    order = np.argsort(-np.abs(values), kind="stable")
    shown = order[:max_columns] if len(order) > max_columns + 1 else order
    cells = explanation.data.iloc[row]
    steps = [(f"{shorten(explanation.data.columns[i], 20)} = {_cell(cells.iloc[i])}", float(values[i])) for i in shown]
    rest = [i for i in order.tolist() if i not in set(shown.tolist())]
    if rest:
        steps.append((plural(len(rest), "other column"), float(values[rest].sum())))
    ax = new_axes(ax, (7.0, 1.5 + 0.36 * len(steps)))
    _draw_steps(ax, steps, base, end)
    name = (
        "prediction" if explanation.classes is None else f"probability of {shorten(explanation.classes[code[0]], 20)}"
    )
    ax.set_xlabel(name)
    ax.set_title(f"From the mean {cell_number(base)} to the prediction {cell_number(end)}", fontsize="medium")
    return ax


def _draw_steps(ax: Axes, steps: list[tuple[str, float]], base: float, end: float) -> None:
    """Draw one bar for each step, the largest one at the top."""
    edges = base + np.cumsum([0.0, *(value for _, value in steps)])
    places = np.arange(len(steps))[::-1]
    span = max(float(np.ptp(edges)), 1e-12)
    for place, (_, value), start in zip(places, steps, edges[:-1], strict=True):
        ax.barh(place, value, left=start, color=RED if value > 0 else BLUE, height=0.62)
        stop = start + value
        to_right = value > 0 or (value == 0 and start <= base)
        shown = f"{'+' * (value > 0)}{short_number(value, 3)}"
        ax.annotate(
            shown, (stop, place), xytext=(4 if to_right else -4, 0), textcoords="offset points", va="center",
            ha="left" if to_right else "right", fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5},
        )  # fmt: skip
    for i in range(len(steps) - 1):
        ax.plot([edges[i + 1]] * 2, [places[i] + 0.31, places[i + 1] - 0.31], color=GRAY, linewidth=0.8)
    ax.axvline(base, color=GRAY, linewidth=1, linestyle="--")
    ax.axvline(end, color="#1f2937", linewidth=1)
    ax.set_yticks(places, [name for name, _ in steps], fontsize="small")
    ax.set_xlim(edges.min() - 0.16 * span, edges.max() + 0.16 * span)
    clean(ax, "x")


def _cell(cell: Any) -> str:
    """Return a cell as a short text.

    >>> _cell(datetime(2024, 3, 31)), _cell(1234.5), _cell(123456.5), _cell(None)
    ('2024-03-31', '1,234', '123,456', 'missing')
    """
    if cell is None or cell != cell:
        return "missing"
    if isinstance(cell, bool | np.bool_):
        return str(cell)
    if isinstance(cell, datetime):
        return str(cell.date()) if cell.time() == time() else f"{cell:%Y-%m-%d %H:%M}"
    return cell_number(float(cell)) if isinstance(cell, Real) else shorten(cell, 16)
