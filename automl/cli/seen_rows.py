"""Rows of a labeled table that a model was trained on: their scores say nothing about new rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from automl.cli.support import write_message
from automl.plurals import plural
from automl.refit.new_rows import MAX_DUPLICATES, row_hashes
from automl.refit.rows import find_rows

if TYPE_CHECKING:
    from automl.base import BaseAutoML
    from automl.cli.chunks import ChunkedTable
    from automl.table_files.reading import Chunk


class SeenRows:
    """Counts the rows of a table that are training rows of a model, where the model has kept these."""

    def __init__(self, estimator: BaseAutoML):
        rows = find_rows(estimator)
        self._estimator = estimator
        self._training = None if rows is None else set(row_hashes(rows.X, rows.y))
        self._hashes: list[int] = []

    def add(self, source: ChunkedTable, chunk: Chunk, known: Any, y: Any) -> None:
        """Add the rows of a chunk.

        Parameters
        ----------
        known : ndarray of bool
            Which rows of the chunk have a label.
        y : Series or DataFrame
            Their labels.
        """
        if self._training is None:
            return
        table = source.predict(chunk, self._estimator._reader.transform)[known]
        classes = getattr(self._estimator, "classes_", None)
        if classes is None:
            codes = y
        elif isinstance(y, pd.DataFrame):
            codes = np.column_stack([pd.Index(own).get_indexer(y[name]) for name, own in zip(y, classes, strict=True)])
        else:
            codes = pd.Index(classes).get_indexer(y)
        self._hashes += row_hashes(table, codes)

    def show(self) -> None:
        """Write one line about the training rows; in a table with many equal rows, equality says nothing."""
        if self._training is None or 1 - len(set(self._hashes)) / len(self._hashes) > MAX_DUPLICATES:
            return
        n_seen = sum(row in self._training for row in self._hashes)
        if n_seen:
            write_message(
                1,
                f"note: {n_seen:,} of {plural(len(self._hashes), 'row')} were training rows of the model, so that "
                "these scores are better than those on new rows; score rows that the model was not trained on",
            )
