"""Arrays on disk, in NumPy's format followed by a checksum, which NumPy does not read."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_MARK = b"crc32:"  # followed by the four bytes of the checksum; files of earlier versions end before it


def write_array(file: BinaryIO, array: Array, checked: bool = True) -> None:
    """Write an array into an open file.

    Parameters
    ----------
    checked : bool
        Whether a checksum follows, for a file that another process may read much later.
    """
    np.save(file, array)
    if checked:
        file.write(_MARK + _checksum(array))


def read_array(path: Path, mapped: bool = False, checked: bool = True) -> Array:
    """Read an array that `write_array` has written.

    Parameters
    ----------
    mapped : bool
        Whether to map the file into memory, read-only, instead of reading it.
    checked : bool
        Whether to compare the checksum, for which the whole file is read.

    Raises
    ------
    ValueError
        If the file is damaged, or has changed since it was written.
    OSError
        If there is no such file.
    """
    array: Array
    with path.open("rb") as file:
        array = np.load(path if mapped else file, mmap_mode="r" if mapped else None, allow_pickle=False)
        if mapped:
            file.seek(array.offset + array.nbytes)  # type: ignore[attr-defined]
        end = file.read() if checked else b""
    if end and end != _MARK + _checksum(array):
        raise ValueError(f"'{path.name}' has changed since it was written: its checksum does not match")
    return array


def _checksum(array: Array) -> bytes:
    """Return the checksum of the shape, the type and the content of an array."""
    start = zlib.crc32(f"{array.shape}{array.dtype.str}".encode())
    content = array.T if array.flags.f_contiguous else np.ascontiguousarray(array)
    return zlib.crc32(content.data, start).to_bytes(4, "big")
