"""Arrays in the safetensors format: eight bytes with the length of a header, the header as JSON, and the numbers.

We write and read the format ourselves, because the library copies all numbers several times. Files of this module can
be read with the library, and the other way round. https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from pipelines.storage.errors import StorageError

_NAMES = {
    "bool": "BOOL", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "uint8": "U8", "uint16": "U16",
    "uint32": "U32", "uint64": "U64", "float16": "F16", "float32": "F32", "float64": "F64",
}  # fmt: skip
_DTYPES = {name: np.dtype(dtype).newbyteorder("<") for dtype, name in _NAMES.items()}


@dataclass(frozen=True)
class Stack:
    """An array in parts, which lie one below the other; each part is C-contiguous and of the same dtype."""

    parts: Sequence[np.ndarray]
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of all parts."""
        return self.parts[0].dtype

    @property
    def nbytes(self) -> int:
        """The number of bytes of all parts."""
        return sum(part.nbytes for part in self.parts)


def is_plain(dtype: np.dtype[Any]) -> bool:
    """Return whether the format has this dtype."""
    return dtype.isnative and dtype.name in _NAMES


def write(file: IO[bytes], tensors: Mapping[str, Stack]) -> None:
    """Write arrays; numbers of large types come first, so that every array is aligned."""
    ordered = sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize)
    header: dict[str, Any] = {}
    start = 0
    for name, tensor in ordered:
        end = start + tensor.nbytes
        header[name] = {
            "dtype": _NAMES[tensor.dtype.name], "shape": list(tensor.shape), "data_offsets": [start, end]
        }  # fmt: skip
        start = end
    content = json.dumps(header, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    file.write(len(content).to_bytes(8, "little") + content)
    for _, tensor in ordered:
        for part in tensor.parts:
            if part.nbytes:
                file.write(part.data.cast("B"))


def read(data: bytearray) -> dict[str, np.ndarray]:
    """Return the arrays, which share the memory of `data`.

    Raises
    ------
    StorageError
        If the header contradicts the length of the data.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise StorageError("the content is damaged: the arrays have no header")
    header, numbers = json.loads(bytes(data[8 : 8 + length])), len(data) - 8 - length
    arrays = {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        dtype, shape, (start, end) = _DTYPES[about["dtype"]], tuple(about["shape"]), about["data_offsets"]
        if min(shape, default=0) < 0 or not 0 <= start <= end <= numbers:
            raise StorageError(f"the content is damaged: array '{name}' is outside of the file")
        if math.prod(shape) * dtype.itemsize != end - start:
            raise StorageError(f"the content is damaged: the size of array '{name}' does not fit its shape")
        arrays[name] = np.frombuffer(data, dtype, math.prod(shape), 8 + length + start).reshape(shape)
    return arrays
