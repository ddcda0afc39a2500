"""The temporary folder of a run: enough space, or one clear error, and no leftovers of killed runs."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import Timeout

from automl.errors import InvalidInputError
from automl.trials.disk_space import OWNER, TEMPORARY_REMEDY, check_free_space, disk_errors
from meta_db.files import lock_file

logger = logging.getLogger(__name__)

_PREFIX = "automl-"
_LOCK = ".lock"
_MIN_AGE = 60.0  # seconds; a younger folder may be without the lock of its owner for a moment


@contextmanager
def temporary_folder(table_bytes: int) -> Iterator[Path]:
    """Yield a new folder for the files of a run, which is removed when the block ends.

    The folder holds a lock until then. Folders whose owner was killed are removed first.

    Parameters
    ----------
    table_bytes : int
        Size of the table, which the run writes into the folder.

    Raises
    ------
    InvalidInputError
        If there is no folder for temporary files, or if it has too little space.
    """
    try:
        base = Path(tempfile.gettempdir())
    except OSError as error:
        raise InvalidInputError(f"there is no folder for temporary files ({error}); {TEMPORARY_REMEDY}") from error
    remove_leftovers(base)
    check_free_space(base, table_bytes)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    except OSError as error:
        raise InvalidInputError(
            f"the temporary folder '{base}' cannot be written to ({error}); {TEMPORARY_REMEDY}"
        ) from error
    try:
        with disk_errors(folder, is_temporary=True):
            lock = lock_file(folder / _LOCK)
            (folder / OWNER).write_text(f"{socket.gethostname()}\n{os.getpid()}")
        try:
            yield folder
        finally:
            lock.release()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(base: Path) -> None:
    """Remove the folders of runs on this machine whose process was killed; never the folder of a living process."""
    with suppress(OSError):
        for entry in list(os.scandir(base)):
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError, ValueError, Timeout):
                    _remove_if_left(Path(entry.path))


def _remove_if_left(folder: Path) -> None:
    about = (folder / OWNER).stat()
    host, pid = (folder / OWNER).read_text().split("\n")
    own = not hasattr(os, "getuid") or about.st_uid == os.getuid()
    if (
        not own
        or host != socket.gethostname()
        or time.time() - about.st_mtime < _MIN_AGE
        or psutil.pid_exists(int(pid))
    ):
        return
    lock = lock_file(folder / _LOCK)
    try:
        if lock.is_locked:  # some file systems have no locks
            shutil.rmtree(folder, ignore_errors=True)
            logger.info("removed '%s', which a killed process had left", folder)
    finally:
        lock.release()
