"""A check of the groups by the sensitive features of `fit`: small ones differ by chance."""

from __future__ import annotations

import numpy as np

from automl.checks.warning import DataWarning
from automl.plurals import plural
from automl.task.sensitive import FEWEST_ROWS
from automl.task.task import Task


def check_small_groups(task: Task) -> list[DataWarning]:
    """Warn where a group has so few rows that its score says little."""
    groups = task.sensitive
    if groups is None:
        return []
    counts = np.bincount(groups.codes, None if task.sample_weight is None else task.sample_weight > 0)
    present = np.flatnonzero(counts)
    small = [code for code in present if counts[code] < FEWEST_ROWS]
    if not small:
        return []
    least = min(small, key=lambda code: counts[code])
    message = (
        f"{plural(len(small), 'group')} of {len(present)} by {groups.name} {'has' if len(small) == 1 else 'have'} "
        f"fewer than {FEWEST_ROWS} rows (the smallest one, {groups.labels[least]!r}, has {int(counts[least])}), so "
        "that differences between groups are mostly chance; join such groups"
    )
    return [DataWarning("small_groups", None, message, "low")]
