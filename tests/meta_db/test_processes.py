"""A database file that several processes use, one of which may be killed or stopped."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing import get_context

import numpy as np
import psutil
import pytest

from meta_db.records import DatasetRecord
from meta_db.schema import VERSION
from meta_db.store import SHIPPED, MetaDatabase, MetaDatabaseError, database_files
from pipelines.component import TableTraits

N_DATASETS = 300
# A transaction that is larger than the cache of its process: SQLite then writes pages into the file before the commit.
HALF_A_TRANSACTION = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size=1")
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE dataset SET name = 'uncommitted'")
print("ready", flush=True)
time.sleep(60)
"""


def make_dataset(i):
    traits = TableTraits("binary", 90, 3, n_classes=2)
    return DatasetRecord(f"d{i}", f"mark {i}", f"d{i}", 90, traits, {"NumberOfFeatures": 3.0}, np.zeros(500))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "memory.sqlite"
    with MetaDatabase(path, writable=True) as database:
        for i in range(N_DATASETS):
            database.add_dataset(make_dataset(i))
    return path


@pytest.fixture
def path(original, tmp_path):
    return shutil.copy(original, tmp_path / "memory.sqlite")


@contextmanager
def half_written(path):
    """Another process that is in the middle of a transaction on the file."""
    writer = subprocess.Popen([sys.executable, "-c", HALF_A_TRANSACTION, str(path)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout.readline() == b"ready\n"
        assert b"uncommitted" in path.read_bytes()  # the test means nothing otherwise
        yield writer
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()


def names(database):
    return {record.name for _, record in database.datasets()}


def test_what_a_killed_process_had_not_committed_is_not_read(path):
    with half_written(path) as writer:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        with MetaDatabase(path) as database:
            assert "uncommitted" not in names(database)
            assert len(names(database)) == N_DATASETS


@pytest.mark.slow
def test_pages_of_a_transaction_that_is_running_are_not_read(path):
    with half_written(path), pytest.raises(MetaDatabaseError, match="locked"), MetaDatabase(path) as database:
        names(database)


def test_a_reader_sees_one_state_and_keeps_no_writer_waiting(path):
    with MetaDatabase(path) as reader, MetaDatabase(path, writable=True) as writer:
        before = names(reader)
        start = time.monotonic()
        writer.forget("d0")
        assert time.monotonic() - start < 10  # a writer waits for a minute before it gives up
        assert names(reader) == before
    with MetaDatabase(path) as reader:
        assert names(reader) == before - {"d0"}


def test_a_file_that_may_not_be_written_is_read(path):
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        with MetaDatabase(path) as database:
            assert len(names(database)) == N_DATASETS
    finally:
        path.parent.chmod(0o700)


def write_first(paths, start, i, ended):
    errors = []
    for path in paths:
        start.wait(50)
        try:
            with MetaDatabase(path, writable=True) as database:
                database.add_dataset(make_dataset(i))
        except MetaDatabaseError as error:
            errors.append(str(error))
    ended.put(errors)


@pytest.mark.slow
def test_several_first_writers_at_once_all_succeed(tmp_path):
    context, n = get_context("spawn"), 3
    paths = [tmp_path / f"{attempt}.sqlite" for attempt in range(10)]
    start, ended = context.Barrier(n), context.Queue()
    writers = [context.Process(target=write_first, args=(paths, start, i, ended)) for i in range(n)]
    for writer in writers:
        writer.start()
    assert [ended.get(timeout=60) for _ in writers] == [[]] * n
    for writer in writers:
        writer.join()
    for path in paths:
        with MetaDatabase(path) as database:
            assert names(database) == {f"d{i}" for i in range(n)}


def test_a_writer_that_waited_for_the_first_one_finds_its_tables(tmp_path):
    whole, path = tmp_path / "whole.sqlite", tmp_path / "new.sqlite"
    with MetaDatabase(whole, writable=True):
        pass
    with closing(sqlite3.connect(whole)) as source:
        numbers = {name: source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id")}
        tables = list(source.iterdump())[1:-1]  # without BEGIN and COMMIT

    def write_second():
        with MetaDatabase(path, writable=True) as database:
            database.add_dataset(make_dataset(0))

    with closing(sqlite3.connect(path, isolation_level=None)) as first, ThreadPoolExecutor(1) as pool:
        first.execute("BEGIN IMMEDIATE")
        second = pool.submit(write_second)
        time.sleep(0.5)  # the second writer waits for the lock by now
        for statement in (*tables, *(f"PRAGMA {name}={number}" for name, number in numbers.items())):
            first.execute(statement)
        first.execute("COMMIT")
        second.result()


def open_files(path):
    return [file.path for file in psutil.Process().open_files() if file.path == str(path)]


@pytest.mark.parametrize("writable", [True, False])
def test_a_refused_file_is_closed_at_once(path, writable):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version={VERSION + 1}")
    refusal = None
    try:
        MetaDatabase(path, writable=writable)
    except MetaDatabaseError as error:
        refusal = error  # holds the traceback, and with it all local variables
    assert refusal is not None
    assert open_files(path) == []


def test_an_older_file_is_closed_after_it_was_copied(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"ALTER TABLE evaluation DROP COLUMN own_memory; PRAGMA user_version={VERSION - 1};")
    with MetaDatabase(path) as database:
        assert len(names(database)) == N_DATASETS
        assert open_files(path) == []


def test_a_folder_that_may_not_be_made_gives_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MetaDatabaseError, match=r"meta\.sqlite.*cannot be used"):
        MetaDatabase(tmp_path / "file" / "meta.sqlite", writable=True)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_home_that_may_not_be_entered_does_not_end_a_program(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.delenv("AUTOML_MEMORY", raising=False)
    os.seteuid(12345)
    try:
        assert database_files() == [SHIPPED]
    finally:
        os.seteuid(0)
