"""Atomic writing, and locks.

Atomic writing means that a file or a folder is either the old one or the new one, also after a kill or a full disk. The
new content is written beside its place, under a hidden name that ends in ``.partial``, and then takes the place of
the old content by renaming. A killed process may leave such a hidden file or folder behind; nobody reads it.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")  # a blank, tab, line feed or backslash in a path of the file
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # of a file system that has no locks


@contextmanager
def replace_file(path: str | os.PathLike[str], durable: bool = True) -> Iterator[Path]:
    """Yield the path of a temporary file in the same folder, which replaces `path` when the block ends.

    If the block raises, the temporary file is removed and `path` stays as it was. Several processes may replace the
    same file at once: each uses a temporary file of its own, and the last one wins. A symbolic link stays a link; the
    file that it points to is replaced. The new file has the permissions of the old one. Where `path` is no file, such
    as a pipe, nothing can be replaced, and `path` itself is yielded.

    Parameters
    ----------
    path : str or path-like
    durable : bool
        Whether to wait until the content is on the disk, so that it also survives a power cut.

    Raises
    ------
    OSError
        If the folder does not exist, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with replace_file(target) as partial:
    ...     _ = partial.write_text("all of it")
    >>> target.read_text()
    'all of it'
    """
    try:
        old = os.stat(path).st_mode  # before the links are followed: /dev/stdout may point to a pipe without a path
    except OSError:
        old = None
    if old is not None and not stat.S_ISREG(old):
        yield Path(path)
        return
    final = Path(os.path.realpath(path))
    partial = _partial_name(final)
    try:
        yield partial
        if durable:
            _flush_to_disk(partial)
        if old is not None:
            partial.chmod(stat.S_IMODE(old))
        os.replace(partial, final)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace the content of a file, or create the file, in one step; see `replace_file`."""
    with replace_file(path) as partial:
        partial.write_bytes(content)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Replace the text of a file, or create the file, in one step and in UTF-8; see `replace_file`."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def replace_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder beside `path`, empty, which replaces `path` when the block ends.

    If the block raises, the temporary folder is removed and `path` stays as it was. No system replaces a folder in one
    step. Therefore the old folder is renamed first and removed last. If the process is killed between the two, the
    old folder still exists under its second name, and `find_folder` finds it. Missing parent folders are made.

    Raises
    ------
    OSError
        If a file cannot be written, or a folder cannot be renamed.
    """
    final = Path(os.path.realpath(path))
    final.parent.mkdir(parents=True, exist_ok=True)
    partial, old = _partial_name(final), _old_name(final)
    partial.mkdir()
    try:
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                _flush_to_disk(file)
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)  # of an earlier process that was killed
            os.rename(final, old)
        try:
            os.rename(partial, final)
        except BaseException:
            if old.exists() and not final.exists():
                os.rename(old, final)
            raise
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)


def find_folder(path: str | os.PathLike[str]) -> Path:
    """Return the folder that holds the content of `path`.

    This is `path` as it was given, except after a process was killed in the last moment of `replace_folder`: then it is
    the old folder under its second name.
    """
    final = Path(os.path.realpath(path))
    old = _old_name(final)
    return old if old.is_dir() and not final.exists() else Path(path)


def is_mount_point(path: str | os.PathLike[str]) -> bool:
    """Return whether something is mounted at a path, also a folder of the same file system, which `ismount` misses.

    `replace_folder` cannot rename such a folder.
    """
    final = os.path.realpath(path)
    try:
        lines = _MOUNTS.read_bytes().split(b"\n")
    except OSError:  # only Linux has the file
        return os.path.ismount(final)
    places = (line.split(b" ")[4] for line in lines if line.count(b" ") > 4)
    return os.fsencode(final) in {_OCTAL.sub(lambda found: bytes([int(found[1], 8)]), place) for place in places}


def lock_file(path: str | os.PathLike[str], timeout: float = 0.0) -> FileLock:
    """Lock a file, which is made if it is missing, and return the lock; its method `release` ends it.

    The system also ends the lock when the process ends. On a file system without locks nothing is locked.

    Parameters
    ----------
    path : str or path-like
    timeout : float
        Seconds to wait for another process that has locked the file.

    Raises
    ------
    filelock.Timeout
        If the file stays locked, by another process or by this one.
    OSError
        If the file cannot be opened.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        raise
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        logger.debug("'%s' cannot be locked, so a second user of the folder is not noticed: %s", path, error)
    return lock


def _partial_name(final: Path) -> Path:
    return final.with_name(f".{final.name}.{secrets.token_hex(4)}.partial")


def _old_name(final: Path) -> Path:
    return final.with_name(f".{final.name}.old")


def _flush_to_disk(path: Path) -> None:
    """Wait until the content of a file is on the disk, so that a power cut cannot leave a renamed but empty file."""
    # Windows waits only for files that may be written; elsewhere the file may be read-only by now.
    file = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
