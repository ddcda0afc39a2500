"""Fitted estimators on disk."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
from pathlib import Path
from typing import Any

import cloudpickle

from automl.errors import InvalidInputError

FORMAT = 1
_LIBRARIES = ("cash-automl", "scikit-learn", "numpy", "pandas", "lightgbm", "xgboost", "catboost", "torch")


def library_versions() -> dict[str, str]:
    """Versions of this distribution and of the libraries that fitted models depend on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator: ``model.pkl`` and ``about.json``, which says what made it.

    The folder appears whole or not at all; a model saved there before is replaced.

    Raises
    ------
    InvalidInputError
        If the path exists and holds something else.
    """
    folder = Path(path)
    if folder.exists() and not (folder / "about.json").exists() and (folder.is_file() or any(folder.iterdir())):
        raise InvalidInputError(f"'{folder}' exists and is not a saved model; name another path")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / "model.pkl").write_bytes(cloudpickle.dumps(estimator))
    about = {"format": FORMAT, "estimator": type(estimator).__name__, "versions": library_versions()}
    (partial / "about.json").write_text(json.dumps(about, indent=2))
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def load(path: str | os.PathLike[str]) -> Any:
    """Read an estimator written by ``save``.

    The file is a pickle: load only what you trust.

    Raises
    ------
    InvalidInputError
        If the folder holds no saved estimator, or one of a newer format.
    """
    folder = Path(path)
    try:
        about = json.loads((folder / "about.json").read_text())
        data = (folder / "model.pkl").read_bytes()
    except FileNotFoundError as error:
        raise InvalidInputError(f"'{folder}' holds no saved model: {error.filename} is missing") from error
    if about["format"] > FORMAT:
        raise InvalidInputError(f"'{folder}' was saved by a newer version ({about['versions']}); upgrade cash-automl")
    return cloudpickle.loads(data)
