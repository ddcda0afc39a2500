"""The nouns of a batch: a job is a table, a setting, and what it may use."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

Kind = Literal["path", "openml", "call"]


@dataclass(frozen=True)
class Table:
    """Where the rows come from, and what is predicted.

    Attributes
    ----------
    kind, source : str
        A file (relative to the batch's folder), the id of an OpenML data set, or a callable as ``module:name``.
    arguments : mapping
        Of the callable.
    target : str or None
        None for the default target of OpenML, or where the callable returns ``(X, y)``.
    test : str or None
        File with the rows of the test, which the search never sees.
    holdout : float or None
        Share of the rows to keep back for the test, where `test` names none.
    """

    name: str
    kind: Kind
    source: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    target: str | None = None
    task: str = "auto"
    test: str | None = None
    holdout: float | None = None


@dataclass(frozen=True)
class Setting:
    """What is fitted: the search, or another estimator as ``module:Class``, and its parameters."""

    name: str
    estimator: str = "automl"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Resources:
    """What a job may use, or a runner has: cores, MiB of memory (None: unsaid) and seconds of wall clock."""

    n_jobs: int = 1
    memory: float | None = None
    time_limit: float | None = None


@dataclass(frozen=True)
class Job:
    """One table under one setting.

    Attributes
    ----------
    priority : int
        Larger first.
    retries : int
        How often the job is tried again after it failed.
    """

    table: Table
    setting: Setting
    resources: Resources = Resources()
    priority: int = 0
    retries: int = 2

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits of what is asked for; names, resources, priority and retries do not count.

        >>> table = Table("iris", "path", "iris.csv", target="species")
        >>> Job(table, Setting("quick")).id == Job(table, Setting("again"), priority=5).id
        True
        """
        what = asdict(self)
        asked = {
            "table": {name: value for name, value in what["table"].items() if name != "name"},
            "estimator": self.setting.estimator,
            "parameters": what["setting"]["parameters"],
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Name of the job and of its folder: table, setting, and the start of the id, which keeps it unique."""
        readable = f"{self.table.name}-{self.setting.name}"[:80]
        return f"{re.sub(r'[^A-Za-z0-9._-]+', '_', readable).lstrip('.')}-{self.id[:8]}"

    def to_json(self) -> str:
        """One line that `from_json` reads."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The job that `to_json` wrote."""
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
    """All jobs of one file.

    Attributes
    ----------
    name : str
        Keeps batches apart that share a store.
    folder : Path
        Relative paths start here, and modules beside the file are found here.
    queue : str
        Path of an SQLite file, or a URL.
    results : Path
        Folder of the results.
    """

    name: str
    folder: Path
    queue: str
    results: Path
    jobs: tuple[Job, ...] = ()
