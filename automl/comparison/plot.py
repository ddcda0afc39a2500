"""The plot of mean ranks over many tables."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from automl.errors import AutoMLError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from automl.comparison.tables import TableComparison

_LINE = 0.6  # between labels, in units of the vertical axis, of which three make an inch
_BAR = 0.3  # between the bars of groups, in the same units


def critical_difference_plot(comparison: TableComparison) -> Figure:
    """Draw mean ranks on a line, and join estimators that do not differ significantly by a bar.

    The best rank is on the left. The length of the critical difference is above the line [1]_.

    Parameters
    ----------
    comparison : TableComparison
        The result of `compare_over_tables`.

    Returns
    -------
    matplotlib.figure.Figure
        A figure that ``figure.savefig("ranks.png")`` writes to a file. No window opens, and no global state of
        matplotlib changes.

    Raises
    ------
    AutoMLError
        If matplotlib is not installed; it belongs to the extra `report`.

    See Also
    --------
    compare_over_tables : Ranks the estimators.

    References
    ----------
    .. [1] J. Demsar: Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006, figure 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from automl import compare_over_tables
    >>> scores = pd.DataFrame({"table": [1, 1, 2, 2], "estimator": ["a", "b"] * 2, "score": [0.9, 0.8, 0.7, 0.6]})
    >>> figure = critical_difference_plot(compare_over_tables(scores))
    >>> [text.get_text().strip() for text in figure.axes[0].texts][-2:]
    ['a (1.00)', 'b (2.00)']
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise AutoMLError("this plot needs matplotlib; install it with: pip install 'cash-automl[report]'") from error
    k, groups = len(comparison.ranks), comparison.groups()
    below = 0.5 + _BAR * len(groups)
    depth = below + _LINE * math.ceil(k / 2)
    figure = Figure(figsize=(8, (depth + 2.0) / 3), layout="constrained")
    axes = figure.add_subplot()
    margin = 0.35 * (k - 1)  # for the names
    axes.set(xlim=(1 - margin, max(k, 1 + comparison.critical_difference) + margin), ylim=(-depth, 2.0))
    axes.axis("off")
    _draw_scale(axes, k, comparison)
    for i, names in enumerate(groups):
        ends = comparison.ranks[names[0]] - 0.02, comparison.ranks[names[-1]] + 0.02
        axes.plot(ends, [-0.35 - _BAR * i] * 2, color="black", linewidth=4, solid_capstyle="butt")
    _draw_names(axes, comparison, below)
    return figure


def _draw_scale(axes: Any, k: int, comparison: TableComparison) -> None:
    """Draw the axis with its whole ranks, and above it the length of the critical difference."""
    axes.plot([1, k], [0, 0], color="black", linewidth=1)
    for rank in range(1, k + 1):
        axes.plot([rank, rank], [0, 0.15], color="black", linewidth=1)
        axes.text(rank, 0.25, str(rank), ha="center", va="bottom")
    length = comparison.critical_difference
    axes.plot([1, 1 + length], [1.2, 1.2], color="black", linewidth=2, marker="|")
    text = f"critical difference {length:.2f} (level {comparison.alpha:g}, {comparison.n_tables} tables)"
    axes.text(1, 1.4, text, ha="left", va="bottom")


def _draw_names(axes: Any, comparison: TableComparison, below: float) -> None:
    """Write the names of the better half on the left and the other names on the right, so that no lines cross."""
    k = len(comparison.ranks)
    left = math.ceil(k / 2)
    for i, (name, rank) in enumerate(comparison.ranks.items()):
        on_left = i < left
        y = -below - _LINE * (i if on_left else k - 1 - i)
        edge = 1 - 0.04 * (k - 1) if on_left else k + 0.04 * (k - 1)
        axes.plot([rank, rank, edge], [0, y, y], color="gray", linewidth=1, zorder=0)
        side = "right" if on_left else "left"
        axes.text(edge, y, f" {name} ({rank:.2f}) ", ha=side, va="center")
