"""Saving and loading of fitted estimators."""

from __future__ import annotations

import copy
import importlib.metadata
import json
import os
import tempfile
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import cloudpickle

from automl.errors import InvalidInputError
from automl.refit.rows import ROWS_FILE, SavedRows, get_rows
from meta_db.files import find_folder, replace_folder
from pipelines.catalog import required_libraries
from pipelines.libraries import MissingLibraryError, import_library

FORMAT = 2  # rises when saved models of earlier versions cannot be read any more
_FILES = {"model.pkl", "about.json", ROWS_FILE}
_LIBRARIES = ("cash-automl", "scikit-learn", "numpy", "pandas", "lightgbm", "xgboost", "catboost", "torch")


def library_versions() -> dict[str, str]:
    """Return the versions of this distribution and of the libraries that fitted models depend on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def check_place(folder: Path) -> None:
    """Check that a model can be saved in a folder, before a fit spends minutes on the model.

    Raises
    ------
    InvalidInputError
        If the path exists and is not a saved model, or if it cannot be written.
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
    """Return whether a folder accepts new files; a trial file decides, because permissions are not the only reason."""
    try:
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def _about(folder: Path) -> dict[str, Any]:
    """Read ``about.json``."""
    try:
        about = json.loads((folder / "about.json").read_text())
        needs = [str(name) for name in about.get("needs", ())]
        return {"format": int(about["format"]), "versions": dict(about["versions"]), "needs": needs}
    except OSError as error:
        message = f"'{folder}' holds no saved model: about.json cannot be read; check the path"
        raise InvalidInputError(message) from error
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(f"'{folder}' holds no saved model: its about.json is damaged or foreign") from error


def save(estimator: Any, path: str | os.PathLike[str], rows: bool = False) -> None:
    """Write a fitted estimator into a folder: ``model.pkl``, and ``about.json`` with the versions of the libraries.

    The folder appears as a whole or not at all. A model that was saved there before is replaced; if the process is
    killed at any moment, `load` finds either the old model or the new one. Callbacks are not saved: they serve during
    a fit, and they often hold objects that cannot be pickled.

    Parameters
    ----------
    rows : bool
        Whether to write the training rows, too, into a file of their own.

    Raises
    ------
    InvalidInputError
        If the path exists and is not a saved model, or if the path or a parameter of the estimator cannot be written.
    """
    folder = Path(os.path.realpath(path))
    check_place(folder)
    kept = get_rows(getattr(estimator, "_rows", None)) if rows else None
    content = _pickle(estimator)
    members = estimator._ensemble.weights if hasattr(estimator, "_ensemble") else ()  # jobs save other models, too
    about = {
        "format": FORMAT,
        "estimator": type(estimator).__name__,
        "versions": library_versions(),
        "needs": sorted({name for c in members for name in required_libraries(c)}),
    }
    try:
        with replace_folder(folder) as partial:
            (partial / "model.pkl").write_bytes(content)
            (partial / "about.json").write_text(json.dumps(about, indent=2))
            if kept is not None:
                kept.write(partial)
    except OSError as error:  # such as a full disk
        raise InvalidInputError(f"'{folder}' cannot be written: {error}") from error


def _pickle(estimator: Any) -> bytes:
    if hasattr(estimator, "callbacks"):
        estimator = copy.copy(estimator)
        estimator.callbacks = ()
        estimator._rows = None
        vars(estimator).pop("_skl_callbacks", None)  # of scikit-learn's `set_callbacks`
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
    """Load an estimator that its method `save` has written.

    A saved model is a pickle, which runs code when it is loaded: load only models that you trust.

    Parameters
    ----------
    path : str or path-like
        Folder of the model.

    Returns
    -------
    AutoMLClassifier or AutoMLRegressor
        The fitted estimator.

    Raises
    ------
    InvalidInputError
        If the folder holds no saved estimator, a damaged one, or one that another version has saved in a format that
        this version cannot read, or if a library that the model needs cannot be imported.

    Warns
    -----
    UserWarning
        If the installed libraries have other versions than those that fitted the model.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from automl import AutoMLClassifier, load
    >>> X, y = load_iris(return_X_y=True)
    >>> folder = tempfile.mkdtemp()
    >>> clf = AutoMLClassifier(time_budget=None, max_trials=1, include=["decision_tree"], n_jobs=1, verbose=0)
    >>> clf.fit(X, y).save(folder)
    >>> load(folder).predict(X).shape
    (150,)
    """
    try:
        folder = find_folder(path)
    except (OSError, ValueError) as error:  # for example a name that is too long
        raise InvalidInputError(f"'{path}' cannot be read: {error}") from error
    if not folder.is_dir():
        raise InvalidInputError(f"'{folder}' holds no saved model: there is no such folder; check the path")
    about = _about(folder)
    if about["format"] != FORMAT:
        older, made_by = about["format"] < FORMAT, about["versions"].get("cash-automl", "of unknown number")
        raise InvalidInputError(
            f"'{folder}' was saved by {'an older' if older else 'a newer'} version of cash-automl ({made_by}, format "
            f"{about['format']}; this version reads format {FORMAT}); "
            + ("load it with that version, or fit and save the model again" if older else "upgrade cash-automl")
        )
    check_libraries(folder, about["needs"])
    _compare_versions(folder, about["versions"])
    try:
        estimator = cloudpickle.loads((folder / "model.pkl").read_bytes())
    except OSError as error:
        raise InvalidInputError(f"'{folder}' holds no saved model: {error}") from error
    except Exception as error:
        made = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        raise InvalidInputError(
            f"'{folder}' cannot be read ({type(error).__name__}: {error}): it is damaged, or needs the libraries that "
            f"made it: {made}"
        ) from error
    if (folder / ROWS_FILE).exists():
        estimator._rows = SavedRows(folder)
    return estimator


def check_libraries(folder: Path, libraries: Iterable[str]) -> None:
    """Check that the libraries can be imported that a saved model needs.

    Raises
    ------
    InvalidInputError
        If one cannot be imported; the message names it and the command that installs it.
    """
    for library in libraries:
        try:
            import_library(library)
        except MissingLibraryError as error:
            raise InvalidInputError(f"the model in '{folder}' needs {library}: {error}") from error


def _compare_versions(folder: Path, made: dict[str, str]) -> None:
    here = library_versions()
    others = [f"{name} {made[name]} (here {here.get(name, 'none')})" for name in made if made[name] != here.get(name)]
    if others:
        warnings.warn(
            f"'{folder}' was made with {', '.join(others)}; predictions may fail or differ", UserWarning, stacklevel=3
        )
