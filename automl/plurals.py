"""Numbers with a noun in the singular or in the plural."""

from __future__ import annotations


def plural(n: int, noun: str) -> str:
    """Return a number and its noun, in the plural unless the number is 1.

    >>> plural(1, "row"), plural(1234, "row"), plural(0, "class"), plural(2, "other class")
    ('1 row', '1,234 rows', '0 classes', '2 other classes')
    """
    return f"{n:,} {plural_noun(n, noun)}"


def plural_noun(n: int, noun: str) -> str:
    """Return a noun, in the plural unless the number is 1.

    >>> plural_noun(1, "class"), plural_noun(2, "class"), plural_noun(2, "column")
    ('class', 'classes', 'columns')
    """
    if n == 1:
        return noun
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"
