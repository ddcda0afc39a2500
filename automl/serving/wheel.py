"""A wheel of this project as it is installed here, from a checkout or from another wheel."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import importlib.util
import zipfile
from pathlib import Path

from automl.errors import InvalidInputError
from automl.persistence.requirements import OWN

_PACKAGES = ("automl", "meta_db", "metalearning", "pipelines")
_LEFT_OUT = ("__pycache__", ".pyc")
_DATE = (1980, 1, 1, 0, 0, 0)  # the same content makes the same file


def write_wheel(folder: Path) -> Path:
    """Write the wheel into a folder.

    The wheel holds the files of the packages that are imported here, and the metadata of the installed distribution.
    So it needs neither the network nor a build system, and an editable installation works, too.

    Returns
    -------
    Path
        Path of the wheel.

    Raises
    ------
    InvalidInputError
        If the project is not installed, so that there are no metadata.
    """
    try:
        distribution = importlib.metadata.distribution(OWN)
    except importlib.metadata.PackageNotFoundError as error:
        raise InvalidInputError("the project is not installed; install it first: pip install .") from error
    stem = f"{OWN.replace('-', '_')}-{distribution.version}"
    content = {name: path.read_bytes() for package in _PACKAGES for name, path in _files(package).items()}
    for name in ("METADATA", "entry_points.txt", "top_level.txt"):
        text = distribution.read_text(name)
        if text is not None:
            content[f"{stem}.dist-info/{name}"] = text.encode()
    content[f"{stem}.dist-info/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: automl\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in content.items()]
    record.append(f"{stem}.dist-info/RECORD,,")
    content[f"{stem}.dist-info/RECORD"] = ("\n".join(record) + "\n").encode()
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data, zipfile.ZIP_DEFLATED)
    return path


def _files(package: str) -> dict[str, Path]:
    """Return the files of a package by their names in the wheel."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise InvalidInputError(f"the package {package} cannot be found; install the project again")
    root = Path(spec.origin).parent
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        f"{package}/{path.relative_to(root).as_posix()}": path
        for path in paths
        if not any(part.endswith(_LEFT_OUT) for part in path.relative_to(root).parts)
    }


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
