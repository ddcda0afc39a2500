"""The seconds of the workers by model family and by fate: in the ensemble, dropped, or thrown away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automl.plurals import plural
from automl.trials.history import RunHistory
from pipelines.configuration import Configuration


@dataclass(frozen=True)
class WorkerSeconds:
    """The seconds that the trials of a family took, and its fits that the clock has cut.

    Attributes
    ----------
    in_ensemble : float
        Seconds of finished folds of configurations in the ensemble.
    dropped : float
        Seconds of finished folds of other configurations.
    thrown_away : float
        Seconds that left no finished fold: trials that failed, or that ended at a limit.
    n_fits : int
        Number of finished folds.
    n_cut : int
        Number of finished folds whose training the time limit has ended before it had converged.
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

    def __add__(self, other: WorkerSeconds) -> WorkerSeconds:
        return WorkerSeconds(
            self.family,
            self.in_ensemble + other.in_ensemble,
            self.dropped + other.dropped,
            self.thrown_away + other.thrown_away,
            self.n_fits + other.n_fits,
            self.n_cut + other.n_cut,
        )


def worker_seconds(history: RunHistory, weights: Mapping[Configuration, float]) -> tuple[WorkerSeconds, ...]:
    """Return the seconds of each family, the family with the most seconds first.

    Trials that still ran when the search ended are not in the history, and do not count.

    Parameters
    ----------
    history : RunHistory
    weights : mapping of Configuration to float
        The weights in the ensemble.
    """
    families: dict[str, WorkerSeconds] = {}
    for result in history.results:
        if not result.started:
            continue
        configuration = result.trial.configuration
        # A trial that has ended as planned loses nothing; one that was ended loses the work on its last fold.
        fits = result.folds.values()
        kept = result.seconds if fits and not result.reason else sum(f.fit_seconds + f.predict_seconds for f in fits)
        kept = min(kept, result.seconds)
        is_member = weights.get(configuration, 0.0) > 0
        own = WorkerSeconds(
            configuration.family,
            kept if is_member else 0.0,
            0.0 if is_member else kept,
            result.seconds - kept,
            len(fits),
            sum(bool(fit.info.get("cut")) for fit in fits),
        )
        known = families.get(own.family)
        families[own.family] = own if known is None else known + own
    return tuple(sorted(families.values(), key=lambda row: -row.total))


def cut_fits_text(rows: Sequence[WorkerSeconds]) -> str:
    """Return a sentence with the number of fits that the clock has cut; empty without any fit."""
    n_cut, n_fits = sum(row.n_cut for row in rows), sum(row.n_fits for row in rows)
    if not n_fits:
        return ""
    why = ": a time limit ended the training before it had converged" if n_cut else ""
    verb = "was" if 1 in (n_cut, n_fits) else "were"
    return f"{n_cut:,} of {plural(n_fits, 'fit')} {verb} cut by the clock{why}."
