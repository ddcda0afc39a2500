"""Rows of a labeled table that a model was trained on: their scores say nothing about new rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from automl.cli.support import write_note
from automl.plurals import plural
from automl.refit.new_rows import are_distinct, row_hashes
from automl.refit.rows import find_rows

if TYPE_CHECKING:
    from automl.base import BaseAutoML


class SeenRows:
    """Counts the rows of a table that are training rows of a model, where the model has kept these."""

    def __init__(self, estimator: BaseAutoML):
        kept = find_rows(estimator)
        self._estimator = estimator
        self._training = None if kept is None else set(row_hashes(kept.X, kept.y))
        self._hashes: list[int] = []

    def add(self, rows: Any, y: Any) -> None:
        """Add rows.

        Parameters
        ----------
        rows : ndarray or CSR matrix
            The rows, as the table reader reads them.
        y : Series or DataFrame
            Their labels.
        """
        if self._training is None:
            return
        classes = getattr(self._estimator, "classes_", None)
        if classes is None:
            codes = y
        elif isinstance(y, pd.DataFrame):
            codes = np.column_stack([pd.Index(own).get_indexer(y[name]) for name, own in zip(y, classes, strict=True)])
        else:
            codes = pd.Index(classes).get_indexer(y)
        self._hashes += row_hashes(rows, codes)

    def show(self) -> None:
        """Write one line about the training rows, unless the table has many equal rows."""
        if self._training is None or not are_distinct(self._hashes):
            return
        n_seen = sum(row in self._training for row in self._hashes)
        if n_seen:
            write_note(
                f"{n_seen:,} of {plural(len(self._hashes), 'row')} were training rows of the model, so that these "
                "scores are better than those on new rows; score rows that the model was not trained on"
            )
