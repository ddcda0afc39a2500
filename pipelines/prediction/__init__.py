"""Fast prediction of fitted pipelines: the same numbers as scikit-learn's own path, without its repeated checks."""

from pipelines.prediction.models import fast_predict
from pipelines.prediction.networks import fast_predict_together
from pipelines.prediction.transformers import fast_transform

__all__ = ["fast_predict", "fast_predict_together", "fast_transform"]
