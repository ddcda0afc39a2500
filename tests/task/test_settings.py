"""The settings of a task are parameters of the estimators."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from automl import AutoMLClassifier, AutoMLRegressor
from automl.task.settings import DEFAULTS, TaskSettings


@pytest.mark.parametrize("kind", [AutoMLClassifier, AutoMLRegressor])
def test_the_settings_of_a_new_estimator_are_the_defaults(kind):
    assert {**asdict(TaskSettings.of(kind())), "objectives": None} == {**asdict(DEFAULTS), "objectives": None}
    assert tuple(kind().objectives) == DEFAULTS.objectives


def test_settings_of_an_estimator_are_its_parameters():
    given = {"scoring": "roc_auc", "cv": 4, "monotonic": {"a": 1}, "positive_label": "yes", "noisy_labels": True}
    assert asdict(TaskSettings.of(AutoMLClassifier(**given))).items() >= given.items()
