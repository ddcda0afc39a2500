"""Models of several targets: one joint model, an independent model for each target, or a chain of models.

A joint model follows scikit-learn's convention for several outputs: `fit` takes a target of shape (n_samples,
n_targets), ``predict`` returns that shape, ``predict_proba`` returns a list of arrays, and ``classes_`` is a list. The
classes below lay the predictions for all targets side by side, as `pipelines.targets.TargetLayout` describes. Their
``classes_`` are the numbers of these columns, so that the other code treats them like the classes of one target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.model_selection import KFold

from pipelines.component import Component, FitContext, TableTraits, space_of
from pipelines.steps.training_facts import take_facts_of_all

Array = NDArray[Any]

JOINT, INDEPENDENT, CHAIN = "joint", "independent", "chain"
N_SPLITS = 3  # inner folds of a chain whose models learn from out-of-fold predictions


class ConstantClassifier(ClassifierMixin, BaseEstimator):
    """Predicts the only class of its training rows: a fold may lack the other classes of a rare target."""

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Store the class."""
        self.classes_ = np.unique(np.asarray(y))[:1]
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return ones of shape (n_samples, 1)."""
        return np.ones((X.shape[0], 1))


def _lay_out(probabilities: ArrayLike, classes: Array, n_classes: int) -> Array:
    """Return probabilities with a column for every class of the target."""
    found = np.asarray(probabilities)
    out = np.zeros((len(found), n_classes))
    out[:, np.asarray(classes, dtype=np.intp)] = found
    return out


def predict_target(model: Any, X: Any, n_classes: int, output: ArrayLike | None = None) -> Array:
    """Return the block of one target: probabilities of shape (n_samples, n_classes), or (n_samples, 1) for a number.

    Parameters
    ----------
    output : array-like, optional
        The output of the model for these rows, where it is known already.
    """
    if not n_classes:
        values = model.predict(X) if output is None else output
        return np.asarray(values, dtype=np.float64).reshape(-1, 1)
    return _lay_out(model.predict_proba(X) if output is None else output, model.classes_, n_classes)


class _SeveralModels(BaseEstimator):
    """Common part of independent models and of chains.

    Parameters
    ----------
    estimators : sequence of estimator
        An unfitted estimator for each target.
    n_classes : tuple of int
        Number of classes of each target; empty where all targets are numbers.
    """

    estimators: Sequence[Any]
    n_classes: tuple[int, ...]
    models_: list[Any]

    def _classes_of(self, target: int) -> int:
        return self.n_classes[target] if self.n_classes else 0

    def _fit_model(self, target: int, X: Any, y: Array, sample_weight: Any) -> Any:
        """Return a fitted model of one target."""
        constant = bool(self.n_classes) and bool((y == y[0]).all())
        model = ConstantClassifier() if constant else clone(self.estimators[target])
        return model.fit(X, y, sample_weight=sample_weight)

    def _finish_fit(self) -> None:
        """Take over what the search reads from a fitted model, and name the columns of the predictions."""
        take_facts_of_all(self, self.models_)
        if self.n_classes:
            self.classes_ = np.arange(sum(self.n_classes))

    def _columns(self, X: Any) -> Array:
        """Return the predictions for all targets, side by side."""
        raise NotImplementedError


class IndependentModels(_SeveralModels):
    """A model of its own for each target; the parameters are those of `_SeveralModels`.

    Attributes
    ----------
    models_ : list of estimator
        The fitted model of each target.
    """

    def __init__(self, estimators: Sequence[Any], n_classes: tuple[int, ...] = ()):
        self.estimators = estimators
        self.n_classes = n_classes

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the models one after the other."""
        target = np.asarray(y)
        self.models_ = [self._fit_model(j, X, target[:, j], sample_weight) for j in range(target.shape[1])]
        self._finish_fit()
        return self

    def _columns(self, X: Any) -> Array:
        return np.hstack([predict_target(model, X, self._classes_of(j)) for j, model in enumerate(self.models_)])


class ChainedModels(_SeveralModels):
    """A chain of models, each of which also sees the targets of the models before it (Read et al., 2011).

    Parameters
    ----------
    estimators, n_classes : as for `_SeveralModels`
    order : {"given", "random"}
        The order of the targets in the chain.
    previous : {"true", "out_of_fold"}
        What the models see of the previous targets while they are trained: the true values, or predictions for rows
        that the predicting model has not seen. To predict, they see predictions.

    Attributes
    ----------
    models_ : list of estimator
        The fitted model of each target, in the order of the targets.
    order_ : list of int
        The targets in the order of the chain.
    """

    def __init__(
        self,
        estimators: Sequence[Any],
        n_classes: tuple[int, ...] = (),
        order: str = "given",
        previous: str = "true",
        random_state: int = 0,
    ):
        self.estimators = estimators
        self.n_classes = n_classes
        self.order = order
        self.previous = previous
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the models in the order of the chain."""
        target = np.asarray(y)
        n_targets = target.shape[1]
        self.order_ = list(range(n_targets))
        if self.order == "random":
            self.order_ = np.random.default_rng(self.random_state).permutation(n_targets).tolist()
        if not self.n_classes:
            self.mean_, self.scale_ = target.mean(axis=0), target.std(axis=0)
            self.scale_[self.scale_ == 0] = 1.0
        fitted: dict[int, Any] = {}
        table = X
        for place, j in enumerate(self.order_):
            fitted[j] = self._fit_model(j, table, target[:, j], sample_weight)
            if place + 1 < n_targets:
                if self.previous == "true":
                    block = self._true_block(j, target[:, j])
                else:
                    block = self._out_of_fold_block(j, table, target[:, j], sample_weight)
                table = self._extend(table, j, block)
        self.models_ = [fitted[j] for j in range(n_targets)]
        self._finish_fit()
        return self

    def _true_block(self, j: int, y: Array) -> Array:
        return np.eye(self.n_classes[j])[y] if self.n_classes else y[:, None]

    def _out_of_fold_block(self, j: int, X: Any, y: Array, sample_weight: Any) -> Array:
        """Return predictions for the training rows, by models that have not seen these rows."""
        weight = None if sample_weight is None else np.asarray(sample_weight)
        n_classes = self._classes_of(j)
        block = np.zeros((len(y), max(1, n_classes)))
        for train, rest in KFold(min(N_SPLITS, len(y)), shuffle=True, random_state=self.random_state).split(y):
            model = self._fit_model(j, X[train], y[train], None if weight is None else weight[train])
            block[rest] = predict_target(model, X[rest], n_classes)
        return block

    def _extend(self, X: Any, j: int, block: Array) -> Any:
        """Return the table with the columns that stand for a previous target: all classes but one, or the number."""
        added = block[:, 1:] if self.n_classes else (block - self.mean_[j]) / self.scale_[j]
        return sparse.hstack([X, added], format="csr") if sparse.issparse(X) else np.hstack([X, added])

    def _columns(self, X: Any) -> Array:
        blocks: dict[int, Array] = {}
        table = X
        for place, j in enumerate(self.order_):
            blocks[j] = predict_target(self.models_[j], table, self._classes_of(j))
            if place + 1 < len(self.order_):
                seen = blocks[j]
                if self.n_classes and self.previous == "true":  # the models have seen labels
                    seen = np.eye(self.n_classes[j])[seen.argmax(axis=1)]
                table = self._extend(table, j, seen)
        return np.hstack([blocks[j] for j in range(len(self.models_))])


class _Classifies(ClassifierMixin):
    """The methods of a classifier of several targets."""

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes of all targets, side by side."""
        return self._columns(X)


class _Regresses(RegressorMixin):
    """The method of a regressor of several targets."""

    def predict(self, X: Any) -> Array:
        """Return values of shape (n_samples, n_targets)."""
        return self._columns(X)


class IndependentClassifiers(_Classifies, IndependentModels):
    """Independent models of targets that hold classes."""


class IndependentRegressors(_Regresses, IndependentModels):
    """Independent models of targets that are numbers."""


class ChainedClassifiers(_Classifies, ChainedModels):
    """A chain of models of targets that hold classes."""


class ChainedRegressors(_Regresses, ChainedModels):
    """A chain of models of targets that are numbers."""


class JointClassifier(ClassifierMixin, BaseEstimator):
    """One classifier of all targets, whose probabilities are laid side by side.

    Parameters
    ----------
    classifier : estimator
        Follows scikit-learn's convention for several outputs.
    n_classes : tuple of int
        Number of classes of each target.
    """

    def __init__(self, classifier: Any, n_classes: tuple[int, ...]):
        self.classifier = classifier
        self.n_classes = n_classes

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the classifier."""
        self.classifier_ = clone(self.classifier).fit(X, y, sample_weight=sample_weight)
        for name in ("n_iter_", "cut_"):
            if hasattr(self.classifier_, name):
                setattr(self, name, getattr(self.classifier_, name))
        self.classes_ = np.arange(sum(self.n_classes))
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities of the classes of all targets, side by side."""
        return self.lay_out(self.classifier_.predict_proba(X))

    def lay_out(self, each: Sequence[ArrayLike]) -> Array:
        """Return the probabilities for each target side by side."""
        parts = zip(each, self.classifier_.classes_, self.n_classes, strict=True)
        return np.hstack([_lay_out(p, classes, k) for p, classes, k in parts])


def _n_classes(context: FitContext) -> tuple[int, ...]:
    layout = context.traits.targets
    assert layout is not None
    return layout.n_classes


def _joint(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    (model,) = params["estimators"]
    return JointClassifier(model, _n_classes(context)) if _n_classes(context) else model


def _independent(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    make = IndependentClassifiers if _n_classes(context) else IndependentRegressors
    return make(params["estimators"], _n_classes(context))


def _chain(params: Mapping[str, Any], context: FitContext) -> BaseEstimator:
    make = ChainedClassifiers if _n_classes(context) else ChainedRegressors
    order, previous = params.get("order", "given"), params.get("previous", "true")
    return make(params["estimators"], _n_classes(context), order, previous, context.random_state)


def _chain_space(traits: TableTraits) -> ConfigurationSpace:
    return space_of(
        Categorical("order", ["given", "random"], default="given"),
        Categorical("previous", ["true", "out_of_fold"], default="out_of_fold"),
    )


def n_fits(name: str, params: Mapping[str, Any], n_targets: int) -> int:
    """Return the number of models of one target that a fit trains; 1 for a joint model.

    Parameters
    ----------
    name : str
        A component of this step.
    params : mapping
        Its hyperparameters.
    """
    if name == JOINT:
        return 1
    inner = N_SPLITS if name == CHAIN and params.get("previous", "true") == "out_of_fold" else 0
    return n_targets + inner * (n_targets - 1)


MULTI_OUTPUT = (
    Component(JOINT, _joint, accepts_sparse=True),
    Component(INDEPENDENT, _independent, accepts_sparse=True),
    Component(CHAIN, _chain, _chain_space, accepts_sparse=True),
)
