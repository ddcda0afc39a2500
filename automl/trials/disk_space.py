"""The disk of a run: one clear error or one warning where it has too little space, or cannot be written to."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from automl.errors import InvalidInputError
from automl.trials.endings import ended_early
from automl.trials.run_directory import OpenRun
from automl.trials.trial import Status, TrialResult

logger = logging.getLogger(__name__)

OWNER = "owner"  # the file that says whose a temporary folder is
TEMPORARY_REMEDY = "set the environment variable TMPDIR to a folder with more space, or name such a folder as store=..."
_MODELS = 2**20  # bytes of the smallest run beside its table
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_PERMITTED = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL = "no space is left on the disk of"


def check_free_space(folder: Path, table_bytes: int) -> None:
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
            f"needs {needed / 1e6:.1f} MB or more; {TEMPORARY_REMEDY}"
        )


@contextmanager
def disk_errors(folder: Path, *, is_temporary: bool) -> Iterator[None]:
    """Turn the error of a full disk, or of a folder without permission, into one that says how to fix it.

    Parameters
    ----------
    is_temporary : bool
        Whether the folder is one of `temporary_folder`, and not one that the user named.
    """
    try:
        yield
    except OSError as error:
        is_full = _is_full(error)
        if not is_full and error.errno not in _NOT_PERMITTED:
            raise
        path, space = _other_path(error, folder), ""
        if path:
            place, remedy = f"'{path}'", "free space there" if is_full else "permit writing there"
        else:
            place, remedy = f"the folder '{folder}'", _remedy(is_full, is_temporary)
            if is_full and os.path.exists(folder):
                space = f", {shutil.disk_usage(folder).free / 1e6:.1f} MB of disk space are free"
        raise InvalidInputError(f"{place} cannot be written to{space} ({error}); {remedy}") from error


def describe_full_disk(error: BaseException | None, folder: Path) -> str:
    """Return what to say of an error of a trial if its cause is a full disk; otherwise an empty text.

    The text is the same for all trials with files in the folder, so that their reasons can be counted. A trial does not
    know whether the folder is temporary, so that the text fits both.
    """
    if not _is_full(error):
        return ""
    if path := _other_path(error, folder):
        return f"{_FULL} '{path}'; free space there"
    return f"{_FULL} the folder '{folder}'; free space there, or name a folder with more space as store=..."


def on_node(reason: str, node: str) -> str:
    """Return the reason of a trial on a node of a cluster, which names the node if its cause is a full disk."""
    return f"{reason.partition('; ')[0]} on the node {node}; free space there" if reason.startswith(_FULL) else reason


class ResultRecorder:
    """Writes results into the run directory, and says once that the disk is full or cannot be written to.

    Of a trial that has failed because the disk is full, only the finished folds are written, so that a later session
    may run the others.

    Attributes
    ----------
    ending : str
        Why the search must end; empty while results and small models can be written.
    """

    def __init__(self, folder: Path, open_run: OpenRun | None):
        self._folder, self._open_run, self._has_warned = folder, open_run, False
        self.ending = ""

    def add(self, result: TrialResult, elapsed: float) -> None:
        """Write a result; `elapsed` are the seconds that all sessions of the run have used."""
        if result.reason.startswith(_FULL):
            self._notice(self._add_free(result.reason), ends=shutil.disk_usage(self._folder).free < _MODELS)
            if not result.folds:
                return
            finished = replace(result.trial, folds=tuple(result.folds))
            result = replace(result, trial=finished, status=Status.OK, reason="")
        if self._open_run is not None:
            try:
                with disk_errors(self._folder, is_temporary=False):
                    self._open_run.append(result, elapsed)
            except InvalidInputError as error:
                full, _, _ = describe_full_disk(error.__cause__, self._folder).partition("; ")
                remedy = _remedy(is_full=True, is_temporary=False)
                self._notice(f"{self._add_free(full)}; {remedy}" if full else str(error), ends=True)

    def _add_free(self, reason: str) -> str:
        """Return the reason of a full disk with the free space; that of another machine is not known."""
        free = shutil.disk_usage(self._folder).free / 1e6
        return reason.replace(f"'{self._folder}'", f"'{self._folder}' ({free:.0f} MB are free)", 1)

    def _notice(self, text: str, ends: bool) -> None:
        if ends:
            self.ending = ended_early(text.partition("; ")[0])
        if not self._has_warned:
            self._has_warned = True
            outcome = "ends early" if ends else "goes on with models that need less space"
            logger.warning("the search %s: %s", outcome, text)


def _is_full(error: BaseException | None) -> bool:
    if os.strerror(errno.ENOSPC) in str(error):  # also an error of a library, which may have types of its own
        return True
    if not isinstance(error, OSError):
        return False
    # NumPy could not write a whole array; its error has no number.
    return error.errno in _NO_SPACE or (error.errno is None and "requested and" in str(error))


def _other_path(error: BaseException | None, folder: Path) -> str:
    """Return the path that an error names if it is neither in the folder nor above it; otherwise an empty text."""
    name = getattr(error, "filename", None)
    if not isinstance(name, str | bytes | os.PathLike):
        return ""
    path, own = os.path.realpath(os.fsdecode(name)), os.path.realpath(folder)
    return "" if Path(path).is_relative_to(own) or Path(own).is_relative_to(path) else os.fsdecode(name)


def _remedy(is_full: bool, is_temporary: bool) -> str:
    if is_temporary and is_full:
        return TEMPORARY_REMEDY
    if is_temporary:
        return (
            "set the environment variable TMPDIR to a folder that you may write to, or name such a folder as store=..."
        )
    first = "free space there" if is_full else "permit writing there"
    return f"{first} and call fit again, which continues the run, or name another folder as store=..."
