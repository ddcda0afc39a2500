"""Small made-up tables with all kinds of columns: each component applies to one of them at least."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pipelines.component import TableTraits, TaskType, task_type
from pipelines.targets import TargetLayout

RICH_TABLES: Mapping[TaskType, TableTraits] = {
    task_type(n): TableTraits(
        task_type(n), 1_000, 20, n, categorical=(0, 1, 2), cardinalities=(3, 10, 50), has_missing=True
    )
    for n in (2, 5, 0)
}
# The same tables with two targets, which have the step multi_output.
RICH_TABLES_OF_SEVERAL_TARGETS: Mapping[TaskType, TableTraits] = {
    task: replace(
        traits, targets=TargetLayout(("first", "second"), (traits.n_classes,) * 2 if traits.n_classes else ())
    )
    for task, traits in RICH_TABLES.items()
}
# The same tables with noisy labels, which have the step cleaning, and further hyperparameters of networks.
RICH_TABLES_OF_NOISY_LABELS: Mapping[TaskType, TableTraits] = {
    task: replace(traits, noisy_labels=True) for task, traits in RICH_TABLES.items()
}
# The same table with an order of its classes, which has the step ordering.
RICH_TABLE_OF_ORDERED_CLASSES = replace(RICH_TABLES["multiclass"], ranks=(0, 1, 2, 3, 4))
ALL_RICH_TABLES = (
    *RICH_TABLES.values(),
    *RICH_TABLES_OF_SEVERAL_TARGETS.values(),
    *RICH_TABLES_OF_NOISY_LABELS.values(),
    RICH_TABLE_OF_ORDERED_CLASSES,
)
