"""The limit on the size of a model: `max_model_megabytes` of the estimators.

The size of a model is the size of all its fold models on the disk, as in `frontier_`. A trial whose fold models alone
would exceed the limit ends with its first fold. Members leave the ensemble until the others are within the limit.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from automl.ensemble.selection import Member, predicting_folds
from automl.plurals import plural
from automl.task.task import Task
from automl.trials.artifacts import Artifacts

logger = logging.getLogger(__name__)


def members_within_size(members: Sequence[Member], artifacts: Artifacts, task: Task) -> list[Member]:
    """Return the members with the largest weights that are within the size limit of the task together.

    The members with the smallest weights leave first. The first member stays in any case.
    """
    kept = list(members)
    while len(kept) > 1 and sum(_bytes(member, artifacts, task) for member in kept) > task.max_model_bytes:
        kept.remove(min(reversed(kept), key=lambda member: member.weight))
    if len(kept) < len(members):
        logger.info("%s left the ensemble, to meet max_model_megabytes", plural(len(members) - len(kept), "member"))
        total = sum(member.weight for member in kept)
        kept = [replace(member, weight=member.weight / total) for member in kept]
    return kept


def _bytes(member: Member, artifacts: Artifacts, task: Task) -> int:
    folds = predicting_folds(member.evaluation, task)
    return sum(artifacts.model_bytes(member.configuration, fold) for fold in folds)
