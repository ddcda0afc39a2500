"""The lines of `automl space --full`: every hyperparameter of the space, in groups by component."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from automl.space_table import space


def list_space(task: str, as_json: bool) -> str:
    """Return the space of a kind of target as text, or as a JSON array with one object for each name."""
    rows = [
        {str(key): _plain(value) for key, value in row.items()} for row in space(task=task).to_dict(orient="records")
    ]
    if as_json:
        return json.dumps(rows, indent=2)
    lines = []
    for owner, group in groupby(sorted(rows, key=lambda row: (row["kind"] != "step", _owner(row))), key=_owner):
        entries = list(group)
        lines.append(owner)
        width = max(len(row["name"].removeprefix("model:")) for row in entries)
        lines += [f"  {row['name'].removeprefix('model:'):{width}}  {_words(row)}" for row in entries]
    lines.append("Set ranges, choices and fixed values with --space, for example --space lightgbm:num_leaves=8,64.")
    return "\n".join(lines)


def _owner(row: Mapping[str, Any]) -> str:
    """Return the heading under which a name stands: the steps, or a step with its component."""
    return "steps" if row["kind"] == "step" else row["name"].rpartition(":")[0].replace(":", " ")


def _words(row: Mapping[str, Any]) -> str:
    if row["choices"] is not None:
        words = f"one of {', '.join(map(_text, row['choices']))}"
    else:
        whole = "whole numbers " if row["kind"] == "integer" else ""
        words = f"{whole}{_text(row['low'])} to {_text(row['high'])}{', logarithmic' if row['log'] else ''}"
    words += f"; default {_text(row['default'])}"
    own = [part for part in row["condition"].split(" and ") if part and part.partition(" ")[0].count(":")]
    words += "".join(f"; only if {part.removeprefix('model:')}" for part in own)
    return words + (f"; accepted: {row['accepted']}" if row["accepted"] else "")


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it; None for a missing one."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    value = getattr(value, "item", lambda: value)()
    return None if value != value else value  # NaN
