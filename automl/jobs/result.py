"""The result of a job: what ``result.json`` and the queue hold about its last attempt that left a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class JobResult:
    """The result of a job. Greater scores are better; what is not known is None or empty.

    Attributes
    ----------
    state : str
        ``"finished"`` or ``"cancelled"``.
    parameters : mapping
        The parameters that the setting gives to the estimator.
    task : str
        ``"classification"`` or ``"regression"``.
    metric, metric_class : str
        The name of the metric of all scores; the class that it is about, if there is one.
    search_score : float or None
        The mean score of the best configuration over the folds of the search.
    expected_score, expected_low, expected_high : float or None
        The estimate of the score on new rows with the ends of its 95 % interval.
    test_score : float or None
        The score on rows that the search never sees.
    started : float or None
        Time at which the attempt began, in seconds since 1970.
    seconds : float or None
        Seconds of the fit.
    """

    state: str = ""
    job: str = ""
    table: str = ""
    setting: str = ""
    estimator: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    metric: str = ""
    metric_class: str = ""
    search_score: float | None = None
    n_trials: int | None = None
    expected_score: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None
    test_score: float | None = None
    n_rows: int | None = None
    n_columns: int | None = None
    n_test_rows: int | None = None
    started: float | None = None
    seconds: float | None = None
    attempt: int | None = None
    stop_reason: str = ""

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> JobResult:
        """Return the result of a dictionary; one of another version of this package may lack keys or have others."""
        return cls(**{one.name: found[one.name] for one in fields(cls) if one.name in found})

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for a JSON file."""
        return asdict(self)
