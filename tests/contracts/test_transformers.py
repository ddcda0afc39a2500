"""The contract of transformers for every transformer of the catalog."""

from automl.testing import TransformerContract
from pipelines.catalog import CATALOG, steps_of_kind


def _components(step):
    return [component for component in CATALOG[step] if component.name != "none"]


class TestImputation(TransformerContract):
    trusted_types = ()
    step = "imputation"
    components = _components(step)


class TestEncoding(TransformerContract):
    trusted_types = ()
    step = "encoding"
    components = _components(step)


class TestScaling(TransformerContract):
    trusted_types = ()
    step = "scaling"
    components = _components(step)


class TestGeneration(TransformerContract):
    trusted_types = ()
    step = "generation"
    components = _components(step)

    def is_fed_codes(self, component):
        return component.name == "categorical_interactions"


class TestSelection(TransformerContract):
    trusted_types = ()
    step = "selection"
    components = _components(step)


def test_every_step_before_the_model_has_a_suite():
    suites = (TestImputation, TestEncoding, TestScaling, TestGeneration, TestSelection)
    assert {suite.step for suite in suites} == set(steps_of_kind("columns", "table"))
