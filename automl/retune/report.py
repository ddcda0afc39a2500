"""What a retune did, and whether the new model is better than the old one on the newest rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from automl.plurals import plural, short_number
from automl.refit.report import NOT_COMPARED, compared_scores
from automl.retune.comparison import LEVEL
from automl.task.metric_words import MetricWords


@dataclass(frozen=True)
class RetuneReport:
    """The comparison of the old model with the retuned one on the newest rows, which neither was trained on.

    Parameters
    ----------
    metric : str
        Name of the scorer.
    old_score, new_score : float
        Scores on the newest rows; greater is better. The new model was not trained on these rows when it was scored.
    low, high : float
        Ends of the 95 % interval of the difference, new minus old.
    p : float
        Two-sided p value of the difference.
    n_compared : int
        Number of the newest rows that both models were scored on; 0 if the models were not compared.
    n_rows, n_old_rows : int
        Number of training rows of the new model at last, and how many of them are old rows; 0 also where the old rows
        did not help, and were left out.
    n_models : int
        Number of models that were trained on all these rows.
    n_configurations : int
        Number of configurations that the search tried.
    seconds : float
        Wall-clock seconds of the whole retune.
    notes : tuple of str, default=()
        What a reader of the scores should know.

    Examples
    --------
    >>> from automl.retune.report import RetuneReport
    >>> report = RetuneReport("roc_auc", 0.87, 0.91, 0.02, 0.06, 0.002, 300, 2_000, 1_100, 4, 25, 60.0)
    >>> report.is_better
    True
    >>> report.verdict.partition(",")[0]
    'the new model is better on the 300 newest rows: ROC AUC 0.91 against 0.87'
    """

    metric: str
    old_score: float
    new_score: float
    low: float
    high: float
    p: float
    n_compared: int
    n_rows: int
    n_old_rows: int
    n_models: int
    n_configurations: int
    seconds: float
    notes: tuple[str, ...] = field(default=())

    @property
    def is_better(self) -> bool:
        """
        Whether the new model is clearly better: the interval of the difference is above 0, and p is below 0.05.

        Returns
        -------
        bool
            False also where the rows do not suffice to compare the models.

        Examples
        --------
        >>> from automl.retune.report import RetuneReport
        >>> RetuneReport("r2", 0.5, 0.6, -0.1, 0.3, 0.4, 90, 900, 600, 2, 9, 60.0).is_better
        False
        """
        return self.low > 0 and self.p < 1 - LEVEL

    @property
    def verdict(self) -> str:
        """
        Which model is better on the newest rows, in words.

        Returns
        -------
        str
            One sentence.

        Examples
        --------
        >>> from automl.retune.report import RetuneReport
        >>> RetuneReport("r2", 0.5, 0.6, -0.1, 0.3, 0.4, 90, 900, 600, 2, 9, 60.0).verdict[:69]
        'no clear difference on the 90 newest rows, so the old model can stay:'
        """
        if not self.n_compared:
            return NOT_COMPARED
        if np.isnan(self.low):
            return "the newest rows do not suffice to compare the old model and the new model"
        rows = f"the {plural(self.n_compared, 'newest row')}"
        words = MetricWords.of(self.metric)
        low, high = sorted((words.shown(self.low), words.shown(self.high)))
        detail = (
            f"{compared_scores(self.metric, self.old_score, self.new_score)}, {100 * LEVEL:g} % interval of the "
            f"difference {short_number(low, 2)} to {short_number(high, 2)}, p = {self.p:.2g}"
        )
        if self.is_better:
            return f"the new model is better on {rows}: {detail}"
        if self.high < 0:
            return f"the old model is better on {rows}, keep it: {detail}"
        return f"no clear difference on {rows}, so the old model can stay: {detail}"

    def __str__(self) -> str:
        """Return the verdict, the notes, and what was done."""
        lines = [self.verdict, *(f"note: {note}" for note in self.notes)]
        done = (
            f"tried {plural(self.n_configurations, 'configuration')}, trained {plural(self.n_models, 'model')} on "
            f"{plural(self.n_rows, 'row')} ({plural(self.n_old_rows, 'old row')}) in {self.seconds:.1f} s"
        )
        return "\n".join([*lines, done])
