"""The configurations that may be chosen: how they are ranked, and how many of them are compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from automl.task.task import Task
from automl.trials.history import Evaluation, RunHistory
from pipelines.catalog import simple_kind
from pipelines.configuration import Configuration

_ENOUGH_ROWS = 800  # out-of-fold predictions that suffice to weigh candidates
_ENOUGH_SHARE = 0.6  # of all rows, where a table has fewer rows
_FEWEST_ROWS = 20  # that a configuration far ahead of the others must have predicted
_FAR = 3.0  # in standard errors of the mean loss of a candidate over the folds
_LEAST_NOISE = 0.05  # standard deviation over the folds, as a share of the loss
_ROWS = (100, 500, 2_500, 10_000, 100_000)
_CANDIDATES = (6, 10, 18, 40, 60)


def max_candidates(n_rows: int) -> int:
    """Return how many configurations are worth all folds: few on small tables, where choosing among many overfits.

    Interpolated in the logarithm of the number of rows, after the curve of model counts that AutoGluon uses.
    """
    return round(float(np.interp(np.log(n_rows), np.log(_ROWS), _CANDIDATES)))


def max_per_family(n_rows: int) -> int:
    """Return how many configurations of one family are worth all folds.

    The number grows with the rows, because more rows make similar configurations distinguishable.
    """
    return 2 if n_rows < 1_000 else 3 if n_rows < 5_000 else 4 if n_rows < 10_000 else 6


def adjusted_losses(history: RunHistory) -> dict[Configuration, float]:
    """Return the mean loss of each configuration with a finished fold, adjusted for the folds that it has finished."""
    return {o.configuration: o.loss for o in history.observations() if o.loss is not None}


def rank(history: RunHistory, *, usable_only: bool = True, most_folds_first: bool = False) -> list[Evaluation]:
    """Return evaluations in the order of their losses, which are adjusted for the folds that each has finished.

    Results of lower fidelities count only among configurations without any other result.

    Parameters
    ----------
    usable_only : bool
        Whether to leave out configurations that failed, have no finished fold, or have lost their models.
    most_folds_first : bool
        Whether configurations with the most folds come before all others, which may be ahead by luck.
    """
    losses = adjusted_losses(history)
    most = max((len(e.folds) for e in history.evaluations.values()), default=0) if most_folds_first else 0
    kept = [e for e in history.evaluations.values() if not usable_only or (e.usable and e.folds)]
    inf = float("inf")
    return sorted(kept, key=lambda e: (len(e.folds) < most, losses.get(e.configuration, inf), *_low_fidelity_key(e)))


def find_singles(history: RunHistory, folds: Collection[int]) -> tuple[Evaluation | None, Evaluation | None]:
    """Return the best configuration that has finished some folds, and the best one of a simple family."""
    ranked = rank(history, usable_only=False, most_folds_first=True)
    finished = [e for e in ranked if set(folds) <= set(e.folds)]
    simple = (e for e in finished if simple_kind(e.configuration.family))
    return next(iter(finished), None), next(simple, None)


def rank_of_low_fidelity(history: RunHistory) -> list[Evaluation]:
    """Return the usable evaluations that have results of lower fidelities only, best first."""
    kept = [e for e in history.evaluations.values() if e.usable and e.low_fidelity and not e.folds]
    return sorted(kept, key=_low_fidelity_key)


def _low_fidelity_key(evaluation: Evaluation) -> tuple[float, float]:
    """Return what sorts evaluations without a result of the whole fidelity: the highest fidelity first, then the loss.

    It is the same for all other evaluations.
    """
    results = evaluation.folds_at(evaluation.fidelity)
    if evaluation.folds or not results:
        return 0.0, 0.0
    return -evaluation.fidelity, float(np.mean([result.loss for result in results.values()]))


def enough_folds(task: Task) -> int:
    """Return the number of first folds whose rows suffice to weigh candidates."""
    sizes = np.cumsum([len(test) for _, test in task.folds])
    return int(np.searchsorted(sizes, min(_ENOUGH_ROWS, _ENOUGH_SHARE * sizes[-1]))) + 1


def candidate_sets(history: RunHistory, task: Task, widen: int = 1) -> list[tuple[int, list[Evaluation]]]:
    """Return sets of configurations that have all finished the first n folds: pairs (n, configurations, best first).

    The set with the most folds comes first. Sets with fewer folds contain configurations that are not finished, as
    long as the folds hold enough rows to weigh the candidates, or if one of these configurations is far better than all
    others on the same folds. The rows of the table limit the number of candidates, in all and per family.

    Parameters
    ----------
    widen : int
        Factor on both limits; 1 gives the candidates of an ensemble.
    """
    ranked = rank(history) or [e for e in history.evaluations.values() if e.folds]
    n_rows = task.traits.n_rows
    sizes = np.cumsum([len(test) for _, test in task.folds])
    found: list[tuple[int, list[Evaluation]]] = []
    for n in range(len(task.folds), 0, -1):
        finished = [e for e in ranked if set(range(n)) <= set(e.folds)]
        if found and sizes[n - 1] < min(_ENOUGH_ROWS, _ENOUGH_SHARE * sizes[-1]):
            if sizes[n - 1] < _FEWEST_ROWS:
                break
            if not _is_one_far_ahead(finished, [e for _, chosen in found for e in chosen], n):
                continue
        places = cap_candidates([e.configuration.family for e in finished], n_rows, widen)
        chosen = [finished[place] for place in places]
        if chosen and (not found or chosen != found[-1][1]):
            found.append((n, chosen))
    return found


def _is_one_far_ahead(finished: list[Evaluation], known: list[Evaluation], n: int) -> bool:
    """Return whether a configuration is far better on the first n folds than each one that is a candidate already."""

    def mean_loss(e: Evaluation) -> float:
        return float(np.mean([e.folds[fold].loss for fold in range(n)]))

    others = [e for e in finished if e not in known]
    best = min(known, key=mean_loss)
    losses = [result.loss for result in best.folds.values()]
    noise = max(float(np.std(losses, ddof=1)), _LEAST_NOISE * abs(float(np.mean(losses)))) / np.sqrt(n)
    return any(mean_loss(best) - mean_loss(e) > _FAR * noise for e in others)


def cap_candidates(families: Sequence[str], n_rows: int, widen: int = 1) -> list[int]:
    """Return the places in a ranking that an ensemble may choose from.

    Parameters
    ----------
    families : sequence of str
        The family of each place of the ranking, best first.
    """
    counts: dict[str, int] = {}
    places = []
    for place, family in enumerate(families):
        counts[family] = counts.get(family, 0) + 1
        if counts[family] <= widen * max_per_family(n_rows):
            places.append(place)
    return places[: widen * max_candidates(n_rows)]
