"""Small tables for the tests of pipelines/table."""

import numpy as np
import pandas as pd

from pipelines.table.reader import TableReader


def read(values, dtype=None, **parameters):
    """Return the description and the output of one column; a second, numeric column makes the table valid."""
    frame = pd.DataFrame({"column": pd.Series(values, dtype=dtype), "other": np.arange(len(values)) % 7.5})
    reader = TableReader(**parameters)
    out = reader.fit_transform(frame)
    column = reader.columns_[0]
    return column, out[:, list(column.positions)]


def frame_of_kinds(n=60, seed=0):
    """Return a table with one column of each kind, with missing cells."""
    rng = np.random.default_rng(seed)
    words = np.array(["red", "green", "blue", "large", "small", "round", "flat", "old", "new"])
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n).round(3),
            "count": rng.integers(0, 9, n),
            "flag": rng.random(n) < 0.5,
            "city": rng.choice(["Rome", "Oslo", "Lima"], n),
            "grade": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True),
            "day": pd.Timestamp("2024-01-30") + pd.to_timedelta(rng.integers(0, 300, n), unit="D"),
            "note": [" ".join(rng.choice(words, 6)) + f" {i}" for i in range(n)],
            "key": [f"user-{i:04d}" for i in range(n)],
            "same": 1,
        }
    )
    frame.loc[3, ["number", "city", "grade", "day", "note"]] = None
    return frame


KINDS = {
    "number": "number",
    "count": "number",
    "flag": "boolean",
    "city": "category",
    "grade": "category",
    "day": "date",
    "note": "text",
    "key": "identifier",
    "same": "constant",
}
