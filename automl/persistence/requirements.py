"""The requirements of one saved model: the libraries that its predictions need, in the versions that are here."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Collection

from automl.persistence.manifest import library_versions

_OWN = "cash-automl"
# Requirements of the project that predictions do not need, except where a member of the ensemble uses them.
_OPTIONAL = frozenset({"catboost", "lightgbm", "openml", "pyarrow", "torch", "xgboost"})
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def requirements(libraries: Collection[str]) -> str:
    """Return the content of ``requirements.txt`` for a model whose members import these libraries."""
    try:
        declared = importlib.metadata.requires(_OWN) or []
    except importlib.metadata.PackageNotFoundError:  # the package runs from a folder
        declared = ["scikit-learn", "numpy", "pandas", "scipy", "ConfigSpace"]
    names = {match[0].lower() for line in declared if ";" not in line and (match := _NAME.match(line))}
    needed = sorted((names - _OPTIONAL) | set(libraries))
    own = library_versions([_OWN]).get(_OWN)
    lines = [
        "# What this model needs to predict, in the versions that saved it.",
        f"# Install cash-automl without its other libraries: pip install --no-deps {_OWN}{f'=={own}' if own else ''}",
        *(f"{name}=={version}" for name, version in library_versions(needed).items()),
    ]
    return "\n".join(lines) + "\n"
