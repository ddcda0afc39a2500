"""The tables of the queue, in SQLite or PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    func,
    inspect,
    literal_column,
    make_url,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from automl.errors import InvalidInputError, OtherVersionError

_METADATA = MetaData()
_PATIENCE = 30.0  # seconds to wait while another process writes
_SCHEMA_LOCK = 7236518  # an arbitrary number, the same in all processes that create the tables

BATCHES = Table(
    "automl_batches",
    _METADATA,
    Column("name", String(200), primary_key=True),
    Column("folder", Text, nullable=False),
    Column("results", Text, nullable=False),
)

JOBS = Table(
    "automl_jobs",
    _METADATA,
    Column("batch", String(200), primary_key=True),
    Column("id", String(12), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("position", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("n_jobs", Integer, nullable=False),
    Column("memory", Double, nullable=False),
    Column("state", String(12), nullable=False),
    Column("owner", String(200)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("failures", Integer, nullable=False, default=0),
    Column("lost_runners", Integer, nullable=False, default=0),
    Column("lease", Double),
    Column("ready_at", Double, nullable=False, default=0.0),
    Column("cancel", Boolean, nullable=False, default=False),
    Column("started", Double),
    Column("ended", Double),
    Column("reason", Text, nullable=False, default=""),
    Column("result", Text, nullable=False, default="{}"),
)
Index("automl_jobs_queue", JOBS.c.batch, JOBS.c.state, JOBS.c.priority, JOBS.c.position)

SCHEMA = Table("automl_schema", _METADATA, Column("version", Integer, primary_key=True))

VERSION = 2  # of the tables; each change of them adds a migration
# The statements that turn the tables of a version into those of the next one. Version 1 had no table with the version.
MIGRATIONS = {1: ("ALTER TABLE automl_jobs RENAME COLUMN losses TO lost_runners",)}


def connect(place: str, read_only: bool = False) -> Engine:
    """Return an engine for a database, in which the tables of this version exist.

    Parameters
    ----------
    place : str
        Path of an SQLite file, or URL of a PostgreSQL database.
    read_only : bool
        Whether the engine only reads: its transactions do not wait for the writers of an SQLite file, and do not stop
        them. Tables of an older version are then an error.

    Raises
    ------
    InvalidInputError
        If the database is neither SQLite nor PostgreSQL, cannot be opened, or is of a newer version. The message never
        shows a password.
    """
    url = _url(place)
    engine = _sqlite(url, read_only) if url.get_backend_name() == "sqlite" else _postgresql(url)
    try:
        with engine.begin() as connection:
            if read_only:
                _check_version(connection, url)
                return engine
            if engine.dialect.name == "postgresql":  # two processes cannot create the same table at once
                connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
            _migrate(connection, url)
    except DBAPIError as error:
        shown = url.render_as_string(hide_password=True)
        raise InvalidInputError(f"the queue '{shown}' cannot be opened: {error.orig}") from error
    return engine


def _check_version(connection: Connection, url: URL) -> None:
    """Check that the tables are of this version.

    Raises
    ------
    OtherVersionError
        If they are not.
    """
    found = inspect(connection)
    version = connection.scalar(select(SCHEMA.c.version)) if found.has_table(SCHEMA.name) else None
    if version != VERSION:
        raise OtherVersionError(
            f"the queue '{url.render_as_string(hide_password=True)}' is of another version of cash-automl; "
            "'automl jobs status' brings an older queue up to date"
        )


def _migrate(connection: Connection, url: URL) -> None:
    """Create the tables, or bring those of an older version up to date."""
    found = inspect(connection)
    version = VERSION
    if found.has_table(SCHEMA.name):
        version = connection.scalar(select(SCHEMA.c.version)) or VERSION
    elif found.has_table(JOBS.name):
        version = 1
    if version > VERSION:
        raise InvalidInputError(
            f"the queue '{url.render_as_string(hide_password=True)}' is of a newer version of cash-automl (tables of "
            f"version {version}, this version uses {VERSION}); upgrade cash-automl"
        )
    for number in range(version, VERSION):
        for statement in MIGRATIONS[number]:
            connection.execute(text(statement))
    _METADATA.create_all(connection)
    connection.execute(SCHEMA.delete())
    connection.execute(SCHEMA.insert().values(version=VERSION))


def now(engine: Engine) -> ColumnElement[float]:
    """Return the SQL expression for seconds since 1970 by the clock of the database."""
    sqlite_clock = "(julianday('now') - 2440587.5) * 86400.0"
    postgresql_clock = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
    return literal_column(f"({sqlite_clock if engine.dialect.name == 'sqlite' else postgresql_clock})", Double)


def insert(engine: Engine, table: Table) -> Any:
    """Return an INSERT statement that has ``on_conflict_do_nothing``."""
    return (sqlite if engine.dialect.name == "sqlite" else postgresql).insert(table)


def _url(place: str) -> URL:
    if "://" not in place:
        return URL.create("sqlite", database=place)
    try:
        url = make_url(place)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise InvalidInputError("store: the URL cannot be read; write postgresql://user@host/database") from None
    backend = url.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise InvalidInputError(
            f"store: {backend} is not supported; name a file (SQLite) or postgresql://user@host/database"
        )
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def _sqlite(url: URL, read_only: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        raise InvalidInputError("store: a queue in memory is lost when its process ends; name a file")
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(f"store: the folder of '{url.database}' cannot be created: {error.strerror}") from error
    engine = create_engine(url, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _open_to_read if read_only else _open_sqlite)
    event.listen(engine, "begin", _begin if read_only else _begin_immediate)
    return engine


def _open_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # `_begin_immediate` begins each transaction
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            # A commit then does not wait for the disk; it survives any kill, but not every power cut.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            return
        except sqlite3.OperationalError as error:  # SQLite does not wait for other processes when it changes the mode
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _open_to_read(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # `_begin` begins each transaction
    connection.execute("PRAGMA query_only=ON")


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Any) -> None:
    """Get the right to write first: a transaction that reads before it writes may get an error when it writes."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(url, pool_pre_ping=True)
    except ImportError as error:
        raise InvalidInputError(
            f"store: {url.drivername} needs {error.name}; pip install 'cash-automl[postgres]'"
        ) from error
