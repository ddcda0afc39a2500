"""Both kinds of queues: SQLite in a file, and a real PostgreSQL server that runs as long as the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest


def _program(name: str) -> str | None:
    """Return the path of a program of the server, which is not on the PATH on Debian."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, versions), os.environ.get("PATH", "")]))


def _unprivileged() -> dict[str, object]:
    """Return arguments of `subprocess.run` for another user, because the server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    users = {user.pw_name: user for user in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgresql():
    """The URL of a server on a socket in a temporary directory; the server listens on no port."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None:
        reason = "PostgreSQL's server is not installed; on Debian: apt-get install postgresql"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    user = _unprivileged()
    # The path of a socket must be short, and other users cannot enter the temporary directory of pytest.
    folder = Path(tempfile.mkdtemp(prefix="automl-pg-"))
    if user:
        os.chown(folder, user["user"], user["group"])
    data, log = folder / "data", folder / "log"
    settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"

    def call(*command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, **user)
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    try:
        call(initdb, "-D", str(data), "-A", "trust", "-U", "automl", "--no-sync", "-E", "UTF8", "--locale=C")
        call(pg_ctl, "-D", str(data), "-l", str(log), "-w", "-t", "120", "-o", settings, "start")
        try:
            yield f"postgresql://automl@/postgres?host={folder}"
        finally:
            call(pg_ctl, "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """The place of a queue: an SQLite file, or a new database on the server."""
    if request.param == "sqlite":
        return str(tmp_path / "jobs.sqlite")
    return new_database(request.getfixturevalue("postgresql"))


def new_database(url: str) -> str:
    """Create an empty database and return its URL."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")
