"""The training rows whose label is probably wrong, as a table; `pipelines.confident_learning` finds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.checks.predictions import RowPredictions
from pipelines.confident_learning import find_suspects

Array = NDArray[Any]


def suspect_table(record: RowPredictions, classes: Array) -> pd.DataFrame:
    """Return the rows with a suspicious label as a table, most suspicious first; rows of weight 0 do not count.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels in the order of the class codes.
    """
    weight = record.sample_weight
    counted = np.arange(len(record.y)) if weight is None else np.flatnonzero(weight > 0)
    suspects, likelier = find_suspects(
        record.y[counted], record.predictions[counted], sample_weight=None if weight is None else weight[counted]
    )
    found = counted[suspects]
    return pd.DataFrame(
        {
            "row": record.rows[found].astype(np.int64),
            "given": classes[record.y[found]],
            "likelier": classes[likelier],
            "probability": record.predictions[found, likelier].astype(np.float64),
        }
    )
