"""The temporary folder of a run: enough space, one clear error where there is none, and no leftovers of killed runs."""

from __future__ import annotations

import errno
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
from meta_db.files import lock_file

logger = logging.getLogger(__name__)

_PREFIX = "automl-"
_LOCK, _OWNER = ".lock", "owner"
_MIN_AGE = 60.0  # seconds; a younger folder may be without the lock of its owner for a moment
_MODELS = 2**20  # bytes of the smallest run beside its table
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
        raise InvalidInputError(f"there is no folder for temporary files ({error}); {_remedy()}") from error
    remove_leftovers(base)
    check_space(base, table_bytes)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    except OSError as error:
        raise InvalidInputError(f"the temporary folder '{base}' cannot be written to ({error}); {_remedy()}") from error
    try:
        with disk_errors(folder):
            lock = lock_file(folder / _LOCK)
            (folder / _OWNER).write_text(f"{socket.gethostname()}\n{os.getpid()}")
        try:
            yield folder
        finally:
            lock.release()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_space(folder: Path, table_bytes: int) -> None:
    """Check that the disk of a folder has space for the table of a run and for a small model.

    Raises
    ------
    InvalidInputError
        If it has not; the error names the folder and the MB.
    """
    needed, free = table_bytes + _MODELS, shutil.disk_usage(folder).free
    if free < needed:
        raise InvalidInputError(
            f"no space on the disk of the folder '{folder}': {free / 1e6:.1f} MB are free, but a run on this table "
            f"needs {needed / 1e6:.1f} MB or more; {_remedy()}"
        )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the error of a full or read-only disk into one that names the folder and how to fix it."""
    try:
        yield
    except OSError as error:
        if error.errno not in (*_NO_SPACE, errno.EROFS, errno.EACCES) and not _is_short_write(error):
            raise
        free = shutil.disk_usage(folder).free / 1e6
        raise InvalidInputError(
            f"the folder '{folder}' cannot be written to, {free:.1f} MB of disk space are free ({error}); {_remedy()}"
        ) from error


def describe_full_disk(error: BaseException, folder: Path) -> str:
    """Return what to say of an error if its cause is a full disk; otherwise an empty text."""
    if not isinstance(error, OSError) or not (error.errno in _NO_SPACE or _is_short_write(error)):
        return ""
    return f"no space is left on the disk of the folder '{folder}'; {_remedy()}"


def remove_leftovers(base: Path) -> None:
    """Remove the folders of runs on this machine whose process was killed; never the folder of a living process."""
    with suppress(OSError):
        for entry in list(os.scandir(base)):
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError, ValueError, Timeout):
                    _remove_if_left(Path(entry.path))


def _remove_if_left(folder: Path) -> None:
    about = (folder / _OWNER).stat()
    host, pid = (folder / _OWNER).read_text().split("\n")
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


def _is_short_write(error: OSError) -> bool:
    """Return whether NumPy could not write a whole array; its error has no number."""
    return error.errno is None and "requested and" in str(error)


def _remedy() -> str:
    return "set the environment variable TMPDIR to a folder with more space, or name such a folder as store=..."
