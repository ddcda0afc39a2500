"""Gaussian processes for small tables; the marginal likelihood chooses their length scales."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float, InCondition
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, Matern, RationalQuadratic, WhiteKernel
from sklearn.utils.validation import check_is_fitted

from pipelines.component import Component, FitContext, TableTraits, space_of
from pipelines.models._cost import encoded_width, power_law
from pipelines.models._margins import apply_softmax, fit_softmax
from pipelines.models._target import standardize
from pipelines.row_samples import LEAST_ROWS_OF_CLASS, spread_classes

MAX_ROWS = 3000
ROWS_TO_TUNE = 300  # rows to tune the kernel on; the seconds of each step grow with their cube
RIDGE = 1e-8
MAX_LENGTH_SCALES = 30  # with more columns there is one length scale for all: the seconds grow with their number


def _kernel(name: str, n_features: int, noise_level: float, anisotropic: bool) -> Kernel:
    width = np.sqrt(n_features)  # typical distance between standardized rows
    bounds = (0.03 * width, 100 * width)
    scale = np.full(n_features, width) if anisotropic and n_features <= MAX_LENGTH_SCALES else width
    shape = {
        "rbf": RBF(scale, bounds),
        "matern_1.5": Matern(scale, bounds, nu=1.5),
        "matern_2.5": Matern(scale, bounds, nu=2.5),
        "rational_quadratic": RationalQuadratic(width, 1.0, bounds, (0.1, 100.0)),
    }[name]
    return ConstantKernel(1.0, (1e-2, 1e3)) * shape + WhiteKernel(noise_level, (noise_level / 30, 2.0))


def _fit_process(
    X: np.ndarray, Y: np.ndarray, order: np.ndarray, kernel: str, noise_level: float, anisotropic: bool, seed: int
) -> GaussianProcessRegressor:
    """Tune the kernel on the first rows of a random order, then fit the process to all rows.

    `Y` has shape (n_samples, n_outputs).
    """
    rows = order[:ROWS_TO_TUNE]
    start = _kernel(kernel, X.shape[1], noise_level, anisotropic)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length scale at its bound is no error
        tuned = GaussianProcessRegressor(start, alpha=RIDGE, random_state=seed).fit(X[rows], Y[rows])
    return GaussianProcessRegressor(tuned.kernel_, alpha=RIDGE, optimizer=None).fit(X, Y)


def _leave_one_out(process: GaussianProcessRegressor, Y: np.ndarray) -> np.ndarray:
    """Return the prediction of each row from all other rows, in the shape of `Y`.

    Rasmussen and Williams, 2006, equation 5.12.
    """
    inverse = solve_triangular(process.L_, np.eye(len(Y)), lower=True)
    precision = (inverse**2).sum(axis=0)
    return Y - process.alpha_.reshape(Y.shape) / precision[:, None]


class GaussianProcessLabelClassifier(ClassifierMixin, BaseEstimator):
    """Regresses class membership on the features; a softmax of leave-one-out predictions gives probabilities.

    One matrix factorization serves all classes. The Laplace approximation of scikit-learn's classifier needs many
    factorizations for each class.

    Parameters
    ----------
    kernel : {"rbf", "matern_1.5", "matern_2.5", "rational_quadratic"}
    noise_level : float
        Initial value of the noise variance; a thirtieth of it is the lower bound.
    anisotropic : bool
        Whether each feature has a length scale of its own; "rational_quadratic" has one for all.
    random_state : int
    """

    def __init__(
        self, kernel: str = "matern_2.5", noise_level: float = 0.1, anisotropic: bool = False, random_state: int = 0
    ):
        self.kernel = kernel
        self.noise_level = noise_level
        self.anisotropic = anisotropic
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: None = None) -> Self:
        """Tune the kernel and fit the process to all rows."""
        X = np.asarray(X, dtype=np.float64)
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, the target has only {self.classes_[0]!r}")
        member = np.eye(len(self.classes_))[codes]
        self.mean_ = member.mean(axis=0)
        self.scale_ = float(np.sqrt((self.mean_ * (1 - self.mean_)).mean()))
        target = (member - self.mean_) / self.scale_
        order = np.random.default_rng(self.random_state).permutation(len(X))
        order = spread_classes(order, codes, [(ROWS_TO_TUNE, LEAST_ROWS_OF_CLASS)])
        self.process_ = _fit_process(
            X, target, order, self.kernel, self.noise_level, self.anisotropic, self.random_state
        )
        self.theta_ = fit_softmax(self.mean_ / self.scale_ + _leave_one_out(self.process_, target), codes)
        self.process_.L_ = None  # only variances need it, and it is the largest part of the stored model
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        scores = self.process_.predict(np.asarray(X, dtype=np.float64))
        return apply_softmax(self.mean_ / self.scale_ + scores, self.theta_)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable classes, shape (n_samples,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class TunedGaussianProcessRegressor(RegressorMixin, BaseEstimator):
    """Gaussian process regression whose kernel is tuned on a sample of the rows.

    Parameters are those of `GaussianProcessLabelClassifier`.
    """

    def __init__(
        self, kernel: str = "matern_2.5", noise_level: float = 0.1, anisotropic: bool = False, random_state: int = 0
    ):
        self.kernel = kernel
        self.noise_level = noise_level
        self.anisotropic = anisotropic
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: None = None) -> Self:
        """Tune the kernel and fit the process to all rows."""
        X = np.asarray(X, dtype=np.float64)
        standard, self.mean_, self.scale_ = standardize(y)
        order = np.random.default_rng(self.random_state).permutation(len(X))
        self.process_ = _fit_process(
            X, standard[:, None], order, self.kernel, self.noise_level, self.anisotropic, self.random_state
        )
        self.process_.L_ = None  # only variances need it, and it is the largest part of the stored model
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return means of shape (n_samples,)."""
        check_is_fitted(self)
        return self.mean_ + self.scale_ * self.process_.predict(np.asarray(X, dtype=np.float64)).ravel()


def make(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    kind = GaussianProcessLabelClassifier if context.traits.is_classification else TunedGaussianProcessRegressor
    return kind(
        kernel=params.get("kernel", "matern_2.5"),
        noise_level=params.get("noise_level", 0.1),
        anisotropic=params.get("anisotropic", False),
        random_state=context.random_state,
    )


def space(traits: TableTraits) -> ConfigurationSpace:
    kernels = ["rbf", "matern_1.5", "matern_2.5", "rational_quadratic"]
    kernel = Categorical("kernel", kernels, default="matern_1.5")
    space = space_of(kernel, Float("noise_level", (1e-3, 1.0), log=True, default=0.1))
    if encoded_width(traits) <= MAX_LENGTH_SCALES:
        anisotropic = Categorical("anisotropic", [False, True], default=False)
        space.add(anisotropic, InCondition(anisotropic, kernel, kernels[:3]))
    return space


def seconds(params: Mapping[str, Any], traits: TableTraits) -> float:
    tuning = power_law(traits, 0.35, rows=1.0, columns=0.15)
    if params.get("anisotropic"):
        tuning *= 1 + encoded_width(traits) ** 2 / 80
    factorization = power_law(traits, 0.1, rows=3.0, columns=0.0)  # dominates on long tables
    return 0.02 + tuning + factorization


def memory(params: Mapping[str, Any], traits: TableTraits) -> float:
    return 3 * 8 * traits.n_rows**2 / 2**20  # covariances, their factor, and the distances


COMPONENT = Component(
    name="gaussian_process",
    make=make,
    space=space,
    applies=lambda traits: traits.n_rows <= MAX_ROWS and not traits.sparse,
    accepts_copies=False,  # the probabilities are fitted to leave-one-out predictions
    reproduces_rows=True,
    limit_factor=2.5,
    seconds=seconds,
    memory=memory,
    predict_milliseconds=(0.26, 12.8),
)

_PREPARED = {"model": "gaussian_process", "encoding": "one_hot", "imputation": "median", "scaling": "standard"}

PORTFOLIO: tuple[Mapping[str, Any], ...] = (
    {
        **_PREPARED,
        "model:gaussian_process:kernel": "rational_quadratic",
    },
    {
        **_PREPARED,
        "scaling": "robust_clip",
        "model:gaussian_process:kernel": "matern_2.5",
    },
)
