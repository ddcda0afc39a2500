"""Arguments and small tasks for tests."""

from automl.persistence.manifest import read_manifest, write_manifest
from automl.testing.tasks import make_task, net, tree

__all__ = ["FAST", "NO_PREPROCESSING", "edit_manifest", "make_task", "net", "tree"]

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
