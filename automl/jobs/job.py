"""The parts of a batch. A job is one table, one setting, and the resources that it may use."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from automl.plurals import plural

Kind = Literal["path", "openml", "call"]

# Fields of a table that earlier versions lacked.
_ADDED = ("reading", "time", "gap", "validation", "sensitive_features", "ordered_classes")


@dataclass(frozen=True)
class Table:
    """The source of the rows, and the column to predict.

    Attributes
    ----------
    kind, source : str
        A file (its path starts at the folder of the batch), the id of an OpenML data set, or a callable as
        ``module:name``.
    arguments : mapping
        Arguments of the callable.
    target : str, sequence of str, or None
        Column to predict, or several columns. None for the default target of OpenML, or if the callable returns
        ``(X, y)``.
    test : str or None
        File with the test rows, which the search never sees.
    holdout : float or None
        Share of the rows to keep as test rows, if `test` names no file.
    ordered_classes : sequence of str or None
        The classes of the target in their order, the lowest first; None for classes without an order.
    time : str or None
        Column with the time of each row; the folds, and the test rows of `holdout`, are then in the order of time.
    gap : float or str
        Time between training rows and scored rows.
    validation : str or None
        File with the validation rows of the search.
    sensitive_features : sequence of str
        Columns with groups of rows, whose scores are compared.
    reading : mapping
        Fields of `automl.table_files.text.FileKeys`, for the files of this table.
    """

    name: str
    kind: Kind
    source: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    target: str | Sequence[str] | None = None
    task: str = "auto"
    test: str | None = None
    holdout: float | None = None
    reading: Mapping[str, str] = field(default_factory=dict)
    time: str | None = None
    gap: float | str = 0
    validation: str | None = None
    sensitive_features: Sequence[str] = ()
    ordered_classes: Sequence[str] | None = None


@dataclass(frozen=True)
class Setting:
    """The estimator to fit, which is the search ("automl") or another class as ``module:Class``, and its parameters."""

    name: str
    estimator: str = "automl"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Resources:
    """The resources of a job or a runner: cores, MiB of memory, and seconds of wall-clock time; None is no limit."""

    n_jobs: int = 1
    memory: float | None = None
    time_limit: float | None = None

    @property
    def text(self) -> str:
        """The cores and the memory in words."""
        cores = plural(self.n_jobs, "core")
        return cores if self.memory is None else f"{cores} and {self.memory:.0f} MiB"


@dataclass(frozen=True)
class Job:
    """One table that is fitted under one setting.

    Attributes
    ----------
    priority : int
        Jobs with larger numbers run first.
    retries : int
        Number of further attempts after a failure.
    """

    table: Table
    setting: Setting
    resources: Resources = Resources()
    priority: int = 0
    retries: int = 2

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits for the fit itself: independent of names, resources, priority and retries.

        >>> table = Table("iris", "path", "iris.csv", target="species")
        >>> Job(table, Setting("quick")).id == Job(table, Setting("again"), priority=5).id
        True
        """
        fields = asdict(self)
        content = {
            # Tables of earlier versions lacked some fields; their jobs keep their ids.
            "table": {k: value for k, value in fields["table"].items() if k != "name" and (k not in _ADDED or value)},
            "estimator": self.setting.estimator,
            "parameters": fields["setting"]["parameters"],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The name of the job and of its folder: table, setting, and the start of the id, which makes it unique."""
        readable = f"{self.table.name}-{self.setting.name}"[:80]
        return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', readable).lstrip('.')}-{self.id[:8]}"

    def to_json(self) -> str:
        """Return the job as one line of JSON, for `from_json`."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the job that `to_json` has written."""
        fields = json.loads(text)
        return cls(
            Table(**fields["table"]),
            Setting(**fields["setting"]),
            Resources(**fields["resources"]),
            fields["priority"],
            fields["retries"],
        )


@dataclass(frozen=True)
class Batch:
    """All jobs of one description.

    Attributes
    ----------
    name : str
        Name that distinguishes batches in one queue.
    folder : Path
        Folder at which relative paths start. Jobs can import its modules.
    queue : str
        Path of an SQLite file, or URL of a PostgreSQL database.
    results : Path
        Folder for the results.
    """

    name: str
    folder: Path
    queue: str
    results: Path
    jobs: tuple[Job, ...] = ()
