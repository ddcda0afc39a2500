"""Arguments and small tasks for tests."""

import inspect
from contextlib import contextmanager
from pkgutil import resolve_name

from automl.persistence.manifest import read_manifest, write_manifest
from automl.testing.tasks import make_task, net, tree

__all__ = ["FAST", "NO_PREPROCESSING", "edit_manifest", "interrupt_once", "make_task", "net", "tree"]

NO_PREPROCESSING = {"imputation": "none", "scaling": "none"}

# Arguments of an estimator whose fit is quick and repeatable.
FAST = {
    "include": ["decision_tree", "logistic_regression", "ridge"],
    "time_budget": None,
    "max_trials": 4,
    "n_jobs": 1,
    "cv": 3,
    "verbose": 0,
    "random_state": 0,
}


def edit_manifest(folder, change):
    """Change the manifest of a saved model, in the way of somebody who also writes its checksum anew."""
    content = read_manifest(folder)
    change(content)
    write_manifest(folder, content)


def interrupt_once(monkeypatch, step):
    """Interrupt the first call of a function, given by its full name, or the end of the block of a context manager.

    Returns
    -------
    list
        It is empty until the interrupt.
    """
    own, done = resolve_name(step), []

    def interrupt(*args, **kwargs):
        if done:
            return own(*args, **kwargs)
        done.append(step)
        raise KeyboardInterrupt

    @contextmanager
    def interrupt_end(*args, **kwargs):
        with own(*args, **kwargs) as opened:
            yield opened
        done.append(step)
        raise KeyboardInterrupt

    monkeypatch.setattr(step, interrupt_end if inspect.isgeneratorfunction(inspect.unwrap(own)) else interrupt)
    return done
