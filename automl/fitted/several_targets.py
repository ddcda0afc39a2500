"""The attributes and predictions of an estimator that was fitted to several targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from automl.checks.predictions import RowPredictions
from automl.ensemble.attribute_rules import Subject
from automl.ensemble.fitted_model import FittedModel
from automl.ensemble.missing import NOT_READ, why_missing
from automl.ensemble.selection import Ensemble
from automl.task.dummy import dummy_score
from automl.task.metrics import loss_or_nan
from automl.task.several_targets import decode_targets
from automl.task.target_metrics import TargetsScorer
from automl.task.task import Task

Array = NDArray[Any]


class SeveralTargets(FittedModel):
    """The attributes of both estimators that describe several targets."""

    @property
    def n_outputs_(self) -> int:
        """
        Number of targets.

        Returns
        -------
        int
            1, unless `fit` got a target of shape (n_samples, n_targets) with two columns or more.

        Examples
        --------
        >>> from sklearn.datasets import load_linnerud
        >>> from automl import AutoMLRegressor
        >>> X, y = load_linnerud(return_X_y=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg.fit(X, y).n_outputs_
        3
        """
        check_is_fitted(self, "_ensemble")
        return 1 if self._ensemble.targets is None else self._ensemble.targets.n_targets

    @property
    def target_scores_(self) -> pd.DataFrame:
        """
        Out-of-fold score of the ensemble for each of several targets.

        The scores are in the unit of the target, and not corrected for the search.

        Returns
        -------
        DataFrame
            One row for each target: ``target`` (its name), ``score`` (greater is better, as in scikit-learn's scorers)
            and ``constant`` (the score of the best constant prediction).

        Raises
        ------
        AttributeError
            If there is one target, if `scoring` is an object that scores all targets at once, if the fit was
            interrupted, and after `refit` with new rows and `slim`, which change the ensemble.

        Examples
        --------
        >>> from sklearn.datasets import load_linnerud
        >>> from automl import AutoMLRegressor
        >>> X, y = load_linnerud(return_X_y=True, as_frame=True)
        >>> reg = AutoMLRegressor(time_budget=None, max_trials=1, include=["ridge"], n_jobs=1, verbose=0)
        >>> reg.fit(X, y).target_scores_["target"].tolist()
        ['Weight', 'Waist', 'Pulse']
        """
        check_is_fitted(self, "_ensemble")
        scores = vars(self).get("_target_scores")
        if scores is None:
            raise AttributeError(f"there are no target_scores_: {_why_no_target_scores(self)}")
        return pd.DataFrame(scores, columns=["target", "score", "constant"])


def _why_no_target_scores(estimator: FittedModel) -> str:
    if estimator._ensemble.targets is None:
        return "the model has one target; metric_scores_ and estimate_ hold its scores"
    if not isinstance(estimator._metric.scorer, TargetsScorer):
        return "scoring is no name of a scorer, so that it scores all targets at once; set scoring to a name before fit"
    return why_missing(estimator, NOT_READ, Subject.MEMBERS)


class MultiLabel:
    """Says to scikit-learn that the classifier takes several labels for each row."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.classifier_tags.multi_label = True
        return tags


def score_targets(
    task: Task, ensemble: Ensemble, record: RowPredictions | None
) -> list[tuple[str, float, float]] | None:
    """Return name, score and score of the best constant prediction of each target; None where there are no such scores.

    Parameters
    ----------
    record : RowPredictions or None
        The out-of-fold predictions of the ensemble for rows of the task.
    """
    layout, scorer = task.traits.targets, task.metric.scorer
    if layout is None or record is None or not isinstance(scorer, TargetsScorer):
        return None
    finished = ensemble.finish(record.predictions.astype(np.float64))
    weight, blocks = task.weights(record.rows.astype(np.intp)), layout.blocks(finished)
    found = []
    for name, metric, y, p in zip(layout.names, scorer.each, record.y.T, blocks, strict=True):
        constant, _ = dummy_score(metric, y, weight)
        found.append((name, -loss_or_nan(metric, y, p, weight), np.nan if constant is None else float(constant)))
    return found


def predicted_labels(ensemble: Ensemble, probabilities: Array, classes: Any) -> Array:
    """Return the predicted labels: of one target, or of several as an array of shape (n_samples, n_targets)."""
    codes = ensemble.decide(probabilities)
    return np.asarray(classes)[codes] if ensemble.targets is None else decode_targets(codes, classes)


def class_probabilities(ensemble: Ensemble, probabilities: Array) -> Any:
    """Return probabilities as `predict_proba` does: of several targets, a list with one array for each target."""
    return probabilities if ensemble.targets is None else ensemble.targets.blocks(probabilities)
