"""The content of parts of section 6: expected scores, workers, costs, start, importance of hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExpectedPoint:
    """The expected score on new rows if the search had ended after some seconds of training."""

    seconds: float
    score: float


@dataclass(frozen=True)
class WorkerRow:
    """The seconds of the workers for a family, and its fits that a time limit ended before they had converged."""

    family: str
    in_ensemble: float
    dropped: float
    thrown_away: float
    n_fits: int
    n_cut: int


@dataclass(frozen=True)
class CostRow:
    """The costs of a family and a fate, see `costs_`; None where they are not known."""

    family: str
    fate: str
    fits: int
    seconds: float | None
    processor_seconds: float | None
    gpu_seconds: float | None
    peak_memory: float | None
    watt_hours: float | None
    co2_grams: float | None


@dataclass(frozen=True)
class CostsPart:
    """The costs of the search; the note says what was measured and what was estimated."""

    note: str
    rows: tuple[CostRow, ...]
    total: CostRow


@dataclass(frozen=True)
class SimilarTable:
    """A known data set that is similar to the table, with the names of meta-features as people read them."""

    name: str
    distance: float
    similar_in: tuple[str, ...]
    different_in: tuple[str, ...]


@dataclass(frozen=True)
class SourceRow:
    """All configurations from one source.

    Attributes
    ----------
    best_place, median_place : int or None
        Places among all configurations with a score, of which the best one has place 1.
    weight : float
        Share of the ensemble.
    """

    source: str
    is_initial: bool
    n_configurations: int
    n_failed: int
    best: float | None
    best_place: int | None
    median_place: int | None
    weight: float


@dataclass(frozen=True)
class StartPart:
    """The configurations with which the search started, beside those that it tried later."""

    note: str
    comparison: str
    sources: tuple[SourceRow, ...]
    similar: tuple[SimilarTable, ...]


@dataclass(frozen=True)
class SettingImportance:
    """The share of the variance of the scores that a step, a choice or a hyperparameter explains by itself.

    Attributes
    ----------
    kind : {"step", "choice", "hyperparameter"}
        A step with all its hyperparameters, the choice of its component, or a hyperparameter of a component.
    std : float
        Standard deviation over the trees of the forest.
    n_configurations : int
        Configurations of the search in which it is active.
    """

    name: str
    kind: str
    importance: float
    std: float
    n_configurations: int


@dataclass(frozen=True)
class SettingsPart:
    """The importance of steps and hyperparameters; without rows, the note says why."""

    note: str
    steps: tuple[SettingImportance, ...] = ()
    settings: tuple[SettingImportance, ...] = ()
