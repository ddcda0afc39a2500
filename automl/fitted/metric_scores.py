"""The scores of the ensemble by each metric of `scoring`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from automl.checks.predictions import RowPredictions
from automl.ensemble.attribute_rules import Subject
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.missing import NOT_READ, why_missing
from automl.ensemble.selection import Ensemble
from automl.ensemble.threshold import apply_decision
from automl.task.dummy import dummy_score
from automl.task.positive_class import class_in_words
from automl.task.scored_target import ScoredTarget
from automl.task.several_metrics import named_scorers, score_or_nan
from automl.task.task import Task

MetricScore = tuple[str, float, float]


class MetricScores(FittedModel):
    """The attribute of both estimators with the scores by each metric."""

    @property
    def metric_scores_(self) -> pd.DataFrame:
        """
        Out-of-fold score of the ensemble by each metric of `scoring`.

        The search optimizes the first metric. The scores are not corrected for the search: the score by the first
        metric is a little better than `estimate_`. A scorer beside the first one may return a loss, of which lower
        values are better.

        Returns
        -------
        DataFrame
            One row for each metric, in the order of `scoring`: ``metric``, ``score`` (greater is better, as in
            scikit-learn's scorers) and ``constant`` (the score of the best constant prediction; NaN where it has none).

        Raises
        ------
        AttributeError
            If the fit was interrupted, or was too short to read the out-of-fold predictions, if a run directory was
            loaded for prediction only, and after `refit` with new rows and `slim`, which change the ensemble.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from automl import AutoMLClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> settings = {"time_budget": None, "max_trials": 1, "include": ["lda"], "n_jobs": 1, "verbose": 0}
        >>> clf = AutoMLClassifier(scoring=["neg_log_loss", "accuracy"], **settings)
        >>> clf.fit(X, y).metric_scores_["metric"].tolist()
        ['neg_log_loss', 'accuracy']
        """
        check_is_fitted(self, "_ensemble")
        scores = vars(self).get("_metric_scores")
        if scores is None:
            raise AttributeError(f"there are no metric_scores_: {why_missing(self, NOT_READ, Subject.MEMBERS)}")
        return pd.DataFrame(scores, columns=["metric", "score", "constant"])


def score_metrics(task: Task, ensemble: Ensemble, record: RowPredictions | None) -> list[MetricScore] | None:
    """Return name, score and score of the best constant prediction of each metric; None without predictions.

    Parameters
    ----------
    record : RowPredictions or None
        The out-of-fold predictions of the ensemble for rows of the task.
    """
    if record is None:
        return None
    rows = record.rows.astype(np.intp)
    weight, finished = task.weights(rows), ensemble.finish(record.predictions.astype(np.float64))
    scores = []
    for metric in (task.metric.take(rows), *task.recorded_metrics):
        p = apply_decision(finished, ensemble.decision_weights, ScoredTarget(record.y, metric, weight))
        constant, _ = dummy_score(metric, record.y, weight)
        score = score_or_nan(metric, record.y, p, weight)
        scores.append((metric.name, score, np.nan if constant is None else float(constant)))
    return scores


def recorded_scorers(estimator: FittedModel) -> list[Any]:
    """Return the scorers of the scores by metric beside the first one, or their names where they were not loaded."""
    known = named_scorers(estimator.scoring)
    return [known.get(name, name) for name, *_ in vars(estimator)["_metric_scores"][1:]]


def classes_of_scores(estimator: FittedModel) -> list[str]:
    """Return the class that each of the scores by metric is about, in words; empty texts for scores of all classes."""
    metric = estimator._metric
    others = (class_in_words(scorer, metric.classes, metric.positive) for scorer in recorded_scorers(estimator))
    return [metric.of_class, *others]
