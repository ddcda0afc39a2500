"""The true values of a target in a table with known labels; heavy libraries are imported inside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from automl.errors import InvalidInputError

_WHOLE = re.compile(r"^(-?\d+)\.0$")


def true_values(labels: Any, classes: Any, path: Path, rows: Any) -> Any:
    """Return the true values with the type of the training target."""
    import numpy as np
    import pandas as pd

    if classes is None:
        numbers = pd.to_numeric(labels, errors="coerce")
        bad = numbers.isna().to_numpy()
        what = "which is no number"
    else:
        # Labels are compared as in training; True may come as a text from a chunk with empty cells.
        by_text = {str(label): label for label in classes}
        by_text |= {str(int(c)): c for c in classes if isinstance(c, float | np.floating) and float(c).is_integer()}
        # The text "1.0" is the name of an ordered class among fractions, which the file may write as "1".
        by_text = {_WHOLE.sub(r"\1", text): label for text, label in by_text.items()} | by_text
        numbers = labels.map(lambda label: by_text.get(_label_text(label)))
        bad = numbers.isna().to_numpy()
        what = "which is no class of the model"
        numbers = pd.Series(numbers.to_numpy(dtype=object), dtype=object)
    if bad.any():
        first = int(bad.argmax())
        raise InvalidInputError(
            f"'{path}', row {rows[first]}: the target '{labels.name}' holds {labels.iloc[first]!r}, {what}; "
            "correct the cell, or remove the row"
        )
    return numbers


def _label_text(label: Any) -> str:
    """Return the text of a label: a whole number may come as a float, from a column with empty cells."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
