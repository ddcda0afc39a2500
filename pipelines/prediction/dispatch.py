"""The choice of the fast version for the class of a fitted object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def find_maker(makers: Mapping[type, T], kind: type, *methods: str) -> T | None:
    """Return the entry for a class, or for its nearest base class whose methods it has not replaced.

    Parameters
    ----------
    methods : str
        Names of the methods that the fast version replaces.
    """
    for base in kind.__mro__:
        if base in makers:
            return makers[base]
        if any(name in vars(base) for name in methods):
            return None
    return None
