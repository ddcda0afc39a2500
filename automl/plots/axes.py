"""The axes of a figure, and the small parts that several figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from automl.errors import AutoMLError, InvalidInputError
from automl.task.several_targets import refuse_targets

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def shorten(name: Any, length: int = MAX_NAME) -> str:
    """Return a name that is short enough for a label.

    A dollar sign would begin a formula in matplotlib.

    >>> shorten("a name with very many characters in it"), shorten("price in $")
    ('a name with very many chara…', 'price in \\\\$')
    """
    text = " ".join(str(name).split())
    text = text if len(text) <= length else text[: length - 1] + "…"
    return text.replace("$", r"\$")


def metric_label(name: str) -> str:
    """Return the name of a score for an axis.

    >>> metric_label("neg_root_mean_squared_error")
    'negative root mean squared error'
    """
    return name.replace("neg_", "negative ", 1).replace("_", " ")


def check_kind(estimator: Any, classifier: bool) -> None:
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


def check_label(estimator: Any, label: Any) -> None:
    """Check that a label is a class of an estimator; None stands for no label.

    Raises
    ------
    InvalidInputError
        If it is no class.
    """
    labels = estimator.classes_.tolist()
    if label is not None and label not in labels:
        raise InvalidInputError(f"label={label!r} is no class; the classes are {', '.join(map(repr, labels[:5]))}")
