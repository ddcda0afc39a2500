"""AutoML for tables: one joint search over whole pipelines, ending in an ensemble."""

from automl.estimator import AutoMLClassifier, AutoMLRegressor
from automl.persistence import load

__all__ = ["AutoMLClassifier", "AutoMLRegressor", "load"]
