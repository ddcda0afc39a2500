"""End a benchmark with one clear message where a package, a program or a file that it needs is missing."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path


class MissingRequirementError(SystemExit):
    """End the process with exit status 1 and print the message on standard error."""


def require_package(name: str, install: str) -> None:
    """Check that a package can be imported; `install` is what pip needs to install it."""
    if importlib.util.find_spec(name) is None:
        raise MissingRequirementError(f"the package {name!r} is missing; install it with: pip install {install}")


def require_program(name: str, user: str) -> None:
    """Check that a program is on the search path; `user` is the system that starts it."""
    if shutil.which(name) is None:
        raise MissingRequirementError(f"the program {name!r} is missing; install it, because {user} starts it")


def require_file(path: Path, source: str) -> None:
    """Check that a file exists; `source` says where to get it."""
    if not path.exists():
        raise MissingRequirementError(f"the file '{path}' is missing; {source}")
