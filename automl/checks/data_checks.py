"""All checks of one run: those before the search, and those after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from automl.checks.columns import check_identifiers, check_missing_cells
from automl.checks.equal_rows import check_equal_rows
from automl.checks.groups import check_small_groups
from automl.checks.leak import check_leak
from automl.checks.predictions import RowPredictions, seconds_end
from automl.checks.scorer import check_scorer_sign
from automl.checks.target import check_rare_classes, check_target_values
from automl.checks.target_column import check_target_columns
from automl.checks.targets import of_targets, with_row_codes
from automl.checks.time_order import check_time_order
from automl.checks.warning import DataWarning, log_lines, sort_warnings
from automl.search.budget import Budget
from automl.task.prepare import PreparedTask
from automl.task.task import Task
from pipelines.quantiles import middle


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
        self._names = _class_names(prepared)
        layout = prepared.task.traits.targets
        self._target_names = [prepared.target_name] if layout is None else list(layout.names)
        self._found: list[DataWarning] = []

    @property
    def warnings(self) -> list[DataWarning]:
        """All warnings so far, the most severe first."""
        return sort_warnings(self._found)

    def before_search(self) -> None:
        """Check the scorer, the rows, the columns and the target."""
        task, several = self._task, self._task.traits.targets is not None
        self._add(
            [
                *check_scorer_sign(task),
                *check_equal_rows(with_row_codes(task) if several else task),
                *check_time_order(task, self._columns),
                *check_identifiers(task, self._columns),
                *check_small_groups(task),
                *(of_targets(task, None, self._check_target) if several else self._check_target(0, task)),
            ]
        )

    def _check_target(self, number: int, task: Task, record: RowPredictions | None = None) -> list[DataWarning]:
        """Return the warnings of one target; `number` is its place among several targets."""
        names = self._names[number]
        return [
            *check_target_columns(task, self._columns, self._target_names[number]),
            *check_target_values(task, names),
            *check_rare_classes(task, names),
            *check_missing_cells(task, self._columns, names),
        ]

    def after_search(self, record: RowPredictions | None, budget: Budget) -> None:
        """Compare each column with the ensemble.

        Parameters
        ----------
        record : RowPredictions or None
            None after an interrupt; then there is no check.
        budget : Budget
            Its seconds limit the check.
        """
        if record is None:
            return
        end = seconds_end(budget)
        known = {warning.column for warning in self._found if warning.code == "target_column"}
        columns = [column for column in self._columns if column.name not in known]
        if self._task.traits.quantiles:
            record = replace(record, predictions=middle(record.predictions, self._task.traits.quantiles))
        if self._task.traits.targets is None:
            self._add(check_leak(self._task, columns, record, end))
            return

        def check(number: int, task: Task, own: RowPredictions | None) -> list[DataWarning]:
            return [] if own is None else check_leak(task, columns, own, end)

        self._add(of_targets(self._task, record, check))

    def _add(self, found: list[DataWarning]) -> None:
        self._found.extend(found)
        for line in log_lines(found):
            self._show(line)


def _class_names(prepared: PreparedTask) -> list[list[str]]:
    """Return the names of the classes of each target, as messages quote them; empty lists for regression."""
    layout, classes = prepared.task.traits.targets, prepared.classes
    each: list[Any] = [classes] if layout is None else [None] * layout.n_targets if classes is None else list(classes)
    return [[repr(c.item() if isinstance(c, np.generic) else c) for c in ([] if own is None else own)] for own in each]
