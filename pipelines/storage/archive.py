"""An archive holds one object, usually a fitted pipeline, in a zip file that can be read without trust in its writer.

The entries of the archive:

- ``objects.json``: the objects and their attributes, and the names of their types. `pipelines.storage.encode` describes
  the JSON.
- ``arrays.safetensors``: all arrays of numbers, for example the weights of a network.
- ``lightgbm-0.txt``, ``xgboost-0.ubj``, ``catboost-0.cbm``: boosters, in the formats of their libraries.

Reading an archive runs no pickle. It makes only objects of types that this package names in
`pipelines.storage.trusted`, or that the caller names. The entries are not compressed, so that no archive needs more
memory than a few times its size on the disk.

We do not use skops for scikit-learn's parts, because its import takes 2.0 s and imports torch, and because a forest of
500 trees takes 0.6 s to write and 0.4 s to read. With this module it takes a twentieth of that.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from typing import IO, Any

import pipelines.storage.tensors as tensors
from pipelines.storage.decode import Decoder, check_trusted
from pipelines.storage.encode import Encoder
from pipelines.storage.errors import StorageError

FORMAT = 1
_OBJECTS, _ARRAYS = "objects.json", "arrays.safetensors"
_LOCAL_HEADER = 30  # bytes before the name of an entry
_LEAST_ITEMS, _ITEMS_PER_BYTE = 100_000, 10  # of lists with equal items, which take no bytes for each item
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of zip; equal models have equal archives


def dump(value: Any, external: Mapping[int, str] | None = None) -> bytes:
    """Return an archive of a value.

    Parameters
    ----------
    value : object
        A fitted estimator, or any value of plain types, arrays and objects of trusted types.
    external : mapping of int to str, optional
        Names of objects, by ``id(object)``, that the archive refers to by name. The caller keeps these objects, and
        passes them to `load`.

    Raises
    ------
    StorageError
        If the value holds an object that cannot be written, for example a lambda or an open file. The message says
        where.
    """
    buffer = io.BytesIO()
    write(value, buffer, external)
    return buffer.getvalue()


def write(
    value: Any,
    file: IO[bytes],
    external: Mapping[int, str] | None = None,
    strict: bool = False,
    trusted: Collection[str] = (),
) -> None:
    """Write an archive of a value into an open file; see `dump`.

    Parameters
    ----------
    strict : bool
        Whether to refuse a type that `load` does not trust. Without this, `load` refuses it.
    trusted : collection of str
        Names of further types and functions that are not refused.

    Raises
    ------
    UntrustedError
        If `strict` is True, and the value holds an object of another type.
    """
    encoder = Encoder(external or {})
    root = encoder.encode(value)
    if strict:
        check_trusted(encoder.type_names, trusted)
    content = {"format": FORMAT, "types": encoder.type_names, "root": root}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_OBJECTS, _EPOCH), json.dumps(content, allow_nan=False, separators=(",", ":")))
        if encoder.arrays:
            with archive.open(zipfile.ZipInfo(_ARRAYS, _EPOCH), "w", force_zip64=True) as entry:
                tensors.write(entry, encoder.arrays)
        for name, booster in encoder.files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), booster)


def load(data: bytes, trusted: Collection[str] = (), external: Mapping[str, Any] | None = None) -> Any:
    """Return the value of an archive.

    Parameters
    ----------
    data : bytes
        The result of `dump`.
    trusted : collection of str
        Names of further types and functions that may be imported and made, for example
        ``"my_package.models.MyModel"``.
    external : mapping of str to object, optional
        The objects that the archive refers to by name.

    Raises
    ------
    StorageError
        If the archive is damaged, or names a type that is neither trusted by this package nor in `trusted`.
    """
    try:
        content, entries = _read(data)
        most_items = _LEAST_ITEMS + _ITEMS_PER_BYTE * len(data)
        decoder = Decoder(
            content["types"], _arrays(entries), entries, trusted, {} if external is None else external, most_items
        )
        return decoder.decode(content["root"])
    except StorageError:
        raise
    except ImportError as error:  # a library of the model is not installed
        raise StorageError(f"{error}; install the libraries that the model needs") from error
    except Exception as error:
        # Damaged content may raise any error in zipfile, json, safetensors, the boosters or scikit-learn.
        raise StorageError(f"the content is damaged ({type(error).__name__}: {error})") from error


def named_types(data: bytes) -> list[str]:
    """Return the names of the types in an archive, without importing them.

    Raises
    ------
    StorageError
        If the archive is damaged.
    """
    try:
        return [".".join(name) for name in _read(data)[0]["types"]]
    except StorageError:
        raise
    except Exception as error:
        raise StorageError(f"the content is damaged ({type(error).__name__}: {error})") from error


def _read(data: bytes) -> tuple[dict[str, Any], dict[str, memoryview]]:
    """Return the parsed JSON and the other entries, which are parts of `data`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        found = archive.infolist()
    if len({entry.filename for entry in found}) < len(found):
        raise StorageError("the content is damaged: an entry occurs twice")
    entries = {entry.filename: _content(data, entry) for entry in found}
    content = json.loads(bytes(entries.pop(_OBJECTS)))
    if content["format"] != FORMAT:
        raise StorageError(f"the archive has format {content['format']}; this version reads format {FORMAT}")
    return content, entries


def _content(data: bytes, entry: zipfile.ZipInfo) -> memoryview:
    """Return the bytes of an entry without a copy; `zipfile` would copy them several times."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise StorageError(f"the entry '{entry.filename}' is not stored as it is")
    start = entry.header_offset
    lengths = struct.unpack_from("<HH", data, start + 26)  # of the name and of the extra field of the local header
    start += _LOCAL_HEADER + sum(lengths)
    content = memoryview(data)[start : start + entry.file_size]
    if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
        raise StorageError(f"the content is damaged: the checksum of '{entry.filename}' is wrong")
    return content


def _arrays(entries: dict[str, memoryview]) -> dict[str, Any]:
    return tensors.read(bytearray(entries.pop(_ARRAYS))) if _ARRAYS in entries else {}
