"""Gaussian processes, whose kernel is tuned on a sample of the rows."""

import numpy as np

from pipelines.models import gaussian_process
from pipelines.models.gaussian_process import GaussianProcessLabelClassifier


def test_a_rare_class_has_a_part_in_the_tuning_of_the_kernel(monkeypatch):
    monkeypatch.setattr(gaussian_process, "ROWS_TO_TUNE", 60)
    X, y = np.random.default_rng(0).normal(size=(300, 3)), np.repeat([0, 1], [296, 4])
    X[y == 1, 0] += 6
    new = np.random.default_rng(1).normal(size=(100, 3))
    new[:50, 0] += 6
    for seed in range(6):
        rare = GaussianProcessLabelClassifier(random_state=seed).fit(X, y).predict_proba(new)[:, 1]
        assert np.median(rare[:50]) > 10 * np.median(rare[50:])
