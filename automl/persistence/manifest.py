"""The manifest of a saved model, ``manifest.json``: what the model is, and the checksum of every file."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from automl.errors import InvalidInputError
from automl.refit.rows import ROWS_FILE
from meta_db.files import is_mount_point

FORMAT = 3  # rises when saved models of earlier versions cannot be read any more
MANIFEST, ARGUMENTS, ESTIMATOR, SEARCH = "manifest.json", "arguments.zip", "estimator.zip", "search.zip"
CARD, REQUIREMENTS, MODELS = "README.md", "requirements.txt", "models"
FOR_PEOPLE = (CARD, REQUIREMENTS)  # files that load does not read, so that people may edit them
_OLD_MANIFEST = "about.json"  # of the formats 1 and 2
_NAMES = {MANIFEST, ARGUMENTS, ESTIMATOR, SEARCH, ROWS_FILE, CARD, REQUIREMENTS, MODELS, _OLD_MANIFEST, "model.pkl"}
_LARGEST = 2**26  # bytes of a manifest; one of a table with 100,000 columns has about 2**24
_BASIC = ("cash-automl", "scikit-learn", "numpy", "pandas", "scipy")  # libraries that every model needs
_LIBRARIES = ("cash-automl", "scikit-learn", "numpy", "pandas", "lightgbm", "xgboost", "catboost", "torch")


def library_versions(names: Iterable[str] = _LIBRARIES) -> dict[str, str]:
    """Return the installed versions of libraries; libraries that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except (importlib.metadata.PackageNotFoundError, ValueError):  # ValueError: a manifest may hold an empty name
            continue
    return found


def versions_for(libraries: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of the libraries that a model depends on."""
    return {"python": platform.python_version(), **library_versions((*_BASIC, *libraries))}


def check_place(folder: Path) -> None:
    """Check that a model can be saved in a folder, before a fit spends minutes on the model.

    Raises
    ------
    InvalidInputError
        If the path exists and is not a saved model, or if it cannot be written or replaced.
    """
    refuse_mount_point(folder)
    others = {file.name for file in folder.iterdir()} - _NAMES if folder.is_dir() else set()
    if folder.is_file() or others:
        what = f"holds '{min(others)}' and" if others else "exists and"
        raise InvalidInputError(f"'{folder}' {what} is not a saved model; name another path")
    if folder.exists() and any(folder.iterdir()) and not _is_model(folder):
        raise InvalidInputError(f"'{folder}' exists and is not a saved model; name another path")
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not takes_files(parent):
        raise InvalidInputError(f"'{folder}' cannot be written: '{parent}' is no folder that takes files")


def refuse_mount_point(folder: Path) -> None:
    """Raise an error if a folder is a mount point, such as a volume of a container: no system renames it.

    Raises
    ------
    InvalidInputError
        If something is mounted at the path.
    """
    if is_mount_point(folder):
        raise InvalidInputError(
            f"'{folder}' is a mount point, which cannot be replaced; name a folder in it, such as '{folder / 'model'}'"
        )


def takes_files(path: Path) -> bool:
    """Return whether a folder accepts new files; a trial file decides, because permissions are not the only reason."""
    try:
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def _is_model(folder: Path) -> bool:
    return any(_read_format(folder / name) is not None for name in (MANIFEST, _OLD_MANIFEST))


def _read_format(path: Path) -> int | None:
    """Return the format number in a manifest of any format; None for another file."""
    try:
        if not path.is_file():  # a pipe or a device may have no end
            return None
        with path.open(encoding="utf-8") as file:
            content = json.loads(file.read(_LARGEST))
        return int(content["format"]) if isinstance(content["versions"], dict) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def checksum(content: bytes) -> str:
    """Return the SHA-256 checksum of the content of a file."""
    return hashlib.sha256(content).hexdigest()


def describe_file(path: Path) -> dict[str, Any]:
    """Return the size and the checksum of a file."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": found}


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest, with its own checksum."""
    text = json.dumps({**content, "checksum": _own_checksum(content)}, indent=2, ensure_ascii=False, allow_nan=False)
    # A label may hold half a character, which no file can hold.
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def _own_checksum(content: Mapping[str, Any]) -> str:
    return checksum(json.dumps(content, sort_keys=True, ensure_ascii=False).encode("utf-8", "backslashreplace"))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a saved model of the current format.

    Raises
    ------
    InvalidInputError
        If the folder holds no saved model, a damaged manifest, or a model of another format.
    """
    path = folder / MANIFEST
    number = _read_format(path)
    if number is None and not path.exists():
        number = _read_format(folder / _OLD_MANIFEST)
    if number is not None and number != FORMAT:
        raise _other_format(folder, number)
    if path.exists() and not path.is_file():
        raise damaged(folder, MANIFEST, "it is no file")
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        known = content.pop("checksum")
    except OSError as error:
        message = f"'{folder}' holds no saved model: {MANIFEST} cannot be read; check the path"
        raise InvalidInputError(message) from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise damaged(folder, MANIFEST, f"it cannot be read ({type(error).__name__})") from error
    if known != _own_checksum(content):
        raise damaged(folder, MANIFEST, "its checksum is wrong")
    return content


def _other_format(folder: Path, number: int) -> InvalidInputError:
    try:
        name = MANIFEST if (folder / MANIFEST).exists() else _OLD_MANIFEST
        made_by = json.loads((folder / name).read_text(encoding="utf-8"))["versions"]["cash-automl"]
    except (OSError, ValueError, TypeError, KeyError):
        made_by = "of unknown number"
    older = number < FORMAT
    return InvalidInputError(
        f"'{folder}' was saved by {'an older' if older else 'a newer'} version of cash-automl ({made_by}, format "
        f"{number}; this version reads format {FORMAT}); "
        + ("load it with that version, or fit and save the model again" if older else "upgrade cash-automl")
    )


def damaged(folder: Path, name: str, reason: str) -> InvalidInputError:
    """Return the error about a file of a saved model that cannot be used."""
    return InvalidInputError(
        f"the model in '{folder}' is damaged: file '{name}': {reason}; copy the folder again, or fit and save again"
    )


def check_file(folder: Path, name: str, files: Mapping[str, Any]) -> None:
    """Check a file that is read later.

    Raises
    ------
    InvalidInputError
        If the file is missing, or does not have the size and the checksum of the manifest.
    """
    try:
        if describe_file(folder / name) != files[name]:
            raise damaged(folder, name, "its checksum is wrong")
    except OSError as error:
        raise damaged(folder, name, error.strerror or str(error)) from error


def read_file(folder: Path, name: str, files: Mapping[str, Any]) -> bytes:
    """Return the content of a file of a saved model.

    Raises
    ------
    InvalidInputError
        If the file is missing, or does not have the size and the checksum of the manifest.
    """
    try:
        n_bytes, expected = files[name]["bytes"], files[name]["sha256"]
    except (KeyError, TypeError):
        raise damaged(folder, MANIFEST, f"it does not list '{name}'") from None
    path = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise damaged(folder, MANIFEST, f"it lists '{name}', which is outside of the folder")
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may have no end
            raise damaged(folder, name, "it is no file")
        if path.stat().st_size != n_bytes:
            raise damaged(folder, name, f"it should have {n_bytes} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise damaged(folder, name, error.strerror or str(error)) from error
    if checksum(content) != expected:
        raise damaged(folder, name, "its checksum is wrong")
    return content
