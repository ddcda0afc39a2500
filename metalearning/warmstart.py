"""From a table to the configurations that a search should begin with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import fmean

import numpy as np
from ConfigSpace import ConfigurationSpace
from numpy.typing import NDArray

from meta_db.store import MetaDatabase
from metalearning.metafeatures import MetaFeatures
from metalearning.names import CHEAP, VECTOR
from metalearning.portfolio import choose, normalise
from metalearning.posterior import Beliefs
from metalearning.similarity import Likeness, compare, weigh
from pipelines.component import task_type
from pipelines.configuration import Configuration
from pipelines.space import complete

_N_SIMILAR = 40  # data sets that are asked where to begin
_N_KNOWN = 60  # and how to go on
_N_CANDIDATES = 150
_N_ANSWERS = 60
_AHEAD = 5  # how little the first places differ when candidates are gathered
_REACH = 1.25  # times the most rows that what is asked was measured on: what is true of few need not be of many
_OTHER_TASK = 0.5  # distance between two classes and many
_OTHER_SIZE = 0.1  # distance of what was measured on twice or half as many rows
# Order of rows and units of columns say nothing of a problem, landmarks take too long at the start of a run.
CHEAP_VECTOR = tuple(name for name in VECTOR if name in CHEAP)


@dataclass(frozen=True)
class Recommendation:
    """What the memory says.

    Attributes
    ----------
    configurations : list of Configuration
        Best bets first, mutually complementary.
    similar : list of (str, Likeness)
        Names of the nearest data sets, the nearest first, and how like they are.
    beliefs : Beliefs or None
        What is known of all candidates; None where the memory has nothing to say.
    """

    configurations: list[Configuration]
    similar: list[tuple[str, Likeness]]
    beliefs: Beliefs | None = None


def recommend(
    databases: Sequence[MetaDatabase],
    described: MetaFeatures,
    space: ConfigurationSpace,
    metric: str,
    cost: Callable[[Configuration], float],
    patience: float,
    left_out: Collection[str] = (),
) -> Recommendation:
    """The initial design for a table.

    Parameters
    ----------
    databases : sequence of MetaDatabase
        The shipped memory, and the user's own where there is one.
    described : MetaFeatures
        Of the table; the cheap ones do.
    space : ConfigurationSpace
        Of the table.
    metric : str
        Name of the scorer that is aimed at; data sets where it is not known are asked by their default one.
    cost : callable
        Seconds that one fit of a configuration will take; infinite for what must not be tried.
    patience : float
        Seconds that are not worth telling apart.
    left_out : collection of str
        Families of data sets that must not be asked, for judging the memory.

    Returns
    -------
    Recommendation
        No configurations where the memory knows no data set of the kind, or smaller ones only.
    """
    n_classes = int(described.values.get("NumberOfClasses", 0))
    task = task_type(n_classes)
    tasks = ["regression"] if task == "regression" else ["binary", "multiclass"]
    known = [
        (database, number, record)
        for database in databases
        for number, record in database.datasets(tasks)
        if record.qualities and record.family not in left_out
    ]
    if not known:
        return Recommendation([], [])
    likeness = compare(described, [MetaFeatures(record.qualities) for *_, record in known], CHEAP_VECTOR)
    # Two classes and many are different problems, however alike the columns; and what wins depends on the rows.
    n_rows = described.values.get("NumberOfInstances", 0)
    away = [
        _OTHER_TASK * (record.traits.task != task)
        + (_OTHER_SIZE * abs(np.log2(record.traits.n_rows / n_rows)) if n_rows else 0.0)
        for *_, record in known
    ]
    distance = np.array([one.distance for one in likeness]) + away
    order = np.argsort(distance, kind="stable")[:_N_KNOWN]
    nearest = order[:_N_SIMILAR]
    similar = [(known[i][2].name, replace(likeness[i], distance=float(distance[i]))) for i in nearest]
    if n_rows > _REACH * max(known[i][2].traits.n_rows for i in nearest):
        return Recommendation([], similar)
    scores = _in_space([known[i][0].scores(known[i][1], metric) for i in order], space)
    weights = weigh(distance)[order]
    candidates = _candidates(scores[:_N_SIMILAR], weights[:_N_SIMILAR])
    losses = np.array([normalise(np.array([-seen.get(entry, np.nan) for entry in candidates])) for seen in scores])
    seconds = np.array([cost(candidate) for candidate in candidates])
    design = choose(losses[:_N_SIMILAR], weights[:_N_SIMILAR], seconds, _N_ANSWERS, patience)
    able = np.flatnonzero(np.isfinite(seconds))
    beliefs = Beliefs(tuple(candidates[i] for i in able), losses[:, able], weights, seconds[able] + patience)
    return Recommendation([candidates[i] for i in design], similar, beliefs)


def _in_space(
    scores: Sequence[Mapping[Configuration, float]], space: ConfigurationSpace
) -> list[dict[Configuration, float]]:
    """Scores of configurations as they stand in the space of the new table, where several may come to the same.

    A memory that was built holds some in part, and a user's own holds them whole.
    """
    standing = {entry: complete(space, entry) for entry in dict.fromkeys(chain.from_iterable(scores))}
    found = []
    for seen in scores:
        alike: dict[Configuration, list[float]] = {}
        for entry, score in seen.items():
            if (completed := standing[entry]) is not None:
                alike.setdefault(completed, []).append(score)
        found.append({completed: fmean(values) for completed, values in alike.items()})
    return found


def _candidates(scores: Sequence[Mapping[Configuration, float]], weights: NDArray[np.float64]) -> list[Configuration]:
    """What did well on the data sets asked."""
    credit: dict[Configuration, float] = {}
    for seen, weight in zip(scores, weights, strict=True):
        for place, entry in enumerate(sorted(seen, key=lambda entry: -seen[entry])):
            credit[entry] = credit.get(entry, 0.0) + weight / (place + _AHEAD)
    return sorted(credit, key=lambda entry: -credit[entry])[:_N_CANDIDATES]
