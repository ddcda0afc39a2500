"""Recommends the configurations that a search on a table should begin with."""

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
from metalearning.portfolio import choose, normalize
from metalearning.posterior import ConfigurationPosterior
from metalearning.similarity import Similarity, compare, kernel_weights
from pipelines.component import task_type
from pipelines.configuration import Configuration
from pipelines.space import complete

_N_SIMILAR = 40  # nearest data sets, which decide the initial design
_N_KNOWN = 60  # nearest data sets, which the posterior is made of
_N_CANDIDATES = 150
_N_RECOMMENDED = 60
_RANK_OFFSET = 5  # credit of a rank is 1 / (rank + offset): the larger it is, the less the first ranks differ
_REACH = 1.25  # a table with more than so many times the rows of the data sets gets no recommendation
_OTHER_TASK = 0.5  # added to the distance between a binary and a multiclass data set
_OTHER_SIZE = 0.1  # added to the distance of a data set with twice or half as many rows
# The order of rows and the units of columns say nothing about a problem; landmarks take too long when a run starts.
CHEAP_VECTOR = tuple(name for name in VECTOR if name in CHEAP)


@dataclass(frozen=True)
class Recommendation:
    """The recommendation of the meta-databases for a table.

    Attributes
    ----------
    configurations : list of Configuration
        The most promising first; each complements the earlier ones.
    similar : list of (str, Similarity)
        Names of the nearest data sets and their similarity, the nearest first.
    posterior : ConfigurationPosterior or None
        Expected losses of all candidates; None without a recommendation.
    measured : frozenset of Configuration
        Configurations with results on at least one data set, as they were saved: complete or in part.
    """

    configurations: list[Configuration]
    similar: list[tuple[str, Similarity]]
    posterior: ConfigurationPosterior | None = None
    measured: frozenset[Configuration] = frozenset()


def recommend(
    databases: Sequence[MetaDatabase],
    described: MetaFeatures,
    space: ConfigurationSpace,
    metric: str,
    cost: Callable[[Configuration], float],
    patience: float,
    left_out: Collection[str] = (),
) -> Recommendation:
    """Return the initial design for a table.

    Parameters
    ----------
    databases : sequence of MetaDatabase
        The shipped one, and the user's own one if it exists.
    described : MetaFeatures
        Meta-features of the table; the level "cheap" is enough.
    space : ConfigurationSpace
        Space of the table.
    metric : str
        Name of the scorer that the search maximizes; a data set without it is read by its default scorer.
    cost : callable
        Returns the seconds of one fit of a configuration; infinite if it must not be tried.
    patience : float
        See `metalearning.portfolio.choose`.
    left_out : collection of str
        Families of data sets that are not used.

    Returns
    -------
    Recommendation
        Without configurations if the databases hold no data set of this kind, or only much smaller ones.
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
    similarities = compare(described, [MetaFeatures(record.qualities) for *_, record in known], CHEAP_VECTOR)
    # Binary and multiclass are different problems even if the columns agree, and the best family depends on the rows.
    n_rows = described.values.get("NumberOfInstances", 0)
    added = [
        _OTHER_TASK * (record.traits.task != task)
        + (_OTHER_SIZE * abs(np.log2(record.traits.n_rows / n_rows)) if n_rows else 0.0)
        for *_, record in known
    ]
    distance = np.array([one.distance for one in similarities]) + added
    order = np.argsort(distance, kind="stable")[:_N_KNOWN]
    nearest = order[:_N_SIMILAR]
    similar = [(known[i][2].name, replace(similarities[i], distance=float(distance[i]))) for i in nearest]
    if n_rows > _REACH * max(known[i][2].traits.n_rows for i in nearest):
        return Recommendation([], similar)
    scores = _in_space([known[i][0].scores(known[i][1], metric) for i in order], space)
    weights = kernel_weights(distance)[order]
    candidates = _candidates(scores[:_N_SIMILAR], weights[:_N_SIMILAR])
    losses = np.array([normalize(np.array([-seen.get(entry, np.nan) for entry in candidates])) for seen in scores])
    seconds = np.array([cost(candidate) for candidate in candidates])
    design = choose(losses[:_N_SIMILAR], weights[:_N_SIMILAR], seconds, _N_RECOMMENDED, patience)
    able = np.flatnonzero(np.isfinite(seconds))
    posterior = ConfigurationPosterior(
        tuple(candidates[i] for i in able), losses[:, able], weights, seconds[able] + patience
    )
    measured = frozenset(entry for database in databases for _, entry in database.configurations())
    return Recommendation([candidates[i] for i in design], similar, posterior, measured)


def _in_space(
    scores: Sequence[Mapping[Configuration, float]], space: ConfigurationSpace
) -> list[dict[Configuration, float]]:
    """Return the scores by configurations that are complete in the space of the new table.

    Several entries may complete to the same configuration, whose score is then their mean: `automl meta build` saves
    configurations in part, `automl meta add` saves complete ones.
    """
    completions = {entry: complete(space, entry) for entry in dict.fromkeys(chain.from_iterable(scores))}
    found = []
    for seen in scores:
        merged: dict[Configuration, list[float]] = {}
        for entry, score in seen.items():
            if (completed := completions[entry]) is not None:
                merged.setdefault(completed, []).append(score)
        found.append({completed: fmean(values) for completed, values in merged.items()})
    return found


def _candidates(scores: Sequence[Mapping[Configuration, float]], weights: NDArray[np.float64]) -> list[Configuration]:
    """Return the configurations that rank best on the data sets."""
    credit: dict[Configuration, float] = {}
    for seen, weight in zip(scores, weights, strict=True):
        for rank, entry in enumerate(sorted(seen, key=lambda entry: -seen[entry])):
            credit[entry] = credit.get(entry, 0.0) + weight / (rank + _RANK_OFFSET)
    return sorted(credit, key=lambda entry: -credit[entry])[:_N_CANDIDATES]
