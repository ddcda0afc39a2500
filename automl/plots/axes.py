"""The axes of a figure, and the small parts that several figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from automl.ensemble.fitted_model import FittedModel
from automl.errors import AutoMLError, InvalidInputError
from automl.task.metrics import Metric
from automl.task.several_targets import refuse_targets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_CURVES = 8  # classes with a curve
BLUE, ORANGE, GRAY, RED = "#2b6cb0", "#dd6b20", "#8a8f98", "#c53030"
MAX_NAME = 28  # characters of a name in a figure


def new_axes(ax: Axes | None, size: tuple[float, float] = (6.4, 4.4)) -> Axes:
    """Return the axes of the user, or axes in a new figure.

    Raises
    ------
    AutoMLError
        If matplotlib is not installed.
    """
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise AutoMLError("this plot needs matplotlib; install it with: pip install 'cash-automl[report]'") from error
    return plt.figure(figsize=size, layout="constrained").add_subplot()


def clean(ax: Axes, grid: str | None = "both") -> None:
    """Remove the lines at the top and on the right, and draw a light grid behind the marks."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(True, axis=grid, color="#e5e7eb", linewidth=0.8)  # type: ignore[arg-type]


def class_style(code: int) -> dict[str, Any]:
    """Return the line of a class, which is the same in all figures: a color, and another dash after ten classes."""
    return {"color": f"C{code % 10}", "linestyle": ("-", "--", ":", "-.")[code // 10 % 4]}


def of_classes(n_shown: int, n_classes: int) -> str:
    """Return how many classes a figure shows, as a part of its title; empty if it shows all.

    >>> of_classes(8, 9), of_classes(3, 3)
    ('8 of 9 classes', '')
    """
    return f"{n_shown} of {n_classes} classes" if n_shown < n_classes else ""


def draw_legend(ax: Axes, beside: bool = False) -> None:
    """Draw the legend where it hides the least, or on the right of the axes, where it hides nothing.

    A figure of the user without a layout makes no room on the right.
    """
    if beside and ax.figure.get_layout_engine() is not None:
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize="small")
    else:
        ax.legend(loc="best", framealpha=0.85, edgecolor="none", fontsize="small")


def shorten(name: Any, length: int = MAX_NAME) -> str:
    """Return a name that is short enough for a label.

    A dollar sign would begin a formula in matplotlib.

    >>> shorten("a name with very many characters in it"), shorten("price in $")
    ('a name with very many chara…', 'price in \\\\$')
    """
    text = " ".join(str(name).split())
    text = text if len(text) <= length else text[: length - 1] + "…"
    return text.replace("$", r"\$")


def metric_label(metric: Metric) -> str:
    """Return the name of a score for an axis, with the class that it is about.

    >>> metric_label(Metric("neg_root_mean_squared_error", None))
    'negative root mean squared error'
    """
    name = metric.name.replace("neg_", "negative ", 1).replace("_", " ")
    return f"{name} of {shorten(metric.of_class)}" if metric.of_class else name


def check_kind(estimator: FittedModel, classifier: bool) -> None:
    """Check that an estimator is fitted and of the kind that a figure is for.

    Raises
    ------
    InvalidInputError
        If it is of the other kind.
    """
    check_is_fitted(estimator)
    refuse_targets(estimator._ensemble.targets, "this plot")
    if bool(estimator._is_classifier) != classifier:
        wanted = "a classifier" if classifier else "a regressor"
        raise InvalidInputError(f"this plot is for {wanted}; got {type(estimator).__name__}")


def check_label(estimator: FittedModel, label: Any) -> None:
    """Check that a label is a class of an estimator; None stands for no label.

    Raises
    ------
    InvalidInputError
        If it is no class.
    """
    labels = estimator.classes_.tolist()
    if label is not None and label not in labels:
        raise InvalidInputError(f"label={label!r} is no class; the classes are {', '.join(map(repr, labels[:5]))}")
