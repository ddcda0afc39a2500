"""The libraries that a component imports: which are missing here, and the error about one that cannot be imported.

The plain installation has all of them. An environment for predictions needs only those of its models, and a library
may also be broken: LightGBM, for example, cannot be imported where the system has no OpenMP.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.component import Component

_OWN = "pipelines"


class MissingLibraryError(ImportError):
    """A library is not installed, or cannot be imported; the message names it and the command that installs it."""


def training_libraries(component: Component) -> tuple[str, ...]:
    """Return the names of the libraries that the training of a component imports, as pip knows them.

    Examples
    --------
    >>> from pipelines.models.realmlp import COMPONENT
    >>> training_libraries(COMPONENT), prediction_libraries(COMPONENT)
    (('torch',), ())
    """
    return _libraries(component.imports)


def prediction_libraries(component: Component) -> tuple[str, ...]:
    """Return the names of the libraries that a fitted pipeline imports to predict."""
    return _libraries(component.imports_to_predict)


def _libraries(modules: Iterable[str]) -> tuple[str, ...]:
    tops = (module.partition(".")[0] for module in modules)
    return tuple(dict.fromkeys(name for name in tops if name != _OWN))


def missing_libraries(component: Component) -> tuple[str, ...]:
    """Return the libraries that the training of a component lacks here. This imports nothing."""
    return tuple(name for name in training_libraries(component) if not is_installed(name))


def is_installed(library: str) -> bool:
    """Return whether a library is installed, without importing it; an installed library may still be broken."""
    try:
        return find_spec(library) is not None
    except (ImportError, OSError, ValueError):  # a hook of the import system refuses it, or it is half loaded
        return False


def import_library(module: str) -> ModuleType:
    """Import a module of a library that may be missing.

    Raises
    ------
    MissingLibraryError
        If the import fails for whatever reason.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        library = module.partition(".")[0]
        if (error.name or library).partition(".")[0] != library:  # a dependency of the library is missing
            raise MissingLibraryError(_broken(library, error), name=library) from error
        raise MissingLibraryError(f"{library} is not installed; {install(library)}", name=library) from error
    except Exception as error:  # such as OSError, where a shared library is missing
        library = module.partition(".")[0]
        raise MissingLibraryError(_broken(library, error), name=library) from error


def install(library: str) -> str:
    """Return the advice to install a library.

    Examples
    --------
    >>> install("lightgbm")
    'install it with: pip install lightgbm'
    """
    return f"install it with: pip install {library}"


def _broken(library: str, error: Exception) -> str:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"{library} cannot be imported ({reason}); install what it lacks, or install it anew with: "
        f"pip install --force-reinstall {library}"
    )
