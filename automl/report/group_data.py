"""The content of a report about groups of rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GroupTable:
    """The scores of groups of out-of-fold rows, then of all rows, and the largest differences.

    Attributes
    ----------
    name : str
        Name of the sensitive features.
    titles : tuple of str
        Titles of the columns.
    rows : tuple of (str, tuple of float or None)
        The group and its values.
    n_left_out : int
        Number of smaller groups that the table leaves out.
    """

    name: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    n_left_out: int
