"""The contract of wrappers for every component of balancing, cleaning and calibration."""

from automl.testing import WrapperContract
from pipelines.catalog import CATALOG


class TestBalancing(WrapperContract):
    trusted_types = ()
    components = tuple(component for component in CATALOG["balancing"] if component.name != "none")


class TestCleaning(WrapperContract):
    trusted_types = ()
    components = tuple(component for component in CATALOG["cleaning"] if component.name != "none")


class TestCalibration(WrapperContract):
    trusted_types = ()
    components = tuple(component for component in CATALOG["calibration"] if component.name != "none")
