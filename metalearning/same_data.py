"""The known data sets that a new table is equal to, or whose rows it holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from meta_db.store import MetaDatabase
from metalearning.metafeatures import MetaFeatures
from metalearning.names import CHEAP

_SMALLEST_PART = 0.3  # of the rows of a data set; the meta-features of a smaller part differ too much
_TOLERANCE = 0.1  # relative difference of two values that agree
_AGREEING_SHARE = 0.6  # of the meta-features that the table or the data set has
_COUNTS = ("NumberOfFeatures", "NumberOfClasses")
# Values that follow from the number of rows, or from their order.
_BY_ROWS = (
    "NumberOfInstances",
    "NumberOfInstancesWithMissingValues",
    "NumberOfMissingValues",
    "MajorityClassSize",
    "MinorityClassSize",
    "Dimensionality",
    "AutoCorrelation",
)
_COMPARED = tuple(name for name in CHEAP if name not in (*_COUNTS, *_BY_ROWS))


def holds_rows(known: Mapping[str, float], described: Mapping[str, float]) -> bool:
    """Return whether a table most likely is a known data set, or a part of its rows.

    There must be as many classes, and within 10 % as many columns, because columns that are constant in a part of the
    rows do not count. Of all other meta-features that do not depend on the number or the order of
    the rows, 60 % must agree within 10 %. Units of columns count, so that only tables about the same things agree.

    Parameters
    ----------
    known, described : mapping of str to float
        Meta-features of the data set and of the table.
    """
    rows, all_rows = described.get("NumberOfInstances", 0.0), known.get("NumberOfInstances", 0.0)
    if not _SMALLEST_PART * all_rows <= rows <= all_rows:
        return False
    columns, classes = ((known.get(name, 0.0), described.get(name, 0.0)) for name in _COUNTS)
    if classes[0] != classes[1] or not _agree(*columns):
        return False
    names = [name for name in _COMPARED if name in known or name in described]
    n_agreeing = sum(name in known and name in described and _agree(known[name], described[name]) for name in names)
    return n_agreeing >= _AGREEING_SHARE * len(names) > 0


def find_same(database: MetaDatabase, described: MetaFeatures) -> dict[str, str]:
    """Return the data sets of a meta-database that hold the rows of a table: families by names."""
    return {
        record.name: record.family
        for _, record in database.datasets()
        if record.qualities and holds_rows(record.qualities, described.values)
    }


def find_named(databases: Sequence[MetaDatabase], names: Collection[str]) -> dict[str, str]:
    """Return the data sets that have one of the names, or belong to a family of such a name: families by names.

    Capital letters and signs make no difference: "kr-vs-kp" is "kr_vs_kp".
    """
    wanted = {_plain(name) for name in names}
    if not wanted:
        return {}
    return {
        record.name: record.family
        for database in databases
        for _, record in database.datasets()
        if not wanted.isdisjoint((_plain(record.name), _plain(record.family)))
    }


def _agree(first: float, second: float) -> bool:
    return abs(first - second) <= _TOLERANCE * max(abs(first), abs(second))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
