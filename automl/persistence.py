"""Fitted estimators on disk."""

from __future__ import annotations

import copy
import importlib.metadata
import json
import os
import shutil
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import cloudpickle

from automl.errors import InvalidInputError

FORMAT = 1
_FILES = {"model.pkl", "about.json"}
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


def check_place(folder: Path) -> None:
    """Check that a model can be saved in a folder: before minutes are spent on one.

    Raises
    ------
    InvalidInputError
        If the path exists and holds something else than a saved model, or cannot be written to.
    """
    others = {file.name for file in folder.iterdir()} - _FILES if folder.is_dir() else set()
    if folder.is_file() or others:
        what = f"holds '{min(others)}' and" if others else "exists and"
        raise InvalidInputError(f"'{folder}' {what} is not a saved model; name another path")
    if folder.exists() and any(folder.iterdir()):
        _about(folder)
    parent = next(path for path in folder.absolute().parents if path.exists())
    if not takes_files(parent):
        raise InvalidInputError(f"'{folder}' cannot be written: '{parent}' is no folder that takes files")


def takes_files(path: Path) -> bool:
    """Whether files can be made there; asked by making one, as permissions do not tell all."""
    try:
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def _about(folder: Path) -> dict[str, Any]:
    """What ``about.json`` says."""
    try:
        about = json.loads((folder / "about.json").read_text())
        return {"format": int(about["format"]), "versions": dict(about["versions"])}
    except OSError as error:
        raise InvalidInputError(f"'{folder}' holds no saved model: about.json cannot be read") from error
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(f"'{folder}' holds no saved model: its about.json is damaged or foreign") from error


def save(estimator: Any, path: str | os.PathLike[str]) -> None:
    """Write a fitted estimator: ``model.pkl`` and ``about.json``, which says what made it.

    The folder appears whole or not at all; a model saved there before is replaced. Callbacks stay behind: they watch a
    fit, and often hold what cannot be written.

    Raises
    ------
    InvalidInputError
        If the path exists and holds something else, or cannot be written to, or a parameter of the estimator cannot.
    """
    folder = Path(os.path.realpath(path))
    check_place(folder)
    content = _pickle(estimator)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        (partial / "model.pkl").write_bytes(content)
        about = {"format": FORMAT, "estimator": type(estimator).__name__, "versions": library_versions()}
        (partial / "about.json").write_text(json.dumps(about, indent=2))
    except OSError as error:  # such as a full disk
        shutil.rmtree(partial, ignore_errors=True)
        raise InvalidInputError(f"'{folder}' cannot be written: {error}") from error
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


def _pickle(estimator: Any) -> bytes:
    if hasattr(estimator, "callbacks"):
        estimator = copy.copy(estimator)
        estimator.callbacks = ()
    try:
        return cloudpickle.dumps(estimator)
    except Exception as error:
        for name, value in estimator.get_params(deep=False).items():
            with suppress(Exception):
                cloudpickle.dumps(value)
                continue
            raise InvalidInputError(
                f"{name}={value!r} cannot be saved ({error}); replace it with set_params before save"
            ) from error
        raise


def load(path: str | os.PathLike[str]) -> Any:
    """Read an estimator written by ``save``; warns where the libraries that made it had other versions.

    The file is a pickle: load only what you trust.

    Raises
    ------
    InvalidInputError
        If the folder holds no saved estimator, a damaged one, or one of a newer format.
    """
    folder = Path(path)
    about = _about(folder)
    if about["format"] > FORMAT:
        raise InvalidInputError(f"'{folder}' was saved by a newer version ({about['versions']}); upgrade cash-automl")
    _compare_versions(folder, about["versions"])
    try:
        return cloudpickle.loads((folder / "model.pkl").read_bytes())
    except OSError as error:
        raise InvalidInputError(f"'{folder}' holds no saved model: {error}") from error
    except Exception as error:
        made = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        raise InvalidInputError(
            f"'{folder}' cannot be read ({type(error).__name__}: {error}): it is damaged, or needs the libraries that "
            f"made it: {made}"
        ) from error


def _compare_versions(folder: Path, made: dict[str, str]) -> None:
    here = library_versions()
    others = [f"{name} {made[name]} (here {here.get(name, 'none')})" for name in made if made[name] != here.get(name)]
    if others:
        warnings.warn(
            f"'{folder}' was made with {', '.join(others)}; predictions may fail or differ", UserWarning, stacklevel=3
        )
