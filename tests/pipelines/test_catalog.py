from __future__ import annotations

import pytest

from pipelines.build import build_pipeline, predicted_memory, predicted_seconds
from pipelines.catalog import CATALOG, get_component
from pipelines.component import FitContext, TableTraits
from pipelines.configuration import Configuration

TRAITS = TableTraits("binary", 100, 5, 2)


def test_every_component_is_found_by_its_step_and_name() -> None:
    for step, components in CATALOG.items():
        for component in components:
            assert get_component(step, component.name) is component


def test_an_unknown_component_is_named() -> None:
    configuration = Configuration({"model": "no_such_model"})
    with pytest.raises(KeyError, match="no_such_model"):
        build_pipeline(configuration, FitContext(TRAITS))
    with pytest.raises(KeyError, match="no_such_model"):
        predicted_seconds(configuration, TRAITS)
    with pytest.raises(KeyError, match="no_such_model"):
        predicted_memory(configuration, TRAITS)


def test_an_unknown_step_is_named() -> None:
    with pytest.raises(KeyError, match="no_such_step"):
        get_component("no_such_step", "pca")
