"""The tables of the meta-database, and the migrations from each older version to the newest.

The file format is SQLite: any language can open the file, a power cut does not damage it, one process can write while
others read, and a lookup reads only the pages that it needs. A Parquet file would have to be rewritten for each result;
DuckDB's files are larger, and DuckDB is one more dependency.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

APPLICATION_ID = 0x6D657461  # "meta"; other SQLite files have another number

# The entry at position i changes a file of version i to version i + 1; version 0 is an empty file.
MIGRATIONS = (
    """
    CREATE TABLE dataset (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        fingerprint TEXT NOT NULL UNIQUE,
        family TEXT NOT NULL,        -- near-duplicates share one; left out together in benchmarks of the database
        task TEXT NOT NULL,
        n_rows INTEGER NOT NULL,     -- number of rows of the whole table
        n_features INTEGER NOT NULL,
        n_classes INTEGER NOT NULL,
        openml_id INTEGER,
        traits TEXT NOT NULL,        -- traits of the rows that were used, as JSON
        qualities TEXT NOT NULL,     -- meta-features under OpenML's names, as JSON
        target BLOB NOT NULL         -- targets of the sampled rows, float32
    );
    CREATE TABLE configuration (
        id INTEGER PRIMARY KEY,
        content TEXT NOT NULL UNIQUE, -- hyperparameters, as JSON with sorted names
        family TEXT NOT NULL,
        origin TEXT NOT NULL
    );
    CREATE TABLE provenance (
        id INTEGER PRIMARY KEY,
        content TEXT NOT NULL UNIQUE -- versions of code and libraries, folds and limits, as JSON
    );
    CREATE TABLE evaluation (
        dataset INTEGER NOT NULL REFERENCES dataset,
        configuration INTEGER NOT NULL REFERENCES configuration,
        provenance INTEGER NOT NULL REFERENCES provenance,
        status TEXT NOT NULL,
        reason TEXT NOT NULL,
        seed INTEGER NOT NULL,
        fit_seconds REAL,            -- mean of a fold, one thread
        predict_seconds REAL,        -- mean of a fold
        peak_memory REAL,            -- MiB
        iterations REAL,             -- mean of a fold; only for models that stop early
        sample BLOB,                 -- out-of-fold predictions of the sampled rows, one byte each
        PRIMARY KEY (dataset, configuration)
    ) WITHOUT ROWID;
    CREATE TABLE score (
        dataset INTEGER NOT NULL,
        configuration INTEGER NOT NULL,
        metric TEXT NOT NULL,        -- name of a scikit-learn scorer; greater is better
        folds BLOB NOT NULL,         -- float32, one a fold; NaN where it was not run
        PRIMARY KEY (dataset, metric, configuration),
        FOREIGN KEY (dataset, configuration) REFERENCES evaluation
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE lesson (            -- what was fitted to all results, so that a run need not do it
        name TEXT PRIMARY KEY,
        content TEXT NOT NULL        -- JSON
    );
    """,
    """
    ALTER TABLE evaluation ADD COLUMN own_memory REAL; -- MiB that the fits added
    """,
)

VERSION = len(MIGRATIONS)


def read_version(connection: sqlite3.Connection) -> int:
    """Return the version of a file; 0 is a new, empty file.

    Raises
    ------
    ValueError
        If the file belongs to another program, or has a newer version.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if n_tables and application != APPLICATION_ID:
        raise ValueError("it is a database of another program")
    if version > VERSION:
        raise ValueError(f"it has version {version}, this program knows up to {VERSION}; upgrade cash-automl")
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file to the newest version; either all migrations are made or none.

    Several processes may do this at once: the version is read under the lock that the migration needs.

    Parameters
    ----------
    connection : sqlite3.Connection
        With ``isolation_level=None`` and without an open transaction.

    Raises
    ------
    ValueError
        If the file belongs to another program, or has a newer version.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = read_version(connection)
        if version < VERSION:
            for script in MIGRATIONS[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version={VERSION}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; `sqlite3.Connection.executescript` would commit before it begins."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
