"""The contract of wrappers for every component of ordering, balancing, cleaning and calibration."""

from typing import ClassVar

from sklearn.linear_model import Ridge

from automl.testing import WrapperContract
from pipelines.catalog import CATALOG, get_component, steps_of_kind
from pipelines.ordered_codes import NUMBERS, THRESHOLDS


class TestBalancing(WrapperContract):
    trusted_types = ()
    components = tuple(component for component in CATALOG["balancing"] if component.name != "none")


class TestCleaning(WrapperContract):
    trusted_types = ()
    components = tuple(component for component in CATALOG["cleaning"] if component.name != "none")


class TestOrdering(WrapperContract):
    trusted_types = ()
    components = (get_component("ordering", THRESHOLDS),)


class TestOrderingByNumbers(WrapperContract):
    trusted_types = ()
    components = (get_component("ordering", NUMBERS),)
    estimator: ClassVar = Ridge()


class TestCalibration(WrapperContract):
    trusted_types = ()
    components = tuple(component for component in CATALOG["calibration"] if component.name != "none")


def test_every_step_that_wraps_a_classifier_has_a_suite():
    suites = (TestBalancing, TestCleaning, TestOrdering, TestOrderingByNumbers, TestCalibration)
    components = [component for suite in suites for component in suite.components]
    steps = {step for step in steps_of_kind("classifier") if any(c in components for c in CATALOG[step])}
    assert steps == set(steps_of_kind("classifier"))
