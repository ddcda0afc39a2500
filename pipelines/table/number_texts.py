"""Numbers that are written as texts: separators of thousands, decimal commas, currencies, units and signs.

The notation is decided for a whole column, because single texts are ambiguous: "1,234" is a large number in one country
and a small one in another.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.table.cells import Floats, Texts, evenly_spaced, is_placeholder

MAX_CODES = 20  # texts with at most this number of distinct whole numbers count as codes of categories
SAMPLE_SIZE = 1000  # texts that decide the notation
MAX_ODD_SHARE = 0.05  # cells that cannot be read, of all cells with content
MAX_REPEATED_ODD_SHARE = 0.25  # the same, if these cells have at most MAX_ODD_TEXTS different texts
MAX_ODD_TEXTS = 5
_MAX_LENGTH = 60  # characters of a text that holds a number
_MIN_MATCHES = 0.6  # of the sample, else the texts are no numbers
_MAX_UNITS = 5  # units that cannot be converted, in one column
_MIN_FOR_ONE_ODD = 8  # with at least this number of cells, one odd cell is always allowed

# Symbols that Unicode's normalization leaves, and the common ones that replace them.
_SIMILAR = str.maketrans(
    {
        "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "﹣": "-", "’": "'", "‘": "'", "´": "'", "`": "'",
        "ʼ": "'", "′": "'", "μ": "µ", "º": "°", "٫": ".", "٬": ",", "∞": "inf", "⁄": "/", "\u200b": "", "\u200e": "",
        "\u200f": "", "\u2060": "", "\ufeff": "",
    }
)  # fmt: skip
_FRACTION = re.compile(r"(?:(?<=\d)\s)?([¼-¾⅐-⅞])")
_CURRENCIES = {
    "aed", "ars", "aud", "bgn", "brl", "cad", "chf", "clp", "cny", "cop", "czk", "dkk", "eur", "gbp", "hkd", "huf",
    "idr", "ils", "inr", "isk", "jpy", "krw", "kzt", "mxn", "myr", "ngn", "nok", "nzd", "pen", "php", "pkr", "pln",
    "rmb", "ron", "rsd", "rub", "sar", "sek", "sgd", "thb", "try", "twd", "uah", "usd", "vnd", "zar", "kr", "fr",
    "sfr", "rs", "rp", "zł", "kč", "ft", "lei", "руб", "р",
}  # fmt: skip
_SYNONYMS = {
    "$": "usd", "us$": "usd", "€": "eur", "£": "gbp", "¥": "jpy", "円": "jpy", "元": "cny", "rmb": "cny", "₹": "inr",
    "rs": "inr", "r$": "brl", "zł": "pln", "₽": "rub", "руб": "rub", "р": "rub", "₩": "krw", "₺": "try", "₪": "ils",
    "fr": "chf", "sfr": "chf", "percent": "%", "pct": "%", "prozent": "%",
}  # fmt: skip
# Units of one family are converted to its first unit where a column holds several of them.
_FAMILIES: tuple[dict[str, float], ...] = (
    {"": 1, "k": 1e3, "K": 1e3, "tsd": 1e3, "thousand": 1e3, "m": 1e6, "M": 1e6, "mn": 1e6, "mm": 1e6, "mio": 1e6,
     "mil": 1e6, "mill": 1e6, "million": 1e6, "b": 1e9, "B": 1e9, "bn": 1e9, "mrd": 1e9, "billion": 1e9, "G": 1e9,
     "t": 1e12, "T": 1e12, "tn": 1e12, "trillion": 1e12},
    {"%": 1, "‰": 0.1, "bp": 0.01, "bps": 0.01, "ppm": 1e-4},
    {"m": 1, "mm": 1e-3, "cm": 1e-2, "dm": 0.1, "km": 1e3, "µm": 1e-6, "nm": 1e-9, "in": 0.0254, "inch": 0.0254,
     "\"": 0.0254, "ft": 0.3048, "feet": 0.3048, "yd": 0.9144, "mi": 1609.344, "mile": 1609.344},
    {"kg": 1, "g": 1e-3, "mg": 1e-6, "µg": 1e-9, "ug": 1e-9, "ng": 1e-12, "t": 1e3, "lb": 0.45359237, "oz": 0.0283495},
    {"s": 1, "sec": 1, "second": 1, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9, "min": 60, "minute": 60, "h": 3600,
     "hr": 3600, "hour": 3600, "d": 86400, "day": 86400, "week": 604800, "month": 2629746, "mo": 2629746,
     "y": 31556952, "yr": 31556952, "year": 31556952},
    {"B": 1, "byte": 1, "kB": 1e3, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2**10, "mib": 2**20,
     "gib": 2**30, "tib": 2**40},
    {"l": 1, "L": 1, "ml": 1e-3, "cl": 1e-2, "dl": 0.1, "µl": 1e-6, "hl": 100},
    {"N": 1, "S": -1, "E": 1, "W": -1, "° n": 1, "° s": -1, "° e": 1, "° w": -1, "°n": 1, "°s": -1, "°e": 1, "°w": -1},
    {"dr": 1, "cr": -1},
    {"hz": 1, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    {"w": 1, "W": 1, "kw": 1e3, "gw": 1e9},
    {"g/l": 1, "mg/l": 1e-3, "µg/l": 1e-6, "ug/l": 1e-6, "ng/l": 1e-9, "g/dl": 10, "mg/dl": 1e-2, "µg/dl": 1e-5,
     "ng/dl": 1e-8, "ng/ml": 1e-6, "µg/ml": 1e-3, "ug/ml": 1e-3, "mg/ml": 1, "pg/ml": 1e-9},
)  # fmt: skip
_UNCLEAR = {"m", "mm", "t", "b", "T", "B", "G"}  # units that may also be factors such as a million
_UNIT = r"[^\W\d_]|[%‰°\"'µ#]|[^\w\s.,:;/()+\-_<>=*&@!?|\\~^]"  # the first character of a unit
_NUMBER = re.compile(
    r"\s*(?P<bound>[<>=≤≥~≈±≦≧]{1,2}|(?:ca|approx|about|circa|over|under)\.?(?=\s))?\s*"
    r"(?P<open>\()?\s*"
    r"(?P<sign>[-+])?\s*"
    rf"(?P<prefix>(?:{_UNIT})[^\d()+\-<>=]{{0,11}}?)?\s*"
    r"(?P<inner>[-+])?\s*"
    r"(?P<inner_open>\()?\s*"
    r"(?P<number>\d+(?:[.,' ]\d+)*[.,]?|[.,]\d+)"
    r"(?:(?:[eE]|[dD](?=[-+]))(?P<exponent>[-+]?\d{1,3})(?![\d.,])|\s?[x×*·]\s?10\^?(?P<power>[-+]?\d{1,2}))?\s*"
    r"(?P<more>\+(?=\s*[^\W\d_]))?\s*"
    rf"(?P<suffix>(?:{_UNIT})[^()<>=]{{0,19}}?|/\s?[1-9]\d{{0,3}})?\s*"
    r"(?P<close>\))?\s*"
    r"(?P<trail>[-+])?\s*"
)
_LEADING_ZERO = re.compile(r"\s*0\d+\s*(?:/.*)?")


def parse_numbers(texts: Texts) -> Floats:
    """Return the numbers that the texts hold in the notation of programs; NaN where a text holds no number."""
    return np.asarray(pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce"), dtype=np.float64)


@dataclass(frozen=True)
class NumberFormat:
    """The notation of the numbers of a column.

    Attributes
    ----------
    decimal : str
        Decimal mark, "." or ","; the other one separates thousands, and so do blanks and apostrophes.
    units : tuple of (str, float)
        Normalized currencies and units that the texts may have, each with the factor of its numbers. A number without
        unit has the factor of the first one; but a fraction such as ¼ is no rating beside 4.5/5.
    """

    decimal: str = "."
    units: tuple[tuple[str, float], ...] = ()

    def parse(self, texts: Texts) -> Floats:
        """Return the numbers that the texts hold; NaN where a text holds no finite number in this notation."""
        values = np.full(len(texts), np.nan)
        if self.decimal == ".":
            values = parse_numbers(texts).copy()
            if self.units and self.units[0][1] != 1.0:
                values *= self.units[0][1]
        rest = np.flatnonzero(np.isnan(values))
        if len(rest):
            factors = dict(self.units)
            values[rest] = [read_number(text, self.decimal, factors) for text in texts[rest]]
        return np.where(np.isfinite(values), values, np.nan)

    @property
    def has_several_units(self) -> bool:
        """Whether the texts have units that cannot be converted to one another."""
        return len(self.units) > 1 and bool(self.units[0][0]) and {factor for _, factor in self.units} == {1.0}

    def is_whole(self, token: dict[str, Any]) -> bool:
        """Return whether the number of a split text is whole before its unit is converted."""
        return float(_digits(token["number"], self.decimal)).is_integer()


def read_number(text: str, decimal: str, factors: dict[str, float]) -> float:
    """Return the number that a text holds, in the notation that `NumberFormat` describes; NaN without a number."""
    token = split_number(text)
    if token is None:
        return np.nan
    first = next(iter(factors), "")
    if token["unit"]:
        factor = factors.get(token["unit"], np.nan)
    else:
        factor = 1.0 if token["fraction"] and _is_share(first) else factors.get(first, 1.0)
    return _value(token, decimal, factor)


def read_plain_number(text: str) -> float:
    """Return what `read_number` returns for a decimal point and no units; scripts hold it without the code of units."""
    match = _match_number(text)
    if match is None or match["prefix"] or match["suffix"]:
        return np.nan
    token = _split_match(match, match["inner"])
    return np.nan if token is None else _value(token, ".", 1.0)


def _value(token: dict[str, Any], decimal: str, factor: float) -> float:
    power = int(token["exponent"] or token["power"] or 0)
    if power > sys.float_info.max_10_exp:
        return np.nan
    return (-1 if token["negative"] else 1) * factor * _digits(token["number"], decimal) * 10.0**power


def _digits(number: str, decimal: str) -> float:
    """Return the value of digits with separators; NaN where the groups are not those of thousands.

    A single last mark that cannot separate thousands is a decimal mark, whatever the other numbers have.
    """
    value = _grouped(number, decimal)
    other = "," if decimal == "." else "."
    if np.isnan(value) and number.count(other) == 1 and number.rfind(decimal) < number.rfind(other):
        return _grouped(number, other)
    return value


def _grouped(number: str, decimal: str) -> float:
    whole, mark, fraction = number.partition(decimal)
    if mark and not fraction.isdigit() and fraction:
        return np.nan
    if whole.isdigit() or not whole:
        return float(f"{whole or 0}.{fraction or 0}")
    separators = {character for character in whole if not character.isdigit()}
    groups = re.split(r"[.,' ]", whole)
    right = len(groups[-1]) == 3 and 1 <= len(groups[0]) <= 3 and groups[0] != "" and len(separators) == 1
    # Indian numbers have groups of two digits before the last one.
    if right and ({len(group) for group in groups[1:-1]} <= {3} or {len(group) for group in groups[1:-1]} == {2}):
        return float(f"{''.join(groups)}.{fraction or 0}")
    return np.nan


def split_number(text: str) -> dict[str, Any] | None:
    """Return the parts of a text that holds one number, or None."""
    match = _match_number(text)
    if match is None:
        return None
    prefix = match["prefix"] or ""
    glued = match["inner"] and match.start("inner") == match.end("prefix") and not _is_currency(_word(prefix))
    # The hyphen of "A-5" is no sign.
    token = _split_match(match, None if glued else match["inner"])
    if token is not None:
        token["fraction"] = not text.isascii() and _FRACTION.search(text) is not None
        token["bounded"] = bool(token["bound"] or token["more"]) or token["trail"] == "+"
        token["unit"] = _unit(prefix, token["suffix"] or "")
    return token


def _match_number(text: str) -> re.Match[str] | None:
    return _NUMBER.fullmatch(_normalize(text)) if len(text) <= _MAX_LENGTH else None


def _split_match(match: re.Match[str], inner: str | None) -> dict[str, Any] | None:
    """Return the parts of a number and whether it is negative; None for a wrong number of signs or brackets.

    Parameters
    ----------
    inner : str or None
        The sign behind the prefix.
    """
    token: dict[str, Any] = match.groupdict()
    n_open = bool(token["open"]) + bool(token["inner_open"])
    if n_open != bool(token["close"]):
        return None
    signs = [sign for sign in (token["sign"], inner) if sign]
    minus = token["trail"] == "-"
    if len(signs) + minus + n_open > 1:
        return None
    token["negative"] = minus or n_open == 1 or signs == ["-"]
    return token


def _normalize(text: str) -> str:
    """Return a text with common digits, blanks and signs in place of their relatives in Unicode."""
    if text.isascii():
        return text
    text = _FRACTION.sub(_decimals, text)  # normalization would make 11/2 of 1½
    text = unicodedata.normalize("NFKC", text.translate(_SIMILAR)).translate(_SIMILAR)
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def _decimals(fraction: re.Match[str]) -> str:
    """Return a fraction such as ½ as decimal places: so many that they are no group of thousands."""
    return f"{unicodedata.numeric(fraction[1]):.17f}"[1:]


@lru_cache(maxsize=4096)
def _unit(prefix: str, suffix: str) -> str:
    """Return the normalized unit of a number: "currency|prefix|suffix", or an empty text."""
    prefix, suffix = _word(prefix), _word(suffix)
    currency = ""
    if _is_currency(prefix):
        currency, prefix = _SYNONYMS.get(prefix, prefix), ""
    else:
        for part in (suffix, *suffix.split()):
            if _is_currency(part):
                currency, suffix = _SYNONYMS.get(part, part), suffix.replace(part, "", 1).strip()
                break
    return f"{currency}|{prefix}|{_SYNONYMS.get(suffix, suffix)}" if currency or prefix or suffix else ""


def _word(text: str) -> str:
    """Return a unit in lower case, without a dot and a plural s at its end; single letters keep their case."""
    text = text.strip().rstrip(".").rstrip()
    if len(text) == 1:
        return text
    text = text.lower()
    plural = len(text) > 2 and text.endswith("s") and text[-2].isalpha() and text[-2] != "s"
    return text[:-1] if plural else text


def _is_currency(word: str) -> bool:
    return word in _CURRENCIES or word in _SYNONYMS or any(unicodedata.category(c) == "Sc" for c in word)


def find_format(texts: Texts, counts: NDArray[np.intp], *, all_text: bool = False, forced: bool = False) -> Any:
    """Return the notation in which distinct texts are numbers, or None if they are something else.

    Parameters
    ----------
    counts : ndarray of int
        Number of cells of each text.
    all_text : bool
        Whether the whole table consists of texts. Then few whole numbers and leading zeros are numbers, too.
    forced : bool
        Whether the user says that the texts are numbers. Then any number of odd cells is allowed.
    """
    sample = evenly_spaced(texts, SAMPLE_SIZE)
    sample = sample[~is_placeholder(sample)]
    tokens = [token for token in map(split_number, sample) if token is not None]
    if not tokens or (len(tokens) < _MIN_MATCHES * len(sample) and not forced and len(texts) > MAX_ODD_TEXTS + 1):
        return None
    known = ~is_placeholder(texts)
    texts, counts = texts[known], counts[known]
    found = NumberFormat(_decimal_mark(tokens), _units(tokens, forced))
    if not (forced or all_text) and _is_lettered(found):  # the whole column has no chance, if the sample has none
        few = found.parse(sample)
        if not (few != np.round(few))[np.isfinite(few)].any():
            return None
    numbers = found.parse(texts)
    good = np.isfinite(numbers)
    if forced:
        return found if good.any() else None
    if not few_odd(counts, good):
        return None
    return found if all_text or _is_quantity(texts[good], numbers[good], tokens, found) else None


def few_odd(counts: NDArray[np.intp], good: NDArray[np.bool_]) -> bool:
    """Return whether so few cells cannot be read that they may count as missing cells."""
    odd, total = int(counts[~good].sum()), int(counts.sum())
    if odd == 0:
        return True
    if odd <= max(MAX_ODD_SHARE * total, total >= _MIN_FOR_ONE_ODD):
        return True
    return odd <= MAX_REPEATED_ODD_SHARE * total and int((~good).sum()) <= MAX_ODD_TEXTS and int(good.sum()) > MAX_CODES


def looks_like_numbers(texts: Texts) -> NDArray[np.bool_]:
    """Return which texts people take for numbers: without a bound, and without a unit other than a currency."""
    found = []
    for text in texts:
        token = split_number(text)
        if token is None or token["bounded"] or token["unit"].startswith("|"):
            found.append(False)
        else:
            found.append(any(np.isfinite(_digits(token["number"], decimal)) for decimal in ".,"))
    return np.array(found, dtype=bool)


def has_leading_zeros(texts: Texts) -> bool:
    """Return whether whole numbers begin with a zero, as zip codes and telephone numbers do."""
    return any(_LEADING_ZERO.fullmatch(text) for text in texts)


def _is_quantity(texts: Texts, numbers: Floats, tokens: list[dict[str, Any]], found: NumberFormat) -> bool:
    """Return whether numbers are quantities; the others are codes of categories, such as zip codes."""
    whole = bool((numbers == np.round(numbers)).all())
    if found.units and found.units[0][1] != found.units[-1][1]:  # 1.5k is no whole number
        whole = all(found.is_whole(token) for token in tokens)
    if whole and (has_leading_zeros(texts) or sum(_is_share(unit) for unit, _ in found.units) > 1):
        return False
    if whole and (_is_lettered(found) or found.has_several_units):  # "No. 12", "12A" and "7C"
        return False
    if len(texts) > MAX_CODES:
        return True
    return not whole and not any(token["bounded"] for token in tokens)


def _is_lettered(found: NumberFormat) -> bool:
    """Return whether the numbers have a word before them, as in "No. 12"; then whole numbers are names."""
    return any(c.isalpha() for unit, _ in found.units for c in unit.partition("|")[2].partition("|")[0])


def _decimal_mark(tokens: list[dict[str, Any]]) -> str:
    """Return the decimal mark of a column."""
    votes: Counter[str] = Counter()
    plain = 0  # numbers of at most three digits without separator
    for token in tokens:
        number = str(token["number"])
        marks = [c for c in number if c in ".,"]
        if token["fraction"]:  # ½ has no decimal mark
            continue
        if not marks:
            plain += len(number) <= 3
            continue
        last = marks[-1]
        whole, _, end = number.rpartition(last)
        if len(set(marks)) == 2:
            votes[f"decimal{last}"] += marks.count(last) == 1
        elif len(marks) > 1:
            votes[f"group{last}"] += 1
        elif len(end) != 3 or not whole or whole[0] == "0" or len(whole) > 3:
            votes[f"decimal{last}"] += 1
        else:
            votes[f"unclear{last}"] += 1
    if votes["decimal,"] > votes["decimal."]:
        return ","
    if votes["decimal."]:
        return "."
    if votes["group."]:
        return ","
    # Numbers with three digits behind each dot are thousands only if others are too small to need a dot.
    return "," if plain and votes["unclear."] >= 10 and not votes["unclear,"] + votes["group,"] else "."


def _units(tokens: list[dict[str, Any]], forced: bool) -> tuple[tuple[str, float], ...]:
    """Return the units that the numbers of a column may have, with their factors; the most frequent one comes first."""
    counts = Counter(token["unit"] for token in tokens)
    if set(counts) == {""}:
        return ()
    ordered = sorted(counts, key=lambda unit: (-counts[unit], unit))
    parts = [tuple(unit.split("|")) if unit else ("", "", "") for unit in ordered]
    suffixes = {suffix for _, _, suffix in parts}
    same = len({part[:2] for part in parts if part != ("", "", "")}) == 1
    bare = {suffix for suffix in suffixes if suffix}
    if same and len(suffixes) > 1:
        for family in _FAMILIES:
            clear = bool(parts[0][0]) or bool(bare - _UNCLEAR) or not family.get("")
            if clear and bare <= set(family) and (len(bare) > 1 or (family.get("") and "" in suffixes)):
                rest = [(unit, family.get(suffix, 1.0)) for unit, (_, _, suffix) in zip(ordered, parts, strict=True)]
                first = [("", 1.0)] if family.get("") else []
                more = [(_with_suffix(parts, suffix), factor) for suffix, factor in family.items() if suffix]
                return tuple(dict([*first, *rest, *more]).items())
    named = [unit for unit in ordered if unit]
    frequent = named if forced else [unit for unit in named if counts[unit] >= MAX_ODD_SHARE * len(tokens)]
    used = frequent if forced or len(frequent) <= _MAX_UNITS else named[:1]
    factors = tuple((unit, 1 / int(unit[3:]) if _is_share(unit) else 1.0) for unit in used)  # "4.5/5" is 0.9
    # Beside ¼, the text 3/4 is a fraction, not a rating, so that 2 is not 2/4.
    has_fractions = any(token["fraction"] and not token["unit"] for token in tokens)
    return (("", 1.0), *factors) if has_fractions and used and _is_share(used[0]) else factors


def _is_share(unit: str) -> bool:
    """Return whether a unit divides its number, such as the one of 4.5/5."""
    return unit.startswith("||/")


def _with_suffix(parts: list[tuple[str, ...]], suffix: str) -> str:
    currency, prefix = next(part[:2] for part in parts if part != ("", "", ""))
    return f"{currency}|{prefix}|{suffix}"
