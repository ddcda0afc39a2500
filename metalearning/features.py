"""Meta-features of a table, by which similar data sets are found.

Names, definitions and units are those of OpenML's *qualities*, so that values computed here stand in one table with
OpenML's; the modules `characteristics` and `landmarks` document the differences. A few features are our own and
have names that OpenML does not use: `OWN`.

=================== ================= ============================================================================
group               level             input
=================== ================= ============================================================================
simple              "cheap", "full"   the whole target, and a sample of at most 500,000 cells of the table
statistical         "cheap", "full"   that sample
information theory  "cheap", "full"   that sample; class entropy: the whole target
of the target       "cheap", "full"   that sample (regression only)
landmarks           "full"            at most 3,000 rows, 60 columns and 50 classes of that sample, in two folds
=================== ================= ============================================================================

A table of up to 500,000 cells and 1,000 columns is read whole, and its cheap features are exact. Samples are a
function of `random_state`. The features of "cheap" have the same values in "full".
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from metalearning import characteristics, landmarks
from metalearning.metafeatures import MetaFeatures, Scaling
from metalearning.names import ALL, CHEAP, COMPARABLE, OWN, VECTOR
from metalearning.table_sample import draw
from pipelines.component import TableTraits

__all__ = ["ALL", "CHEAP", "COMPARABLE", "OWN", "VECTOR", "MetaFeatures", "Scaling", "compute_metafeatures"]


def compute_metafeatures(
    X: Any, y: Any, traits: TableTraits, *, level: Literal["full", "cheap"] = "full", random_state: int = 0
) -> MetaFeatures:
    """Return the meta-features of a table that `pipelines.table.reader.TableReader` has read.

    Parameters
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        Floats; category columns hold codes, missing cells are NaN.
    y : ndarray of shape (n_rows,)
        Class codes 0, 1, ..., or numbers for regression.
    traits : TableTraits
        Traits of this table.
    level : {"full", "cheap"}
        "full" includes the landmarks, which fit models.
    random_state : int
        Seed of samples, folds and models.

    Returns
    -------
    MetaFeatures
        The names are some of `ALL` (`CHEAP` for "cheap"); a feature that is not defined for the table is absent.

    Raises
    ------
    ValueError
        If there are no rows or no columns, if X, y and the traits do not fit together, or if the level is unknown.
    """
    if level not in ("full", "cheap"):
        raise ValueError(f"level must be 'full' or 'cheap', not {level!r}")
    if min(X.shape) < 1 or X.shape != (len(y), traits.n_features):
        raise ValueError(
            f"X has the shape {X.shape}, but y has {len(y)} rows and the traits {traits.n_features} columns"
        )
    rng = np.random.default_rng(random_state)
    sample = draw(X, y, traits, rng)
    values = {
        **characteristics.simple(sample),
        **characteristics.statistical(sample),
        **characteristics.information(sample),
        **characteristics.target(sample),
    }
    if level == "full":
        values |= landmarks.landmarks(sample, rng)
    return MetaFeatures({name: float(value) for name, value in values.items() if np.isfinite(value)})
