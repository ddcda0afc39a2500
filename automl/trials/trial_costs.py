"""What the trials of a search have cost, by model family and by fate: in the ensemble, dropped, or thrown away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from automl.plurals import plural
from automl.trials.history import Evaluation, RunHistory
from automl.trials.trial import CONTINUED, TrialResult
from pipelines.configuration import Configuration


class Fate(StrEnum):
    """What became of the work of a trial."""

    IN_ENSEMBLE = "in the ensemble"  # finished folds of configurations in the ensemble
    DROPPED = "dropped"  # finished folds of other configurations, or of models that are in no ensemble
    THROWN_AWAY = "thrown away"  # it left no finished fold: the trial failed, or it was ended at a limit


@dataclass(frozen=True)
class TrialCosts:
    """The costs of trials of one family and one fate.

    Attributes
    ----------
    n_fits : int
        Number of trainings of finished folds; for work that was thrown away, the number of trials that lost it. A
        training that several trials have done in parts counts once.
    seconds : float
        Wall-clock seconds, added over the workers.
    processor_seconds, gpu_seconds : float
        Seconds of the processors, added over threads and workers, and of GPUs; NaN if a trial did not measure them.
    peak_memory : float
        The largest memory of a worker, in MiB.
    """

    family: str
    fate: Fate
    n_fits: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    gpu_seconds: float = 0.0
    peak_memory: float = 0.0

    def __add__(self, other: TrialCosts) -> TrialCosts:
        return TrialCosts(
            self.family,
            self.fate,
            self.n_fits + other.n_fits,
            self.seconds + other.seconds,
            self.processor_seconds + other.processor_seconds,
            self.gpu_seconds + other.gpu_seconds,
            max(self.peak_memory, other.peak_memory),
        )


@dataclass(frozen=True)
class WorkerSeconds:
    """The seconds that the trials of a family took, and its fits that the clock has cut.

    Attributes
    ----------
    in_ensemble, dropped, thrown_away : float
        Seconds by fate.
    n_fits : int
        Number of trainings of finished folds.
    n_cut : int
        Number of those that the time limit has ended before they had converged.
    """

    family: str
    in_ensemble: float = 0.0
    dropped: float = 0.0
    thrown_away: float = 0.0
    n_fits: int = 0
    n_cut: int = 0

    @property
    def total(self) -> float:
        """The seconds of all trials."""
        return self.in_ensemble + self.dropped + self.thrown_away


def trial_costs(history: RunHistory, weights: Mapping[Configuration, float]) -> tuple[TrialCosts, ...]:
    """Return the costs of each family and fate; the family with the most seconds first, its fates in their order.

    Trials that still ran when the search ended are not in the history, and do not count.

    Parameters
    ----------
    history : RunHistory
    weights : mapping of Configuration to float
        The weights in the ensemble.
    """
    found: dict[tuple[str, Fate], TrialCosts] = {}
    for result in history.results:
        if not result.started:
            continue
        configuration = result.trial.configuration
        used = weights.get(configuration, 0.0) > 0 and _is_part_of_model(result, history.evaluations[configuration])
        for own in _costs_of(result, used):
            key = own.family, own.fate
            found[key] = found[key] + own if key in found else own
    totals: dict[str, float] = {}
    for own in found.values():
        totals[own.family] = totals.get(own.family, 0.0) + own.seconds
    fates = list(Fate)
    return tuple(sorted(found.values(), key=lambda own: (-totals[own.family], own.family, fates.index(own.fate))))


def _is_part_of_model(result: TrialResult, evaluation: Evaluation) -> bool:
    """Return whether a trial has trained a model of all rows, or a part of the iterations of such a model."""
    if result.trial.fidelity == 1:
        return True
    return any(CONTINUED in evaluation.folds[fold].info for fold in result.folds if fold in evaluation.folds)


def _costs_of(result: TrialResult, is_used: bool) -> list[TrialCosts]:
    """Return the costs of the finished folds of a trial, and those that were thrown away."""
    # A trial that has ended as planned loses nothing; one that was ended loses the work on its last fold.
    fits = result.folds.values()
    n_begun = sum(CONTINUED not in fit.info for fit in fits)
    kept = result.seconds if fits and not result.reason else sum(f.fit_seconds + f.predict_seconds for f in fits)
    kept = min(kept, result.seconds)
    rows = []
    for fate, seconds, n in (
        (Fate.IN_ENSEMBLE if is_used else Fate.DROPPED, kept, n_begun),
        (Fate.THROWN_AWAY, result.seconds - kept, 1),
    ):
        if seconds > 0:  # only the whole trial was measured: its parts have the shares of their seconds
            processor, gpu = (
                math.nan if measured is None else measured * seconds / result.seconds
                for measured in (result.processor_seconds, result.gpu_seconds)
            )
            family = result.trial.configuration.family
            rows.append(TrialCosts(family, fate, n, seconds, processor, gpu, result.peak_memory))
    return rows


def worker_seconds(history: RunHistory, weights: Mapping[Configuration, float]) -> tuple[WorkerSeconds, ...]:
    """Return the seconds of each family by fate, the family with the most seconds first; see `trial_costs`."""
    families: dict[str, dict[Fate, TrialCosts]] = {}
    for own in trial_costs(history, weights):
        families.setdefault(own.family, {})[own.fate] = own
    cut: dict[str, int] = {}
    for result in history.results:
        family = result.trial.configuration.family
        cut[family] = cut.get(family, 0) + sum(bool(fit.info.get("cut")) for fit in result.folds.values())
    rows = []
    for family, by_fate in families.items():
        in_ensemble, dropped, thrown_away = (by_fate[fate].seconds if fate in by_fate else 0.0 for fate in Fate)
        n_fits = sum(own.n_fits for fate, own in by_fate.items() if fate is not Fate.THROWN_AWAY)
        rows.append(WorkerSeconds(family, in_ensemble, dropped, thrown_away, n_fits, cut[family]))
    return tuple(rows)


def cut_fits_text(rows: Sequence[WorkerSeconds]) -> str:
    """Return a sentence with the number of fits that the clock has cut; empty without any fit."""
    n_cut, n_fits = sum(row.n_cut for row in rows), sum(row.n_fits for row in rows)
    if not n_fits:
        return ""
    why = ": a time limit ended the training before it had converged" if n_cut else ""
    verb = "was" if 1 in (n_cut, n_fits) else "were"
    return f"{n_cut:,} of {plural(n_fits, 'fit')} {verb} cut by the clock{why}."
