"""The content of a report about the scores by each metric, and about groups of rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricScore:
    """The score of the ensemble by one metric of `scoring`, with the sign that people read.

    Attributes
    ----------
    title : str
        Name of the metric for people.
    direction : str
        Which values are better.
    score, constant : float or None
        Of the ensemble, and of the best constant prediction.
    """

    title: str
    direction: str
    score: float | None
    constant: float | None


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
