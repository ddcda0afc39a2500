"""Export of a run to Optuna's journal storage, so that the tools of Optuna show it.

A configuration becomes a trial of a study. Its value is the metric as people read it, the mean over the finished folds:
a study of log loss or RMSE is minimized, a study of ROC AUC or accuracy is maximized.
"""

from __future__ import annotations

import datetime
import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ConfigSpace import ConfigurationSpace

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.explain.hyperparameters import search_space
from automl.persistence import load_model
from automl.persistence.manifest import MANIFEST, read_manifest
from automl.search.optuna_sampler import import_optuna, to_distribution
from automl.task.metric_words import MetricWords
from automl.task.task import Task
from automl.trials.fingerprint import digest
from automl.trials.history import Evaluation, RunHistory
from automl.trials.run_directory import RUN_FILE, RunDirectory
from automl.trials.trial import Status, TrialResult
from pipelines.configuration import Configuration
from pipelines.space import build_space

_SOURCE = "automl_run"  # user attribute of a study: the run that it was exported from
_FIRST = 3  # trials whose results tell the searches of two models apart


@dataclass(frozen=True)
class _Run:
    """A run that becomes a study.

    Attributes
    ----------
    name : str
        Name of the study where the user gives none.
    key : str
        A text that only exports of the same run share.
    times : sequence of float
        Seconds of the run until each trial ended, in the order of the history.
    started : datetime
        Start of the run, in local time.
    """

    name: str
    key: str
    metric: MetricWords
    history: RunHistory
    n_folds: int
    space: ConfigurationSpace
    times: Sequence[float]
    started: datetime.datetime
    weights: Mapping[Configuration, float] = field(default_factory=dict)
    has_ensemble: bool = True


def export(run: Any, path: str | os.PathLike[str], study_name: str | None = None) -> str:
    """
    Write a run into a file of Optuna's journal storage, as a study with one trial for each configuration.

    Parameters
    ----------
    run : str, path-like, AutoMLClassifier or AutoMLRegressor
        The run directory of a fit (its argument `store`), also while the fit goes on; the folder of a saved model; or a
        fitted estimator.
    path : str or path-like
        File of the journal storage. Other studies in the file stay as they are.
    study_name : str, optional
        Name of the study. The default is the name of the folder, or ``automl`` for an estimator.

    Returns
    -------
    str
        The name of the study.

    Raises
    ------
    AutoMLError
        If Optuna is not installed.
    InvalidInputError
        If there is no such run, the file cannot be used, or the file holds a study of this name from another source.

    Notes
    -----
    A second export of the same run adds only new trials. If trials of the study have changed since, because the run was
    resumed, the study is written anew.

    A configuration that finished all folds is a COMPLETE trial, a configuration that the race dropped after some folds
    is PRUNED, and a configuration that failed or was not started is a FAIL. Inactive hyperparameters of the conditional
    space are absent from a trial. The intermediate values are the means over the first 1, 2, ... folds.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import optuna
    >>> from sklearn.datasets import load_diabetes
    >>> from automl import AutoMLRegressor
    >>> from automl.integrations.optuna import export
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = AutoMLRegressor(time_budget=None, max_trials=2, include=["ridge"], n_jobs=1, verbose=0).fit(X, y)
    >>> file = Path(tempfile.mkdtemp()) / "study.log"
    >>> export(reg, file, "diabetes")
    'diabetes'
    >>> storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    >>> study = optuna.load_study(study_name="diabetes", storage=storage)
    >>> study.direction.name, len(study.trials)
    ('MINIMIZE', 2)
    """
    optuna = import_optuna()
    known = _read(run)
    name = known.name if study_name is None else study_name
    if not isinstance(name, str) or not name:
        raise InvalidInputError(f"study_name must be a text; got {study_name!r}")
    trials = _trials(known)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        storage = _storage(path)
        study, old = _open_study(storage, name, known, path)
        if [_content(trial) for trial in old] != [_content(trial) for trial in trials[: len(old)]]:
            optuna.delete_study(study_name=name, storage=storage)
            study, old = _open_study(storage, name, known, path)
        study.add_trials(trials[len(old) :])
    finally:
        optuna.logging.set_verbosity(verbosity)
    return name


def _content(trial: Any) -> Any:
    return trial.state, trial.user_attrs.get("id"), trial.intermediate_values, trial.user_attrs.get("weight")


def _storage(path: str | os.PathLike[str]) -> Any:
    """Return the storage in a file, which is made if it is missing."""
    optuna, file = import_optuna(), Path(path)
    try:
        backend = optuna.storages.journal.JournalFileBackend(str(file))
        return optuna.storages.JournalStorage(backend)
    except OSError as error:
        raise InvalidInputError(f"'{file}' cannot be written: {error.strerror}; name another file") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # Optuna reads any file with lines
        raise InvalidInputError(f"'{file}' is no journal storage of Optuna; name another file") from error


def _open_study(storage: Any, name: str, run: _Run, path: str | os.PathLike[str]) -> tuple[Any, list[Any]]:
    """Return the study of a run with its trials; a new study gets direction, metric and attributes."""
    optuna = import_optuna()
    if any(known.study_name == name for known in storage.get_all_studies()):
        study = optuna.load_study(study_name=name, storage=storage)
        if study.user_attrs.get(_SOURCE) != run.key:
            raise InvalidInputError(
                f"'{path}' holds a study named '{name}' that is no export of this run; name another study or file"
            )
        return study, study.trials
    direction = "minimize" if run.metric.is_loss else "maximize"
    study = optuna.create_study(study_name=name, storage=storage, direction=direction)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([run.metric.name])
    for key, value in ((_SOURCE, run.key), ("scorer", run.metric.scorer), ("n_folds", run.n_folds)):
        study.set_user_attr(key, value)
    return study, []


def _read(run: Any) -> _Run:
    """Return the run in a run directory, in a saved model, or of a fitted estimator."""
    if not isinstance(run, str | os.PathLike):
        if vars(run).get("history_") is None:
            raise InvalidInputError("run must be a path or a fitted estimator that holds its search")
        return _of_estimator(run, "automl", datetime.datetime.now())
    folder = Path(run)
    if (folder / RUN_FILE).exists():
        return _of_run_directory(folder)
    if not (folder / MANIFEST).exists():
        raise InvalidInputError(f"'{folder}' is neither a run directory nor a saved model; check the path")
    saved = datetime.datetime.fromisoformat(read_manifest(folder)["saved"])
    return _of_estimator(load_model(folder), folder.absolute().name, saved.astimezone().replace(tzinfo=None))


def _of_run_directory(folder: Path) -> _Run:
    directory = RunDirectory(folder)
    timed = directory.read_times()
    facts = directory.facts()
    try:
        task = Task.open(folder)
    except OSError as error:
        raise InvalidInputError(f"'{folder}' holds no table yet: {error}; export the run later") from error
    return _Run(
        name=folder.absolute().name,
        key=f"{facts.fingerprint}-{facts.seed}",
        metric=MetricWords.of(facts.metric, facts.metric_class),
        history=RunHistory(result for result, _ in timed),
        n_folds=len(task.folds),
        space=build_space(task.traits, seed=0),
        times=[seconds for _, seconds in timed],
        started=datetime.datetime.fromtimestamp((folder / RUN_FILE).stat().st_mtime),
        has_ensemble=False,
    )


def _of_estimator(estimator: FittedModel, name: str, ended: datetime.datetime) -> _Run:
    """Return the run of a fitted estimator, which does not know at what times its trials ran: one followed another."""
    history = estimator.history_
    times, total = [], 0.0
    for result in history.results:
        total += result.seconds
        times.append(total)
    return _Run(
        name=name,
        key=_key(history),
        metric=estimator._metric.words,
        history=history,
        n_folds=estimator.n_splits_,
        space=search_space(estimator, 0),
        times=times,
        started=ended - datetime.timedelta(seconds=total),
        weights=estimator._ensemble.weights,
    )


def _key(history: RunHistory) -> str:
    """Return a text that other runs do not share, and that stays the same when the run goes on."""
    first = history.results[:_FIRST]
    losses = [[fold.loss for fold in result.folds.values()] for result in first]
    return digest([result.trial.configuration.id for result in first], losses)


def _trials(run: _Run) -> list[Any]:
    """Return one finished trial for each configuration, in the order of their first results."""
    optuna = import_optuna()
    distributions = _distributions(run)
    own: dict[Configuration, list[tuple[TrialResult, float]]] = {}
    for result, end in zip(run.history.results, run.times, strict=True):
        own.setdefault(result.trial.configuration, []).append((result, end))
    sign = -1 if not run.metric.is_loss else 1
    trials = []
    for configuration, e in run.history.evaluations.items():
        values = _means(e, sign)
        state = _state(e, run.n_folds, values)
        results = own[configuration]
        trial = optuna.trial.create_trial(
            state=getattr(optuna.trial.TrialState, state),
            value=None if state == "FAIL" or not values else values[max(values)],
            params=dict(configuration),
            distributions={name: distributions[name] for name in configuration},
            intermediate_values=values,
            user_attrs=_attributes(e, [result for result, _ in results], run),
        )
        trial.datetime_start = run.started + datetime.timedelta(seconds=max(0.0, results[0][1] - results[0][0].seconds))
        trial.datetime_complete = run.started + datetime.timedelta(seconds=results[-1][1])
        trials.append(trial)
    return trials


def _means(evaluation: Evaluation, sign: int) -> dict[int, float]:
    """Return the mean metric over the first folds, by the number of folds; it ends before one that is not finite."""
    values, total = {}, 0.0
    for n, (_, result) in enumerate(sorted(evaluation.folds.items()), 1):
        total += sign * result.loss
        if not math.isfinite(total):
            break
        values[n] = total / n
    return values


def _state(evaluation: Evaluation, n_folds: int, values: Mapping[int, float]) -> str:
    has_result = bool(values or evaluation.low_fidelity)
    if evaluation.status is not Status.OK or len(values) < len(evaluation.folds) or not has_result:
        return "FAIL"
    return "COMPLETE" if len(values) == n_folds else "PRUNED"


def _attributes(evaluation: Evaluation, results: Sequence[TrialResult], run: _Run) -> dict[str, Any]:
    attributes = {
        "id": evaluation.configuration.id,
        "family": evaluation.configuration.family,
        "origin": evaluation.origin,
        "status": evaluation.status.value,
        "folds": len(evaluation.folds),
        "seconds": round(evaluation.seconds, 3),
        "peak_memory_mib": round(max(result.peak_memory for result in results), 1),
        "started": evaluation.started,
    }
    if evaluation.reason:
        attributes["reason"] = evaluation.reason
    if run.has_ensemble:
        attributes["weight"] = round(float(run.weights.get(evaluation.configuration, 0.0)), 6)
    return attributes


def _distributions(run: _Run) -> dict[str, Any]:
    """Return the distribution of each hyperparameter: that of the space, widened to all values of the history.

    A user's own initial configurations may lie outside the space.
    """
    seen: dict[str, dict[Any, None]] = {}
    for configuration in run.history.evaluations:
        for name, value in configuration.items():
            seen.setdefault(name, {})[value] = None
    return {
        name: _widened(to_distribution(run.space[name]) if name in run.space else None, values)
        for name, values in seen.items()
    }


def _widened(known: Any, values: Iterable[Any]) -> Any:
    """Return a distribution that contains all values; `known` is None where the space has no such hyperparameter."""
    distributions = import_optuna().distributions
    values = list(values)
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if isinstance(known, distributions.CategoricalDistribution) or known is None or not is_number:
        choices = [] if not isinstance(known, distributions.CategoricalDistribution) else list(known.choices)
        return distributions.CategoricalDistribution([*choices, *(value for value in values if value not in choices)])
    return type(known)(min(known.low, *values), max(known.high, *values), log=known.log and min(values) > 0)
