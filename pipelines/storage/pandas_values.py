"""The values of pandas that models hold: time stamps and other cells, and small frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pipelines.storage.decode import Decoder
    from pipelines.storage.encode import Encoder

PANDAS_TYPES = (pd.DataFrame, pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval, type(pd.NA), type(pd.NaT))


def encode_pandas(encoder: Encoder, value: Any) -> dict[str, Any]:
    """Return the JSON of a value of pandas."""
    if value is pd.NA or value is pd.NaT:
        return {"na": str(value)}
    if isinstance(value, pd.Timestamp):
        zone = None if value.tz is None else str(value.tz)
        return {"timestamp": [int(value.asm8.view("int64")), value.unit, zone]}
    if isinstance(value, pd.Timedelta):
        return {"timedelta": [int(value.asm8.view("int64")), value.unit]}
    if isinstance(value, pd.Period):
        return {"period": [value.ordinal, value.freqstr]}
    if isinstance(value, pd.Interval):
        return {"interval": [encoder.encode(value.left), encoder.encode(value.right), value.closed]}
    columns = [
        [encoder.encode(name), str(column.dtype), _encode_column(encoder, column)] for name, column in value.items()
    ]
    index = None if value.index.equals(pd.RangeIndex(len(value))) else encoder.encode(list(value.index))
    return {"frame": columns, "index": index, "rows": len(value)}


def _encode_column(encoder: Encoder, column: pd.Series) -> Any:
    if isinstance(column.dtype, np.dtype) and not column.dtype.hasobject:
        return encoder.encode(np.ascontiguousarray(column.to_numpy()))
    return encoder.encode(column.astype(object).tolist())


def _decode_frame(decoder: Decoder, node: Mapping[str, Any]) -> pd.DataFrame:
    index = pd.RangeIndex(decoder.count(node["rows"])) if node["index"] is None else decoder.decode(node["index"])
    names = [decoder.decode(name) for name, _, _ in node["frame"]]
    columns = [pd.Series(decoder.decode(cells), index=index, dtype=dtype) for _, dtype, cells in node["frame"]]
    if not columns:
        return pd.DataFrame(index=index)
    frame = pd.concat(columns, axis=1)
    frame.columns = pd.Index(names) if all(isinstance(name, str) for name in names) else pd.Index(names, dtype=object)
    return frame


PANDAS_READERS: Mapping[str, Callable[[Any, dict[str, Any]], Any]] = {
    "na": lambda decoder, node: {"<NA>": pd.NA, "NaT": pd.NaT}[node["na"]],
    "timestamp": lambda decoder, node: _timestamp(*node["timestamp"]),
    "timedelta": lambda decoder, node: pd.Timedelta(np.timedelta64(*node["timedelta"])),
    "period": lambda decoder, node: pd.Period(ordinal=node["period"][0], freq=node["period"][1]),
    "interval": lambda decoder, node: pd.Interval(*(decoder.decode(part) for part in node["interval"])),
    "frame": _decode_frame,
}


def _timestamp(value: int, unit: str, zone: str | None) -> pd.Timestamp:
    numbers: Any = np.array(value, dtype="int64").view(f"datetime64[{unit}]")
    moment = pd.Timestamp(numbers[()])
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)
