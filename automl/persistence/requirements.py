"""The libraries that one saved model needs for predictions, in the versions that are installed here."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Collection, Iterable, Set
from typing import TYPE_CHECKING

from automl.ensemble.fitted_model import FittedModel
from automl.errors import InvalidInputError
from automl.persistence.manifest import library_versions
from pipelines.catalog import required_libraries

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.version import Version

OWN = "cash-automl"
# Requirements of the project that predictions do not need, except where a member of the ensemble uses them.
_OPTIONAL = frozenset({"catboost", "lightgbm", "openml", "pyarrow", "torch", "xgboost"})
_WITHOUT_METADATA = ("scikit-learn", "numpy", "pandas", "scipy", "ConfigSpace")  # where the package runs from a folder
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def model_libraries(estimator: FittedModel) -> set[str]:
    """Return the libraries that the members of an ensemble import beside those of every model, such as ``lightgbm``."""
    return {name for configuration in estimator._ensemble.weights for name in required_libraries(configuration)}


def requirements_text(libraries: Collection[str]) -> str:
    """Return the ``requirements.txt`` of a saved model: the project's own requirements that the model needs.

    Parameters
    ----------
    libraries : collection of str
        The result of `model_libraries`.
    """
    try:
        declared: Iterable[str] = importlib.metadata.requires(OWN) or ()
    except importlib.metadata.PackageNotFoundError:
        declared = _WITHOUT_METADATA
    names = {match[0].lower() for line in declared if ";" not in line and (match := _NAME.match(line))}
    needed = sorted((names - _OPTIONAL) | set(libraries))
    own = library_versions([OWN]).get(OWN)
    lines = [
        "# What this model needs to predict, in the versions that saved it.",
        f"# Install cash-automl without its other libraries: pip install --no-deps {OWN}{f'=={own}' if own else ''}",
        *(f"{name}=={version}" for name, version in library_versions(needed).items()),
    ]
    return "\n".join(lines) + "\n"


def server_requirements(libraries: Collection[str]) -> list[str]:
    """Return the lines of a requirements file for a server: this project's requirements, and all that these require.

    The project itself is not among them, because its metadata requires the libraries of all models.

    Parameters
    ----------
    libraries : collection of str
        The result of `model_libraries`.

    Raises
    ------
    InvalidInputError
        If this project or a requirement is not installed.
    """
    from packaging.utils import canonicalize_name  # a library of the extra `serve`

    direct = [
        requirement
        for requirement in _requirements(OWN, frozenset({"serve"}))
        if canonicalize_name(requirement.name) not in _OPTIONAL - set(libraries)
    ]
    versions: dict[str, Version] = {}
    _collect(direct, versions)
    return [f"{name}=={version.public}" for name, version in sorted(versions.items())]


def _collect(requirements: Iterable[Requirement], versions: dict[str, Version]) -> None:
    """Add the installed versions of requirements, and of their own requirements."""
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        waiting += _requirements(name, extras)
        versions[name] = Version(importlib.metadata.version(name))


def _requirements(name: str, extras: frozenset[str]) -> list[Requirement]:
    """Return the requirements of a distribution that hold in this environment."""
    from packaging.requirements import Requirement

    try:
        declared = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError as error:
        advice = "install the project first" if name == OWN else f"install it with: pip install {name}"
        raise InvalidInputError(f"the distribution {name} is not installed; {advice}") from error
    parsed = [Requirement(line) for line in declared]
    environments: list[dict[str, str | Set[str]]] = []
    for extra in ("", *extras):
        environments.append({"extra": extra})
    return [r for r in parsed if r.marker is None or any(r.marker.evaluate(each) for each in environments)]
