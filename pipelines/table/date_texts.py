"""Dates and times of day that are written as texts, in the common notations of the world."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.table.cells import Floats, Texts, evenly_spaced, is_placeholder
from pipelines.table.number_texts import few_odd

# Formats that pandas reads fast; `_PATTERNS` covers all other texts.
FAST_FORMATS = (
    "ISO8601",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%y",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%y",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y",
)
ORDERS = ("dmy", "mdy", "ymd")  # orders of day, month and year
_MIN_COMPACT = 5  # so many different texts of eight digits must be dates, else they are codes
_SAMPLE_SIZE = 200
# The beginnings of the names of months in English, German, French, Spanish, Italian, Portuguese and Dutch.
_MONTHS = {
    "jan": 1, "ene": 1, "gen": 1, "feb": 2, "fév": 2, "fev": 2, "mar": 3, "mär": 3, "mrz": 3, "mrt": 3, "maa": 3,
    "apr": 4, "avr": 4, "abr": 4, "may": 5, "mai": 5, "mei": 5, "mag": 5, "jun": 6, "juin": 6, "giu": 6, "jul": 7,
    "juil": 7, "lug": 7, "aug": 8, "aoû": 8, "aou": 8, "ago": 8, "sep": 9, "set": 9, "oct": 10, "okt": 10, "ott": 10,
    "out": 10, "nov": 11, "dec": 12, "dez": 12, "déc": 12, "dic": 12,
}  # fmt: skip
_MONTH = rf"(?P<name>(?:{'|'.join(_MONTHS)})[^\W\d_]*)\.?"
_CENTURY = r"(?:18|19|20|21)"
_ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "cest": 120, "mez": 60, "mesz": 120,
    "eet": 120, "eest": 180, "msk": 180, "ist": 330, "jst": 540, "kst": 540, "hkt": 480, "sgt": 480, "aest": 600,
    "aedt": 660,
    "nzst": 720, "nzdt": 780, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360,
    "pst": -480, "pdt": -420, "akst": -540, "akdt": -480, "hst": -600,
}  # fmt: skip
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?P<half>[ap]\.?\s?m\.?(?![a-z]+/))?"  # not the beginning of America/New_York
)
_ZONE = (
    r"\s*(?P<zone>z|[a-z]{3,4}|[a-z]+/[a-z0-9_/+-]+|(?:utc|gmt)?\s?[+-]\d{1,2}(?::?\d{2})?(?::?\d{2})?)?"
    r"(?:\s*(?P<remark>\[[^\]]*\]|\([^)]*\))|(?<=\d)\s[a-z]{3,4})?"
)
_CITY = re.compile(r"[A-Za-z]/[A-Za-z]")
_NAME = re.compile(r"[A-SU-Za-su-z+]")
_TAIL = rf"(?:(?:[t\s_,;@:]|\sat\s|\s-\s)\s*{_CLOCK})?(?:{_ZONE})"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WEEKDAY}(?P<year>\d{{4}})(?P<s>[-/. :])(?P<month>\d{{1,2}})(?P=s)(?P<day>\d{{1,2}})\.?{_TAIL}",
        rf"{_WEEKDAY}(?P<first>\d{{1,2}})(?P<s>[-/. ])\s?"
        r"(?P<middle>\d{1,2})(?P=s)\s?(?P<last>\d{4}|'?\d{2})"
        rf"{_TAIL}",
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[-/. ]*(?:of |de )?{_MONTH}[-/,. ]*(?:de )?"
        rf"'?(?P<year>\d{{4}}|\d{{2}}){_TAIL}",
        rf"{_WEEKDAY}{_MONTH}[-/. ]*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[-/,. ]+(?P<year>\d{{4}}){_TAIL}",
        rf"(?P<year>\d{{4}})[-/,. ]+{_MONTH}[-/. ]*(?P<day>\d{{1,2}})?{_TAIL}",
        rf"{_WEEKDAY}{_MONTH}\s+(?P<day>\d{{1,2}})\s+{_CLOCK}\s+(?:(?P<zone>[a-z]{{3,4}}|[+-]\d{{4}})\s+)?(?P<year>\d{{4}})",
        rf"{_MONTH}[-/,. ]*(?P<year>\d{{4}})",
        rf"{_MONTH}[-/ ]'?(?P<year>\d{{2}})",
        rf"(?P<year>{_CENTURY}\d{{2}})[-/](?P<month>\d{{1,2}})",
        rf"(?P<month>\d{{1,2}})[-/](?P<year>{_CENTURY}\d{{2}})",
        rf"(?P<year>{_CENTURY}\d{{2}})(?P<month>\d{{2}})(?P<day>\d{{2}})(?:[t _-]?(?P<hour>\d{{2}}):?"
        rf"(?P<minute>\d{{2}})(?::?(?P<second>\d{{2}})(?:[.,](?P<fraction>\d{{1,9}}))?)?)?{_ZONE}",
        rf"(?P<year>\d{{4}})\s?[年년]\s?(?P<month>\d{{1,2}})\s?[月월](?:\s?(?P<day>\d{{1,2}})\s?[日일])?(?:\s*{_CLOCK})?",
        rf"(?P<year>{_CENTURY}\d{{2}})[-/ ]?q(?P<quarter>[1-4])",
        rf"q(?P<quarter>[1-4])[-/ ']?(?P<year>{_CENTURY}\d{{2}})",
        rf"(?P<year>{_CENTURY}\d{{2}})[- ]?w(?P<week>\d{{2}})(?:-?(?P<weekday>[1-7]))?",
    )
)
_TIME = re.compile(
    r"(?P<sign>[-+])?(?:(?P<days>\d+)\s*d(?:ays?)?(?P<forward>,|\s*\+)?\s*)?(?P<hour>\d{1,4})[:h](?P<minute>[0-5]\d)"
    r"(?::(?P<second>[0-5]\d))?(?:[.,](?P<fraction>\d{1,9}))?\s*(?P<half>[ap]\.?\s?m\.?)?\s*(?:z|utc|h|uhr|[-+]\d\d:\d\d)?"
    r"|(?P<hour12>\d{1,2})\s*(?P<half12>[ap]\.?\s?m\.?)"
)
_UNIT_SECONDS = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9, "w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_PART = (  # "9 us" is a size of shoes
    r"(\d+(?:[.,]\d+)?)\s*(?:(?P<ms>ms|milliseconds?|millis)|(?P<us>[µμ]s|microseconds?)|(?P<ns>ns|nanoseconds?)"
    r"|(?P<w>w)(?:eeks?)?|(?P<d>d)(?:ays?)?|(?P<h>h)(?:ours?|rs?|r)?|(?P<m>m)(?:inutes?|ins?|in)?"
    r"|(?P<s>s)(?:econds?|ecs?|ec)?)"
)
_PARTS = re.compile(_PART)
_DURATION = re.compile(rf"[-+]?\s*(?:p(?=[\dt]))?(?:t?{_PART}\.?[\s,]*(?:and\s+)?)+")
_AROUND = " \t\r\n\"'"  # blanks and quotation marks around a date
_DAY = 86400.0


@dataclass(frozen=True)
class DateFormat:
    """The notation of the dates of a column.

    Attributes
    ----------
    fast : str
        Format that `pandas.to_datetime` tries first: "ISO8601", or as for `strptime`; empty if there is none.
    order : str
        Order of day, month and year in dates such as 1/2/2024: "dmy", "mdy" or "ymd".
    """

    fast: str = "ISO8601"
    order: str = "mdy"

    def parse(self, texts: Texts) -> NDArray[np.datetime64]:
        """Return the dates that the texts hold, in UTC, as datetime64[us]; NaT where a text holds no date."""
        return parse_dates(texts, self.fast, self.order)

    def fits(self, texts: Texts, counts: NDArray[np.intp]) -> bool:
        """Return whether so few cells hold no date that they may count as missing cells."""
        return few_odd(counts, ~np.isnat(self.parse(texts)))


def parse_dates(texts: Texts, fast: str, order: str) -> NDArray[np.datetime64]:
    """Return the dates that texts hold in the notation that `DateFormat` describes, in UTC; NaT without a date."""
    if not len(texts):
        return np.empty(0, dtype="M8[us]")
    found = np.full(len(texts), np.datetime64("NaT", "us"))
    if fast:
        plain = [text.removesuffix(" UTC").removesuffix(" GMT") for text in texts]
        dates = pd.to_datetime(pd.Series(plain, dtype=object), format=fast, errors="coerce", utc=True)
        found = np.array(dates.dt.tz_localize(None).to_numpy(), dtype="M8[us]")
        # pandas reads "2024" as a date, but at prediction the column may hold numbers.
        found[[len(text) < 6 for text in texts]] = np.datetime64("NaT")
    rest = np.flatnonzero(np.isnat(found))
    if len(rest):
        found[rest] = _assemble(_split(texts[rest]), order)
    return found


def find_date_format(texts: Texts, counts: NDArray[np.intp], forced: bool = False) -> DateFormat | None:
    """Return the notation in which distinct texts are dates, or None.

    All texts together decide whether the day comes first.

    Parameters
    ----------
    counts : ndarray of int
        Number of cells of each text.
    forced : bool
        Whether the user says that the texts are dates. Then any number of odd cells is allowed.
    """
    sample = evenly_spaced(texts, _SAMPLE_SIZE)
    sample = sample[~is_placeholder(sample)]
    if not len(sample):
        return None
    if not forced and _mean_digits(sample[:: max(1, len(sample) // 5)]) < 2:
        return None
    matches = _split(sample)
    n_matches = sum(match is not None for match in matches)
    if n_matches == 0 or (n_matches < 0.8 * len(sample) and not forced):
        return None
    known = ~is_placeholder(texts)
    texts, counts = texts[known], counts[known]
    compact = all(text.strip().isdigit() for text in sample)
    if compact and len(texts) < _MIN_COMPACT and not forced:
        return None
    order = _order(texts) if any(match and "first" in match.groupdict() for match in matches) else "mdy"
    parsed = [text for text, match in zip(sample, matches, strict=True) if match is not None]
    found = DateFormat(_fast_format(parsed, order), order)
    good = ~np.isnat(found.parse(texts))
    if forced:
        return found if good.any() else None
    if not good.any() or (compact and not good.all()):
        return None
    return found if few_odd(counts, good) else None


def is_ambiguous(texts: Texts, format: DateFormat) -> bool:
    """Return whether day and month could change places in all dates, so that nothing decides which comes first."""
    if format.order == "ymd":
        return False
    other = "dmy" if format.order == "mdy" else "mdy"
    for some in (evenly_spaced(texts, _SAMPLE_SIZE), texts):
        matches = [match for match in _split(some) if match is not None and "first" in match.groupdict()]
        if not matches or np.isnat(_assemble(matches, other)).any():
            return False
    return True


def _mean_digits(texts: Texts) -> float:
    return float(np.mean([sum(c.isdigit() for c in text) if len(text) <= 60 else 0 for text in texts]))


def _fast_format(texts: Sequence[str], order: str) -> str:
    """Return a format that pandas reads fast and that fits some texts."""
    few = texts[:: max(1, len(texts) // 5)]
    other = "%m" if order == "dmy" else "%d"
    for format in FAST_FORMATS:
        if format.startswith(other) or (format[1] in "dm" and order == "ymd"):
            continue
        if all(_matches_format(text, format) for text in few):
            return format
    return ""


def _matches_format(text: str, format: str) -> bool:
    try:
        if format == "ISO8601":
            datetime.fromisoformat(text.removesuffix(" UTC").removesuffix(" GMT"))
        else:
            datetime.strptime(text, format)
    except ValueError:
        return False
    return True


def _split(texts: Texts | Sequence[str]) -> list[re.Match[str] | None]:
    """Return how a pattern splits each text; None where no pattern fits."""
    found: list[re.Match[str] | None] = []
    latest = _PATTERNS[0]
    for text in texts:
        text = text.strip(_AROUND).lower()
        if text.startswith("[") and text.endswith("]"):  # the log files of web servers
            text = text[1:-1]
        match = latest.fullmatch(text) if len(text) <= 60 else None
        if match is None and 4 < len(text) <= 60:
            for pattern in _PATTERNS:
                match = pattern.fullmatch(text)
                if match is not None:
                    latest = pattern
                    break
        found.append(match)
    return found


def _order(texts: Texts) -> str:
    """Return the order of day, month and year in which most of the texts are dates."""
    matches = [match for match in _split(texts) if match is not None and "first" in match.groupdict()]
    valid = {order: int((~np.isnat(_assemble(matches, order))).sum()) for order in ORDERS}
    years, days = ({match[part] for match in matches} for part in ("first", "last"))
    if any(len(match["last"].strip("'")) == 4 for match in matches):
        valid["ymd"] = -1
    elif valid["ymd"] == len(matches) and len(days) > 2 * len(years):  # years repeat, days of the month vary
        return "ymd"
    # Slashes are American where nothing decides; dots and hyphens are not.
    slashes = sum(match["s"] == "/" for match in matches)
    preferred = ("mdy", "dmy", "ymd") if 2 * slashes > len(matches) else ("dmy", "mdy", "ymd")
    return max(preferred, key=lambda order: valid[order])


def _assemble(matches: Sequence[re.Match[str] | None], order: str) -> NDArray[np.datetime64]:
    """Return the dates, in UTC, of texts that patterns have split."""
    parts = np.array([(0, 0, 0, 0) if match is None else _parts(match, order) for match in matches], dtype=np.int64)
    year, month, day, micro = parts.reshape(-1, 4).T
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (micro > -2 * _DAY * 1e6)
    months = np.where(valid, (year - 1970) * 12 + month - 1, 0).astype("M8[M]")
    days = months.astype("M8[D]") + np.where(valid, day - 1, 0)
    valid &= days.astype("M8[M]") == months  # no 31st of February
    return np.where(valid, days.astype("M8[us]") + micro.astype("m8[us]"), np.datetime64("NaT", "us"))


def _parts(match: re.Match[str], order: str) -> tuple[int, int, int, int]:
    """Return year, month, day and microseconds of a date; month 0 for a date that cannot be."""
    groups = match.groupdict()
    year, month, day = groups.get("year"), groups.get("month"), groups.get("day")
    if "first" in groups:
        first, middle, last = groups["first"], groups["middle"], groups["last"].strip("'")
        if order == "ymd":
            year, month, day = first, middle, last
        else:
            day, month = (first, middle) if order == "dmy" else (middle, first)
            year = last
    if groups.get("name"):
        month = str(_MONTHS.get(groups["name"][:3]) or _MONTHS[groups["name"][:4]])
    number = int(year or 0)
    if len(year or "") <= 2:
        number += 2000 if number < 69 else 1900  # as POSIX and Python do
    if groups.get("quarter"):
        month = str(3 * int(groups["quarter"]) - 2)
    if groups.get("week"):
        try:
            date = datetime.fromisocalendar(number, int(groups["week"]), int(groups["weekday"] or 1))
        except ValueError:
            return 0, 0, 0, 0
        number, month, day = date.year, str(date.month), str(date.day)
    seconds = _seconds(groups)
    offset = _offset(groups.get("zone"))
    if seconds is None or offset is None:
        return 0, 0, 0, 0
    return number, int(month or 0), int(day or 1), round((seconds - 60 * offset) * 1e6)


def _seconds(groups: dict[str, str | None]) -> float | None:
    """Return the seconds since midnight, or None for a time that cannot be."""
    hour, minute, second = (int(groups.get(name) or 0) for name in ("hour", "minute", "second"))
    half = groups.get("half")
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half[0] == "p")
    if hour > 24 or minute > 59 or second > 60:
        return None
    return hour * 3600 + minute * 60 + second + float(f"0.{groups.get('fraction') or 0}")


def _offset(zone: str | None) -> int | None:
    """Return the minutes that a zone is ahead of UTC, or None for an unknown zone; 0 for a zone with a city."""
    if not zone or "/" in zone:
        return 0
    name = zone.replace(" ", "")
    if name in _ZONES:
        return _ZONES[name]
    match = re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?(?::?\d{2})?", name)
    return None if match is None else int(f"{match[1]}1") * (60 * int(match[2]) + int(match[3] or 0))


def name_zones(texts: Texts) -> NDArray[np.bool_]:
    """Return which dates have a zone other than the name of a city, so that `DateFormat.parse` converts them to UTC.

    A text that no pattern fits has no date, or a zone in one of the rare notations of ISO 8601.
    """
    # Most dates have no letter but the T before the time, and no hyphen behind the date.
    named = np.array([_NAME.search(text) is not None or "-" in text[10:] for text in texts], dtype=bool)
    named[named] = [match is None or _has_zone(match) for match in _split(texts[named])]
    return named


def find_cities(texts: Texts) -> dict[str, list[int]]:
    """Return the places of the texts whose zone is the name of a city, by this name in lower case."""
    found: dict[str, list[int]] = {}
    places = [i for i, text in enumerate(texts) if _CITY.search(text) is not None]
    for i, match in zip(places, _split(texts[places]), strict=True):
        if match is not None and (city := _city(match)):
            found.setdefault(city, []).append(i)
    return found


def _city(match: re.Match[str]) -> str:
    """Return the name of a city that is the zone of a date, or stands in brackets in place of a zone; else nothing."""
    groups = match.groupdict()
    zone = groups.get("zone") or (groups.get("remark") or "").strip("[]() ")
    return zone if "/" in zone else ""


def _has_zone(match: re.Match[str]) -> bool:
    return "zone" in match.re.groupindex and bool(match["zone"]) and "/" not in match["zone"]


def parse_times(texts: Texts) -> Floats:
    """Return the seconds that times of day and durations such as "1 days 02:03:04" hold; NaN for other texts."""
    return np.array([_time(text) for text in texts], dtype=np.float64)


def _time(text: str) -> float:
    match = _TIME.fullmatch(text.strip().lower())
    if match is None:
        return np.nan
    hour, minute = int(match["hour"] or match["hour12"]), int(match["minute"] or 0)
    half = match["half"] or match["half12"]
    fraction = float(f"0.{match['fraction'] or 0}")
    if half:
        if not 1 <= hour <= 12:
            return np.nan
        hour = hour % 12 + 12 * (half[0] == "p")
    if match["fraction"] and not match["second"]:  # 1:23.45 is a lap of 83.45 seconds
        seconds = 60.0 * hour + minute + fraction
    else:
        seconds = 3600.0 * hour + 60 * minute + int(match["second"] or 0) + fraction
    days = _DAY * int(match["days"] or 0)
    if match["sign"] == "-":
        # One second less than none is "-1 days +23:59:59" in pandas, and "-1 day, 23:59:59" in Python.
        return seconds - days if match["forward"] else -seconds - days
    return seconds + days


def parse_durations(texts: Texts) -> Floats:
    """Return the seconds of durations in any notation, also "1h 30min" and "PT15M"; NaN for other texts."""
    seconds = parse_times(texts)
    rest = np.flatnonzero(np.isnan(seconds))
    seconds[rest] = [_duration(text) for text in texts[rest]]
    return seconds


def _duration(text: str) -> float:
    text = text.strip().lower()
    if len(text) > 60 or not _DURATION.fullmatch(text):
        return np.nan
    total = 0.0
    for match in _PARTS.finditer(text):
        total += float(match[1].replace(",", ".")) * _UNIT_SECONDS[str(match.lastgroup)]
    return -total if text.startswith("-") else total


def find_time_kind(texts: Texts, counts: NDArray[np.intp]) -> str:
    """Return "time" for times of day, "duration" for durations, and an empty text for other texts."""
    sample = evenly_spaced(texts, _SAMPLE_SIZE)
    sample = sample[~is_placeholder(sample)]
    if not len(sample) or np.isfinite(parse_durations(sample)).mean() < 0.8:
        return ""
    known = ~is_placeholder(texts)
    texts, counts = texts[known], counts[known]
    clock = parse_times(texts)
    if few_odd(counts, np.isfinite(clock)):
        laps = all("." in text and text.count(":") == 1 for text in sample if np.isfinite(_time(text)))
        signed = any(text.strip()[:1] in "+-" for text in texts)
        days = any("d" in text.lower() for text in texts)
        return "duration" if laps or signed or days or np.nanmax(clock) > _DAY else "time"
    return "duration" if few_odd(counts, np.isfinite(parse_durations(texts))) else ""
