"""File descriptors of this process: one clear error where too few are free for the worker processes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from automl.errors import InvalidInputError

_FEWEST = 8  # for the fork server, one worker process and the files of a run
_TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)


@contextmanager
def descriptor_errors() -> Iterator[None]:
    """Turn the error of a process without free file descriptors into one that says how to get more of them."""
    try:
        yield
    except OSError as error:
        if error.errno not in _TOO_MANY_OPEN:
            raise
        raise InvalidInputError(
            f"this process has too many open files to start worker processes ({error.strerror}); close some files, or "
            "raise the limit in the shell before the program starts: ulimit -n 4096"
        ) from error


def check_free_descriptors() -> None:
    """Check that this process can open the files that the smallest run needs.

    Raises
    ------
    InvalidInputError
        If it cannot.
    """
    opened: list[int] = []
    try:
        with descriptor_errors():
            for _ in range(_FEWEST):
                opened.append(os.open(os.devnull, os.O_RDONLY))
    finally:
        for descriptor in opened:
            os.close(descriptor)
