"""The tables of the database, and the steps from each older version of them to the newest.

SQLite: one file that any language opens, whole after a power cut, written by one process while others read; a lookup
touches only the pages it needs. Parquet would have to be written anew for each result, and DuckDB's files are larger
and another dependency.
"""

from __future__ import annotations

import sqlite3

APPLICATION_ID = 0x6D657461  # "meta": tells our files from other SQLite files

# Each entry brings a file from the version that is its position to the next; version 0 is an empty file.
STEPS = (
    """
    CREATE TABLE dataset (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        fingerprint TEXT NOT NULL UNIQUE,
        family TEXT NOT NULL,        -- near-duplicates share one; left out together when the memory is judged
        task TEXT NOT NULL,
        n_rows INTEGER NOT NULL,     -- of the whole table
        n_features INTEGER NOT NULL,
        n_classes INTEGER NOT NULL,
        openml_id INTEGER,
        traits TEXT NOT NULL,        -- of the rows that were used, as JSON
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
        iterations REAL,             -- mean of a fold, of what stops early
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
    CREATE TABLE lesson (            -- what was learnt from all results together, so that a run need not
        name TEXT PRIMARY KEY,
        content TEXT NOT NULL        -- JSON
    );
    """,
    """
    ALTER TABLE evaluation ADD COLUMN own_memory REAL; -- MiB of the peak that came with the fits
    """,
)

VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file to the newest version; all steps or none.

    Raises
    ------
    ValueError
        If the file is of another program, or of a newer version.
    """
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if n_tables and mark != APPLICATION_ID:
        raise ValueError("it is a database of another program")
    if version > VERSION:
        raise ValueError(f"it has version {version}, this program knows up to {VERSION}; upgrade cash-automl")
    if version == VERSION:
        return
    steps = "".join(STEPS[version:])
    connection.executescript(
        f"BEGIN IMMEDIATE; {steps} PRAGMA user_version={VERSION}; PRAGMA application_id={APPLICATION_ID}; COMMIT;"
    )
