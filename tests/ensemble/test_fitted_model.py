"""Tests of the declarations of what other modules use of a fitted estimator."""

import inspect

from automl.base import BaseAutoML
from automl.ensemble.attribute_rules import ATTRIBUTES
from automl.ensemble.fitted_model import FittedModel
from automl.estimator import AutoMLClassifier, AutoMLRegressor

ESTIMATORS = (AutoMLClassifier, AutoMLRegressor)
DECLARED = {name for cls in BaseAutoML.__mro__ if issubclass(cls, FittedModel) for name in inspect.get_annotations(cls)}


def test_each_declared_name_is_a_parameter_an_attribute_or_a_method_of_an_estimator():
    known = {name for cls in ESTIMATORS for name in (*inspect.signature(cls).parameters, *dir(cls))}
    assert {"_ensemble", "_rows", "guard", "_sketch"} <= DECLARED
    assert DECLARED - known - set(ATTRIBUTES) == set()


def test_each_attribute_has_a_type():
    of_scikit_learn = {"_callback_fit_ctx", "_skl_callbacks", "_skl_callbacks_to_teardown"}
    assert set(ATTRIBUTES) - DECLARED == of_scikit_learn


def test_the_public_name_of_an_attribute_is_a_property():
    names = {attribute.public for attribute in ATTRIBUTES.values()} - {""}
    assert names <= {name for cls in ESTIMATORS for name in dir(cls) if isinstance(getattr(cls, name, None), property)}


def test_declarations_set_no_values():
    assert [name for name in inspect.get_annotations(FittedModel) if hasattr(FittedModel, name)] == []
