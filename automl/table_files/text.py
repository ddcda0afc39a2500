"""CSV files as offices write them: their compression, encoding, separator and decimal sign.

All of these are found before the file is read, so that every part of a large file is read in the same way.
"""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import logging
import lzma
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar

from automl.errors import InvalidInputError
from pipelines.libraries import MissingLibraryError, import_library

logger = logging.getLogger("automl.table_files")

COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst")
# In the order of preference where a file could be read with several separators: the first ones occur less often inside
# cells.
SEPARATORS = ("\t", "|", ";", ",")
_BYTE_ORDER_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 2**20  # bytes or characters that are read at once
_SAMPLE = 2**18  # bytes that decide the separator
_SAMPLE_ROWS = 200
_DECIMAL_SCAN = 2**26  # characters that decide the decimal sign
_DECIMAL_COMMA = re.compile(r"\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*")
_MILLIONS = re.compile(r"\s*[-+]?\d{1,3}(?:\.\d{3}){2,}\s*")
_ONE_MARK = re.compile(r"\s*[-+]?\d*[.,]\d+(?:[eE][-+]?\d+)?\s*")  # a number with one point or comma
_MIN_EVEN_SHARE = 0.5  # of the rows, those with as many cells as the header
_MIN_ZERO_SHARE = 0.1  # of the characters of UTF-16 text, those whose upper byte is zero
_MAX_RUN_SHARE = 0.3  # of the bytes above 127 of text in Windows-1252, those in a row of three or more


@dataclass(frozen=True)
class FileOptions:
    """The options that describe a file with a table; None means that the reader finds the value by itself.

    Messages name them as options of the command line; those of `FileKeys` name them as keys.

    Attributes
    ----------
    encoding : str or None
        Encoding of a text file, such as "utf-8" or "cp1252".
    separator : str or None
        Character between the cells of a text file.
    decimal : str or None
        Decimal sign of a text file, "." or ",".
    sheet : str or None
        Name or number (from 1) of a sheet of an Excel file.
    """

    prefix: ClassVar[str] = "--"  # of the names in messages

    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    sheet: str | None = None

    def check(self) -> None:
        """Raise an error if an option has an impossible value."""
        encoding, separator, decimal = map(self.shown, ("encoding", "separator", "decimal"))
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise InvalidInputError(
                    f"{encoding}: '{self.encoding}' is unknown; use for example utf-8, cp1252, utf-16 or shift_jis"
                ) from None
        if self.separator is not None and len(self.separator) != 1:
            raise InvalidInputError(f"{separator} must be one character, or \\t for a tab; got {self.separator!r}")
        if self.decimal is not None and self.decimal not in (".", ","):
            raise InvalidInputError(f"{decimal} must be . or ,; got {self.decimal!r}")
        if self.decimal is not None and self.decimal == self.separator:
            raise InvalidInputError(f"{decimal} and {separator} are both {self.decimal!r}; change one of them")

    def shown(self, name: str) -> str:
        """Return the name of an option as the user writes it, for a message."""
        return self.prefix + name


@dataclass(frozen=True)
class FileKeys(FileOptions):
    """The same options as keys of a file such as the YAML file of a batch."""

    prefix: ClassVar[str] = ""


DEFAULT_OPTIONS = FileOptions()


@dataclass(frozen=True)
class Dialect:
    """How a text file is read.

    Attributes
    ----------
    encoding, separator, decimal : str
    skipped : int
        Lines before the header: 1 for a first line such as ``sep=;``, which spreadsheets write.
    ends_with_separator : bool
        Whether each row, but not the header, ends with a separator.
    """

    encoding: str
    separator: str
    decimal: str
    skipped: int = 0
    ends_with_separator: bool = False

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `pandas.read_csv`."""
        index = {"index_col": False} if self.ends_with_separator else {}
        return {
            "sep": self.separator,
            "decimal": self.decimal,
            "encoding": self.encoding,
            "skiprows": self.skipped,
            **index,
        }


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that may be compressed, which its extension shows.

    Raises
    ------
    InvalidInputError
        If a zip file does not have exactly one member, or the library for zst files is missing.
    """
    kind = path.suffix.lower()
    opened: IO[Any]
    if kind == ".zip":
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if not name.endswith("/") and "__MACOSX" not in name]
            if len(members) != 1:
                raise InvalidInputError(f"'{path}' holds {len(members)} files; a zip file of a table must hold one")
            with archive.open(members[0]) as opened:
                yield opened
    elif kind == ".zst":
        with (
            path.open("rb") as raw,
            _zstandard(path).ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream,
            io.BufferedReader(stream, _BLOCK) as opened,
        ):
            yield opened
    else:
        opener: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(kind, open)
        with opener(path, "rb") as opened:
            yield opened


@contextmanager
def open_to_write(path: Path, extension: str) -> Iterator[IO[str]]:
    """Open a text file to write; the extension says how it is compressed."""
    kind = extension.lower()
    if kind == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("table.csv", "w") as member:
            yield from _text(member)
    elif kind == ".zst":
        with path.open("wb") as raw, _zstandard(path).ZstdCompressor().stream_writer(raw, closefd=False) as stream:
            yield from _text(stream)
    else:
        opener: Any = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(kind, open)
        with opener(path, "wb") as raw:
            yield from _text(raw)


def find_dialect(path: Path, default: str, options: FileOptions) -> Dialect:
    """Find how a text file is read; the options of the user come first.

    Parameters
    ----------
    path : Path
    default : str
        The separator that the extension of the file stands for.
    options : FileOptions

    Raises
    ------
    InvalidInputError
        If the encoding cannot be found; the message names the option that helps.
    """
    encoding = _given_encoding(options.encoding) if options.encoding else _find_encoding(path, options)
    with open_bytes(path) as file:
        block = file.read(_SAMPLE)
        is_whole = not file.read(1)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(block, is_whole)
    named = re.match(r'"?sep=([^\r\n"])"?\r?(\n|$)', text)
    if named:
        text = text[named.end() :]
    if not is_whole:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    separator = options.separator or (named[1] if named else _find_separator(text, default, is_whole))
    records = _records(text, separator, is_whole)
    widths = {len(record) for record in records[1:]}
    surplus = bool(records) and widths == {len(records[0]) + 1} and not any(record[-1] for record in records[1:])
    if records:
        _note_duplicates(path, records[0])
    decimal = options.decimal or ("." if separator == "," else find_decimal(_texts(path, encoding), separator))
    return Dialect(encoding, separator, decimal, int(named is not None), surplus)


def _find_encoding(path: Path, options: FileOptions) -> str:
    """Return the encoding of a text file.

    A byte order mark decides; then zero bytes, which only UTF-16 has; then whether the whole file is UTF-8. Other files
    are read as Windows-1252, unless their bytes do not look like it.

    Raises
    ------
    InvalidInputError
        If the bytes look like none of these encodings.
    """
    with open_bytes(path) as file:
        block = file.read(_SAMPLE)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if block.startswith(mark):
            return encoding
    if b"\0" in block:
        return _utf_16(path, block, options)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for part in _blocks(path):
            decoder.decode(part)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        option = options.shown("encoding")
        _check_windows_1252(path, option)
        logger.info("'%s' is not UTF-8 and is read as Windows-1252; if that is wrong, use %s", path, option)
        return "cp1252"
    return "utf-8"


def _find_separator(text: str, default: str, is_whole: bool = True) -> str:
    """Return the separator of the cells in the first lines of a file.

    A separator that gives all rows the same number of cells as the header wins; of several, the one with the most
    cells. Without any, it is the one that does this for most rows, at least for half of them. Otherwise the default is
    kept if it splits the header, else the one that splits the header most.

    Parameters
    ----------
    text : str
        The first lines of the file.
    default : str
        The separator that the extension of the file stands for.
    is_whole : bool
        Whether the text ends where the file ends; else its last row may be cut off.
    """
    widths: dict[str, list[int]] = {}
    for separator in SEPARATORS:
        widths[separator] = [len(record) for record in _records(text, separator, is_whole)] or [1]
    split = [s for s in SEPARATORS if widths[s][0] > 1]
    even = [s for s in split if set(widths[s][1:]) <= {widths[s][0]} or set(widths[s][1:]) == {widths[s][0] + 1}]
    if even:
        return max(even, key=lambda s: widths[s][0])
    share = {s: widths[s][1:].count(widths[s][0]) / len(widths[s][1:]) for s in split}
    if share and max(share.values()) >= _MIN_EVEN_SHARE:
        return max(split, key=lambda s: share[s])
    if default in split or not split:
        return default
    return max(split, key=lambda s: widths[s][0])


def _records(text: str, separator: str, is_whole: bool) -> list[list[str]]:
    """Return the first rows of a text as lists of cells, the header first, without a row that is cut off."""
    records = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if record:
                records.append(record)
            if len(records) > _SAMPLE_ROWS:
                return records
    except csv.Error:  # such as a cell that is too long, or goes on beyond the text
        return records
    return records if is_whole or len(records) < 2 else records[:-1]


def _note_duplicates(path: Path, names: Sequence[str]) -> None:
    double = sorted(name for name, count in Counter(names).items() if name and count > 1)
    if double:
        name = double[0]
        logger.info("'%s' has several columns %r; they are called %r, %r and so on", path, name, name, f"{name}.1")


def _given_encoding(name: str) -> str:
    """Return the encoding for the name that the user gave; UTF-8 may have a byte order mark."""
    return "utf-8-sig" if codecs.lookup(name).name == "utf-8" else name


def _utf_16(path: Path, block: bytes, options: FileOptions) -> str:
    """Return which UTF-16 a text without byte order mark has, by the upper bytes of its characters."""
    pairs = max(1, len(block) // 2)
    upper_first, upper_last = block[0::2].count(0) / pairs, block[1::2].count(0) / pairs
    for encoding, here, other in (("utf-16-le", upper_last, upper_first), ("utf-16-be", upper_first, upper_last)):
        if here >= _MIN_ZERO_SHARE and other == 0:
            return encoding
    option = options.shown("encoding")
    raise InvalidInputError(f"'{path}' holds zero bytes, which no text file has; if it is one, use {option}")


def _check_windows_1252(path: Path, option: str) -> None:
    """Raise an error that names the option if a file does not look like a Western language in one byte a character."""
    high = in_runs = 0
    undefined = False
    for part in _blocks(path):
        undefined |= any(part.count(byte) for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D))
        high += sum(map(len, re.findall(rb"[\x80-\xff]+", part)))
        in_runs += sum(map(len, re.findall(rb"[\x80-\xff]{3,}", part)))
    if undefined or in_runs > _MAX_RUN_SHARE * high:
        raise InvalidInputError(
            f"'{path}' is neither UTF-8 nor Windows-1252; name its encoding with {option}, for example "
            "cp1251, gb18030 or shift_jis"
        )


def find_decimal(texts: Iterable[str], separator: str) -> str:
    """Return the decimal sign that more cells have, a point if both are equal.

    Parameters
    ----------
    texts : iterable of str
        Parts of a text file.
    separator : str
        Character between its cells.
    """
    edge = f'[{re.escape(separator)}"\r\n]'
    number = rf"(?:(?<={edge})|^) *[-+]?{{}} *(?:(?={edge})|$)"
    with_comma = re.compile(number.format(r"(?:\d*|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][-+]?\d+)?"))
    with_point = re.compile(number.format(r"\d*\.\d+(?:[eE][-+]?\d+)?"))
    grouped = re.compile(number.format(r"[1-9]\d{0,2}(?:\.\d{3})+"))  # 1.234 is a thousand beside decimal commas
    commas = points = groups = 0
    for text in texts:
        commas += len(with_comma.findall(text))
        points += len(with_point.findall(text))
        groups += len(grouped.findall(text))
    return "," if commas > points - min(points, groups) else "."


def has_other_sign(cell: Any, decimal: str) -> bool:
    """Return whether a cell is a number whose only mark is the other decimal sign.

    Where commas are decimal signs, "1.234" could be a small number, or a large one with a separator of thousands.
    """
    other = "." if decimal == "," else ","
    return isinstance(cell, str) and other in cell and _ONE_MARK.fullmatch(cell) is not None


def with_point(cell: Any) -> Any:
    """Return a number with a decimal comma as a number with a decimal point; other cells as they are."""
    if not isinstance(cell, str):
        return cell
    if _DECIMAL_COMMA.fullmatch(cell):
        return cell.replace(",", ".")
    return cell.replace(".", "") if _MILLIONS.fullmatch(cell) else cell  # 1.234.567 can only have thousands


def _texts(path: Path, encoding: str) -> Iterator[str]:
    """Yield the parts of a text file that decide the decimal sign."""
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding, errors="replace", newline="") as stream:
        for _ in range(_DECIMAL_SCAN // _BLOCK):
            text = stream.read(_BLOCK)
            if not text:
                break
            yield text


def _blocks(path: Path) -> Iterator[bytes]:
    with open_bytes(path) as file:
        while block := file.read(_BLOCK):
            yield block


def _text(raw: IO[bytes]) -> Iterator[IO[str]]:
    with io.TextIOWrapper(raw, encoding="utf-8", newline="") as stream:
        yield stream


def _zstandard(path: Path) -> Any:
    try:
        return import_library("zstandard")
    except MissingLibraryError as error:
        raise InvalidInputError(f"'{path}' needs zstandard: {error}; or: pip install 'cash-automl[files]'") from error
