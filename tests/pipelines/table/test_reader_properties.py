"""Properties of all tables: the order of rows and columns and the dtypes do not change the output."""

import datetime as dt

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.table.reader import TableReader

CELLS = {
    "float": st.one_of(st.none(), st.floats(-1e6, 1e6)),
    "integer": st.one_of(st.none(), st.integers(-1000, 1000)),
    "boolean": st.one_of(st.none(), st.booleans()),
    "level": st.one_of(st.none(), st.sampled_from(["a", "b", "c d", "10", "9", "1.0", "é", ""])),
    "mixed": st.one_of(st.none(), st.sampled_from(["a", 1, 1.0, True, 2.5, "1"])),
    "date": st.one_of(st.none(), st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2030, 1, 1))),
    "text": st.one_of(st.none(), st.text("ab cd", min_size=5, max_size=30)),
}


@st.composite
def tables(draw):
    """Draw a table of object columns."""
    n_rows = draw(st.integers(2, 40))
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=6))
    columns = {
        f"{kind}{i}": pd.Series(draw(st.lists(CELLS[kind], min_size=n_rows, max_size=n_rows)), dtype=object)
        for i, kind in enumerate(kinds)
    }
    return pd.DataFrame({"rows": np.arange(n_rows) % 5 + 0.5, **columns})


def _as_other_dtypes(frame, rng):
    """Return the same values in other dtypes."""
    others = {"float": ["Float64"], "integer": ["Int64", "float64"], "boolean": ["boolean"], "date": ["M8[us]"]}
    texts = ["string", "string[pyarrow]", "category", "object"]
    out = {}
    for name, column in frame.items():
        kind = name.rstrip("0123456789")
        dtype = str(rng.choice(others.get(kind, texts)))
        # True and 1 are one level for pandas' own categories.
        keep = kind == "rows" or (kind == "mixed" and dtype != "object")
        out[name] = column if keep else column.where(column.notna(), None).astype(dtype)
    return pd.DataFrame(out)


@settings(max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(), st.integers(0, 2**16))
def test_order_of_rows_and_columns_and_dtypes_change_nothing(frame, seed):
    rng = np.random.default_rng(seed)
    reader = TableReader(max_categories=4)
    expected = reader.fit_transform(frame)
    assert expected.shape == (len(frame), reader.n_features_out_)
    assert not np.isinf(expected).any()
    for position, cardinality in zip(reader.categorical_, reader.cardinalities_, strict=True):
        codes = expected[:, position]
        assert set(codes[~np.isnan(codes)]) == set(range(cardinality))
    rows, columns = rng.permutation(len(frame)), rng.permutation(frame.columns)
    shuffled = frame.iloc[rows][columns]
    np.testing.assert_array_equal(reader.transform(shuffled), expected[rows])
    np.testing.assert_array_equal(reader.transform(_as_other_dtypes(frame, rng)), expected)
    again = TableReader(max_categories=4).fit_transform(frame.iloc[rows])
    np.testing.assert_array_equal(again, expected[rows])
    assert reader.traits("regression").has_missing == np.isnan(expected).any()
