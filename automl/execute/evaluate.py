"""Evaluate a trial in a worker: build the pipeline, fit and predict each fold, write models and predictions."""

from __future__ import annotations

import math
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from automl.execute.machine import MemoryMeter, processor_seconds, trains_on_gpu
from automl.execute.recorded import fold_group_counts, recorded_scores
from automl.execute.training_parts import FoldPart, open_part, write_part
from automl.task.metrics import clip_predictions
from automl.task.task import ALL_ROWS, Task
from automl.trials.artifacts import Artifacts
from automl.trials.disk_space import describe_full_disk
from automl.trials.trial import FoldInfo, FoldResult, Status, Trial, TrialResult
from metalearning.correction import SECONDS
from pipelines.build import build_pipeline, fit_models_together, fit_preprocessing, fits_together
from pipelines.catalog import get_component
from pipelines.component import FitContext
from pipelines.configuration import Configuration
from pipelines.libraries import import_library
from pipelines.prediction import fast_predict, fast_transform

_CHECKED_ROWS = 100  # rows that a model of all rows predicts, so that a broken one does not count as finished
_FIT_SHARE = 0.85  # of the seconds of a fold, for the training and the model's predictions; then files are written
# Shares of these seconds: what the steps before the model leave to it at least, and what they may take without effect.
_LEAST_MODEL_SHARE, _NEGLIGIBLE_SHARE = 0.05, 0.02
_LEAST_SAMPLE, _SAMPLE_STEP = 20_000, 1_000  # rows


class InvalidPredictionsError(Exception):
    """The predictions of a fitted pipeline cannot be used."""


class FinishedFold(NamedTuple):
    """The result of a fold whose files are written, and the number of its trial in the fleet."""

    trial: int
    fold: int
    result: FoldResult


@dataclass(frozen=True)
class _Fit:
    """One fit: a fold of a trial, and how its model is trained.

    Attributes
    ----------
    trial : Trial
    number : int
        The number of the trial in its fleet.
    fold : int
    own : FoldPart or None
        The part of the training of the fold that the trial does; None for a whole training, or a part of the rows.
    context : FitContext
    n_rows : int or None
        The number of training rows of `_sample_size`; None for all rows of the fold.
    """

    trial: Trial
    number: int
    fold: int
    own: FoldPart | None
    context: FitContext
    n_rows: int | None = None


@dataclass
class _Run:
    """The arguments of `evaluate`, and what its fits have led to so far.

    Attributes
    ----------
    on_gpu : bool
        Whether the models train on a GPU.
    done : list of dict
        For each trial, its finished folds.
    failed : dict
        By the numbers of the trials that have failed.
    """

    task: Task
    trials: Sequence[Trial]
    artifacts: Artifacts
    n_threads: int
    device: str
    on_fitted: Callable[[], None]
    on_finished: Callable[[FinishedFold], None]
    meter: MemoryMeter
    on_gpu: bool
    done: list[dict[int, FoldResult]]
    failed: dict[int, tuple[Status, str]] = field(default_factory=dict)
    gpu_seconds: float = 0.0


class _PreparedRows(NamedTuple):
    """The training rows of a fold as the steps before the model have transformed them, and these fitted steps."""

    steps: list[Any]
    table: Any
    y: NDArray[Any]
    weight: NDArray[np.float64] | None


def predict(model: Pipeline, X: Any, n_columns: int) -> NDArray[np.floating]:
    """Return probabilities with a column for every class, shape (n_rows, n_classes); for regression, values.

    The predictions for several targets lie side by side, as `pipelines.targets.TargetLayout` describes.

    Parameters
    ----------
    n_columns : int
        Number of columns of the predictions, see `TableTraits.n_columns`.

    Raises
    ------
    InvalidPredictionsError
        If a prediction is not finite, or if there is not one row of predictions for each row of `X`.
    """
    n_rows = X.shape[0]
    for _, step in model.steps[:-1]:
        X = fast_transform(step)(X)
    return as_predictions(fast_predict(model[-1])(X), classes_of(model, n_columns), n_columns, n_rows)


def classes_of(model: Pipeline, n_columns: int) -> NDArray[np.intp] | None:
    """Return the columns that the output of a classifier stands for; None for a regressor."""
    classes = getattr(model, "classes_", None) if n_columns else None
    return None if classes is None else np.asarray(classes, dtype=np.intp)


def as_predictions(output: Any, classes: Any, n_columns: int, n_rows: int) -> NDArray[np.floating]:
    """Return the output of a model with a column for every class of the table; for regression, as a vector.

    Parameters
    ----------
    classes : array-like of int or None
        The classes that the columns of the output stand for; None for regression.
    n_columns : int
        Number of columns of the predictions, see `TableTraits.n_columns`; 0 for a vector.

    Raises
    ------
    InvalidPredictionsError
        If a prediction is not finite, or if there is not one row of predictions for each row of the table.
    """
    out: NDArray[np.floating]
    if classes is not None:
        out, positions = np.zeros((n_rows, n_columns), dtype=np.float32), np.asarray(classes, dtype=np.intp)
        fits = np.shape(output) == (n_rows, len(positions))  # NumPy would repeat a single column or row
        if fits:
            out[:, positions] = output
    elif n_columns:
        out = np.asarray(output, dtype=np.float64)
        out = out.reshape(-1, 1) if n_columns == 1 else out  # a single quantile
        fits = out.shape == (n_rows, n_columns)
    else:
        # Four bytes are enough for probabilities, but not for a target that is much larger than its spread.
        out = np.asarray(output, dtype=np.float64).reshape(-1)
        fits = len(out) == n_rows
    if not fits:
        raise InvalidPredictionsError(f"the predictions have the shape {np.shape(output)} for {n_rows} rows")
    if not np.isfinite(out).all():
        raise InvalidPredictionsError("predictions are not finite")
    return out


def _fit(task: Task, fits: Sequence[_Fit]) -> list[Pipeline]:
    """Return fitted pipelines of some folds of some trials; more than one only if `fits_together` allows it."""
    start = time.perf_counter()
    shared = fits[0].trial.configuration  # in a fleet only the models differ
    pipelines = [build_pipeline(fit.trial.configuration, fit.context) for fit in fits]
    if len(fits) == 1:
        X, y, weight = task.training_rows(fits[0].fold, fits[0].n_rows, fits[0].context.random_state)
        table = fit_preprocessing(pipelines[0], shared, X, y, weight)
        _leave_seconds(pipelines, fits, start, X.shape[0])
        pipelines[0][-1].fit(table, y, sample_weight=weight)
        return pipelines
    prepared: dict[int, _PreparedRows] = {}  # by fold
    for fit, pipeline in zip(fits, pipelines, strict=True):
        if fit.fold not in prepared:
            X, y, weight = task.training_rows(fit.fold, fit.n_rows, fit.context.random_state)
            table = fit_preprocessing(pipeline, shared, X, y, weight)
            prepared[fit.fold] = _PreparedRows(pipeline.steps[:-1], table, y, weight)
        pipeline.steps[:-1] = prepared[fit.fold].steps
    n_trained = sum(rows.table.shape[0] for rows in prepared.values())
    _leave_seconds(pipelines, fits, start, n_trained // len(prepared))
    numbers = [fit.number for fit in fits]
    fit_models_together(
        shared,
        [p[-1] for p in pipelines],
        [prepared[fit.fold].table for fit in fits],
        [prepared[fit.fold].y for fit in fits],
        [prepared[fit.fold].weight for fit in fits],
        configuration_numbers=numbers if len(set(numbers)) > 1 else None,
    )
    return pipelines


def _sample_size(task: Task, fit: _Fit) -> int | None:
    """Return the largest number of training rows of a fit; None for all rows of the fold.

    It is that of the fidelity of the trial, or a smaller number for which the guessed seconds are at most the model's
    own `max_overtime` times its time limit. A training that goes on keeps its rows.
    """
    if fit.fold == ALL_ROWS:
        return None
    trial, own, context = fit.trial, fit.own, fit.context
    n_rows = len(task.folds[fit.fold][0])
    if own is not None:
        whole = None if context.time_limit is None else context.time_limit / own.part.share
        longer = replace(context, time_limit=whole)
        return own.n_rows if own.begun else _rows_in_time(task, trial.configuration, n_rows, longer)
    most = math.ceil(trial.fidelity * n_rows)
    return _rows_in_time(task, trial.configuration, most, context) or (most if trial.fidelity < 1 else None)


def _rows_in_time(task: Task, configuration: Configuration, most: int, context: FitContext) -> int | None:
    """Return the number of rows on which a model can be trained in time, if it is lower than `most`; else None."""
    overtime = get_component("model", configuration.family).max_overtime
    if overtime is None or context.time_limit is None or trains_on_gpu(configuration, context.device):
        return None
    longest = overtime * context.time_limit
    if most <= _LEAST_SAMPLE or _guessed_seconds(configuration, task, most) <= longest:
        return None
    least = _LEAST_SAMPLE
    while most - least > _SAMPLE_STEP:
        middle = (least + most) // 2
        least, most = (middle, most) if _guessed_seconds(configuration, task, middle) <= longest else (least, middle)
    return least


def _guessed_seconds(configuration: Configuration, task: Task, n_rows: int) -> float:
    return SECONDS.guess(configuration, replace(task.traits, n_rows=n_rows))


def _leave_seconds(pipelines: Sequence[Pipeline], fits: Sequence[_Fit], start: float, n_trained: int) -> None:
    """Take the seconds of the steps before the model from the time limit of the model, also those of the predictions.

    Parameters
    ----------
    start : float
        Time of `time.perf_counter` at which these steps have started.
    n_trained : int
        Number of training rows.
    """
    spent = (time.perf_counter() - start) / len(pipelines)
    for pipeline, fit in zip(pipelines, fits, strict=True):
        context = fit.context
        transformed = spent * (1 + context.n_rows_to_predict / max(1, n_trained))
        if context.time_limit is not None and transformed > _NEGLIGIBLE_SHARE * context.time_limit:
            left = max(_LEAST_MODEL_SHARE * context.time_limit, context.time_limit - transformed)
            name = pipeline.steps[-1][0]
            pipeline.steps[-1] = (name, build_pipeline(fit.trial.configuration, replace(context, time_limit=left))[-1])


def _score(run: _Run, fit: _Fit, model: Pipeline, seconds: tuple[float, float]) -> FoldResult:
    """Predict, score and write one fold; `seconds` are the elapsed time and the processor time of its fit."""
    task, artifacts, trial, fold = run.task, run.artifacts, fit.trial, fit.fold
    if fold == ALL_ROWS:
        predict(model, task.X[:_CHECKED_ROWS], task.traits.n_columns)
        _write_holdout_predictions(task, trial, fold, model, artifacts)
        artifacts.write(trial.configuration, fold, model, np.empty(0))  # last: its files say that the model is whole
        return FoldResult(float("nan"), seconds[0], 0.0, {"cpu_seconds": seconds[1]})
    scored = task.folds[fold][1]
    start = time.perf_counter()
    metric = task.metric
    predictions = clip_predictions(predict(model, task.X[scored], task.traits.n_columns), metric.prediction_range)
    predict_seconds = time.perf_counter() - start
    try:
        loss = metric.take(scored).loss(task.y[scored], predictions, task.weights(scored))
    except Exception as error:  # the scorer may be the user's code
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise InvalidPredictionsError(f"{metric.name} has no value on fold {fold}: {reason}") from error
    if not np.isfinite(loss):
        raise InvalidPredictionsError(f"{metric.name} is {-loss} on fold {fold}")
    n_bytes = 0
    if fit.own is not None:
        write_part(artifacts, trial, fold, fit.own.part, fit.n_rows)
    if trial.fidelity == 1:  # else nothing but the loss is used
        artifacts.write(trial.configuration, fold, model, predictions)
        n_bytes = artifacts.model_bytes(trial.configuration, fold)
        _check_size(task, n_bytes)
        _write_holdout_predictions(task, trial, fold, model, artifacts)
    info: FoldInfo = {"cpu_seconds": seconds[1]}
    row = task.X[scored[:1]]
    if scores := recorded_scores(
        task, scored, predictions, n_bytes, lambda: predict(model, row, task.traits.n_columns)
    ):
        info["scores"] = scores
    if (counts := fold_group_counts(task, scored, predictions)) is not None:
        info["group_counts"] = counts.tolist()
    if (grown := run.meter.grown()) is not None:
        info["memory"] = grown
    info |= _facts_of_training(model[-1], fit.n_rows, fit.own)
    return FoldResult(loss, seconds[0], predict_seconds, info)


def _facts_of_training(model: Any, sample: int | None, own: FoldPart | None) -> FoldInfo:
    """Return what a result says about the training of its model."""
    info: FoldInfo = {}
    if sample is not None:
        info["training_rows"] = sample
    if own is not None and own.part.share < 1:
        info["iterations"] = own.part.share
    if own is not None and own.part.goes_on:
        info["continued"] = True
    if getattr(model, "cut_", False):
        info["cut"] = True
    iterations = getattr(model, "n_iter_", None)
    if iterations is not None and np.size(iterations):
        info["n_iter"] = int(np.max(iterations))
    if (rounds := getattr(model, "full_rounds_", None)) is not None:
        info["full_rounds"], info["learning_rate"] = int(rounds), float(model.mean_learning_rate_)
    return info


def _check_size(task: Task, n_bytes: int) -> None:
    """Check that the models of a configuration, one for each fold that predicts, are within the size limit."""
    if not task.allows(n_bytes):
        raise InvalidPredictionsError(
            f"its models have {task.n_predicting * n_bytes / 2**20:.3g} MB, more than "
            f"max_model_megabytes={task.max_model_bytes / 2**20:g}"
        )


def _write_holdout_predictions(task: Task, trial: Trial, fold: int, model: Pipeline, artifacts: Artifacts) -> None:
    """Predict the holdout rows here, where the model is in memory; the parent would have to read the model."""
    if task.holdout is not None:
        holdout = predict(model, task.holdout.X, task.traits.n_columns)
        clipped = clip_predictions(holdout, task.metric.prediction_range)
        artifacts.write_holdout(trial.configuration, fold, clipped)


def import_libraries(family: str) -> None:
    """Import the libraries that the training of a family needs, so that no limit and no forecast counts these seconds.

    Raises
    ------
    MissingLibraryError
        If an import fails, for whatever reason; the message names the library.
    """
    for module in get_component("model", family).imports:
        import_library(module)


def evaluate(
    task: Task,
    trials: Sequence[Trial],
    artifacts: Artifacts,
    n_threads: int,
    device: str,
    time_limit: float | None,
    on_fitted: Callable[[], None] = lambda: None,
    on_finished: Callable[[FinishedFold], None] = lambda finished: None,
) -> list[TrialResult]:
    """Run a trial or a fleet; an exception becomes a status, and finished folds are kept.

    Parameters
    ----------
    trials : sequence of Trial
        More than one is a fleet: these trials have the same folds, and differ only in the rates of their networks. The
        networks with the larger losses end early.
    device : str
        Device of networks.
    time_limit : float or None
        Seconds for all trials together. Iterative models stop early to respect it. No further fold starts if the time
        that is left is shorter than the average fold.
    on_fitted : callable
        Called when a training has ended and its predictions begin.
    on_finished : callable
        Called when the files of a fold are written.
    """
    start, busy_before, meter = time.perf_counter(), processor_seconds(), MemoryMeter()
    on_gpu = trains_on_gpu(trials[0].configuration, device)
    done: list[dict[int, FoldResult]] = [{} for _ in trials]
    run = _Run(task, trials, artifacts, n_threads, device, on_fitted, on_finished, meter, on_gpu, done)
    cells = [(number, fold) for fold in trials[0].folds for number in range(len(trials))]
    groups = [cells] if fits_together(trials[0].configuration) else [[cell] for cell in cells]
    n_done = 0
    for group in groups:
        used = time.perf_counter() - start
        left = None if time_limit is None else time_limit - used
        if left is not None and n_done and used / n_done > left:
            break
        limit = None if left is None else _FIT_SHARE * left / (len(cells) - n_done)
        _run_group(run, _plan_fits(run, group, limit))
        n_done += len(group)
        if run.failed:
            break
    seconds = (time.perf_counter() - start) / len(trials)
    busy, on_gpu_seconds = (processor_seconds() - busy_before) / len(trials), run.gpu_seconds / len(trials)
    return [
        TrialResult(
            trial,
            status,
            run.done[number],
            seconds,
            reason=reason,
            processor_seconds=busy,
            gpu_seconds=on_gpu_seconds,
        )
        for number, trial in enumerate(trials)
        for status, reason in [run.failed.get(number, (Status.OK, ""))]
    ]


def _plan_fits(run: _Run, group: Sequence[tuple[int, int]], time_limit: float | None) -> list[_Fit]:
    """Return the fits of a group of (number of a trial, fold), without the numbers of training rows.

    Parameters
    ----------
    time_limit : float or None
        Seconds for each fit.
    """
    fits = []
    for number, fold in group:
        trial = run.trials[number]
        own = open_part(run.artifacts, trial, fold)
        context = FitContext(
            run.task.traits,
            random_state=trial.seed + max(0, fold),
            n_threads=run.n_threads,
            time_limit=time_limit,
            device=run.device,
            rounds=trial.rounds,
            learning_rate=trial.learning_rate,
            n_rows_to_predict=_n_rows_to_predict(run.task, fold),
            part=None if own is None else own.part,
        )
        fits.append(_Fit(trial, number, fold, own, context))
    return fits


def _run_group(run: _Run, fits: Sequence[_Fit]) -> None:
    """Train the models of a group together, and score them one by one."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        began, busy = time.perf_counter(), time.process_time()
        # The guess of the seconds of a fit counts as a part of it, but its errors are not those of the trial.
        fits = [_on_sample(run.task, fit) for fit in fits]
        try:
            models = _fit(run.task, fits)
        except Exception as error:  # noqa: BLE001  becomes the status of the whole group
            run.failed.update(dict.fromkeys((fit.number for fit in fits), _failure(error, run.artifacts.folder)))
            return
        finally:
            run.gpu_seconds += run.on_gpu * (time.perf_counter() - began)
        run.on_fitted()
        each = ((time.perf_counter() - began) / len(fits), (time.process_time() - busy) / len(fits))
        for fit, model in zip(fits, models, strict=True):
            if fit.number in run.failed:
                continue
            try:
                result = _score(run, fit, model, each)
            except Exception as error:  # noqa: BLE001  becomes the status of this trial
                run.failed[fit.number] = _failure(error, run.artifacts.folder)
                run.artifacts.remove(fit.trial.configuration, fit.fold)  # half of the files would take space
            else:
                run.done[fit.number][fit.fold] = result
                run.on_finished(FinishedFold(fit.number, fit.fold, result))


def _on_sample(task: Task, fit: _Fit) -> _Fit:
    """Return the fit with the number of its training rows."""
    n_rows = _sample_size(task, fit)
    if n_rows is None:
        return fit
    return replace(fit, context=replace(fit.context, traits=replace(task.traits, n_rows=n_rows)), n_rows=n_rows)


def _n_rows_to_predict(task: Task, fold: int) -> int:
    """Return the number of rows that a model predicts after its training."""
    n_scored = _CHECKED_ROWS if fold == ALL_ROWS else len(task.folds[fold][1])
    return n_scored + (0 if task.holdout is None else task.holdout.X.shape[0])


def _failure(error: Exception, folder: Path) -> tuple[Status, str]:
    if isinstance(error, InvalidPredictionsError):
        return Status.INVALID, str(error)
    if isinstance(error, MemoryError):
        return Status.MEMORY, "MemoryError"
    if full := describe_full_disk(error, folder):
        return Status.CRASH, full
    where = traceback.extract_tb(error.__traceback__)[-1]
    reason = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    return Status.CRASH, reason.replace("\n", " ")
