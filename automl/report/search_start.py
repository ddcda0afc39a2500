"""The part of section 6 about the start of the search: its source, and how its configurations placed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from automl.plurals import plural
from automl.report.model import ReportedModel
from automl.report.search_data import SimilarTable, SourceRow, StartPart
from automl.report.words import clean, metric_words, number, percent, rounded
from automl.trials.candidates import rank
from automl.trials.history import Evaluation, RunHistory
from automl.trials.initial_design import EARLIER_MODEL, HAND_MADE, INITIAL, META_DATABASE, USER, InitialDesign
from pipelines.configuration import Configuration

_SHOWN = 5  # similar data sets
_SOURCES = {
    META_DATABASE: "similar data sets",
    HAND_MADE: "hand-made portfolio",
    USER: "given by the user",
    EARLIER_MODEL: "earlier model",
    INITIAL: "initial design",
    "smac": "proposed by SMAC",
    "random": "drawn at random",
    "fleet": "added to a fleet of networks",
}
_STARTS = {
    META_DATABASE: "The search started with configurations that did well on data sets that are similar to this table.",
    HAND_MADE: "The search started with the hand-made portfolio of configurations.",
    USER: "The search started with the configurations that the user gave.",
    INITIAL: "The search started with an initial design, whose source is not known.",
}
_WORDS = {
    "att": "column",
    "atts": "columns",
    "attribute": "column",
    "features": "columns",
    "instances": "rows",
    "max": "maximum",
    "min": "minimum",
    "quartile1": "first quartile of",
    "quartile2": "median of",
    "quartile3": "third quartile of",
    "symbolic": "categorical",
}
_FEATURES = {
    "Dimensionality": "columns for each row",
    "MaxNominalAttDistinctValues": "most distinct values of a category",
    "MinNominalAttDistinctValues": "fewest distinct values of a category",
    "MeanNominalAttDistinctValues": "mean distinct values of a category",
    "StdvNominalAttDistinctValues": "spread of the distinct values of categories",
}


def make_start_part(estimator: ReportedModel) -> StartPart | None:
    """Return the part about the start of the search; None if the model was loaded without its search."""
    history: RunHistory | None = vars(estimator).get("history_")
    if history is None:
        return None
    design: InitialDesign = vars(estimator).get("_initial_design") or InitialDesign(INITIAL)
    sign = metric_words(estimator._metric.name).sign
    sources = _sources(history, design, sign, estimator._ensemble.weights)
    similar = tuple(
        SimilarTable(
            clean(known.name),
            float(f"{known.distance:.3g}"),
            tuple(map(feature_words, known.similar_in)),
            tuple(map(feature_words, known.different_in)),
        )
        for known in design.similar[:_SHOWN]
        if np.isfinite(known.distance)
    )
    return StartPart(
        _first(design) + _STARTS[design.source] + _left_out(design), _comparison(sources), sources, similar
    )


def _first(design: InitialDesign) -> str:
    """Return the sentence about the configurations of an earlier model; empty where there are none."""
    n = len(vars(design).get("from_model", ()))  # a model that was saved before has no such ids
    return f"The search tried {plural(n, 'configuration')} of the earlier model before all others. " if n else ""


def _left_out(design: InitialDesign) -> str:
    """Return the sentence about known data sets that were not used; empty where there are none."""
    names = vars(design).get("left_out", ())  # a model that was saved before has no such names
    if not names:
        return ""
    more = f" and {number(len(names) - _SHOWN)} more" if len(names) > _SHOWN else ""
    return (
        " It did not use the results on data sets that may hold rows of this table, or that the user left out: "
        f"{', '.join(map(clean, names[:_SHOWN]))}{more}."
    )


def feature_words(name: str) -> str:
    """Return the name of a meta-feature in words.

    Examples
    --------
    >>> feature_words("NumberOfInstancesWithMissingValues"), feature_words("Quartile3SkewnessOfNumericAtts")
    ('number of rows with missing values', 'third quartile of skewness of numeric columns')
    """
    if name in _FEATURES:
        return _FEATURES[name]
    parts = [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*\d*|[a-z]+\d*|\d+", name)]
    return " ".join(_WORDS.get(part, part) for part in parts)


def _sources(
    history: RunHistory, design: InitialDesign, sign: int, weights: Mapping[Configuration, float]
) -> tuple[SourceRow, ...]:
    """Return one row for each source, in the order of their first configurations."""
    ranked = [e for e in rank(history, usable_only=False, most_folds_first=True) if np.isfinite(e.mean_loss)]
    places = {e.configuration: place for place, e in enumerate(ranked, start=1)}
    by_source: dict[tuple[str, bool], list[Evaluation]] = {}
    for e in history.evaluations.values():
        if e.started:
            source = design.source_of(e.origin, e.configuration.id)
            by_source.setdefault((source, e.origin == INITIAL), []).append(e)
    rows = []
    for (source, is_initial), evaluations in by_source.items():
        own = sorted((places[e.configuration], e) for e in evaluations if e.configuration in places)
        rows.append(
            SourceRow(
                source=_SOURCES.get(source, f"proposed by {clean(source)}" if source else "other"),
                is_initial=is_initial,
                n_configurations=len(evaluations),
                n_failed=sum(not e.usable for e in evaluations),
                best=rounded(-own[0][1].mean_loss * sign) if own else None,
                best_place=own[0][0] if own else None,
                median_place=own[(len(own) - 1) // 2][0] if own else None,
                weight=float(f"{sum(weights.get(e.configuration, 0.0) for e in evaluations):.4g}"),
            )
        )
    return tuple(rows)


def _comparison(sources: Sequence[SourceRow]) -> str:
    """Return in words how the first configurations placed against the later ones."""
    first, later = ([row for row in sources if row.is_initial == wanted] for wanted in (True, False))
    n_first, n_later = (sum(row.n_configurations for row in rows) for rows in (first, later))
    if not n_first:
        return ""
    if not n_later:
        return "All configurations so far belong to this start, so that there are no later ones to compare them with."
    ours, theirs = (min((r.best_place for r in rows if r.best_place), default=None) for rows in (first, later))
    if ours is None or theirs is None:
        return ""
    them = "first configuration" if n_first == 1 else f"first {number(n_first)} configurations"
    weight = percent(min(1.0, sum(row.weight for row in first)))
    better = (
        "The best configuration is one of the first ones; the best later one has place"
        if ours < theirs
        else "The search has found a better configuration than the first ones; the best first one has place"
    )
    return (
        f"{better} {max(ours, theirs)}. The ensemble gives {weight} of its weight to the {them}. This is provisional: "
        "the later configurations learn from the first ones, so that only a second search with "
        'initial_configurations="default" can show what another start would have given.'
    )
