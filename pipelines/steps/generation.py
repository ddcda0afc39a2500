"""Feature generation: new columns from encoded columns or from pairs of category columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations, groupby
from operator import itemgetter
from typing import Any, Self

import numpy as np
from ConfigSpace import Categorical, Float, Integer
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import FeatureAgglomeration
from sklearn.decomposition import PCA
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from pipelines.component import Component, FitContext, TableTraits, space_of
from pipelines.steps.combined_features import SCREENED_ROWS, CombinedFeatures
from pipelines.steps.encoders import FrequencyEncoder
from pipelines.steps.preprocessing import SafeScaler, clip_numbers, target_encoder

Floats = NDArray[np.float64]

OPERATIONS = ("add", "subtract", "multiply", "divide")
MAX_COLUMNS = 500  # wider tables gain no accuracy from more columns, which take minutes
MAX_ENCODED = 2_000  # columns with one column for each category
MAX_CELLS = 20_000_000  # cells of new columns: 160 MB
MAX_COMPONENTS = 100  # principal components
MAX_COLUMNS_TO_COMBINE = 150
MAX_VALUE = 1e12
COMBINED_MAX_ROWS = 100_000
COMBINED_MAX_FEATURES = 2_000


def apply_operation(operation: str, a: Floats, b: Floats) -> Floats:
    """Apply one of `OPERATIONS`; a result that is not finite (division by 0) becomes 0, missing cells stay missing."""
    with np.errstate(all="ignore"):
        out = getattr(np, operation)(a, b)
    out = np.where(np.isinf(out) | (np.isnan(out) & ~np.isnan(a) & ~np.isnan(b)), 0.0, out)
    return np.clip(out, -MAX_VALUE, MAX_VALUE)


class ArithmeticFeatures(TransformerMixin, BaseEstimator):
    """Appends sums, differences, products or ratios of random pairs of columns.

    The new columns are clipped at the percentiles 1 and 99 of training and then standardized. Ratios and products
    have long tails, which would dominate linear and kernel models.

    Parameters
    ----------
    operations : tuple of str
        Names from "add", "subtract", "multiply", "divide".
    n_new : int
        Number of new columns; all pairs where there are fewer pairs.
    squares : bool
        Whether a column may pair with itself.
    """

    def __init__(
        self,
        operations: tuple[str, ...] = OPERATIONS,
        n_new: int = 50,
        squares: bool = False,
        random_state: int = 0,
    ):
        self.operations = operations
        self.n_new = n_new
        self.squares = squares
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Choose the pairs among the columns that vary."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        varying = [i for i in range(X.shape[1]) if _varies(X[:, i])]
        rng = np.random.default_rng(self.random_state)
        if len(varying) > MAX_COLUMNS_TO_COMBINE:
            varying = sorted(rng.choice(varying, MAX_COLUMNS_TO_COMBINE, replace=False))
        pairs = [(operation, i, j) for operation in self.operations for i, j in combinations(varying, 2)]
        if self.squares:
            pairs += [("multiply", i, i) for i in varying]
        chosen = rng.permutation(len(pairs))[: self.n_new]
        self.pairs_ = [pairs[i] for i in sorted(chosen)]
        rows = np.linspace(0, len(X) - 1, min(len(X), 5_000)).astype(int)
        self.bounds_ = _bounds(self._combine(X[rows]))
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the table with the new columns at its end."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=float)
        low, high, center, scale = self.bounds_
        return np.hstack([X, (np.clip(self._combine(X), low, high) - center) / scale])

    def _combine(self, X: Floats) -> Floats:
        new = [np.empty((len(X), 0))]
        for operation, pairs in groupby(self.pairs_, key=itemgetter(0)):
            first, second = np.array([pair[1:] for pair in pairs]).T
            new.append(apply_operation(operation, X[:, first], X[:, second]))
        return np.hstack(new)


def _bounds(new: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return lower and upper limits of columns, and centers and scales after clipping; each of shape (n_columns,)."""
    new = np.where(np.isnan(new).all(axis=0), 0.0, new)
    quantile = np.nanquantile if np.isnan(new).any() else np.quantile
    low, high = quantile(new, (0.01, 0.99), axis=0)
    # A nearly constant column, such as a product of rare categories, keeps its rare values, which carry information.
    flat = low == high
    low = np.where(flat, np.nanmin(new, axis=0), low)
    high = np.where(flat, np.nanmax(new, axis=0), high)
    clipped = np.clip(new, low, high)
    deviation = np.nanstd(clipped, axis=0)
    return low, high, np.nanmean(clipped, axis=0), np.where(deviation > 0, deviation, 1.0)


def _varies(column: Floats) -> bool:
    known = column[~np.isnan(column)]
    return len(known) > 1 and bool((known != known[0]).any())


class CategoryPairs(TransformerMixin, BaseEstimator):
    """Combines pairs of category columns into new category columns.

    Parameters
    ----------
    max_pairs : int
    """

    def __init__(self, max_pairs: int = 50, random_state: int = 0):
        self.max_pairs = max_pairs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Choose the pairs and number the codes."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        pairs = list(combinations(range(X.shape[1]), 2))
        chosen = np.random.default_rng(self.random_state).permutation(len(pairs))[: self.max_pairs]
        self.pairs_ = [pairs[i] for i in sorted(chosen)]
        self.widths_ = np.nan_to_num(X, nan=-1).max(axis=0) + 3
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the codes of the pairs, shape (n_samples, n_pairs)."""
        check_is_fitted(self)
        # 0 stands for a missing cell; all codes that training did not have share the last number.
        codes = np.minimum(np.nan_to_num(np.asarray(X, dtype=float), nan=-1) + 1, self.widths_ - 1)
        return np.column_stack([codes[:, i] * self.widths_[j] + codes[:, j] for i, j in self.pairs_])


class BoundedPCA(TransformerMixin, BaseEstimator):
    """Principal components of the standardized table: as many as keep a share of its variance, up to a maximum."""

    def __init__(
        self, variance: float = 0.95, whiten: bool = False, max_components: int = MAX_COMPONENTS, random_state: int = 0
    ):
        self.variance = variance
        self.whiten = whiten
        self.max_components = max_components
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Learn the components."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        most = max(1, min(self.max_components, X.shape[0] - 1, X.shape[1]))
        self.scaler_ = SafeScaler().fit(X)
        self.pca_ = PCA(most, whiten=self.whiten, svd_solver="auto", random_state=self.random_state)
        self.pca_.fit(self.scaler_.transform(X))
        ratio = np.nan_to_num(self.pca_.explained_variance_ratio_)
        self.n_components_ = int(min(most, 1 + np.searchsorted(np.cumsum(ratio), self.variance)))
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return components of shape (n_samples, n_components_)."""
        check_is_fitted(self)
        return clip_numbers(np.nan_to_num(self.pca_.transform(self.scaler_.transform(X))[:, : self.n_components_]))


class BoundedNystroem(TransformerMixin, BaseEstimator):
    """Appends kernel features of the standardized table, which are based on a sample of its rows."""

    def __init__(self, n_components: int = 100, gamma: float = 1.0, random_state: int = 0):
        self.n_components = n_components
        self.gamma = gamma
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Sample the rows; `gamma` is a multiple of 1 / n_features."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        self.scaler_ = SafeScaler().fit(X)
        self.kernel_ = Nystroem(
            gamma=self.gamma / X.shape[1],
            n_components=min(self.n_components, X.shape[0]),
            random_state=self.random_state,
        ).fit(self.scaler_.transform(X))
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return the table with the kernel features at its end."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=float)
        return np.column_stack([X, self.kernel_.transform(np.clip(self.scaler_.transform(X), -1e6, 1e6))])


class BoundedAgglomeration(TransformerMixin, BaseEstimator):
    """Replaces groups of similar columns by their means."""

    def __init__(self, share: float = 0.5):
        self.share = share

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Group the columns by their values in at most 2,000 rows."""
        X = np.asarray(X, dtype=float)
        self.n_features_in_ = X.shape[1]
        self.scaler_ = SafeScaler().fit(X)
        if X.shape[1] > 1:
            rows = np.linspace(0, len(X) - 1, min(len(X), 2_000)).astype(int)
            n = int(np.clip(round(self.share * X.shape[1]), 1, X.shape[1]))
            self.groups_ = FeatureAgglomeration(n_clusters=n).fit(self.scaler_.transform(X[rows]))
        return self

    def transform(self, X: ArrayLike) -> Floats:
        """Return group means of shape (n_samples, n_groups)."""
        check_is_fitted(self)
        scaled = self.scaler_.transform(X)
        return clip_numbers(self.groups_.transform(scaled) if hasattr(self, "groups_") else scaled)


def _arithmetic(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    chosen = {"all": OPERATIONS, "sums": OPERATIONS[:2], "products": OPERATIONS[2:]}
    return ArithmeticFeatures(
        operations=chosen[params.get("operations", "all")],
        n_new=params.get("n_new", 50),
        random_state=context.random_state,
    )


def _polynomial(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return ArithmeticFeatures(
        operations=("multiply",),
        n_new=params.get("n_new", 200),
        squares=not params.get("interaction_only", False),
        random_state=context.random_state,
    )


def _pca(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return BoundedPCA(
        variance=params.get("n_components", 0.95),
        whiten=bool(params.get("whiten", False)),
        random_state=context.random_state,
    )


def _nystroem(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    return BoundedNystroem(
        n_components=params.get("n_components", 100),
        gamma=params.get("gamma", 1.0),
        random_state=context.random_state,
    )


def _narrow_enough(traits: TableTraits) -> bool:
    encoded = len(traits.numeric) + sum(min(cardinality, 100) for cardinality in traits.cardinalities)
    return (
        not traits.sparse
        and traits.n_features <= MAX_COLUMNS
        and encoded <= MAX_ENCODED
        and traits.n_rows * traits.n_features <= 5_000_000
    )


def _n_columns(name: str, lower: int, upper: int, default: int, traits: TableTraits) -> Any:
    """Return a hyperparameter for a number of new columns, with an upper bound by `MAX_CELLS`."""
    most = int(np.clip(MAX_CELLS // traits.n_rows, 2 * lower, upper))
    return Integer(name, (lower, most), log=True, default=min(default, most))


def make_category_pairs(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    """Return a transformer of pairs of categories, which are encoded by target (out of fold) or by frequency."""
    pairs = CategoryPairs(params.get("max_pairs", 30), context.random_state)
    if params.get("encoder", "target") == "frequency":
        return make_pipeline(pairs, FrequencyEncoder())
    return make_pipeline(pairs, target_encoder(10.0, context))


def _combined(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    traits = context.traits
    return CombinedFeatures(
        traits.categorical,
        params.get("n_new", 150),
        traits.is_classification,
        bool(params.get("target_means", False)),
        random_state=context.random_state,
    )


def _combined_apply(traits: TableTraits) -> bool:
    return (
        not traits.sparse
        and 2 <= traits.n_features <= COMBINED_MAX_FEATURES
        and 50 <= traits.n_rows <= COMBINED_MAX_ROWS
        and traits.n_rows * traits.n_features <= MAX_CELLS
        and traits.n_classes <= 100
    )


def _pairs_apply(traits: TableTraits) -> bool:
    return len(traits.categorical) >= 2 and traits.n_classes <= 10 and 50 <= traits.n_rows <= 200_000


def _with_new(name: str, default: int, most: Callable[[TableTraits], int]) -> Callable[..., int]:
    """Return the function `Component.width` of a transformer that appends columns, at most as many as `most` says."""

    def width(params: Mapping[str, Any], traits: TableTraits) -> int:
        return max(1, traits.n_features) + min(int(params.get(name, default)), most(traits))

    return width


def _n_pairs(n_columns: int) -> int:
    return n_columns * (n_columns - 1) // 2


def _pairs_width(params: Mapping[str, Any], traits: TableTraits) -> int:
    per_target = traits.n_classes > 2 and params.get("encoder", "target") == "target"
    n_new = min(int(params.get("max_pairs", 30)), _n_pairs(len(traits.categorical)))
    return max(1, traits.n_features) + (traits.n_classes if per_target else 1) * n_new


GENERATION = (
    Component(
        "none",
        lambda params, context: "passthrough",
        accepts_missing=True,
        accepts_categories=True,
        accepts_sparse=True,
        keeps_order=True,
    ),
    Component(
        "polynomial",
        _polynomial,
        lambda traits: space_of(
            _n_columns("n_new", 10, 500, 200, traits),
            Categorical("interaction_only", [False, True], default=False),
        ),
        applies=_narrow_enough,
        accepts_missing=True,
        width=_with_new("n_new", 200, lambda traits: _n_pairs(traits.n_features) + traits.n_features),
    ),
    Component(
        "arithmetic",
        _arithmetic,
        lambda traits: space_of(
            _n_columns("n_new", 10, 300, 50, traits),
            Categorical("operations", ["all", "sums", "products"], default="all"),
        ),
        applies=lambda traits: _narrow_enough(traits) and traits.n_features >= 2,
        accepts_missing=True,
        width=_with_new("n_new", 50, lambda traits: len(OPERATIONS) * _n_pairs(traits.n_features)),
    ),
    Component(
        "categorical_interactions",
        make_category_pairs,
        lambda traits: space_of(
            Integer("max_pairs", (3, 100), log=True, default=30),
            Categorical("encoder", ["target", "frequency"], default="target"),
        ),
        applies=_pairs_apply,
        reads_target=True,
        accepts_missing=True,
        accepts_categories=True,
        width=_pairs_width,
    ),
    Component(
        "combined_features",
        _combined,
        lambda traits: space_of(
            _n_columns("n_new", 100, 300, 150, traits),
            Categorical("target_means", [False, True] if traits.numeric else [True], default=not traits.numeric),
        ),
        applies=_combined_apply,
        reads_target=True,
        accepts_missing=True,
        accepts_categories=True,
        seconds=lambda params, traits: 2.2e-4 * min(traits.n_rows, SCREENED_ROWS) + 2.7e-5 * traits.n_rows,
        width=lambda params, traits: max(1, traits.n_features) + int(params.get("n_new", 150)),
    ),
    Component(
        "pca",
        _pca,
        lambda traits: space_of(
            Float("n_components", (0.5, 0.999), default=0.95), Categorical("whiten", [False, True], default=False)
        ),
        applies=lambda traits: _narrow_enough(traits) and traits.n_features >= 2,
        width=lambda params, traits: min(max(1, traits.n_features), MAX_COMPONENTS),
    ),
    Component(
        "nystroem",
        _nystroem,
        lambda traits: space_of(
            _n_columns("n_components", 20, 500, 100, traits),
            Float("gamma", (0.01, 10.0), log=True, default=1.0),
        ),
        applies=_narrow_enough,
        width=_with_new("n_components", 100, lambda traits: traits.n_rows),
    ),
    Component(
        "agglomeration",
        lambda params, context: BoundedAgglomeration(params.get("share", 0.5)),
        lambda traits: space_of(Float("share", (0.1, 0.9), default=0.5)),
        applies=lambda traits: _narrow_enough(traits) and traits.n_features >= 4,
        width=lambda params, traits: max(1, round(float(params.get("share", 0.5)) * traits.n_features)),
    ),
)
