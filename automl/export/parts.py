"""Classes and functions that scripts hold copies of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


class CategoryCodes(TransformerMixin, BaseEstimator):
    """Replaces the texts of categories by codes 0, 1, ...; a category that training lacks is a missing cell.

    The codes have the order of the numbers, if all categories of a column are numbers, else that of the texts; `orders`
    holds other orders of columns. Of more than `max_categories`, the rarest share the last code, and so do categories
    that training lacks.
    """

    def __init__(
        self, columns: Sequence[str], orders: Mapping[str, Sequence[str]] | None = None, max_categories: int = 1000
    ):
        self.columns = columns
        self.orders = orders
        self.max_categories = max_categories

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Number the categories of each column."""
        self.levels_, self.others_ = {}, {}
        for name in self.columns:
            counts = X[name].value_counts().sort_index().sort_values(ascending=False, kind="stable")
            is_long = len(counts) > self.max_categories
            kept = sorted(counts.index[: self.max_categories - 1] if is_long else counts.index)
            levels = pd.Index(kept, dtype=object)
            ranks = pd.to_numeric(levels, errors="coerce")
            if self.orders and name in self.orders:
                ranks = pd.Index(self.orders[name]).get_indexer(levels)
            self.levels_[name] = levels if np.isnan(ranks).any() else levels[np.argsort(ranks, kind="stable")]
            self.others_[name] = len(levels) if is_long else np.nan
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return a table with codes, which are missing where a cell is."""
        X = X.copy()
        for name, levels in self.levels_.items():
            codes = levels.get_indexer(X[name])
            others = np.where(X[name].isna(), np.nan, self.others_[name])
            X[name] = np.where(codes < 0, others, codes)
        return X
