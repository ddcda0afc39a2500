"""The distributions that a saved model needs for predictions, with the versions that are installed here."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Set
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from automl.errors import InvalidInputError
from pipelines.catalog import required_libraries

OWN = "cash-automl"
# Requirements of the project that predictions do not need, except where a model has components that use them.
_OPTIONAL = frozenset({"catboost", "lightgbm", "openml", "pyarrow", "torch", "xgboost"})
_CPU_TORCH = "https://download.pytorch.org/whl/cpu"


def model_libraries(estimator: Any) -> set[str]:
    """Return the libraries that only the components of this model import, such as ``lightgbm``."""
    names = {name for configuration in estimator._ensemble.weights for name in required_libraries(configuration)}
    return names & _OPTIONAL


def pinned_requirements(libraries: set[str]) -> list[str]:
    """Return the lines of a requirements file for a server: this project's requirements and theirs, in turn.

    The project itself is not among them, because its metadata requires the libraries of all models.

    Parameters
    ----------
    libraries : set of str
        Libraries that the components of the model import.

    Raises
    ------
    InvalidInputError
        If this project or a requirement is not installed.
    """
    direct = [
        requirement
        for requirement in _requirements(OWN, frozenset({"serve"}))
        if canonicalize_name(requirement.name) not in _OPTIONAL - libraries
    ]
    versions: dict[str, Version] = {}
    _collect(direct, versions)
    lines = [f"{name}=={version.public}" for name, version in sorted(versions.items())]
    if "torch" in versions and versions["torch"].local == "cpu":
        lines.insert(0, f"--extra-index-url {_CPU_TORCH}")
    return lines


def _collect(requirements: Iterable[Requirement], versions: dict[str, Version]) -> None:
    """Add the installed versions of requirements, and of their own requirements."""
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
