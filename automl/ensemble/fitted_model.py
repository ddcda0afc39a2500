"""What functions outside of the estimators may use of a fitted estimator: the declarations, without any values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from numpy.typing import NDArray

if TYPE_CHECKING:  # the modules of the ensemble import this one
    from automl.ensemble.estimate import Estimate, OutOfFoldRecord
    from automl.ensemble.frontier import FrontierRecord
    from automl.ensemble.out_of_fold_scores import ConformalRecord, Records
    from automl.ensemble.score_curve import CurveRecord, ScoreCurve
    from automl.ensemble.selection import Ensemble, FoldBag
    from automl.ensemble.single_scores import SingleScores
    from automl.task.metrics import Metric
    from automl.task.sensitive import SensitiveFeatures
    from automl.trials.history import RunHistory
    from automl.trials.initial_design import InitialDesign
    from pipelines.table.reader import TableReader


class FittedModel:
    """The base class of both estimators that other modules know, since they cannot import the estimators.

    It declares the types of parameters and attributes that these modules use, and sets none of them. It has no untyped
    base class, so that mypy finds a wrong name. A model that was loaded for prediction only, or that an earlier version
    has saved, lacks some attributes of the search: `vars(model).get` reads those.
    """

    _is_classifier: bool
    # Parameters.
    scoring: Any
    cv: Any
    n_jobs: int | None
    memory_limit: float | None
    device: str
    executor: str
    time_budget: float | None
    max_trials: int | None
    max_processor_seconds: float | None
    store: str | os.PathLike[str] | None
    random_state: Any
    verbose: int
    include: Sequence[str] | Mapping[str, Sequence[str]]
    exclude: Sequence[str] | Mapping[str, Sequence[str]]
    # The models, and what reads the tables and scores the predictions for them.
    _ensemble: Ensemble
    _reader: TableReader
    _metric: Metric
    _target_name: str | None
    _split_arguments: Mapping[str, Any]
    feature_names_in_: NDArray[Any]
    n_features_in_: int
    scorer_: Any
    _changed_by: str
    _members_changed_by: str
    _is_retuned: bool  # only after a retune
    # The search, and what it knows from predictions for out-of-fold rows.
    history_: RunHistory
    n_splits_: int
    stop_reason_: str
    _conformal: Records | ConformalRecord | None  # a single record in models of earlier versions
    _constant: tuple[float | None, str]
    _estimate: OutOfFoldRecord | Estimate | None
    _fold_bags: list[FoldBag] | None
    _frontier: FrontierRecord | None
    _score_curve: CurveRecord | ScoreCurve | None
    _single_scores: SingleScores | None
    _metric_scores: Sequence[tuple[str, float, float]] | None
    _target_scores: Sequence[tuple[str, float, float]] | None
    _quantile_scores: Sequence[tuple[float, float, float, float]] | None
    _sensitive: SensitiveFeatures | None
    _initial_design: InitialDesign | None
    _fold_rows: Sequence[int]
    _row_order: str
    _has_warned_of_intervals: bool
    # Of a classifier; `positive_label` is None for other models.
    positive_label: Any
    classes_: Any  # an array; for several targets, a list of arrays
    decision_threshold_: float
    _positive_code: Callable[[], int]
    # Methods.
    _predict: Callable[[Any], NDArray[Any]]
    get_params: Callable[..., dict[str, Any]]
    set_params: Callable[..., Any]


Model = TypeVar("Model", bound=FittedModel)
