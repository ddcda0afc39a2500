"""Loading of a saved model, or of the best ensemble so far of a run directory."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from automl.checks.data_checks import DataChecks
from automl.continuation import read_task
from automl.ensemble.attribute_rules import Saved, names_saved
from automl.ensemble.loading import ModelLoader
from automl.ensemble.missing import FOR_PREDICTION
from automl.errors import InvalidInputError
from automl.execute.machine import available_cpus
from automl.fitted.data_warnings import keep_constant
from automl.fitting import fitted_attributes, score_attributes
from automl.interruption import until_interrupted
from automl.persistence import check_loaded, load_model
from automl.persistence.manifest import MANIFEST
from automl.persistence.unfinished import Unfinished, read_unfinished
from automl.plurals import plural
from automl.refit.rows import StoredRows
from automl.run.all_rows import with_stored_models
from automl.run.conclusion import RunResult, SearchOutcome, build_ensemble, conclude, estimate_of
from automl.search.budget import Budget
from automl.search.forecast import make_forecasts
from automl.search.user_space import known_components
from automl.task.dummy import dummy_score
from automl.task.prepare import PreparedTask
from automl.task.validation import python_number
from automl.trials.artifacts import Artifacts
from automl.trials.endings import GOES_ON, HAS_ENDED, PROCESS_DIED
from automl.trials.eviction import find_evicted, has_files, mark_evicted
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.run_directory import RUN_FILE, RunDirectory
from automl.trials.run_reader import RunReader
from automl.trials.session import Phase
from automl.trials.stored_run import StoredRun

logger = logging.getLogger("automl")

_SECONDS = 60.0  # that the choice of the ensemble and the reading of its models may take
_TRIES = 3  # a search that goes on may remove models, to free disk space


def load(path: str | os.PathLike[str], *, for_prediction: bool = False, trusted: Collection[Any] = ()) -> Any:
    """Load an estimator that its method `save` has written, or the best ensemble so far of a run directory.

    A run directory is the argument `store` of `fit`. Its ensemble is built from the trials that have finished: while
    the search goes on, after a crash, or later. Nothing is written into the folder.

    No pickle is read, and no code of the folder is executed: `load` makes objects only of types that this package or
    the argument `trusted` lists. So a model may come from people whom you do not trust, as far as its predictions do
    not need to be right.

    Parameters
    ----------
    path : str or path-like
        Folder of the model, or of the run.
    for_prediction : bool, default=False
        Whether to read only what predictions need. Attributes that need more, such as ``leaderboard_``, then raise an
        AttributeError.
    trusted : collection of str or type, default=()
        Own types and functions that may be imported, for example ``["my_package.cost"]`` for the scorer
        ``my_package.cost``. Own scorers, splitters and searchers that are not listed are not imported. Predictions do
        not need them; a new `fit` asks for them.

    Returns
    -------
    AutoMLClassifier or AutoMLRegressor
        The fitted estimator. That of a run has the attribute ``stop_reason_`` "the search goes on" while its search
        does so. Its method `more` continues a run whose process has ended.

    Raises
    ------
    InvalidInputError
        If the folder holds no saved estimator and no run, a damaged one, or one that another version has saved in a
        format that this version cannot read, if a library that the model needs cannot be imported, or if the run has
        no finished model yet.

    Warns
    -----
    UserWarning
        If the versions of installed libraries differ from the versions that fitted the model, or if no ensemble of a
        run meets the parameter `max_predict_milliseconds`.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from automl import AutoMLClassifier, load
    >>> X, y = load_iris(return_X_y=True)
    >>> folder = tempfile.mkdtemp()
    >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["decision_tree"], n_jobs=1, verbose=0)
    >>> clf.fit(X, y).save(folder)
    >>> load(folder).predict(X).shape
    (150,)
    """
    folder = _run_directory(path)
    if folder is None:
        return load_model(path, for_prediction=for_prediction, trusted=trusted)
    return _load_run(folder, trusted, for_prediction)


def _run_directory(path: Any) -> Path | None:
    """Return the folder of a run; None if the path is something else, also something that cannot be read."""
    try:
        folder = Path(path)
        is_run = (folder / RUN_FILE).is_file() and not (folder / MANIFEST).exists()
    except (TypeError, OSError, ValueError):
        return None
    return folder.absolute() if is_run else None


def _load_run(folder: Path, trusted: Collection[Any], for_prediction: bool) -> Any:
    reader = RunReader(folder)  # raises an error where the run is of another version
    unfinished = read_unfinished(folder, trusted)
    estimator = unfinished.estimator
    check_loaded({"scoring": estimator.scoring, "components": estimator.components})
    directory = RunDirectory(folder)
    directory.check_components(known_components(estimator), directory.facts())
    prepared = read_task(estimator, unfinished.positions, folder)
    for number in range(_TRIES):
        try:
            history = _build(unfinished, prepared, reader, for_prediction)
            break
        except OSError as error:
            if number == _TRIES - 1:
                raise InvalidInputError(f"a file of the run in '{folder}' cannot be read: {error}") from error
            reader.update()
    estimator.store = folder
    estimator._rows = StoredRows.of(folder)
    stored = StoredRun.of(estimator, unfinished.positions, unfinished.reading)
    estimator._stored_run = None if for_prediction else stored
    estimator._fit_seconds = 0.0 if reader.session is None else reader.session.elapsed
    estimator._has_earlier_sessions = reader.session is not None and reader.session.earlier_seconds > 0
    if prepared.task.trains_at_last and any(bag.folds for bag in estimator._ensemble.bags):
        unseen = "the newest rows" if prepared.task.in_time_order else "the validation rows"
        logger.warning(
            "'%s': models of the search predict, which have not seen %s; the end of fit, or of more, trains them on all"
            " rows", folder, unseen,
        )  # fmt: skip
    logger.info("'%s': %s; the model is made of %s", folder, estimator.stop_reason_, plural(len(history), "trial"))
    return estimator


def _build(unfinished: Unfinished, prepared: PreparedTask, reader: RunReader, for_prediction: bool) -> RunHistory:
    """Give the estimator the ensemble of the trials that have finished, and return their history."""
    estimator, task = unfinished.estimator, prepared.task
    directory, artifacts = RunDirectory(reader.folder), Artifacts(reader.folder)
    seconds = _SECONDS if reader.session is None else reader.session.budget_seconds
    budget = Budget(None if seconds is None else _SECONDS)  # without a time budget, fit has not cut any step either
    evicted = find_evicted(reader.history.results, artifacts)
    usual_seconds = make_forecasts(task)[0].guess if unfinished.repeats else None
    history = RunHistory((r for r in reader.history.results if has_files(r, artifacts, evicted)), usual_seconds)
    mark_evicted(history, evicted)
    if not any(e.folds for e in history.evaluations.values()):
        raise InvalidInputError(
            f"the run in '{reader.folder}' has no finished model yet; try again when its first trial has ended, which "
            f"'automl watch {reader.folder}' shows"
        )
    seed, size = directory.facts().seed, int(estimator.ensemble_size)
    trials = FinishedTrials(history, artifacts, task, seed)
    loader = ModelLoader(artifacts, task, budget, size, seed)
    outcome = SearchOutcome(trials, loader, budget, size, until_interrupted)
    ensemble, deadline = build_ensemble(outcome, available_cpus())
    estimate, state = estimate_of(outcome, ensemble, deadline), _state(reader)
    fold_bags = ensemble.bags if task.trains_at_last else None
    ensemble = with_stored_models(trials, ensemble)
    if seconds is not None:  # each of the other steps has a share of the seconds, and no less than in fit
        outcome = replace(outcome, budget=Budget(max(seconds, _SECONDS)))
    limit = python_number(estimator.max_predict_milliseconds)
    curve = directory.guard_curve(len(reader.history.results))
    result = RunResult(history, ensemble, estimate, state, curve, fold_bags=fold_bags)
    result = conclude(outcome, result, limit, unfinished.reading, for_prediction)
    if for_prediction:
        attributes = fitted_attributes(prepared, result)
        vars(estimator).update({n: attributes[n] for n in names_saved(Saved.FOR_PREDICTION) & attributes.keys()})
        estimator._changed_by = FOR_PREDICTION
        return history
    checks = DataChecks(prepared, logger.debug)  # fit has shown their lines
    checks.before_search()
    checks.after_search(result.row_predictions, outcome.budget)
    vars(estimator).update(fitted_attributes(prepared, result, checks.warnings))
    vars(estimator).update(score_attributes(task, result.ensemble, result.row_predictions))
    keep_constant(estimator, task, dummy_score)
    return history


def _state(reader: RunReader) -> str:
    """Return what has become of a search, as the attribute `stop_reason_`."""
    session = reader.session
    if session is not None and session.is_over:
        return session.reason
    if session is not None and session.is_alive() is False:
        return PROCESS_DIED
    return GOES_ON if session is None or session.phase is Phase.SEARCH else HAS_ENDED
