"""The source of the configurations with which a search started."""

from __future__ import annotations

from dataclasses import dataclass

META_DATABASE, HAND_MADE, USER, EARLIER_MODEL = "meta-database", "portfolio", "user", "earlier model"
INITIAL = "initial"  # the origin of a trial of the initial design


@dataclass(frozen=True)
class SimilarDataset:
    """A known data set that is similar to the table.

    Attributes
    ----------
    name : str
        Name in the meta-database.
    distance : float
        Distance of the meta-features; 0 for equal ones.
    similar_in, different_in : tuple of str
        Names of the meta-features that agree most and differ most.
    """

    name: str
    distance: float
    similar_in: tuple[str, ...]
    different_in: tuple[str, ...]


@dataclass(frozen=True)
class InitialDesign:
    """Where the configurations come from that a search tried first: those whose origin is "initial".

    Attributes
    ----------
    source : {"meta-database", "portfolio", "user"}
        The configurations did well on similar data sets, belong to the hand-made portfolio, or are from the user.
    similar : tuple of SimilarDataset
        The nearest data sets, the most similar first; empty for the other sources.
    from_portfolio : tuple of str
        Ids of configurations of the hand-made portfolio among those of the meta-database.
    left_out : tuple of str
        Names of data sets of the meta-database that were not used: they hold rows of the table, or the user named them.
    from_model : tuple of str
        Ids of configurations of an earlier model, which `retune` tries first.
    """

    source: str
    similar: tuple[SimilarDataset, ...] = ()
    from_portfolio: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    from_model: tuple[str, ...] = ()

    def source_of(self, origin: str, id: str) -> str:
        """Return the source of a configuration, given its origin and its id; other origins stay as they are."""
        if origin != INITIAL:
            return origin
        if id in vars(self).get("from_model", ()):  # a model that was saved before has no such ids
            return EARLIER_MODEL
        return HAND_MADE if id in self.from_portfolio else self.source
