"""
Figures of a fitted estimator, one function for each figure.

Each function draws into the axes `ax`, or into a new figure of pyplot, and returns the axes. The functions need
matplotlib, which belongs to the extra `report`. Without a table, the figures show out-of-fold predictions: each row is
predicted by models that were not trained on it.
"""

from automl.plots.classes import calibration, confusion_matrix, precision_recall, roc
from automl.plots.columns import importance, partial_dependence
from automl.plots.numbers import residuals
from automl.plots.rows import waterfall
from automl.plots.search import hyperparameter_importance, score_against_latency, score_over_time

__all__ = [
    "calibration",
    "confusion_matrix",
    "hyperparameter_importance",
    "importance",
    "partial_dependence",
    "precision_recall",
    "residuals",
    "roc",
    "score_against_latency",
    "score_over_time",
    "waterfall",
]
