"""Arguments and small tasks for tests."""

from automl.testing.tasks import make_task, net, tree

__all__ = ["FAST", "NO_PREPROCESSING", "make_task", "net", "tree"]

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
