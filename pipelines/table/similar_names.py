"""Names of columns that a user may mean."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from difflib import get_close_matches
from itertools import islice

_MAX_MISSING, _MAX_COMPARISONS = 100, 20_000  # of the names that may be renamed; one comparison takes about 10 µs


def similar_names(name: Hashable, known: Iterable[Hashable]) -> list[Hashable]:
    """Return at most three names that are written like a name; capitals and blanks around it make no difference.

    >>> similar_names("A9 ", ["a8", "a9", "price"])[0]
    'a9'
    """
    written = {str(each).strip().lower(): each for each in known}
    return [written[each] for each in get_close_matches(str(name).strip().lower(), list(written), n=3)]


def may_be_renamed(missing: Iterable[Hashable], unseen: Iterable[Hashable]) -> str:
    """Return which unseen columns may be missing ones under another name, at most three; else an empty text.

    In long lists, only the first names are compared.

    >>> may_be_renamed(["price", "f"], ["F", "city"])
    "'F' may be 'f'"
    """
    names = list(islice(missing, _MAX_MISSING))
    rest = list(unseen)[: _MAX_COMPARISONS // max(1, len(names))]
    pairs = ((name, similar_names(name, rest)) for name in names)
    found = (f"{similar[0]!r} may be {name!r}" for name, similar in pairs if similar)
    return ", ".join(islice(found, 3))
