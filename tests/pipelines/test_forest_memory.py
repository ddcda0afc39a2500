"""The leaves of forests grow with the rows and the classes, so that their memory is bounded."""

from __future__ import annotations

import pytest

from pipelines.catalog import get_component
from pipelines.component import TableTraits
from pipelines.space import build_space, complete


@pytest.mark.parametrize("family", ["extra_trees", "random_forest"])
@pytest.mark.parametrize(("n_rows", "n_classes"), [(500, 2), (28_000, 18), (85_000, 5), (1_000_000, 2)])
def test_a_forest_takes_at_most_half_a_gigabyte(family, n_rows, n_classes):
    traits = TableTraits("binary" if n_classes == 2 else "multiclass", n_rows, 20, n_classes)
    component, space = get_component("model", family), build_space(traits)
    smallest = {"model": family, f"model:{family}:min_samples_leaf": 1}
    params = complete(space, smallest).of(f"model:{family}")
    used = TableTraits(traits.task, min(n_rows, 100_000), 20, n_classes)  # a forest of more rows uses a part of them
    assert component.memory(params, used) < 512
    assert params["min_samples_leaf"] == 1 or n_rows > 500
