"""Tables and checks for the contract suites of components."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from pipelines import storage
from pipelines.component import Component, FitContext, TableTraits, TaskType

Array = NDArray[Any]

TASKS: tuple[TaskType, ...] = ("binary", "multiclass", "regression")
N_ROWS = 90
_SECONDS = 0.5  # time limit of fits whose accuracy does not matter
_LABELS = np.array([0, 2, 3, 7, 9])  # the missing codes stand for classes without training rows
HEAVY = {"torch", "catboost", "xgboost", "lightgbm"}


def make_traits(task: TaskType, n_rows: int = N_ROWS, n_features: int = 4, **changes: Any) -> TableTraits:
    """Return the traits of a table of `make_table`.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
        The type of the task.
    n_rows : int, default=90
        Number of rows.
    n_features : int, default=4
        Number of columns.
    **changes : Any
        Further fields of `TableTraits`.

    Returns
    -------
    TableTraits
        Traits with 2, 10 or 0 classes.

    Examples
    --------
    >>> from automl.testing.components import make_traits
    >>> make_traits("binary", has_missing=True).n_classes
    2
    """
    n_classes = {"binary": 2, "multiclass": 10, "regression": 0}[task]
    return TableTraits(task=task, n_rows=n_rows, n_features=n_features, n_classes=n_classes, **changes)


def make_table(task: TaskType, n_rows: int = N_ROWS, seed: int = 0) -> tuple[Array, Array]:
    """Return four standardized columns and a target that depends on the first two columns.

    Parameters
    ----------
    task : {"binary", "multiclass", "regression"}
        The type of the task. For "multiclass", 5 of 10 classes are in the target.
    n_rows : int, default=90
        Number of rows.
    seed : int, default=0
        Seed of the numbers.

    Returns
    -------
    tuple of ndarray
        The table of shape (n_rows, 4), and the target of shape (n_rows,).

    Examples
    --------
    >>> from automl.testing.components import make_table
    >>> X, y = make_table("multiclass")
    >>> X.shape, sorted(set(y.tolist()))
    ((90, 4), [0, 2, 3, 7, 9])
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4))
    signal = X[:, 0] + 0.5 * X[:, 1]
    if task == "regression":
        return X, 100.0 + 10.0 * signal
    if task == "binary":
        return X, (signal > 0).astype(int)
    return X, _LABELS[np.digitize(signal, np.quantile(signal, [0.2, 0.4, 0.6, 0.8]))]


def default_params(component: Component, traits: TableTraits, **extra: Any) -> dict[str, Any]:
    """Return the default hyperparameters of a component.

    Parameters
    ----------
    component : Component
        The component.
    traits : TableTraits
        Traits of the table.
    **extra : Any
        Further entries, which replace the defaults.

    Returns
    -------
    dict
        The argument `params` of `Component.make`.

    Examples
    --------
    >>> from automl.testing.components import default_params, make_traits
    >>> from pipelines.catalog import get_component
    >>> default_params(get_component("model", "ridge"), make_traits("regression"), alpha=2.0)["alpha"]
    2.0
    """
    return {**plain_params(component.space(traits).get_default_configuration()), **extra}


def make_estimator(
    component: Component, traits: TableTraits, params: Mapping[str, Any] | None = None, **context: Any
) -> Any:
    """Return an unfitted estimator of a component.

    Parameters
    ----------
    component : Component
        A model.
    traits : TableTraits
        Traits of the table.
    params : mapping, optional
        Hyperparameters; the defaults when None.
    **context : Any
        Fields of `FitContext`; the time limit is 0.5 seconds if it is not given.

    Returns
    -------
    estimator
        The result of `Component.make`.

    Examples
    --------
    >>> from automl.testing.components import make_estimator, make_traits
    >>> from pipelines.catalog import get_component
    >>> hasattr(make_estimator(get_component("model", "ridge"), make_traits("regression")), "fit")
    True
    """
    params = default_params(component, traits) if params is None else params
    estimator = component.make(params, FitContext(traits, **{"time_limit": _SECONDS, **context}))
    assert isinstance(estimator, BaseEstimator), f"make must return a scikit-learn estimator, not {estimator!r}"
    return estimator


def predict(estimator: Any, X: Any) -> Array:
    """Return the probabilities of a classifier, or the values of a regressor.

    Parameters
    ----------
    estimator : estimator
        A fitted model.
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        The table.

    Returns
    -------
    ndarray of shape (n_samples, n_classes) or (n_samples,)
        The predictions.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from automl.testing.components import make_table, predict
    >>> X, y = make_table("binary")
    >>> predict(GaussianNB().fit(X, y), X).shape
    (90, 2)
    """
    out: Array = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else estimator.predict(X)
    return out


def restore(estimator: Any, trusted: Collection[str] | None = None) -> Any:
    """Return a fitted estimator as it is after it was stored and read again, without pickle.

    Parameters
    ----------
    estimator : estimator
        A fitted model or transformer.
    trusted : collection of str, optional
        The types that are trusted beside those of `pipelines.storage`; all types when None.

    Returns
    -------
    estimator
        The estimator that was read.

    Raises
    ------
    AssertionError
        If the estimator cannot be stored, or not be read.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from automl.testing.components import make_table, restore
    >>> restore(GaussianNB().fit(*make_table("binary")))
    GaussianNB()
    """
    try:
        data = storage.dump(estimator)
        return storage.load(data, trusted=storage.named_types(data) if trusted is None else trusted)
    except storage.StorageError as error:
        raise AssertionError(f"a fitted estimator must be storable without pickle: {error}") from error


def check_predictions(estimator: Any, X: Any, y: Array, task: TaskType) -> None:
    """Raise an error if the predictions of a fitted model cannot be used.

    Parameters
    ----------
    estimator : estimator
        A model that was fitted on `y`.
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        The table to predict.
    y : ndarray
        The target of the training rows.
    task : {"binary", "multiclass", "regression"}
        The type of the task.

    Raises
    ------
    AssertionError
        If a guarantee is broken; the message names the guarantee.

    Examples
    --------
    >>> from sklearn.svm import LinearSVC
    >>> from automl.testing.components import check_predictions, make_table
    >>> X, y = make_table("binary")
    >>> check_predictions(LinearSVC().fit(X, y), X, y, "binary")
    Traceback (most recent call last):
    AssertionError: a classifier must have predict_proba
    ...
    """
    if task == "regression":
        out = np.asarray(estimator.predict(X))
        assert out.shape == (X.shape[0],), "predict must return one value for each row"
        assert np.isfinite(out).all(), "predictions must be finite"
        return
    assert hasattr(estimator, "predict_proba"), "a classifier must have predict_proba"
    assert np.array_equal(estimator.classes_, np.unique(y)), "classes_ must be the sorted codes in y"
    out = np.asarray(estimator.predict_proba(X))
    assert out.shape == (X.shape[0], len(estimator.classes_)), "predict_proba must have one column for each of classes_"
    assert np.isfinite(out).all(), "probabilities must be finite"
    assert out.min() >= 0, "probabilities must not be negative"
    np.testing.assert_allclose(out.sum(axis=1), 1, atol=1e-5, err_msg="the probabilities of a row must have the sum 1")
    assert np.isin(estimator.predict(X), estimator.classes_).all(), "predict must return codes of classes_"


def plain_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyperparameters as plain Python values, as `Component.make` gets them.

    Parameters
    ----------
    params : mapping
        Hyperparameters, for example a configuration of ConfigSpace.

    Returns
    -------
    dict
        The same names and values.

    Examples
    --------
    >>> import numpy as np
    >>> from automl.testing.components import plain_params
    >>> plain_params({"depth": np.int64(3)})
    {'depth': 3}
    """
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in params.items()}


@contextmanager
def recorded_imports() -> Iterator[set[str]]:
    """Collect the names of the packages that import statements name, also of packages that are already imported.

    Yields
    ------
    set of str
        The names; it grows while the context lasts.

    Examples
    --------
    >>> from automl.testing.components import recorded_imports
    >>> with recorded_imports() as names:
    ...     import os.path
    >>> names
    {'os'}
    """
    names: set[str] = set()
    original = builtins.__import__

    def record(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level == 0:
            names.add(name.partition(".")[0])
        return original(name, globals, locals, fromlist, level)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builtins, "__import__", record)
        yield names


def various_traits() -> list[TableTraits]:
    """Return the traits of very different tables: small and large, dense and sparse, with and without missing cells.

    Returns
    -------
    list of TableTraits
        Traits for all types of tasks.

    Examples
    --------
    >>> from automl.testing.components import various_traits
    >>> max(traits.n_rows for traits in various_traits())
    1000000
    """
    return [
        make_traits(task, n_rows, n_features, **changes)
        for task in TASKS
        for n_rows, n_features in ((12, 1), (1_000, 20), (1_000_000, 300))
        for changes in (
            {},
            {"has_missing": True, "weighted": True},
            {"categorical": (0,), "cardinalities": (50,)},
            {"sparse": True},
        )
    ]


def check_space(component: Component) -> None:
    """Raise an error if a component breaks a rule when the search space is built.

    Parameters
    ----------
    component : Component
        The component.

    Raises
    ------
    AssertionError
        If a guarantee is broken; the message names the guarantee.

    Examples
    --------
    >>> from automl.components import Component
    >>> from automl.testing.components import check_space
    >>> check_space(Component("mine", make=lambda params, context: "passthrough", applies=lambda traits: None))
    Traceback (most recent call last):
    AssertionError: applies must return a bool, not None
    ...
    """
    heavy = HEAVY | {name.partition(".")[0] for name in component.imports} - {"sklearn"}
    for traits in various_traits():
        with recorded_imports() as imported:
            applies = component.applies(traits)
            spaces = [component.space(traits) for _ in range(2)] if applies else []
        assert isinstance(applies, bool), f"applies must return a bool, not {applies!r}"
        assert component.applies(traits) is applies, "applies must return the same for the same traits"
        assert not imported & heavy, f"applies and space must not import {imported & heavy}"
        assert not spaces or spaces[0] == spaces[1], "space must return the same for the same traits"
