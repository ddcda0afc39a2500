"""Numbers in texts for people: with few digits, and with a noun in the singular or in the plural."""

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


def short_number(value: float, digits: int = 4) -> str:
    """Return a number with about as many digits as given: large numbers have no exponent, and commas at thousands.

    >>> short_number(0.97123), short_number(30123.4), short_number(1234567.0), short_number(123.4, digits=2)
    ('0.9712', '30,123', '1,234,567', '123')
    >>> short_number(-1234.56), short_number(0.5), short_number(0.00001234), short_number(float("inf"))
    ('-1,235', '0.5', '1.234e-05', 'inf')
    >>> short_number(-0.0)  # the negative of a loss of 0
    '0'
    """
    value += 0.0  # which takes the sign from a zero
    rounded = f"{value:.{digits}g}"  # 999.96 becomes 1000
    if 10 ** (digits - 1) <= abs(float(rounded)) < 1e15:
        return f"{value:,.0f}"
    return rounded


def cell_number(value: float) -> str:
    """Return a number of a cell; whole numbers below 10,000 have no comma, because many of them are years.

    >>> cell_number(1997.0), cell_number(12345.0), cell_number(0.97123)
    ('1997', '12,345', '0.9712')
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value)) if abs(value) < 10_000 else f"{int(value):,}"
    return short_number(value)
