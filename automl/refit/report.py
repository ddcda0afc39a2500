"""The comparison of an old model and its refit on the folds of new rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from automl.paired_test import correlated_posterior
from automl.plurals import plural, short_number
from automl.task.metric_words import MetricWords

NOT_COMPARED = "the old model and the new model were not compared"
SIGNIFICANT = 0.05  # p value below which a difference counts as clear


@dataclass(frozen=True)
class RefitReport:
    """What a refit did, and which model is better on the new rows.

    Parameters
    ----------
    n_rows : int
        Number of training rows of the new model.
    n_models : int
        Number of models that were trained on all these rows.
    seconds : float
        Wall-clock seconds of the refit.
    metric : str
        Name of the scorer.
    scores : DataFrame, optional
        One row for each fold of the new rows, with the columns fold, n_train, n_test, old and new; greater scores are
        better. None for a refit on the rows of the search, which the old model was trained on; without a row if the
        user has interrupted the comparison.
    notes : tuple of str, default=()
        What a reader of the scores should know.

    Examples
    --------
    >>> import pandas as pd
    >>> from automl.refit.report import RefitReport
    >>> new, old = [0.91, 0.92, 0.90, 0.91], [0.87, 0.87, 0.88, 0.86]
    >>> scores = pd.DataFrame({"fold": range(4), "n_train": 75, "n_test": 25, "old": old, "new": new})
    >>> RefitReport(100, 1, 1.5, "roc_auc", scores).verdict
    'the new model is better on the new rows: ROC AUC 0.91 against 0.87, p = 0.034'
    """

    n_rows: int
    n_models: int
    seconds: float
    metric: str
    scores: pd.DataFrame | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def old_score(self) -> float:
        """
        Mean score of the old model over the folds of the new rows.

        Returns
        -------
        float
            Greater is better; NaN if there is no comparison.

        Examples
        --------
        >>> from automl.refit.report import RefitReport
        >>> RefitReport(100, 1, 1.5, "roc_auc").old_score
        nan
        """
        return float("nan") if self.scores is None else float(self.scores["old"].mean())

    @property
    def new_score(self) -> float:
        """
        Mean score of the new configurations, which were trained on the other folds of the new rows.

        Returns
        -------
        float
            Greater is better; NaN if there is no comparison.

        Examples
        --------
        >>> from automl.refit.report import RefitReport
        >>> RefitReport(100, 1, 1.5, "roc_auc").new_score
        nan
        """
        return float("nan") if self.scores is None else float(self.scores["new"].mean())

    @property
    def p(self) -> float:
        """
        The p value of the corrected resampled t-test of Nadeau and Bengio (2003), two-sided.

        Returns
        -------
        float
            NaN if fewer than two folds have scores of both models.

        Examples
        --------
        >>> from automl.refit.report import RefitReport
        >>> RefitReport(100, 1, 1.5, "roc_auc").p
        nan
        """
        if self.scores is None:
            return float("nan")
        known = self.scores.dropna(subset=["old", "new"])
        if len(known) < 2:
            return float("nan")
        share = float((known["n_test"] / (known["n_test"] + known["n_train"])).mean())
        return correlated_posterior(known["new"] - known["old"], share).p

    @property
    def verdict(self) -> str:
        """
        Which model is better on the new rows, in words.

        Returns
        -------
        str
            One sentence.

        Examples
        --------
        >>> from automl.refit.report import RefitReport
        >>> RefitReport(100, 1, 1.5, "roc_auc").verdict
        'the models were trained on all rows; no rows are left to compare the old model and the new model on'
        """
        if self.scores is None:
            return "the models were trained on all rows; no rows are left to compare the old model and the new model on"
        if self.scores.empty:
            return NOT_COMPARED
        p = self.p
        if np.isnan(p):
            return "the new rows do not suffice to compare the old model and the new model"
        detail = f"{compared_scores(self.metric, self.old_score, self.new_score)}, p = {p:.2g}"
        if p >= SIGNIFICANT:
            return f"no clear difference on the new rows, so the old model can stay: {detail}"
        if self.new_score > self.old_score:
            return f"the new model is better on the new rows: {detail}"
        return f"the old model is better on the new rows, keep it: {detail}"

    def __str__(self) -> str:
        """Return the verdict, the notes, and what was trained."""
        lines = [self.verdict, *(f"note: {note}" for note in self.notes)]
        trained = f"trained {plural(self.n_models, 'model')} on {plural(self.n_rows, 'row')} in {self.seconds:.1f} s"
        return "\n".join([*lines, trained])


def compared_scores(scorer: str, old: float, new: float) -> str:
    """Return the metric and the two scores of a scorer in words.

    >>> compared_scores("neg_log_loss", -0.251, -0.24)
    'log loss 0.24 against 0.25, lower is better'
    """
    words = MetricWords.of(scorer)
    before, after = _distinct_texts(words.shown(old), words.shown(new))
    return f"{words.name} {after} against {before}" + (f", {words.direction}" if words.is_loss else "")


def _distinct_texts(old: float, new: float) -> tuple[str, str]:
    """Return two scores with as many digits as show that they differ."""
    for digits in (2, 3, 4, 6):
        texts = short_number(old, digits), short_number(new, digits)
        if texts[0] != texts[1]:
            break
    return texts
