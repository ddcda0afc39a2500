from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.configuration import Configuration

# Few names and values, so that two mappings are often the same or nearly the same.
VALUES = st.sampled_from([True, 1, 1.0, "1", False, 0, 0.0, -0.0, 0.1, float("nan")])
MAPPINGS = st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2)


@given(MAPPINGS, MAPPINGS)
def test_configurations_are_equal_exactly_when_they_have_the_same_id_and_then_have_the_same_hash(
    first: dict[str, object], second: dict[str, object]
) -> None:
    a, b = Configuration(first), Configuration(second)
    assert (a == b) == (a.id == b.id)
    assert (len({a, b}) == 1) == (a == b)
    if a == b:
        assert hash(a) == hash(b)


@given(MAPPINGS)
def test_a_configuration_equals_its_copies_whatever_the_order_of_names(values: dict[str, object]) -> None:
    configuration = Configuration(values)
    copies = [
        Configuration(dict(reversed(values.items()))),
        Configuration(configuration),
        Configuration(json.loads(json.dumps(dict(configuration)))),
        pickle.loads(pickle.dumps(configuration)),
    ]
    for copy in copies:
        assert copy == configuration
        assert copy.id == configuration.id
    assert configuration != dict(configuration)


@pytest.mark.parametrize(("first", "second"), [(1, 1.0), (1, True), (0.0, -0.0), (1, "1")])
def test_values_of_different_types_make_different_configurations(first: object, second: object) -> None:
    assert Configuration({"n": first}) != Configuration({"n": second})


def test_scalars_of_numpy_become_those_of_python() -> None:
    mixed = Configuration({"a": np.int64(3), "b": np.float64(0.5), "c": np.bool_(True), "d": np.str_("x")})
    assert mixed == Configuration({"a": 3, "b": 0.5, "c": True, "d": "x"})
    assert [type(value) for value in mixed.values()] == [int, float, bool, str]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "44136fa355"),
        ({"model": "resnet", "encoding": "native", "imputation": "median", "scaling": "quantile"}, "df6dd06158"),
        ({"model": "a", "n": 1, "x": 1.0, "flag": True}, "336859bfd7"),
    ],
)
def test_ids_name_files_and_rows_and_so_never_change(values: dict[str, object], expected: str) -> None:
    assert Configuration(values).id == expected
