"""Lists of many values of one type, such as the trees of a forest, are stored attribute by attribute.

A forest of 500 trees has 10,000 attributes and 1,000 arrays. As a series it has some twenty attributes and arrays. A
series is one of:

=========== =======================================================================================================
key         value
=========== =======================================================================================================
``same``    one plain value that all items share; ``n`` items
``stack``   an array of all items, one below the other; ``rows`` of each item
``lists``   the series of the items of all lists; ``length`` of each list; ``n`` lists
``dicts``   a series for each key
``objects`` the number of a type; ``state`` is a series for each attribute; ``n`` objects
``builts``  the number of a type that is called with the arguments in ``args``, a series for each argument; ``state``
``each``    a list of values
=========== =======================================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.storage.errors import StorageError
from pipelines.storage.trusted import BUILT

if TYPE_CHECKING:
    from pipelines.storage.decode import Decoder
    from pipelines.storage.encode import Encoder

SHORTEST = 8  # items; shorter lists are not worth it
_PLAIN = (type(None), bool, int, float, str)


def is_series(values: Sequence[Any]) -> bool:
    """Return whether a list is stored as a series: it has enough items, of one type that is not plain."""
    if len(values) < SHORTEST or isinstance(values[0], _PLAIN):
        return False
    kind = type(values[0])
    return all(type(value) is kind for value in values)


def encode_series(encoder: Encoder, values: Sequence[Any]) -> dict[str, Any]:
    """Return the JSON of a list of values."""
    first = values[0]
    kind = type(first)
    if any(type(value) is not kind for value in values):
        return {"each": [encoder.encode(value) for value in values]}
    if kind in _PLAIN:
        if kind is not float and all(value == first for value in values):
            return {"same": first, "n": len(values)}
        return {"each": [encoder.encode(value) for value in values]}
    if kind is list and first and len({len(value) for value in values}) == 1:
        flat = [item for value in values for item in value]
        return {"lists": encode_series(encoder, flat), "length": len(first), "n": len(values)}
    if kind is dict and _is_named(first) and all(value.keys() == first.keys() for value in values):
        return {"dicts": _by_name(encoder, values), "n": len(values)}
    if any(encoder.is_known(value) for value in values) or len({id(value) for value in values}) < len(values):
        return {"each": [encoder.encode(value) for value in values]}
    if kind is np.ndarray and _can_be_stacked(values):
        return {"stack": encoder.add_stack(values), "rows": [len(value) for value in values]}
    if encoder.is_object(first):
        return _encode_objects(encoder, values)
    return {"each": [encoder.encode(value) for value in values]}


def _encode_objects(encoder: Encoder, values: Sequence[Any]) -> dict[str, Any]:
    name = encoder.full_name(values[0])
    if name in BUILT:
        parts = [value.__reduce__() for value in values]
        args, states = [list(part[1]) for part in parts], [part[2] if len(part) > 2 else None for part in parts]
        if args[0] and len({len(arg) for arg in args}) == 1:
            number = encoder.remember(values)
            series = [encode_series(encoder, column) for column in zip(*args, strict=True)]
            return {"builts": number, "args": series, "state": encode_series(encoder, states), "n": len(values)}
    else:
        held = [encoder.state(value) for value in values]
        if _is_named(held[0]) and all(_is_named(state) and state.keys() == held[0].keys() for state in held):
            number = encoder.remember(values)
            return {"objects": number, "state": _by_name(encoder, held), "n": len(values)}
    return {"each": [encoder.encode(value) for value in values]}


def _by_name(encoder: Encoder, values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: encode_series(encoder, [value[name] for value in values]) for name in values[0]}


def _is_named(state: Any) -> bool:
    return isinstance(state, dict) and all(type(name) is str for name in state)


def _can_be_stacked(values: Sequence[np.ndarray]) -> bool:
    first = values[0]
    return (
        first.ndim > 0
        and not first.dtype.hasobject
        and all(v.dtype == first.dtype and v.shape[1:] == first.shape[1:] and v.flags.c_contiguous for v in values)
    )


def decode_series(decoder: Decoder, node: Mapping[str, Any]) -> list[Any]:
    """Return the values of a series."""
    kind = next(iter(node))
    if kind == "each":
        return [decoder.decode(value) for value in node["each"]]
    if kind == "stack":
        stack, ends = decoder.decode(node["stack"]), np.cumsum(node["rows"])
        if len(ends) == 0 or ends[-1] != len(stack):
            raise StorageError("the content is damaged: the rows of a series do not fit its array")
        return np.split(stack, ends[:-1])
    n = decoder.count(node["n"])
    if kind == "same":
        return [node["same"]] * n
    if kind == "lists":
        flat, length = decode_series(decoder, node["lists"]), node["length"]
        return [flat[at : at + length] for at in range(0, n * length, length)]
    if kind == "dicts":
        return _rows(decoder, node["dicts"], n)
    if kind == "objects":
        made = decoder.new(node["objects"], n)
        for value, state in zip(made, _rows(decoder, node["state"], n), strict=True):
            decoder.set_state(node["objects"], value, state)
        return made
    if kind == "builts":
        return decoder.build(node["builts"], n, node["args"], node["state"])
    raise StorageError(f"the content is damaged: it holds the unknown key {kind!r}")


def _rows(decoder: Decoder, columns: Mapping[str, Any], n: int) -> list[dict[str, Any]]:
    series = {name: decode_series(decoder, column) for name, column in columns.items()}
    if not series:
        return [{} for _ in range(n)]
    return [dict(zip(series, row, strict=True)) for row in zip(*series.values(), strict=True)]
