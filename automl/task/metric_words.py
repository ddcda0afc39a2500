"""Metrics in words: the name that people know, and which direction is better."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from automl.plurals import short_number

_SPELLING = {"roc": "ROC", "auc": "AUC", "r2": "R2", "d2": "D2", "f1": "F1"}
RELATIVE, OF_TARGETS = " relative to a constant", ", mean of targets"  # behind the name of a scorer of several targets
_OWN = re.compile(r"make_scorer\((\w+)")


@dataclass(frozen=True)
class MetricWords:
    """A metric as people read it.

    A scorer returns scores: greater is better. Scorers of losses negate the loss, and scikit-learn calls them
    ``neg_...``. People read the loss itself, without the sign.

    Attributes
    ----------
    scorer : str
        Name of the scorer.
    name : str
        Name of the metric, for example "log loss".
    is_loss : bool
        Whether the metric is a loss: `shown` changes the sign of the scores, and lower is better.

    Examples
    --------
    >>> words = MetricWords.of("neg_log_loss")
    >>> words.name, words.shown(-0.25), words.direction
    ('log loss', 0.25, 'lower is better')
    >>> MetricWords.of("roc_auc, mean of targets").name
    'ROC AUC, mean of targets'
    """

    scorer: str
    name: str
    is_loss: bool

    @classmethod
    def of(cls, scorer: str, of_class: str = "") -> Self:
        """Return the words for the name of a scorer, or for the text of a scorer that `make_scorer` has made.

        Parameters
        ----------
        of_class : str
            The class that the score is about, if it is about one; see `class_in_words`.

        Examples
        --------
        >>> MetricWords.of("f1", "class 'bad'").name
        "F1 of class 'bad'"
        """
        own = _OWN.match(scorer)
        name = scorer.removeprefix("neg_") if own is None else own[1]
        is_loss = scorer.startswith("neg_") if own is None else "greater_is_better=False" in scorer
        words = " ".join(name.replace("_", " ").split())
        words = re.sub(r"\w+", lambda word: _SPELLING.get(word[0], word[0]), words)
        return cls(scorer, f"{words} of {of_class}" if of_class else words, is_loss)

    @property
    def direction(self) -> str:
        """The direction of better values of the metric, in words."""
        return "lower is better" if self.is_loss else "greater is better"

    def shown(self, score: float) -> float:
        """Return the value of the metric for a score."""
        return -score if self.is_loss else score

    def text(self, score: float) -> str:
        """Return the value of the metric for a score, rounded to four digits.

        >>> MetricWords.of("neg_root_mean_squared_error").text(-30123.4)
        '30,123'
        """
        return short_number(self.shown(score))

    def interval_text(self, low: float, high: float) -> str:
        """Return the interval of the metric for the ends of an interval of scores, the smaller end first."""
        ends = sorted((self.shown(low), self.shown(high)))
        return f"{short_number(ends[0])} to {short_number(ends[1])}"

    @property
    def scores_text(self) -> str:
        """Say what a table of scores holds, and which direction is better."""
        if not self.is_loss:
            return f"score: {self.name}, the mean over the finished folds; greater is better"
        kind = f"the negative {self.name}, the mean over the finished folds"
        return f"score: {kind}; greater is better, and a score of -0.5 means a {self.name} of 0.5"
