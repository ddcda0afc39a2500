"""Figures of a classifier: confusion matrix, ROC, precision and recall, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from automl.explain.calibration import N_BINS, calibration_bins
from automl.explain.predictions import Predicted, drawn_rows
from automl.plots.axes import (
    BLUE,
    GRAY,
    MAX_CURVES,
    ORANGE,
    check_kind,
    check_label,
    class_style,
    clean,
    draw_legend,
    new_axes,
    of_classes,
    shorten,
)
from automl.refit.model import ModelWithRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[Any]

_MAX_CELLS = 15  # classes with numbers in the cells of a confusion matrix
_MAX_CLASSES = 40  # in a confusion matrix; all rarer classes are one


def confusion_matrix(
    estimator: ModelWithRows,
    X: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    normalize: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw how often each true class is predicted as each class.

    The color of a cell is its share of the true class. With more than 40 classes, the rarest ones share a cell. A row
    counts with its sample weight, divided by the mean weight.

    Parameters
    ----------
    estimator : AutoMLClassifier
        A fitted classifier.
    X : DataFrame, ndarray or sparse matrix, optional
        Rows to predict; by default, out-of-fold predictions are shown.
    y : array-like of shape (n_samples,), optional
        The labels of `X`.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows of `X`.
    normalize : bool, default=False
        Whether to write percentages of the true class in place of numbers of rows.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidInputError
        If the estimator is a regressor, or if there are no rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from automl import AutoMLClassifier, plots
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.confusion_matrix(clf).get_ylabel()
    'true class'
    """
    check_kind(estimator, classifier=True)
    scored = drawn_rows(estimator, X, y, sample_weight)
    decided = estimator._ensemble.decide(scored.predictions)
    names, true, predicted = _merge_rare(estimator.classes_.tolist(), scored.y, decided)
    k = len(names)
    counts = np.zeros((k, k))
    np.add.at(counts, (true, predicted), scored.relative_weight)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    side = min(9.0, max(4.2, 2.4 + 0.45 * k))
    ax = new_axes(ax, (side + 0.9, side))
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(k, k) if k <= _MAX_CELLS else ():
        text = f"{100 * shares[i, j]:.0f} %" if normalize else f"{counts[i, j]:,.0f}"
        color = "white" if shares[i, j] > 0.55 else "#1f2937"
        ax.text(j, i, text, ha="center", va="center", color=color, fontsize="medium" if k <= 8 else "x-small")
    labels = [shorten(name, 14) for name in names]
    size = "small" if k <= _MAX_CELLS else "xx-small"
    long = k > 3 and max(map(len, labels)) > 4
    ax.set_xticks(range(k), labels, rotation=90 if long or k > _MAX_CELLS else 0, fontsize=size)
    ax.set_yticks(range(k), labels, fontsize=size)
    ax.set(xlabel="predicted class", ylabel="true class")
    ax.set_title(f"Confusion matrix ({scored.source})", fontsize="medium")
    ax.figure.colorbar(image, ax=ax, shrink=0.8, label="share of the true class")
    return ax


def _merge_rare(labels: list[Any], true: Array, predicted: Array) -> tuple[list[Any], Array, Array]:
    """Return the classes of the figure and the codes of the rows; the rarest classes of many become one."""
    if len(labels) <= _MAX_CLASSES:
        return labels, true, predicted
    frequent = np.sort(np.argsort(-np.bincount(true, minlength=len(labels)), kind="stable")[: _MAX_CLASSES - 1])
    place = np.full(len(labels), len(frequent))
    place[frequent] = np.arange(len(frequent))
    return [*(labels[code] for code in frequent.tolist()), "(others)"], place[true], place[predicted]


def _classes_of_curves(estimator: ModelWithRows, scored: Predicted, label: Any) -> list[tuple[str, int]]:
    """Return the name and the code of each class that gets a curve, as far as the rows hold it and not it alone."""
    labels = estimator.classes_.tolist()
    check_label(estimator, label)
    counts = np.bincount(scored.y, minlength=len(labels))
    known = [code for code in range(len(labels)) if 0 < counts[code] < len(scored.y)]
    if label is not None:
        known = [labels.index(label)]
    elif len(labels) == 2:
        known = [estimator._positive_code()]
    else:
        known = sorted(sorted(known, key=lambda code: -counts[code])[:MAX_CURVES])
    return [(shorten(labels[code], 24), code) for code in known]


def _draws_all(estimator: ModelWithRows, label: Any) -> bool:
    """Return whether there is a curve for each of more than two classes."""
    return label is None and len(estimator.classes_) > 2


def _curve_axes(estimator: ModelWithRows, label: Any, ax: Axes | None) -> Axes:
    """Return axes of curves, with room for the legend of many classes beside them."""
    return new_axes(ax, (7.4, 5.0) if _draws_all(estimator, label) else (5.2, 5.0))


def _curve_style(estimator: ModelWithRows, label: Any, code: int) -> dict[str, Any]:
    return class_style(code) if _draws_all(estimator, label) else {"color": BLUE}


def _finish_curves(
    ax: Axes, estimator: ModelWithRows, label: Any, title: str, scored: Predicted, n_curves: int
) -> None:
    """Add the legend and the title of curves; the legend of many classes hides none of them."""
    draw_legend(ax, beside=_draws_all(estimator, label))
    shown = of_classes(n_curves, len(estimator.classes_)) if _draws_all(estimator, label) else ""
    ax.set_title(f"{title} ({scored.source}{'; ' if shown else ''}{shown})", fontsize="medium")
    clean(ax)


def roc(
    estimator: ModelWithRows,
    X: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    label: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw the true positive rate against the false positive rate for all thresholds.

    For two classes, a point marks the decision threshold. For more classes, there is one curve for each of up to eight
    classes against all others.

    Parameters
    ----------
    estimator : AutoMLClassifier
        A fitted classifier.
    X : DataFrame, ndarray or sparse matrix, optional
        Rows to predict; by default, out-of-fold predictions are shown.
    y : array-like of shape (n_samples,), optional
        The labels of `X`.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows of `X`.
    label : label, optional
        The only class that gets a curve.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidInputError
        If the estimator is a regressor, or if there are no rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from automl import AutoMLClassifier, plots
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
    >>> len(plots.roc(clf).lines)
    4
    """
    check_kind(estimator, classifier=True)
    scored = drawn_rows(estimator, X, y, sample_weight)
    ax = _curve_axes(estimator, label, ax)
    w, two = scored.sample_weight, len(estimator.classes_) == 2
    curves = _classes_of_curves(estimator, scored, label)
    for name, code in curves:
        is_class, p = scored.y == code, scored.predictions[:, code]
        false_rate, true_rate, _ = roc_curve(is_class, p, sample_weight=w)
        area = roc_auc_score(is_class, p, sample_weight=w)
        style = _curve_style(estimator, label, code)
        ax.plot(false_rate, true_rate, linewidth=2, label=f"{name}: area {area:.3f}", **style)
        weight = np.ones(len(p)) if w is None else w
        each = [(rows, float(weight[rows].sum())) for rows in (~is_class, is_class)]
        if two and label is None and all(total for _, total in each):
            found = _predicted(estimator, scored) == code
            rates = [float(weight[found & rows].sum()) / total for rows, total in each]
            threshold = f"threshold {estimator.decision_threshold_:.2f}"
            ax.plot(*rates, "o", color=ORANGE, markersize=8, label=threshold, zorder=3)
    ax.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle="--", label="chance")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    ax.set_aspect("equal")
    _finish_curves(ax, estimator, label, "ROC", scored, len(curves))
    return ax


def _predicted(estimator: ModelWithRows, scored: Predicted) -> Array:
    return np.asarray(estimator._ensemble.decide(scored.predictions))


def precision_recall(
    estimator: ModelWithRows,
    X: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    label: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw precision against recall for all thresholds.

    For two classes, a point marks the decision threshold, and a dashed line the precision of a random order. For more
    classes, there is one curve for each of up to eight classes against all others.

    Parameters
    ----------
    estimator : AutoMLClassifier
        A fitted classifier.
    X : DataFrame, ndarray or sparse matrix, optional
        Rows to predict; by default, out-of-fold predictions are shown.
    y : array-like of shape (n_samples,), optional
        The labels of `X`.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows of `X`.
    label : label, optional
        The only class that gets a curve.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidInputError
        If the estimator is a regressor, or if there are no rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from automl import AutoMLClassifier, plots
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.precision_recall(clf, label=2).get_xlabel()
    'recall'
    """
    check_kind(estimator, classifier=True)
    scored = drawn_rows(estimator, X, y, sample_weight)
    ax = _curve_axes(estimator, label, ax)
    w, two = scored.sample_weight, len(estimator.classes_) == 2
    curves = _classes_of_curves(estimator, scored, label)
    for name, code in curves:
        is_class, p = scored.y == code, scored.predictions[:, code]
        precision, recall, _ = precision_recall_curve(is_class, p, sample_weight=w)
        mean = average_precision_score(is_class, p, sample_weight=w)
        title, style = f"{name}: average precision {mean:.3f}", _curve_style(estimator, label, code)
        ax.step(recall, precision, where="post", linewidth=2, label=title, **style)
        if two and label is None:
            found = _predicted(estimator, scored) == code
            weight = np.ones(len(found)) if w is None else w
            both = float(weight[found & is_class].sum())
            point = both / max(1e-12, float(weight[is_class].sum())), both / max(1e-12, float(weight[found].sum()))
            threshold = f"threshold {estimator.decision_threshold_:.2f}"
            ax.plot(*point, "o", color=ORANGE, markersize=8, label=threshold, zorder=3)
        if two or label is not None:
            share = float(np.average(is_class, weights=w))
            ax.axhline(share, color=GRAY, linewidth=1, linestyle="--", label=f"share of the class {share:.3f}")
    ax.set(xlabel="recall", ylabel="precision", xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    _finish_curves(ax, estimator, label, "Precision and recall", scored, len(curves))
    return ax


def calibration(
    estimator: ModelWithRows,
    X: Any = None,
    y: Any = None,
    sample_weight: Any = None,
    label: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """
    Draw observed shares against predicted probabilities, and how many rows have these probabilities.

    For two classes it is the probability of the class of interest. For more classes, it is the probability of the
    predicted class, whose observed share is the accuracy. The number in the legend is the expected calibration error.

    Parameters
    ----------
    estimator : AutoMLClassifier
        A fitted classifier.
    X : DataFrame, ndarray or sparse matrix, optional
        Rows to predict; by default, out-of-fold predictions are shown.
    y : array-like of shape (n_samples,), optional
        The labels of `X`.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows of `X`.
    label : label, optional
        The class whose probability is shown.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes.

    Raises
    ------
    InvalidInputError
        If the estimator is a regressor, or if there are no rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from automl import AutoMLClassifier, plots
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["lda"], n_jobs=1, verbose=0).fit(X, y)
    >>> plots.calibration(clf).get_xlabel()
    'probability of the predicted class'
    """
    check_kind(estimator, classifier=True)
    scored = drawn_rows(estimator, X, y, sample_weight)
    labels = estimator.classes_.tolist()
    check_label(estimator, label)
    if label is None and len(labels) > 2:
        predicted = scored.predictions.argmax(axis=1)
        p, correct = scored.predictions.max(axis=1), scored.y == predicted
        xlabel, ylabel = "probability of the predicted class", "share of correct predictions"
    else:
        code = estimator._positive_code() if label is None else labels.index(label)
        p, correct = scored.predictions[:, code], scored.y == code
        xlabel, ylabel = f"probability of {shorten(labels[code], 18)}", f"share of {shorten(labels[code], 18)}"
    ax = new_axes(ax, (5.4, 5.2))
    bins = calibration_bins(p, correct, scored.sample_weight)
    most = int(bins.n_rows.max())
    ax.bar(
        (bins.place + 0.5) / N_BINS, 0.25 * bins.n_rows / most, width=0.9 / N_BINS, color="#dbe4f0",
        label=f"rows (up to {most:,})",
    )  # fmt: skip
    ax.plot([0, 1], [0, 1], color=GRAY, linewidth=1, linestyle="--", label="perfect calibration")
    ax.errorbar(
        bins.mean, bins.share, yerr=(bins.share - bins.low, bins.high - bins.share), fmt="o-", color=BLUE,
        linewidth=1.8, elinewidth=1, capsize=2, markersize=5,
        label=f"model: expected calibration error {bins.error:.3f}",
    )  # fmt: skip
    ax.set(xlabel=xlabel, ylabel=ylabel, xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    ax.legend(loc="upper left", frameon=False, fontsize="small")
    ax.set_title(f"Calibration ({scored.source})", fontsize="medium")
    clean(ax)
    return ax
