"""Section 5 of a report: the members of the ensemble, how similar their errors are, and smaller ensembles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.ensemble.selection import Ensemble
from automl.ensemble.slimming import known_record
from automl.errors import InvalidInputError
from automl.plurals import plural
from automl.report.data import EnsembleSection, FrontierPoint, MemberRow
from automl.report.model import ReportedModel
from automl.report.words import metric_words, number, rounded
from pipelines.catalog import CATALOG
from pipelines.configuration import Configuration

Array = NDArray[Any]

_MAX_MEMBERS = 30  # with correlations


def make_ensemble_section(estimator: ReportedModel) -> EnsembleSection:
    """Return the section about the ensemble."""
    ensemble, record = estimator._ensemble, vars(estimator).get("_frontier")
    sign = metric_words(estimator._metric.name).sign
    evaluations = getattr(vars(estimator).get("history_"), "evaluations", {})
    order = sorted(range(len(ensemble.bags)), key=lambda i: -ensemble.bags[i].weight)
    counts = [len(bag.models) for bag in ensemble.bags]
    sizes = None if record is None else record.sizes(np.array([*counts, *[0] * len(record.bags)]))
    members = []
    for i in order:
        bag = ensemble.bags[i]
        folds = evaluations[bag.configuration].folds if bag.configuration in evaluations else {}
        n_models = len(bag.models)
        members.append(
            MemberRow(
                id=bag.configuration.id,
                family=bag.configuration.family,
                weight=float(f"{bag.weight:.4g}"),
                n_models=n_models,
                steps=_steps_of(bag.configuration),
                settings=_settings_of(bag.configuration),
                fold_scores=tuple(
                    (fold, score)
                    for fold, result in sorted(folds.items())
                    if (score := rounded(-result.loss * sign)) is not None
                ),
                milliseconds=None if record is None else rounded(n_models * record.one_row[i], 3),
                megabytes=None if sizes is None else rounded(sizes[i], 3),
            )
        )
    note = (
        f"{plural(len(members), 'member')} with {plural(sum(m.n_models for m in members), 'fitted model')}. "
        "The prediction is the weighted mean of the members, and the prediction of a member is the mean of its models."
    )
    correlation = () if record is None else _correlation(record, order[:_MAX_MEMBERS], ensemble)
    return EnsembleSection(note, tuple(members), correlation, _frontier(estimator, sign))


def _steps_of(configuration: Configuration) -> tuple[tuple[str, str], ...]:
    """Return the steps of a pipeline that do something, in order, with the names of their components."""
    return tuple(
        (step, str(configuration[step]))
        for step in CATALOG
        if step in configuration and configuration[step] not in ("none", "")
    )


def _settings_of(configuration: Configuration) -> tuple[tuple[str, str], ...]:
    """Return the hyperparameters of a configuration and their values as texts."""
    return tuple(
        (name.replace("model:", ""), number(value) if isinstance(value, float) else str(value))
        for name, value in configuration.items()
        if name not in CATALOG
    )


def _correlation(record: Any, order: Sequence[int], ensemble: Ensemble) -> tuple[tuple[float | None, ...], ...]:
    """Return the correlations of the errors of the members on out-of-fold rows; None if a member has equal errors."""
    if len(order) < 2:
        return ()
    p, layout = ensemble.values(record.predictions[list(order)].astype(np.float64)), ensemble.targets
    if layout is None:
        errors = _errors(p, record.y)
    else:  # of numbers in their standard deviations, so that units do not matter
        each = [_errors(block, y) for block, y in zip(layout.blocks(p), record.y.T, strict=True)]
        errors = np.hstack([own if layout.n_classes else own / own.std() for own in each])
    centered = errors - errors.mean(axis=1, keepdims=True)
    spread = np.sqrt((centered**2).sum(axis=1))
    with np.errstate(all="ignore"):
        matrix = centered @ centered.T / np.outer(spread, spread)
    return tuple(tuple(rounded(value, 3) for value in row) for row in matrix)


def _errors(p: Array, y: Array) -> Array:
    """Return the errors of each member for one target, shape (n_members, n_rows)."""
    return np.asarray(1 - p[:, np.arange(len(y)), y] if p.ndim == 3 else p - y)


def _frontier(estimator: ReportedModel, sign: int) -> tuple[FrontierPoint, ...]:
    """Return the ensembles of `frontier_`; none where the estimator has no frontier."""
    try:
        table = estimator.frontier_
    except (AttributeError, InvalidInputError):
        return ()
    points, names = [], known_record(estimator).differences
    rows: Iterable[Any] = table.itertuples(index=False)  # pandas does not know the types of the columns
    for place, row in enumerate(rows):
        score = rounded(row.score * sign)
        if score is None:
            continue
        low, high = (row.low, row.high) if sign > 0 else (-row.high, -row.low)
        points.append(
            FrontierPoint(
                row=place,
                members=str(row.members),
                score=score,
                low=rounded(low),
                high=rounded(high),
                milliseconds=float(f"{row.milliseconds:.3g}"),
                megabytes=float(f"{row.megabytes:.3g}"),
                differences=tuple((name, float(f"{getattr(row, name):.3g}")) for name in names),
            )
        )
    return tuple(points)
