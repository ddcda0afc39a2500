"""Loading of a saved estimator."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from automl.ensemble.missing import FOR_PREDICTION
from automl.errors import InvalidInputError, warn_user
from automl.persistence.manifest import (
    ARGUMENTS,
    ESTIMATOR,
    FOR_PEOPLE,
    SEARCH,
    check_file,
    damaged,
    describe_file,
    read_file,
    read_manifest,
    versions_for,
)
from automl.persistence.state import unpack_parameters
from automl.refit.rows import ROWS_FILE, SavedRows
from automl.task.own_objects import unpack
from automl.task.trusted import TRUSTED
from meta_db.files import find_folder
from pipelines import storage
from pipelines.catalog import known_libraries
from pipelines.libraries import MissingLibraryError, import_library

_ESTIMATORS = (("automl.estimator", "AutoMLClassifier"), ("automl.estimator", "AutoMLRegressor"))


def load_model(path: str | os.PathLike[str], *, for_prediction: bool = False, trusted: Collection[Any] = ()) -> Any:
    """Load an estimator that its method `save` has written; see `automl.load`.

    Raises
    ------
    InvalidInputError
        If the folder holds no saved estimator, a damaged one, or one that another version has saved in a format that
        this version cannot read, or if a library that the model needs cannot be imported.
    """
    try:
        folder = find_folder(path)
    except TypeError as error:
        raise InvalidInputError(f"the argument of load must be the path of a folder; got {path!r}") from error
    except (OSError, ValueError) as error:  # for example a name that is too long
        raise InvalidInputError(f"'{path}' cannot be read: {error}") from error
    if folder.is_file():
        raise InvalidInputError(f"'{folder}' holds no saved model: it is a file; name the folder that save has written")
    if not folder.is_dir():
        raise InvalidInputError(f"'{folder}' holds no saved model: there is no such folder; check the path")
    manifest = read_manifest(folder)
    try:
        files, libraries = dict(manifest["files"]), [str(name) for name in manifest["libraries"]]
        versions = dict(manifest["versions"])
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder, "manifest.json", f"an entry is missing ({error!r})") from error
    check_libraries(folder, libraries)
    _compare_versions(folder, versions, libraries)
    names = full_names(trusted)
    if manifest.get("other"):
        return _External(folder, files, names).read(ESTIMATOR, TRUSTED | names)
    estimator = _read_estimator(folder, files, names, for_prediction)
    if not for_prediction:
        _compare_texts(folder, files)
    if ROWS_FILE in files:
        if not for_prediction:
            check_file(folder, ROWS_FILE, files)
        estimator._rows = SavedRows(folder.absolute(), str(dict(files[ROWS_FILE]).get("sha256")))
    else:
        estimator._rows = None
    return estimator


def full_names(trusted: Collection[Any]) -> frozenset[str]:
    """Return the names of types and functions that a user trusts.

    Raises
    ------
    InvalidInputError
        If an entry is neither a name, nor a type or a function.
    """
    return frozenset(_full_name(entry) for entry in trusted)


def _full_name(entry: Any) -> str:
    if isinstance(entry, str):
        return entry.replace(":", ".")
    try:
        return f"{entry.__module__}.{entry.__qualname__}"
    except AttributeError:
        message = f"trusted must list names, types or functions; it holds {entry!r}"
        raise InvalidInputError(message) from None


def _read_estimator(folder: Path, files: Mapping[str, Any], trusted: frozenset[str], for_prediction: bool) -> Any:
    known = TRUSTED | trusted
    external = _External(folder, files, trusted)
    arguments = external.read(ARGUMENTS, known)
    try:
        kind = estimator_class(folder, tuple(arguments["class"]), trusted)
        parameters = unpack_parameters(arguments["parameters"], kind, trusted)
        external.scorers = {name: unpack(packed, trusted) for name, packed in arguments["scorers"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(folder, ARGUMENTS, f"an entry is missing ({error!r})") from error
    attributes = external.read(ESTIMATOR, known)
    if not for_prediction:
        attributes = attributes | external.read(SEARCH, known)
    estimator = kind.__new__(kind)
    vars(estimator).update(parameters | attributes)
    if for_prediction:
        estimator._changed_by = FOR_PREDICTION
    return estimator


class _External(Mapping[str, Any]):
    """The objects that archives of a saved model refer to by name: fold models in files of their own, and scorers."""

    def __init__(self, folder: Path, files: Mapping[str, Any], trusted: frozenset[str]):
        self._folder, self._files, self._trusted = folder, files, trusted
        self._made: dict[str, Any] = {}
        self.scorers: Mapping[str, Any] = {}

    def read(self, name: str, trusted: Collection[str]) -> Any:
        """Return the value of an archive."""
        content = read_file(self._folder, name, self._files)
        try:
            return storage.load(content, trusted=trusted, external=self)
        except storage.UntrustedError as error:
            raise InvalidInputError(f"the model in '{self._folder}': file '{name}': {error}") from error
        except storage.StorageError as error:
            if isinstance(error.__cause__, InvalidInputError):  # another file of the model, which this one refers to
                raise error.__cause__ from error.__cause__.__cause__
            if isinstance(error.__cause__, ImportError):  # of a library that only a component of the user names
                library = error.__cause__.name or "a library"
                raise InvalidInputError(f"the model in '{self._folder}' needs {library}: {error}") from error
            raise damaged(self._folder, name, str(error)) from error

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self.read(name, self._trusted) if name in self._files else self.scorers[name]
        return self._made[name]

    def __iter__(self) -> Any:
        return iter((*self._files, *self.scorers))

    def __len__(self) -> int:
        return len(self._files) + len(self.scorers)


def estimator_class(folder: Path, name: tuple[str, str], trusted: frozenset[str]) -> Any:
    """Return the class of the estimator; a subclass of the user's own must be trusted."""
    full_name = ".".join(name)
    if name not in _ESTIMATORS and full_name not in trusted:
        raise InvalidInputError(
            f"the model in '{folder}' is of the type {full_name}, which load does not import; if you trust the code of "
            f"this type, use load(..., trusted=[{full_name!r}])"
        )
    try:
        found: Any = import_module(name[0])
    except Exception as error:  # the module is the user's code
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InvalidInputError(
            f"the model in '{folder}' needs {name[0]}, which cannot be imported ({reason})"
        ) from error
    for part in name[1].split("."):
        found = getattr(found, part)
    return found


def check_libraries(folder: Path, libraries: Iterable[str]) -> None:
    """Check that the libraries can be imported that a saved model needs.

    The names come from the folder, and an import executes code. Therefore only libraries of known components are
    imported here; those of own components of the user are imported with the types that the user trusts.

    Raises
    ------
    InvalidInputError
        If one cannot be imported; the message names it and the command that installs it.
    """
    known = known_libraries()
    for library in (name for name in libraries if name in known):
        try:
            import_library(library)
        except MissingLibraryError as error:
            raise InvalidInputError(f"the model in '{folder}' needs {library}: {error}") from error


def _compare_versions(folder: Path, made: Mapping[str, str], libraries: Iterable[str]) -> None:
    here = versions_for(libraries)
    others = [f"{name} {made[name]} (here {here.get(name, 'none')})" for name in made if made[name] != here.get(name)]
    if others:
        warn_user(f"'{folder}' was made with {', '.join(others)}; predictions may fail or differ")


def _compare_texts(folder: Path, files: Mapping[str, Any]) -> None:
    """Warn of texts for people that are not as they were saved; people may edit them, and `load` does not read them."""
    changed = []
    for name in FOR_PEOPLE:
        try:
            if describe_file(folder / name) != files[name]:
                changed.append(name)
        except (OSError, KeyError):
            changed.append(name)
    if changed:
        message = f"{' and '.join(changed)} of the model in '{folder}' changed after the model was saved"
        warn_user(message)
