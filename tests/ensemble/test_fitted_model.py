"""Tests of the declarations of what other modules use of a fitted estimator."""

import inspect

from automl.base import BaseAutoML
from automl.ensemble.copies import SUBJECTS
from automl.ensemble.fitted_model import FittedModel
from automl.estimator import AutoMLClassifier, AutoMLRegressor


def test_each_declared_name_is_a_parameter_an_attribute_or_a_method_of_an_estimator():
    estimators = (AutoMLClassifier, AutoMLRegressor)
    declaring = [cls for cls in BaseAutoML.__mro__ if issubclass(cls, FittedModel)]
    declared = {name for cls in declaring for name in inspect.get_annotations(cls)}
    known = {name for cls in estimators for name in (*inspect.signature(cls).parameters, *dir(cls))}
    assert {"_ensemble", "_rows", "guard", "_sketch"} <= declared
    assert declared - known - set(SUBJECTS) == set()


def test_declarations_set_no_values():
    assert [name for name in inspect.get_annotations(FittedModel) if hasattr(FittedModel, name)] == []
