"""A callback that logs a fit to MLflow: parameters, scores over time, finalists, the report and the model."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import platform
import re
import sys
import tempfile
import threading
import time
from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.errors import AutoMLError, InvalidInputError
from automl.expected_score import expected_score_fields, expected_score_line
from automl.integrations.background import BackgroundCalls
from automl.persistence import load_model
from automl.run.callbacks import TASK_NAME
from automl.trials.candidates import rank
from automl.trials.endings import was_interrupted
from automl.trials.fingerprint import table_fingerprint
from pipelines.component import task_type

if TYPE_CHECKING:
    from automl.base import BaseAutoML

logger = logging.getLogger("automl")

_MAX_NAME = 250  # characters of the name of a parameter, a metric or a tag
_MAX_VALUE = 500  # characters of a parameter, which also old servers take
_MAX_TAG = 5_000
_MAX_BATCH = 100  # parameters or tags in one request
_MAX_METRICS = 1_000  # in one request
_FIRST_SECONDS = 2.0  # that a fit waits at its start, for an error of the server that the user can fix
_EACH_TRIAL, _EVERY_SECONDS = 100, 1.0  # after so many trials, the best score is logged once in so many seconds


class MLflowCallback:
    """
    Logs a fit to MLflow, as a callback of scikit-learn: ``estimator.set_callbacks(MLflowCallback())``.

    The server, the experiment and the credentials are those that MLflow uses: `mlflow.set_tracking_uri`,
    `mlflow.set_experiment` and MLflow's environment variables. If a run is active, the callback logs to this run, and
    the run stays active. Otherwise it starts a run and ends it: as FINISHED, as FAILED if `fit` raises an error, and as
    KILLED after an interrupt.

    A thread of its own sends everything, so that a slow server does not slow the search. The report, the model and the
    child runs are made and uploaded after the fit, outside its `time_budget`; this can take ten seconds and more. If
    the server does not answer any more, `fit` writes one warning and ends with its model.

    Parameters
    ----------
    run_name : str, optional
        Name of the run that the callback starts.
    tags : mapping of str to str, optional
        Tags of the run.
    n_finalists : int, default=10
        Number of configurations that get a child run: the members of the ensemble first, then the best other ones.
    report : bool, default=True
        Whether to log the report as ``report.html``, which takes some seconds; it needs the extra `report`.
    model : bool, default=True
        Whether to log the saved model in the folder ``model``.
    timeout : float, default=30
        Seconds that `fit` waits at its end for the answer to one request.

    Attributes
    ----------
    run_id : str or None
        The id of the run of the latest fit.

    Examples
    --------
    >>> from automl import AutoMLClassifier
    >>> from automl.integrations.mlflow import MLflowCallback
    >>> clf = AutoMLClassifier().set_callbacks(MLflowCallback(run_name="churn", tags={"team": "sales"}))
    """

    def __init__(
        self,
        *,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        n_finalists: int = 10,
        report: bool = True,
        model: bool = True,
        timeout: float = 30.0,
    ):
        self.run_name = run_name
        self.tags = tags
        self.n_finalists = n_finalists
        self.report = report
        self.model = model
        self.timeout = timeout
        self.run_id: str | None = None
        self._fits: dict[int, _LoggedFit] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_fits": {}}  # threads cannot be copied

    def setup(self, estimator: Any, context: Any) -> None:
        """
        Start a run, or take the run that is active.

        `fit` calls this once, in the process of `fit`, before the search.

        Parameters
        ----------
        estimator : AutoMLClassifier or AutoMLRegressor
            The estimator that is fitted.
        context : CallbackContext
            The task of the fit.

        Raises
        ------
        AutoMLError
            If the MLflow client is not installed, or if the server refuses the run.
        """
        fit = self._fits[id(estimator)] = _LoggedFit(self)
        fit.begin()
        self.run_id = fit.run_id

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any = None, y: Any = None) -> None:
        """
        Log the parameters of the estimator and facts about the table.

        `fit` calls this in its own process, never in a worker process: once before the search, and at the start of
        each trial, where nothing is logged.

        Parameters
        ----------
        estimator : AutoMLClassifier or AutoMLRegressor
            The estimator that is fitted.
        context : CallbackContext
            The task of the fit, or of one trial.
        X : DataFrame, ndarray or sparse matrix
            The training table.
        y : array-like
            The target.
        """
        if context.task_name != TASK_NAME:
            self._fits[id(estimator)].describe(estimator, X, y)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """
        Log the best score after a trial, or the result after the fit.

        `fit` calls this in its own process, never in a worker process: after each trial, and once after the search,
        when the estimator is fitted and the time budget is over.

        Parameters
        ----------
        estimator : AutoMLClassifier or AutoMLRegressor
            The estimator that is fitted.
        context : CallbackContext
            The task of the fit, or of one trial.
        """
        fit = self._fits[id(estimator)]
        if context.task_name == TASK_NAME:
            fit.add_trial(context.history)
        else:
            fit.conclude(estimator)
            self.run_id = fit.run_id

    def teardown(self, estimator: Any, context: Any) -> None:
        """
        End the run that the callback has started.

        `fit` calls this once, in the process of `fit`, as its last step, also after an error or an interrupt.

        Parameters
        ----------
        estimator : AutoMLClassifier or AutoMLRegressor
            The estimator.
        context : CallbackContext
            The task of the fit.
        """
        fit = self._fits.pop(id(estimator), None)
        if fit is not None:  # the client is installed
            fit.end(sys.exc_info()[1])
            self.run_id = fit.run_id


class _LoggedFit:
    """The run of one fit, and what is known about the fit so far."""

    def __init__(self, callback: MLflowCallback):
        self._mlflow = _import_mlflow()
        self._callback = callback
        self._client = self._mlflow.MlflowClient()
        active = self._mlflow.active_run()
        self._is_own = active is None
        self.run_id: str | None = None if active is None else active.info.run_id
        self._experiment = None if active is None else active.info.experiment_id
        self._refused: Exception | None = None
        self._warned = False
        errors = (self._mlflow.exceptions.MlflowException, OSError, ValueError, RuntimeError)
        self._calls = BackgroundCalls(errors, self._tolerates)
        self._metrics: list[Any] = []
        self._lock = threading.Lock()
        self._logged_at = 0.0
        self._spans: dict[str, tuple[float, float]] = {}  # start and end of each configuration, in seconds since 1970
        self._n_seen = 0  # trials
        self._status = ""

    def begin(self) -> None:
        """Start the run; a clear refusal of the server is an error now, a server that does not answer is none."""
        self._calls.add(self._start if self._is_own else partial(self._set_tags, self._callback.tags or {}))
        self._calls.wait(_FIRST_SECONDS)
        refused = self._calls.error or self._refused
        if refused is not None:
            self._warned = True
            self._calls.close()
            raise AutoMLError(
                f"MLflow at '{self._mlflow.get_tracking_uri()}' refuses to log: {_one_line(refused)}; check "
                "mlflow.set_tracking_uri, mlflow.set_experiment and MLflow's environment variables"
            ) from refused

    def _start(self) -> None:
        tags = _safe_texts(self._callback.tags or {}, _MAX_TAG)
        run = self._mlflow.start_run(run_name=self._callback.run_name, tags=tags)  # active in this thread only
        self.run_id, self._experiment = run.info.run_id, run.info.experiment_id

    def _tolerates(self, error: Exception) -> bool:
        """Return whether the calls go on: after an answer that refuses one entry, if there is a run to log to."""
        status = getattr(error, "get_http_status_code", lambda: 500)()
        if self.run_id is None or status >= 500:
            return False
        self._refused = self._refused or error
        logger.warning("MLflow did not take an entry: %s", _one_line(error))
        return True

    def describe(self, estimator: BaseAutoML, X: Any, y: Any) -> None:
        """Log the parameters of the estimator and the size of the table."""
        params = {name: value for name, value in estimator.get_params(deep=False).items() if name != "callbacks"}
        rows, *columns = getattr(X, "shape", None) or (len(X),)
        params |= {"data.rows": rows} | ({"data.columns": columns[0]} if columns else {})
        self._log_params(params)
        self._calls.add(partial(self._log_dataset, X, y, {"num_rows": int(rows)}))

    def _log_dataset(self, X: Any, y: Any, profile: dict[str, int]) -> None:
        entities = self._mlflow.entities
        name = str(getattr(y, "name", None) or "training table")[:_MAX_VALUE]
        source = json.dumps({"estimator": "cash-automl"})
        table = entities.Dataset(name, table_fingerprint(X, y), "local", source, None, json.dumps(profile))
        tags = [entities.InputTag("mlflow.data.context", "training")]
        self._client.log_inputs(self.run_id, [entities.DatasetInput(table, tags)])

    def add_trial(self, history: Any) -> None:
        """Log the best score after a trial."""
        now = time.time()
        for result in history.results[self._n_seen :]:
            key = result.trial.configuration.id
            self._spans[key] = self._spans.get(key, (now - result.seconds, now))[0], now
        self._n_seen = len(history)
        if len(history) > _EACH_TRIAL and now < self._logged_at + _EVERY_SECONDS:
            return
        self._logged_at = now
        best = rank(history, usable_only=False, most_folds_first=True)[0]
        self._log_metrics({"best_score": -best.mean_loss, "n_configurations": history.n_run}, step=len(history))

    def conclude(self, estimator: BaseAutoML) -> None:
        """Log the result of a fit."""
        stopped = estimator.stop_reason_
        self._status = "KILLED" if was_interrupted(stopped) else "FINISHED"
        history = estimator.history_
        best = rank(history, usable_only=False, most_folds_first=True)[0]
        n_classes = estimator._ensemble.n_classes
        metrics = {name: value for name, value in expected_score_fields(estimator).items() if value is not None}
        metrics |= {"best_score": -best.mean_loss, "n_configurations": history.n_run}
        metrics |= {"fit_seconds": estimator._fit_seconds, "n_members": len(estimator._ensemble.bags)}
        self._log_metrics(metrics, step=len(history))
        tags = {
            "automl.task": task_type(n_classes),
            "automl.scorer": estimator._metric.name,
            "automl.metric": estimator._metric.words.name,
            "automl.stop_reason": stopped,
            "automl.target": "" if estimator._target_name is None else estimator._target_name,
        }
        if self._is_own:
            warned = [f"- {warning.message}" for warning in estimator.warnings_]
            tags["mlflow.note.content"] = "\n\n".join(filter(None, [expected_score_line(estimator), "\n".join(warned)]))
        self._calls.add(partial(self._set_tags, tags))
        self._log_finalists(estimator)
        with tempfile.TemporaryDirectory(prefix="automl-mlflow-") as folder:
            if self._calls.error is None:
                self._log_files(estimator, Path(folder))
            self._wait()  # before the folder is removed

    def _log_finalists(self, estimator: BaseAutoML) -> None:
        """Add a child run for each member of the ensemble and for the best other configurations."""
        board = estimator.leaderboard_
        board = board[board["folds"] > 0]
        chosen = board.loc[(board["weight"] <= 0).sort_values(kind="stable").index].head(self._callback.n_finalists)
        by_id = {e.configuration.id: e for e in estimator.history_.evaluations.values()}
        for place, row in zip(chosen.index, chosen.to_dict("records"), strict=True):
            evaluation = by_id[row["id"]]
            names = ("score", "std", "weight", "seconds", "predict_milliseconds", "folds")
            metrics = self._entries({"rank": int(place) + 1} | {name: row[name] for name in names}, 0)
            for fold, result in sorted(evaluation.folds.items()):
                metrics += self._entries({"fold_score": -result.loss}, fold)
            tags = {f"automl.{name}": row[name] for name in ("family", "origin", "status", "id")}
            self._calls.add(partial(self._log_child, row, dict(evaluation.configuration), metrics, tags))

    def _log_child(
        self, row: Mapping[Hashable, Any], params: Mapping[str, Any], metrics: list[Any], tags: Mapping[str, Any]
    ) -> None:
        entities = self._mlflow.entities
        start, end = (int(1000 * seconds) for seconds in self._spans.get(row["id"], (time.time(), time.time())))
        parent = {"mlflow.parentRunId": self.run_id} | _safe_texts(tags, _MAX_TAG)
        name = f"{row['family']} {row['id'][:6]}"
        child = self._client.create_run(self._experiment, start_time=start, tags=parent, run_name=name).info.run_id
        entries = [entities.Param(key, value) for key, value in _safe_texts(params, _MAX_VALUE).items()]
        for i in range(0, len(entries), _MAX_BATCH):
            self._client.log_batch(child, params=entries[i : i + _MAX_BATCH])
        self._client.log_batch(child, metrics=metrics[:_MAX_METRICS])
        self._client.set_terminated(child, "FINISHED", end)

    def _log_files(self, estimator: BaseAutoML, folder: Path) -> None:
        """Add the report and the files of the model, one call for each file."""
        if self._callback.report:
            try:
                estimator.report(folder / "report.html")
            except AutoMLError as error:
                logger.warning("MLflow gets no report: %s", error)
            else:
                self._calls.add(lambda: self._client.log_artifact(self.run_id, str(folder / "report.html")))
        if self._callback.model:
            try:
                estimator.save(folder / "model")
            except InvalidInputError as error:  # a parameter that cannot be saved
                logger.warning("MLflow gets no model: %s", error)
                return
            self._calls.add(partial(self._write_description, folder / "model"))
            for path in sorted(path for path in (folder / "model").rglob("*") if path.is_file()):
                place = path.parent.relative_to(folder).as_posix()
                self._calls.add(partial(self._log_file, path, place))
            self._calls.add(partial(self._log_file, folder / "model" / "MLmodel", "model"))

    def _log_file(self, path: Path, place: str) -> None:
        self._client.log_artifact(self.run_id, str(path), place)

    def _write_description(self, folder: Path) -> None:
        """Write the file ``MLmodel``, with which `mlflow.pyfunc` loads the model."""
        model = self._mlflow.models.Model(artifact_path="model", run_id=self.run_id)
        model.add_flavor("python_function", loader_module=__name__, python_version=platform.python_version())
        model.save(str(folder / "MLmodel"))

    def end(self, error: BaseException | None) -> None:
        """End the run if it is our own, and the thread; `error` is why the fit has failed, where `conclude` is missing.

        The run of the user goes on.
        """
        if not self._status:
            self._status = "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"
            self._calls.add(partial(self._set_tags, {"automl.error": "" if error is None else _one_line(error)}))
        if self._is_own:
            self._calls.add(lambda: self._mlflow.end_run(self._status))
        self._wait()
        self._calls.close()

    def _wait(self) -> None:
        """Wait for the server, and write one warning if it does not answer."""
        if self._calls.wait(self._callback.timeout) or self._warned:
            return
        self._warned = True
        error = self._calls.error
        why = f"no answer within {self._callback.timeout:g} s" if error is None else _one_line(error)
        logger.warning("MLflow at '%s' lacks a part of this fit: %s", self._mlflow.get_tracking_uri(), why)
        self._calls.close()

    def _log_params(self, params: Mapping[str, Any]) -> None:
        entries = [self._mlflow.entities.Param(*entry) for entry in _safe_texts(params, _MAX_VALUE).items()]
        for i in range(0, len(entries), _MAX_BATCH):
            self._calls.add(partial(self._log_param_batch, entries[i : i + _MAX_BATCH]))

    def _log_param_batch(self, entries: list[Any]) -> None:
        self._client.log_batch(self.run_id, params=entries)

    def _set_tags(self, tags: Mapping[str, Any]) -> None:
        entries = [self._mlflow.entities.RunTag(*entry) for entry in _safe_texts(tags, _MAX_TAG).items()]
        for i in range(0, len(entries), _MAX_BATCH):
            self._client.log_batch(self.run_id, tags=entries[i : i + _MAX_BATCH])

    def _entries(self, metrics: Mapping[str, float], step: int) -> list[Any]:
        now, make = int(1000 * time.time()), self._mlflow.entities.Metric
        return [make(name, float(value), now, step) for name, value in metrics.items() if math.isfinite(value)]

    def _log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Log metrics; while the server is slow, they wait for one request together."""
        entries = self._entries(metrics, step)
        with self._lock:
            is_first = not self._metrics
            self._metrics += entries
        if is_first and entries:
            self._calls.add(self._send_metrics)

    def _send_metrics(self) -> None:
        with self._lock:
            entries, self._metrics = self._metrics, []
        for i in range(0, len(entries), _MAX_METRICS):
            self._client.log_batch(self.run_id, metrics=entries[i : i + _MAX_METRICS])


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Return names that MLflow takes for parameters, metrics and tags, by the given names; no two of them are equal.

    MLflow takes letters, digits, underscores, dots, dashes, spaces and slashes, at most 250 of them, and no name that
    reads like a relative path.

    >>> safe_names(["model:ridge:alpha", "prices in €", "../x"])
    {'model:ridge:alpha': 'model.ridge.alpha', 'prices in €': 'prices in _', '../x': '__x'}
    """
    found: dict[str, str] = {}
    used = set()
    for name in names:
        safe = re.sub(r"[^\w. -]", "_", str(name).replace(":", "."))
        safe = re.sub(r"^\.+", "_", safe).strip() or "_"
        if len(safe) > _MAX_NAME or safe in used:
            mark = hashlib.sha256(str(name).encode()).hexdigest()[:8]
            safe = f"{safe[: _MAX_NAME - 9]}_{mark}"
        used.add(safe)
        found[name] = safe
    return found


def _safe_texts(values: Mapping[str, Any], longest: int) -> dict[str, str]:
    """Return entries with names and texts that MLflow takes."""
    names = safe_names(values)
    texts = {names[name]: " ".join(str(value).split()) if longest == _MAX_VALUE else str(value)
             for name, value in values.items()}  # fmt: skip
    return {name: text if len(text) <= longest else f"{text[: longest - 3]}..." for name, text in texts.items()}


def _one_line(error: BaseException) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 3]}..."


def _import_mlflow() -> Any:
    try:
        import mlflow
        import mlflow.models
    except ImportError as error:
        raise AutoMLError("this needs the MLflow client; install it: pip install 'cash-automl[mlflow]'") from error
    return mlflow


def _load_pyfunc(path: str) -> Any:
    """Return a logged model for `mlflow.pyfunc.load_model`."""
    return _Predictor(load_model(path, for_prediction=True))


class _Predictor:
    """The method `predict` of a model, for rows of the type DataFrame."""

    def __init__(self, estimator: Any):
        self.estimator = estimator

    def predict(self, data: Any) -> Any:
        """Return the predictions."""
        return np.asarray(self.estimator.predict(data))
