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
from automl.trials.run_directory import RunDirectory
from automl.trials.trial import Status, TrialResult

logger = logging.getLogger(__name__)

OWNER = "owner"  # the file that says whose a temporary folder is
TEMPORARY_REMEDY = "set the environment variable TMPDIR to a folder with more space, or name such a folder as store=..."
_MODELS = 2**20  # bytes of the smallest run beside its table
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_PERMITTED = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL = "no space is left on the disk of the folder"


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
            f"needs {needed / 1e6:.1f} MB or more; {TEMPORARY_REMEDY}"
        )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn the error of a full disk, or of a folder without permission, into one that says how to fix it."""
    try:
        yield
    except OSError as error:
        if _is_full(error):
            known = os.path.exists(folder)
            space = f", {shutil.disk_usage(folder).free / 1e6:.1f} MB of disk space are free" if known else ""
            remedy = _space_remedy(folder)
        elif error.errno in _NOT_PERMITTED:
            space, remedy = "", _permission_remedy(folder)
        else:
            raise
        raise InvalidInputError(f"the folder '{folder}' cannot be written to{space} ({error}); {remedy}") from error


def describe_full_disk(error: BaseException | None, folder: Path) -> str:
    """Return what to say of an error if its cause is a full disk; otherwise an empty text.

    The text is the same for all trials, so that their reasons can be counted.
    """
    return f"{_FULL} '{folder}'; {_space_remedy(folder)}" if _is_full(error) else ""


class ResultRecorder:
    """Writes results into the run directory, and says once that the disk is full or cannot be written to.

    Of a trial that has failed because the disk is full, only the finished folds are written, so that a later session
    may run the others.

    Attributes
    ----------
    ending : str
        Why the search must end; empty while results and small models can be written.
    """

    def __init__(self, folder: Path, directory: RunDirectory | None):
        self._folder, self._directory, self._has_warned = folder, directory, False
        self.ending = ""

    def add(self, result: TrialResult, elapsed: float) -> None:
        """Write a result; `elapsed` are the seconds that all sessions of the run have used."""
        if result.reason.startswith(_FULL):
            self._notice(self._add_free(result.reason), ends=shutil.disk_usage(self._folder).free < _MODELS)
            if not result.folds:
                return
            finished = replace(result.trial, folds=tuple(result.folds))
            result = replace(result, trial=finished, status=Status.OK, reason="")
        if self._directory is not None:
            try:
                with disk_errors(self._folder):
                    self._directory.append(result, elapsed)
            except InvalidInputError as error:
                full = describe_full_disk(error.__cause__, self._folder)
                self._notice(self._add_free(full) if full else str(error), ends=True)

    def _add_free(self, reason: str) -> str:
        """Return the reason of a full disk with the free space; that of another machine is not known."""
        free = shutil.disk_usage(self._folder).free / 1e6
        return reason.replace(f"'{self._folder}'", f"'{self._folder}' ({free:.0f} MB are free)", 1)

    def _notice(self, text: str, ends: bool) -> None:
        if ends:
            self.ending = f"ended early: {text.partition('; ')[0]}"
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


def _space_remedy(folder: Path) -> str:
    if _is_temporary(folder):
        return TEMPORARY_REMEDY
    return "free space there and call fit again, which continues the run, or name another folder as store=..."


def _permission_remedy(folder: Path) -> str:
    if _is_temporary(folder):
        return (
            "set the environment variable TMPDIR to a folder that you may write to, or name such a folder as store=..."
        )
    return "permit writing there and call fit again, which continues the run, or name another folder as store=..."


def _is_temporary(folder: Path) -> bool:
    # Path.exists raises an error where the permission to look into the folder is missing.
    return os.path.exists(folder / OWNER) or not os.path.exists(folder)
