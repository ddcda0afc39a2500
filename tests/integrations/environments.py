"""Virtual environments for programs whose pins do not suit ours, and processes of servers in them.

An environment is made once with pip, and reused by later test runs. It is in a folder that the environment variable
AUTOML_TEST_ENVIRONMENTS names, or in a folder below the system's folder for temporary files.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
SITE_PACKAGES = next(path for path in sys.path if path.endswith("site-packages"))


def environment(name: str, *requirements: str, shared: bool = False) -> Path:
    """Return the folder with the programs of a virtual environment.

    Parameters
    ----------
    shared : bool, default=False
        Whether the environment also finds the packages of the environment that runs the tests, after its own ones.
    """
    default = Path(tempfile.gettempdir()) / "automl-test-environments"
    folder = Path(os.environ.get("AUTOML_TEST_ENVIRONMENTS", default)) / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    wanted = "\n".join([sys.version, SITE_PACKAGES if shared else "", *requirements])
    done = folder / "requirements.done"
    with FileLock(folder.with_suffix(".lock")):
        if not done.exists() or done.read_text() != wanted:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
            install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements]
            subprocess.run(install, check=True, capture_output=True)
            if shared:
                (packages,) = (folder / "lib").glob("python*/site-packages")
                line = f"import site; site.addsitedir({SITE_PACKAGES!r})\n"
                (packages / "zz_shared.pth").write_text(line)
            done.write_text(wanted)
    return folder / "bin"


def free_port() -> int:
    """Return a port of this machine that no program uses now."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


@contextmanager
def serving(command, url, folder, seconds=120):
    """Run a server until the block ends; the block starts when the URL answers."""
    log = folder / "server.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=folder, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.2)
        yield process
    finally:
        end_group(process)


def end_group(process):
    """End a process that was started in a session of its own, with the processes that it has started."""
    for number in (15, 9):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            continue
