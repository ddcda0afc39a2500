"""The meta-database as a file: data sets, configurations, and the result of each configuration on each data set."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import lru_cache, wraps
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_data_dir

from meta_db.records import RANKED_BY, TASKS, DatasetRecord, EvaluationRecord, Results, mean_scores
from meta_db.schema import VERSION, migrate, read_version
from pipelines.component import TableTraits
from pipelines.configuration import Configuration

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
SHIPPED = Path(__file__).parent / "data" / "meta.sqlite"
_WAIT_TO_WRITE = 60.0  # seconds, for other writers
_WAIT_TO_READ = 2.0  # seconds, for a writer that commits: a search waits for this


def user_file() -> Path:
    """Return the path of the user's own meta-database.

    It is ``$AUTOML_MEMORY``, or ``memory.sqlite`` in the folder where the system keeps the user's data of programs.
    """
    named = os.environ.get("AUTOML_MEMORY")
    return Path(named) if named else Path(user_data_dir("cash-automl", appauthor=False)) / "memory.sqlite"


def database_files() -> list[Path]:
    """Return the shipped meta-database, and after it the user's own one if it exists.

    The user's own file is optional: if its folder may not be entered, this is logged and only the shipped file is
    returned.
    """
    own = user_file()
    try:
        return [SHIPPED, own] if own.exists() else [SHIPPED]
    except OSError as error:  # such as a home of another user
        logger.info("your own meta-database '%s' is not used: %s", own, error)
        return [SHIPPED]


class MetaDatabaseError(Exception):
    """A file cannot be used; the message names the file and the reason."""


def _decoding(method: Callable[Concatenate[MetaDatabase, P], T]) -> Callable[Concatenate[MetaDatabase, P], T]:
    """Decorate a method that decodes cells: a cell that cannot be decoded becomes a `MetaDatabaseError`."""

    @wraps(method)
    def read(self: MetaDatabase, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise MetaDatabaseError(f"meta-database '{self.path}' holds damaged cells: {error}") from error

    return read


class MetaDatabase:
    """A meta-database in one SQLite file.

    Parameters
    ----------
    path : Path
    writable : bool
        If True, a missing file is made, and an older file is migrated in place. If False, the file is never changed;
        unless it is the shipped one, its present content is read into RAM.

    Raises
    ------
    MetaDatabaseError
        If the file is missing, damaged or locked, belongs to another program, or has a newer version.
    """

    def __init__(self, path: Path, writable: bool = False):
        self.path = path
        self._shipped: int | None = None  # when the shipped file was changed; None for another file
        with self._clear_errors():
            if not writable and not path.exists():
                raise ValueError("there is no such file")
            if path == SHIPPED and not writable:
                self._shipped = path.stat().st_mtime_ns
            self._connection = _open_for_writing(path) if writable else _open_for_reading(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add_dataset(self, record: DatasetRecord) -> int:
        """Add a data set unless its fingerprint is known; return its number."""
        traits = record.traits
        # The columns that a user wants to be monotonic are no property of the table.
        kept = {name: value for name, value in asdict(traits).items() if name != "monotonic"}
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO dataset (name, fingerprint, family, task, n_rows, n_features, n_classes,"
                " openml_id, traits, qualities, target) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    record.name,
                    record.fingerprint,
                    record.family,
                    traits.task,
                    record.n_rows,
                    traits.n_features,
                    traits.n_classes,
                    record.openml_id,
                    json.dumps(kept),
                    json.dumps(dict(record.qualities)),
                    record.target.astype(np.float32).tobytes(),
                ),
            )
            return self._id("dataset", "fingerprint", record.fingerprint)

    def describe_dataset(self, dataset: int, qualities: Mapping[str, float]) -> None:
        """Replace the meta-features of a data set."""
        with self.transaction() as connection:
            connection.execute("UPDATE dataset SET qualities = ? WHERE id = ?", (json.dumps(dict(qualities)), dataset))

    @_decoding
    def is_described(self, dataset: int) -> bool:
        """Return whether the meta-features of a data set are known."""
        return bool(json.loads(self._all("SELECT qualities FROM dataset WHERE id = ?", (dataset,))[0][0]))

    def add_evaluation(
        self,
        dataset: int,
        configuration: Configuration,
        record: EvaluationRecord,
        origin: str,
        provenance: Mapping[str, Any],
    ) -> None:
        """Add a result in one transaction; an older result of the same configuration and data set is replaced.

        Parameters
        ----------
        dataset : int
            Number that `add_dataset` returned.
        origin : str
            Name of the source of the configuration, such as "meta" or "openml".
        provenance : mapping
            Versions, folds and limits, which are the same for many results.
        """
        content = json.dumps(dict(configuration), sort_keys=True)
        made_by = json.dumps(dict(provenance), sort_keys=True)
        with self.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO configuration (content, family, origin) VALUES (?, ?, ?)",
                (content, configuration.family, origin),
            )
            connection.execute("INSERT OR IGNORE INTO provenance (content) VALUES (?)", (made_by,))
            number = self._id("configuration", "content", content)
            connection.execute("DELETE FROM score WHERE dataset = ? AND configuration = ?", (dataset, number))
            connection.execute(
                "INSERT OR REPLACE INTO evaluation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    dataset,
                    number,
                    self._id("provenance", "content", made_by),
                    record.status,
                    record.reason,
                    record.seed,
                    record.fit_seconds,
                    record.predict_seconds,
                    record.peak_memory,
                    record.iterations,
                    record.sample,
                    record.own_memory,
                ),
            )
            connection.executemany(
                "INSERT INTO score VALUES (?, ?, ?, ?)",
                [
                    (dataset, number, metric, np.asarray(folds, dtype=np.float32).tobytes())
                    for metric, folds in record.scores.items()
                ],
            )

    def forget(self, name: str) -> int:
        """Remove a data set, its near-duplicates and all their results; return the number of removed data sets."""
        with self.transaction() as connection:
            same = "SELECT id FROM dataset WHERE family IN (SELECT family FROM dataset WHERE name = ?)"
            for table in ("score", "evaluation"):
                connection.execute(f"DELETE FROM {table} WHERE dataset IN ({same})", (name,))
            return connection.execute(f"DELETE FROM dataset WHERE id IN ({same})", (name,)).rowcount

    def save_correction(self, name: str, content: str) -> None:
        """Save a correction as text, in place of an older one of the same name; see `metalearning.correction`."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO lesson VALUES (?, ?)", (name, content))

    def load_correction(self, name: str) -> str | None:
        """Return the text that `save_correction` saved; None if there is none."""
        found = self._all("SELECT content FROM lesson WHERE name = ?", (name,))
        return found[0][0] if found else None

    def datasets(self, tasks: Sequence[str] = TASKS) -> list[tuple[int, DatasetRecord]]:
        """Return the data sets of some task types, with their numbers."""
        if self._shipped is not None:
            return list(_shipped_datasets(self.path, self._shipped, tuple(tasks)))
        return self._read_datasets(tasks)

    @_decoding
    def _read_datasets(self, tasks: Sequence[str]) -> list[tuple[int, DatasetRecord]]:
        placeholders = ", ".join("?" * len(tasks))
        rows = self._all(
            "SELECT id, name, fingerprint, family, n_rows, traits, qualities, target, openml_id FROM dataset"
            f" WHERE task IN ({placeholders}) ORDER BY id",
            tuple(tasks),
        )
        return [
            (
                number,
                DatasetRecord(
                    name,
                    fingerprint,
                    family,
                    n_rows,
                    _traits(traits),
                    json.loads(qualities),
                    np.frombuffer(target, dtype=np.float32),
                    openml_id,
                ),
            )
            for number, name, fingerprint, family, n_rows, traits, qualities, target, openml_id in rows
        ]

    @_decoding
    def configurations(self) -> list[tuple[int, Configuration]]:
        """Return all configurations, with their numbers."""
        rows = self._all("SELECT id, content FROM configuration ORDER BY id")
        return [(number, _configuration(content)) for number, content in rows]

    @_decoding
    def tried(self, dataset: int) -> set[Configuration]:
        """Return the configurations with a result on a data set, failures included."""
        rows = self._all(
            "SELECT content FROM configuration JOIN evaluation ON id = configuration WHERE dataset = ?", (dataset,)
        )
        return {_configuration(content) for (content,) in rows}

    @_decoding
    def results(self, tasks: Sequence[str] = TASKS) -> Results:
        """Return mean scores by the scorers of `RANKED_BY`, seconds and memory on all data sets of some task types."""
        datasets, configurations = self.datasets(tasks), self.configurations()
        row = {number: i for i, (number, _) in enumerate(datasets)}
        column = {number: i for i, (number, _) in enumerate(configurations)}
        scores = np.full((len(row), len(column)), np.nan)
        seconds, memory = np.full_like(scores, np.nan), np.full_like(scores, np.nan)
        for i, (number, record) in enumerate(datasets):
            read = self._all(
                "SELECT e.configuration, folds, fit_seconds, own_memory FROM evaluation e LEFT JOIN score s"
                " ON s.dataset = e.dataset AND s.configuration = e.configuration AND s.metric = ?"
                " WHERE e.dataset = ?",
                (RANKED_BY[record.traits.task], number),
            )
            places = [column[configuration] for configuration, *_ in read]
            seconds[i, places] = [np.nan if fit_seconds is None else fit_seconds for *_, fit_seconds, _ in read]
            memory[i, places] = [np.nan if own is None else own for *_, own in read]
            scored = [(column[configuration], _folds(data)) for configuration, data, *_ in read if data is not None]
            scores[i, [j for j, _ in scored]] = mean_scores([folds for _, folds in scored])
        return Results(datasets, configurations, scores, seconds, memory)

    def scores(self, dataset: int, metric: str) -> dict[Configuration, float]:
        """Return the mean score of each configuration on a data set, greater is better; see `fold_scores`."""
        if self._shipped is not None:
            return dict(_shipped_scores(self.path, self._shipped, dataset, metric))
        return self._read_scores(dataset, metric)

    def _read_scores(self, dataset: int, metric: str) -> dict[Configuration, float]:
        known = self.fold_scores(dataset, metric)
        return dict(zip(known, mean_scores(list(known.values())).tolist(), strict=True))

    @_decoding
    def fold_scores(self, dataset: int, metric: str) -> dict[Configuration, NDArray[np.float32]]:
        """Return the scores by fold of each configuration on a data set, NaN for a fold that was not run.

        Parameters
        ----------
        metric : str
            Name of the scorer. If the data set has no such scores, a scorer of `RANKED_BY` is used, or else accuracy,
            because OpenML has no log loss.
        """
        for name in (metric, *RANKED_BY.values(), "accuracy"):
            rows = self._all(
                "SELECT content, folds FROM score JOIN configuration ON id = configuration"
                " WHERE dataset = ? AND metric = ?",
                (dataset, name),
            )
            if rows:
                return {_configuration(text): _folds(data) for text, data in rows}
        return {}

    @_decoding
    def samples(self, dataset: int) -> dict[Configuration, bytes]:
        """Return the kept predictions of each configuration on a data set; see `meta_db.prediction_codec`."""
        rows = self._all(
            "SELECT content, sample FROM evaluation JOIN configuration ON id = configuration"
            " WHERE dataset = ? AND sample IS NOT NULL",
            (dataset,),
        )
        return {_configuration(content): data for content, data in rows}

    def info(self) -> dict[str, Any]:
        """Return ``n_datasets``, ``n_configurations``, ``n_evaluations``, ``bytes``, and counts by task and family."""
        counts = {
            f"n_{table}s": self._all(f"SELECT count(*) FROM {table}")[0][0]
            for table in ("dataset", "configuration", "evaluation")
        }
        by_task = self._all("SELECT task, count(*) FROM dataset GROUP BY task ORDER BY task")
        by_family = self._all(
            "SELECT family, count(DISTINCT id), count(*), total(status = 'ok') FROM evaluation"
            " JOIN configuration ON id = configuration GROUP BY family ORDER BY count(*) DESC, family"
        )
        return {
            **counts,
            "bytes": self.path.stat().st_size,
            "tasks": dict(by_task),
            "families": {
                family: {"n_configurations": n, "n_evaluations": total, "n_ok": int(ok)}
                for family, n, total, ok in by_family
            },
        }

    def compact(self) -> None:
        """Remove unused space from the file."""
        with self._clear_errors():
            self._connection.execute("VACUUM")

    def _id(self, table: str, column: str, value: str) -> int:
        return int(self._all(f"SELECT id FROM {table} WHERE {column} = ?", (value,))[0][0])

    def _all(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._clear_errors():
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all changes of a block, or none of them where the block raises an error.

        The transactions of methods that the block calls become a part of this one.
        """
        if self._connection.in_transaction:
            yield self._connection
            return
        with self._clear_errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, ValueError, OSError) as error:
            raise MetaDatabaseError(f"meta-database '{self.path}' cannot be used: {error}") from error


def _folds(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, dtype=np.float32)


def _open_for_writing(path: Path) -> sqlite3.Connection:
    """Return a connection to the file, which is made or migrated where necessary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_WAIT_TO_WRITE, isolation_level=None)
    with _closed_on_error(connection):
        migrate(connection)
    return connection


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that never changes the content of the file.

    The shipped file never changes, so it is read in place and without locks. Any other file may be written by another
    process at the same time, or that process may have been killed in the middle of a transaction. Such a file is copied
    into RAM under SQLite's lock: the reader then sees one committed state, and keeps no writer waiting.
    """
    if path == SHIPPED:
        shipped = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
        with _closed_on_error(shipped):
            if read_version(shipped) == VERSION:
                return shipped
            return _migrated_copy(shipped)
    # Not mode=ro: SQLite must be able to undo the half transaction of a killed process. Where the file may not be
    # written, SQLite opens it for reading.
    file = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=_WAIT_TO_READ, isolation_level=None)
    with closing(file):
        file.execute("BEGIN")
        read_version(file)  # takes the lock; without it, `backup` would wait for ever for another process's lock
        return _migrated_copy(file)


def _migrated_copy(file: sqlite3.Connection) -> sqlite3.Connection:
    """Return the content of a file in RAM, in the newest version."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    with _closed_on_error(copy):
        file.backup(copy)
        migrate(copy)
    return copy


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


@lru_cache(maxsize=10_000)
def _configuration(content: str) -> Configuration:
    """Decode a configuration; cached, because the same configurations occur on every data set."""
    return Configuration(json.loads(content))


# All fits of a program read the same parts of the shipped file.
@lru_cache(maxsize=20)
def _shipped_datasets(path: Path, changed: int, tasks: tuple[str, ...]) -> list[tuple[int, DatasetRecord]]:
    with MetaDatabase(path) as database:
        return database._read_datasets(tasks)


@lru_cache(maxsize=500)
def _shipped_scores(path: Path, changed: int, dataset: int, metric: str) -> dict[Configuration, float]:
    with MetaDatabase(path) as database:
        return database._read_scores(dataset, metric)


def _traits(text: str) -> TableTraits:
    values: dict[str, Any] = json.loads(text)  # earlier versions had fewer properties
    for name, value in values.items():
        if isinstance(value, list):
            values[name] = tuple(value)
    return TableTraits(**values)
