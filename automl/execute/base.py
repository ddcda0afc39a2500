"""What an executor is: the place where trials run.

The search knows its workers only through the protocol `Executor`; `automl.execute.local` and `automl.execute.ray`
implement it. This page is the whole contract.

**Creation.** `automl.execute.catalog.make_executor` creates the executor once per fit, in the thread that calls `fit`,
after the task was saved to the run's folder. The constructor may block while it starts workers or connects to a
cluster. It raises `InvalidInputError` if an argument cannot be used here. If it raises anything, no process, connection
or thread of it is left.

**Attributes.** `n_workers`, `memory_limit` and `fleet_size` are set by the constructor and never change.

**Submission.** The search loop calls `submit` from the thread that called `fit`, and from no other thread. It keeps up
to ``n_workers + 1`` futures unfinished; an executor must accept more, and starts waiting trials in the order of their
submission. (On Ray, the scheduler of the cluster decides the order.) `submit` returns without waiting for a worker, and
it raises nothing: what goes wrong ends the future.

**The work.** A worker opens the task with ``Task.open(folder)`` and calls `automl.execute.evaluate.evaluate`, which
turns every exception of a trial into a status and writes models and predictions with
`automl.trials.artifacts.Artifacts`. When a future ends, the files of all finished folds of its trials lie in the run's
folder, on the machine that called `fit`.

**The end of a future.** Each future ends exactly once, in one of two ways; the loop never cancels it, and waits for it
in the submitting thread.

- With a list of `TrialResult`: one for each trial, in the order of the trials. A trial that `evaluate` has ended has
  the status that `evaluate` gave. Otherwise the executor gives the status: ``TIMEOUT`` if the trial exceeded its time
  limit, ``MEMORY`` if it exceeded the memory limit, ``CRASH`` if its process died for any other reason, each with a
  reason in words, and with the folds that the trial had finished before. The executor must go on after each of these:
  the next trial runs as if nothing had happened.
- With `NoWorkersError`, if no worker can run the trial any more: the workers cannot be started again, the cluster is
  lost, or the executor was shut down. From then on every submission ends so, too. The search stops, and the run ends
  with the models that it has.

A future may end in any thread of the executor. Callbacks of the future run in that thread; they must be short.

**Limits.** The executor measures a time limit from the moment at which the worker has imported the libraries of the
model. `evaluate` gets the same limit and usually returns in time by itself; the executor ends a worker that does not,
after 1.2 times the limit and one second. It also ends a worker whose resident memory, with that of its child
processes, exceeds the memory limit.

**Interrupts.** Ctrl-C reaches the whole process group. Workers ignore it; the thread that called `fit` gets the
`KeyboardInterrupt` and calls `shutdown`.

**Shutdown.** The thread that called `fit` calls `shutdown` once, however the search ended, also after an exception. It
may block for some seconds, and it raises nothing. When it returns, all workers on this machine have ended, and every
future has ended. A second call does nothing; a submission after it ends with `NoWorkersError`. Workers also end, in the
middle of a trial, when the process that called `fit` is killed.

`automl.testing` checks most of these promises for an executor from outside this repository, and
`tests/contracts/test_executors.py` and `tests/execute` for those of the catalog.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from automl.trials.trial import Trial, TrialResult


class Executor(Protocol):
    """A place where trials run; the description of the module says who calls which method.

    Attributes
    ----------
    n_workers : int
        Number of submissions that run at the same time, at least 1.
    memory_limit : float or None
        MiB of resident memory of one worker; None if there is no limit, or if each node has its own.
    fleet_size : int
        Number of networks of one shape that a worker trains in about the time of one; 1 on processors.

    Examples
    --------
    An executor that runs each trial at once, in the process that submits it, and so without any limit:

    >>> from concurrent.futures import Future
    >>> from automl.errors import NoWorkersError
    >>> from automl.execute.evaluate import evaluate
    >>> from automl.task.task import Task
    >>> from automl.trials.artifacts import Artifacts
    >>> class DirectExecutor:
    ...     n_workers, memory_limit, fleet_size = 1, None, 1
    ...     def __init__(self, folder):
    ...         self.task, self.artifacts, self.ended = Task.open(folder), Artifacts(folder), False
    ...     def submit(self, trials, time_limit):
    ...         future = Future()
    ...         if self.ended:
    ...             future.set_exception(NoWorkersError("the executor was shut down"))
    ...         else:
    ...             future.set_result(evaluate(self.task, trials, self.artifacts, 1, "cpu", time_limit))
    ...         return future
    ...     def shutdown(self):
    ...         self.ended = True
    >>> import tempfile
    >>> from pathlib import Path
    >>> from automl.testing import make_task, tree
    >>> from automl.trials.trial import Trial
    >>> folder = tempfile.TemporaryDirectory()
    >>> make_task().save(Path(folder.name))
    >>> executor = DirectExecutor(Path(folder.name))
    >>> executor.submit([Trial(tree())], None).result()[0].status
    <Status.OK: 'ok'>
    >>> executor.shutdown()
    >>> folder.cleanup()
    """

    n_workers: int
    memory_limit: float | None
    fleet_size: int

    def submit(self, trials: Sequence[Trial], time_limit: float | None) -> Future[list[TrialResult]]:
        """Give a trial, or a fleet of trials, to one worker.

        Parameters
        ----------
        trials : sequence of Trial
            At least one. More than one is a fleet, which `evaluate` trains together.
        time_limit : float or None
            Seconds for all of the trials together; None for no limit.

        Returns
        -------
        Future
            Ends with the results in the order of the trials, or with `NoWorkersError`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from automl.execute.local import LocalExecutor
        >>> from automl.testing import make_task, tree
        >>> from automl.trials.trial import Trial
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     make_task().save(Path(folder))
        ...     executor = LocalExecutor(Path(folder), n_workers=1)
        ...     future = executor.submit([Trial(tree())], time_limit=60.0)
        ...     print([result.status.value for result in future.result()])
        ...     executor.shutdown()
        ['ok']
        """
        ...

    def shutdown(self) -> None:
        """End all workers at once; trials that still run are lost, and their futures end.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from automl.execute.local import LocalExecutor
        >>> from automl.testing import make_task, tree
        >>> from automl.trials.trial import Trial
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     make_task().save(Path(folder))
        ...     executor = LocalExecutor(Path(folder), n_workers=1)
        ...     executor.shutdown()
        ...     future = executor.submit([Trial(tree())], time_limit=None)
        >>> type(future.exception()).__name__
        'NoWorkersError'
        """
        ...
