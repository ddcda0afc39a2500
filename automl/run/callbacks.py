"""The callbacks of scikit-learn: `fit` is a task, and each trial of its search is a task inside it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.callback import CallbackContext

from automl.ensemble.copies import unfitted_copy
from automl.ensemble.selection import Ensemble, FoldBag, predicting_folds
from automl.trials.candidates import rank
from automl.trials.finished import FinishedTrials
from automl.trials.history import RunHistory
from automl.trials.trial import Trial

logger = logging.getLogger(__name__)

TASK_NAME = "trial"


@dataclass(frozen=True)
class CallbackTasks:
    """The task of a `fit` and the tasks of its trials; they call the hooks of the callbacks in the estimator.

    Attributes
    ----------
    estimator : estimator
        The estimator that is fitted.
    context : CallbackContext
        The task of the whole fit.
    data : mapping
        The arguments ``X``, ``y`` and ``metadata`` of the hooks.
    attributes : callable
        ``attributes(ensemble, history)`` returns the attributes of a fitted estimator with this ensemble.
    """

    estimator: Any
    context: CallbackContext
    data: Mapping[str, Any]
    attributes: Callable[[Ensemble, RunHistory], dict[str, Any]]
    _running: dict[tuple[str, tuple[int, ...]], CallbackContext] = field(default_factory=dict)

    @staticmethod
    def begin(
        estimator: Any, X: Any, y: Any, sample_weight: Any, attributes: Callable[[Ensemble, RunHistory], dict[str, Any]]
    ) -> CallbackTasks | None:
        """Begin the task of a fit; return None if the estimator has no callbacks."""
        # The number of trials is not known in advance: a configuration may take several of them.
        context = estimator._init_callback_context(max_subtasks=None)
        if not getattr(estimator, "_skl_callbacks", ()):
            return None
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        callback_tasks = CallbackTasks(estimator, context, {"X": X, "y": y, "metadata": metadata}, attributes)
        context.call_on_fit_task_begin(estimator=estimator, **callback_tasks.data)
        return callback_tasks

    def begin_trial(self, trial: Trial) -> None:
        """Begin the task of a trial."""
        context = self.context.subcontext(task_name=TASK_NAME)
        self._running[_key(trial)] = context
        context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def end_trial(self, trial: Trial, history: RunHistory, lead: Callable[[], Ensemble | None]) -> bool:
        """End the task of a trial, and return whether a callback ends the search.

        The context of the task gets the attribute `history`, the results until now with this trial as the last one.

        Parameters
        ----------
        lead : callable
            Returns the ensemble that would predict if the search had ended now; None if no trial has a model yet. It
            is called only if a callback asks for the fitted estimator.
        """
        if _key(trial) not in self._running:  # the trial was not started
            self.begin_trial(trial)

        def attributes() -> dict[str, Any] | None:
            ensemble = lead()
            if ensemble is None:
                return None
            # scikit-learn sets these on a copy of the estimator, in which an earlier fit must leave nothing.
            return {"__dict__": vars(unfitted_copy(self.estimator)) | self.attributes(ensemble, history)}

        context = self._running.pop(_key(trial))
        context.history = history
        stop: bool = context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=attributes, **self.data
        )
        return stop

    def end(self) -> None:
        """End the task of the fit, whose estimator is fitted now."""
        try:
            self.context.call_on_fit_task_end(estimator=self.estimator, reconstruction_attributes=dict, **self.data)
        except KeyboardInterrupt:  # the estimator is complete
            logger.warning("interrupted: a callback has not ended its work")


def _key(trial: Trial) -> tuple[str, tuple[int, ...]]:
    return trial.configuration.id, trial.folds


def leading_ensemble(trials: FinishedTrials) -> Ensemble | None:
    """Return the best configuration so far as an ensemble; None if no configuration has a model."""
    history = trials.history
    finished = rank(history) or [e for e in history.evaluations.values() if e.folds]
    if not finished:
        return None
    best = finished[0]
    folds = predicting_folds(best, trials.task)
    models = [trials.artifacts.model(best.configuration, fold) for fold in folds]
    return Ensemble.of_task([FoldBag(best.configuration, 1.0, models, tuple(folds))], trials.task)
