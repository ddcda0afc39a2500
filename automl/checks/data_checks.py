"""All checks of one run: those before the search, and those after it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from automl.checks.columns import check_identifiers, check_missing_cells
from automl.checks.equal_rows import check_equal_rows
from automl.checks.leak import check_leak
from automl.checks.predictions import RowPredictions, seconds_end
from automl.checks.target import check_rare_classes, check_target_values
from automl.checks.time_order import check_time_order
from automl.checks.warning import DataWarning, log_lines, sort_warnings
from automl.search.budget import Budget
from automl.task.prepare import PreparedTask


class DataChecks:
    """The checks of the data of one run, and the warnings that they have found.

    Parameters
    ----------
    prepared : PreparedTask
        The task of the run.
    show : callable
        Takes a line for the log.
    """

    def __init__(self, prepared: PreparedTask, show: Callable[[str], None]):
        self._task, self._columns, self._show = prepared.task, prepared.reader.columns_, show
        labels = [] if prepared.classes is None else list(prepared.classes)
        self._names = [repr(label.item() if isinstance(label, np.generic) else label) for label in labels]
        self._found: list[DataWarning] = []

    @property
    def warnings(self) -> list[DataWarning]:
        """All warnings so far, the most severe first."""
        return sort_warnings(self._found)

    def before_search(self) -> None:
        """Check the rows, the columns and the target."""
        task, names = self._task, self._names
        self._add(
            [
                *check_equal_rows(task),
                *check_time_order(task, self._columns),
                *check_identifiers(task, self._columns),
                *check_target_values(task, names),
                *check_rare_classes(task, names),
                *check_missing_cells(task, self._columns, names),
            ]
        )

    def after_search(self, record: RowPredictions | None, budget: Budget) -> None:
        """Compare each column with the ensemble.

        Parameters
        ----------
        record : RowPredictions or None
            None after an interrupt; then there is no check.
        budget : Budget
            Its seconds limit the check.
        """
        try:
            if record is not None:
                self._add(check_leak(self._task, self._columns, record, seconds_end(budget)))
        except KeyboardInterrupt:  # the ensemble is complete
            self._show("interrupted: no column was compared with the ensemble")

    def _add(self, found: list[DataWarning]) -> None:
        self._found.extend(found)
        for line in log_lines(found):
            self._show(line)
