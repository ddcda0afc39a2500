"""The cells of a text file are read in the same way, wherever a chunk begins."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

from automl.cli.chunks import ChunkedTable
from automl.errors import InvalidInputError
from automl.table_files.reading import read_table
from automl.table_files.text import FileOptions
from automl.task.validation import table_errors
from pipelines.table.reader import TableReader

ODD = ["<0.01", "ND", "#DIV/0!", "unknown", "-", "1,5", "1.500", "7"]


class Reading:
    """An estimator that predicts the table as its reader reads it."""

    def __init__(self, table):
        self._reader = TableReader().fit(table)
        self.feature_names_in_ = self._reader.feature_names_in_

    def predict(self, X):
        with table_errors():
            return self._reader.transform(X)


def days(rng, n, pattern):
    return [
        d.strftime(pattern) for d in pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D")
    ]


COLUMNS = [
    lambda rng, n: [f"{x:,.2f}" for x in rng.normal(1000, 900, n)],
    lambda rng, n: [f"${x:,.2f}" for x in rng.uniform(0, 5000, n)],
    lambda rng, n: [f"{x:.2f}".replace(".", ",") for x in rng.normal(0, 9, n)],
    lambda rng, n: [f"{x:.2f}" for x in rng.normal(0, 9, n)],
    lambda rng, n: [f"{x:.2f}%" for x in rng.normal(0, 9, n)],
    lambda rng, n: [f"{x:05d}" for x in rng.integers(0, 100, n)],
    lambda rng, n: [str(x) for x in rng.integers(0, 10_000, n)],
    lambda rng, n: rng.choice(["True", "False"], n).tolist(),
    lambda rng, n: rng.choice(["yes", "no"], n).tolist(),
    lambda rng, n: rng.choice(["1", "02", "A"], n).tolist(),
    lambda rng, n: rng.choice(["1.0", "2", "1"], n).tolist(),
    lambda rng, n: days(rng, n, "%d.%m.%Y"),
    lambda rng, n: days(rng, n, "%m/%d/%Y"),
    lambda rng, n: [f"{h:02d}:{m:02d}" for h, m in rng.integers(0, (24, 60), (n, 2))],
    lambda rng, n: [" ".join(rng.choice(["red", "green", "12", "1.5"], 4)) for _ in range(n)],
]


def write(path, columns, rng, n_rows, separator):
    cells = [column(rng, n_rows) for column in columns]
    for values in cells:
        if rng.random() < 0.5:
            for i in rng.integers(0, n_rows, n_rows // 10):
                values[i] = ""
        if rng.random() < 0.4:
            for i in rng.integers(0, n_rows, 3):
                values[i] = str(rng.choice(ODD))
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow([f"c{i}" for i in range(len(cells))])
        writer.writerows(zip(*cells, strict=True))


def predict(path, estimator, n_rows):
    table = ChunkedTable(path, estimator, n_rows, FileOptions())
    try:
        parts = [table.predict(chunk, estimator.predict) for chunk in table.chunks()]
        table.finish()
    except InvalidInputError:
        return None
    return np.concatenate(parts)


@pytest.mark.parametrize("seed", [0, 2, 3])
@pytest.mark.parametrize("separator", [",", ";"])
def test_cells_do_not_depend_on_the_chunks(tmp_path, separator, seed):
    rng = np.random.default_rng(seed)
    columns = [COLUMNS[i] for i in rng.choice(len(COLUMNS), 8, replace=False)]
    write(tmp_path / "train.csv", columns, rng, 80, separator)
    write(tmp_path / "new.csv", columns, rng, 25, separator)
    estimator = Reading(read_table(tmp_path / "train.csv"))
    whole = predict(tmp_path / "new.csv", estimator, None)
    for n_rows in (1, 6):
        part = predict(tmp_path / "new.csv", estimator, n_rows)
        assert (part is None) == (whole is None)
        if whole is not None:
            np.testing.assert_allclose(part, whole, rtol=1e-12)
