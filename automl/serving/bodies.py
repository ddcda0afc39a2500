"""Reading of the bodies of requests and writing of the bodies of responses, as JSON and as CSV."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from email.message import Message
from itertools import islice
from typing import Any

from automl.plurals import plural
from automl.serving.cells import Cells
from automl.serving.errors import UNREADABLE, CellError, RequestError, quote, refuse_cells
from automl.serving.model import Predictions, ServedModel
from automl.table_files.text import find_decimal
from automl.task.quantiles import level_name

JSON = "application/json"
CSV = "text/csv"
_SEPARATORS = ",;\t"
_ENCODINGS = re.compile(
    r"utf-8(-sig)?|utf-?16.*|utf-?32.*|ascii|iso8859-\d+|cp\d+|mac-roman|koi8-.|gb.*|big5|euc_.*|shift_jis"
)


def content_type(header: str | None) -> tuple[str, str]:
    """Return the media type and the encoding of a body.

    Raises
    ------
    RequestError
        With status 415, if the server does not read this type or encoding.
    """
    message = Message()
    message["content-type"] = header or "none"
    kind = message.get_content_type() if header else ""
    if kind not in (JSON, CSV):
        sent = f"content type {quote([header])}" if header else "no content type"
        raise RequestError(415, f"the request has {sent}; send {JSON} or {CSV} in the header Content-Type")
    given = str(message.get_param("charset", "utf-8"))
    try:
        encoding = codecs.lookup(given.strip()).name
    except (LookupError, ValueError):
        encoding = ""
    if not _ENCODINGS.fullmatch(encoding) or (kind == JSON and encoding not in ("utf-8", "ascii")):
        wanted = "JSON must be UTF-8" if kind == JSON else "use utf-8 or the name of another character encoding"
        raise RequestError(415, f"charset {quote([given])} is not supported; {wanted}")
    return kind, "utf-8-sig" if encoding in ("utf-8", "ascii") else encoding


def accepted_type(header: str | None, default: str) -> str:
    """Return the media type of the response that the client prefers.

    Raises
    ------
    RequestError
        With status 406, if the client accepts neither JSON nor CSV.

    Examples
    --------
    >>> accepted_type("text/csv, application/json;q=0.5", "application/json")
    'text/csv'
    >>> accepted_type("*/*", "text/csv")
    'text/csv'
    """
    if not header or not header.strip():
        return default
    weights = dict.fromkeys((JSON, CSV), 0.0)
    precision = dict.fromkeys((JSON, CSV), -1)
    for part in header.split(","):
        pattern, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = _weight(parameters)
        for kind in (JSON, CSV):
            matches = {kind: 2, f"{kind.split('/')[0]}/*": 1, "*/*": 0}.get(pattern, -1)
            if matches > precision[kind]:
                weights[kind], precision[kind] = weight, matches
    best = max((default, JSON, CSV), key=lambda kind: weights[kind])
    if weights[best] <= 0:
        raise RequestError(406, f"the header Accept must allow {JSON} or {CSV}")
    return best


def _weight(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


def read_cells(body: bytes, kind: str, encoding: str, model: ServedModel, max_rows: int) -> Cells:
    """Read the rows of a request.

    Raises
    ------
    RequestError
        With status 422, if the body cannot be read or has other columns than the model; with 413, if there are more
        than `max_rows` rows.
    """
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        advice = "" if kind == JSON else ", or name its encoding: Content-Type: text/csv; charset=..."
        name = encoding.removesuffix("-sig")
        message = f"the body is not {name}: byte {error.start} cannot be decoded; send UTF-8{advice}"
        raise RequestError(UNREADABLE, message) from error
    return _read_json(text, model, max_rows) if kind == JSON else _read_csv(text, model, max_rows)


class _RepeatedName(dict[str, Any]):
    """A JSON object in which a name occurs twice."""

    name = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _RepeatedName(found)
    repeated.name = _repeated(name for name, _ in pairs)[0]
    return repeated


def _repeated(names: Iterable[str]) -> list[str]:
    """Return the names that occur more than once; a body may hold hundreds of thousands of names."""
    return [name for name, count in Counter(names).items() if count > 1]


def _read_json(text: str, model: ServedModel, max_rows: int) -> Cells:
    try:
        content = json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise RequestError(UNREADABLE, "the JSON is nested too deeply; send an object with rows") from error
    except ValueError as error:  # a syntax error, or an integer with thousands of digits
        raise RequestError(UNREADABLE, f"the body is not JSON: {error}") from error
    if not isinstance(content, dict) or list(content) != ["rows"] or not isinstance(content["rows"], list):
        example = '{"rows": [{"COLUMN": VALUE, ...}, ...]}'
        raise RequestError(UNREADABLE, f"the JSON must be an object with one list named 'rows': {example}")
    rows = content["rows"]
    _check_count(len(rows), max_rows)
    found = (problem for i, row in enumerate(rows, 1) if (problem := _row_problem(i, row, model)))
    if problems := list(islice(found, 20)):
        raise refuse_cells(problems)
    names = [column.name for column in model.columns]
    if all(len(row) == len(names) for row in rows):
        return Cells({name: [row[name] for row in rows] for name in names}, len(rows))
    return Cells({name: [row.get(name) for row in rows] for name in names}, len(rows))


def _row_problem(number: int, row: Any, model: ServedModel) -> CellError | None:
    if not isinstance(row, dict):
        return CellError("the row is not an object; send one value for each column, by the name of the column", number)
    if isinstance(row, _RepeatedName):
        return CellError("the name occurs more than once", number, row.name)
    if len(row) == len(model.columns) and row.keys() == model.by_name.keys():
        return None
    problem = _name_problem(row, model)
    return None if problem is None else CellError(problem, number)


def _name_problem(names: Mapping[str, Any], model: ServedModel) -> str | None:
    """Return which columns are missing, and which columns the model does not have."""
    missing = [column.name for column in model.columns if column.used and column.name not in names]
    extra = [name for name in names if name not in model.by_name]
    parts = []
    if missing:
        parts.append(f"missing columns: {quote(missing)} (send null or an empty field where a value is missing)")
    if extra:
        parts.append(f"unknown columns: {quote(extra)} (leave them out; /schema lists the columns)")
    return "; ".join(parts) or None


def _check_count(n_rows: int, max_rows: int) -> None:
    if n_rows == 0:
        raise RequestError(UNREADABLE, "the request has no rows; send at least one row")
    if n_rows > max_rows:
        raise RequestError(413, f"the request has more than {plural(max_rows, 'row')}; send fewer rows in each request")


def _read_csv(text: str, model: ServedModel, max_rows: int) -> Cells:
    separator = _separator(text, model)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        header = next((line for line in reader if line), [])
        _check_header(header, model)
        rows: list[list[str]] = []
        for line in reader:
            if not line:  # an empty line
                continue
            if len(line) != len(header):
                message = f"the row has {len(line)} fields, but the header has {len(header)}"
                raise refuse_cells([CellError(message, len(rows) + 1)])
            rows.append(line)
            if len(rows) > max_rows:
                break
    except csv.Error as error:
        raise RequestError(UNREADABLE, f"the body is not CSV: line {reader.line_num}: {error}") from error
    _check_count(len(rows), max_rows)
    columns = {
        name: [cell if cell else None for cell in cells]
        for name, cells in zip(header, zip(*rows, strict=True), strict=True)
    }
    return Cells(columns, len(rows), as_text=True, decimal=_decimal(columns, separator, model))


def _decimal(columns: Mapping[str, Sequence[str | None]], separator: str, model: ServedModel) -> str:
    """Return the decimal sign of the numbers of a request; columns of texts may have another one."""
    if separator == ",":
        return "."
    names = [column.name for column in model.columns if column.used and column.holds_numbers]
    cells = [cell for name in names for cell in columns[name] if cell is not None]
    return find_decimal(["\n".join(cells)], "\n")


def _separator(text: str, model: ServedModel) -> str:
    """Return the character that splits the header into the most names of columns: a comma, semicolon or tab.

    Names may hold these characters, too. If no name is known, the character that splits the header most is taken.
    """

    def quality(separator: str) -> tuple[int, int]:
        lines = csv.reader(io.StringIO(text[:100_000], newline=""), delimiter=separator)
        try:
            header = next((line for line in lines if line), [])
        except csv.Error:  # such as a name that is too long
            return 0, 0
        return len(model.by_name.keys() & set(header)), len(header)

    return max(_SEPARATORS, key=quality)


def _check_header(header: list[str], model: ServedModel) -> None:
    if not header:
        raise RequestError(UNREADABLE, "the CSV is empty; its first line must hold the names of the columns")
    repeated = _repeated(header)
    if repeated:
        raise RequestError(UNREADABLE, f"the header names columns more than once: {quote(repeated)}")
    problem = _name_problem(dict.fromkeys(header), model)
    if problem:
        raise RequestError(UNREADABLE, problem)


def write_predictions(predictions: Predictions, kind: str) -> bytes:
    """Return the body of a response.

    Raises
    ------
    RequestError
        With status 422, if two columns of a CSV response would have the same name.
    """
    if kind == JSON:
        return json.dumps(_as_object(predictions), allow_nan=False, ensure_ascii=False).encode()
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if predictions.targets is None:
        columns = _as_columns(predictions, "prediction", "probability_", "")
    else:
        parts = (
            _as_columns(own, name, f"probability_{name}=", f"{name}_") for name, own in predictions.targets.items()
        )
        columns = [column for part in parts for column in part]
    names = [name for name, _ in columns]
    if both := _repeated(names):
        raise RequestError(
            UNREADABLE,
            f"the response would have more than one column {quote(both[:1])}, because of the names of the targets; ask "
            f"for JSON with the header Accept: {JSON}",
        )
    writer.writerow(names)
    writer.writerows(zip(*(values for _, values in columns), strict=True))
    return out.getvalue().encode()


def _as_object(predictions: Predictions) -> dict[str, Any]:
    """Return the content of a JSON response; of several targets, each entry holds one object by their names."""
    if predictions.targets is not None:
        names, each = list(predictions.targets), [_as_object(own) for own in predictions.targets.values()]
        rows = zip(*(own["predictions"] for own in each), strict=True)
        shown: dict[str, Any] = {"predictions": [dict(zip(names, row, strict=True)) for row in rows]}
        entries = [entry for entry in each[0] if entry != "predictions"]
        return shown | {e: {name: own[e] for name, own in zip(names, each, strict=True)} for e in entries}
    content: dict[str, Any] = {"predictions": predictions.values}
    if predictions.probabilities is not None:
        content |= {"classes": predictions.classes, "probabilities": predictions.probabilities.tolist()}
    if predictions.intervals is not None:
        content["intervals"] = predictions.intervals.tolist()
    if predictions.sets is not None:
        content["sets"] = predictions.sets
    if predictions.quantiles is not None:
        content["quantiles"] = {level_name(level): values for level, values in predictions.quantiles.items()}
    return content


def _as_columns(predictions: Predictions, name: str, share: str, prefix: str) -> list[tuple[str, list[Any]]]:
    """Return the columns of a CSV response for one target, with their names.

    Parameters
    ----------
    share, prefix : str
        Beginnings of the names of probabilities, and of those of intervals, quantiles and sets.
    """
    columns: list[tuple[str, list[Any]]] = [(name, predictions.values)]
    if predictions.probabilities is not None and predictions.classes is not None:
        shares = zip(predictions.classes, predictions.probabilities.T.tolist(), strict=True)
        columns += [(f"{share}{label}", values) for label, values in shares]
    if predictions.intervals is not None:
        ends = zip(("interval_low", "interval_high"), predictions.intervals.T.tolist(), strict=True)
        columns += [(f"{prefix}{end}", values) for end, values in ends]
    if predictions.quantiles is not None:
        columns += [(f"quantile_{level_name(level)}", values) for level, values in predictions.quantiles.items()]
    if predictions.sets is not None:
        joined = ["|".join(map(str, labels)) for labels in predictions.sets]
        columns.append((f"{prefix}set" if prefix else "prediction_set", joined))
    return columns
