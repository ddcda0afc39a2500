"""The contract suite of wrappers around a classifier; `pipelines.component` describes the contract."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from automl.testing.components import (
    check_predictions,
    check_space,
    default_params,
    make_table,
    make_traits,
    plain_params,
    restore,
)
from pipelines.component import Component, FitContext, TableTraits, TaskType

_TASKS: tuple[TaskType, ...] = ("binary", "multiclass")


class WrapperContract:
    """The rules of `pipelines.component` for wrappers of classifiers, as tests; a subclass lists the components.

    A component of the steps ordering, balancing, cleaning and calibration gets the unfitted model as the entry
    ``estimator`` of its hyperparameters. It returns a classifier that fits this model.

    Attributes
    ----------
    components : sequence of Component
        The components to test.
    trusted_types : collection of str or None
        The types that a stored component may name beside those of `pipelines.storage`; None for all types.
    estimator : estimator
        The unfitted model to wrap.

    Examples
    --------
    >>> from automl.testing import WrapperContract
    >>> from pipelines.catalog import get_component
    >>> class TestMyBalancing(WrapperContract):
    ...     components = [get_component("balancing", "weights")]
    """

    components: ClassVar[Sequence[Component]] = ()
    trusted_types: ClassVar[Collection[str] | None] = None
    estimator: ClassVar[Any] = LogisticRegression(max_iter=1_000)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test its components and task types.

        Parameters
        ----------
        metafunc : pytest.Metafunc
            The test that pytest collects.

        Examples
        --------
        >>> from automl.testing import WrapperContract
        >>> callable(WrapperContract().pytest_generate_tests)  # pytest calls it
        True
        """
        if "component" not in metafunc.fixturenames:
            return
        if not self.components:
            raise pytest.UsageError(f"{type(self).__name__} needs the class attribute components, a list of components")
        metafunc.parametrize("component", self.components, ids=lambda component: component.name)
        if "task" in metafunc.fixturenames:
            metafunc.parametrize("task", _TASKS)

    def test_applies_and_space_give_the_same_for_the_same_table_and_import_no_heavy_library(
        self, component: Component
    ) -> None:
        check_space(component)

    def test_a_wrapped_model_predicts_is_repeatable_can_be_pickled_and_stored_and_prints_nothing(
        self, component: Component, task: TaskType, capfd: pytest.CaptureFixture[str]
    ) -> None:
        traits = make_traits(task)
        X, y = make_table(task)
        space = component.space(traits)
        space.seed(1)
        for params in (default_params(component, traits), *(plain_params(space.sample_configuration()) for _ in "ab")):
            wrapped = self._wrap(component, traits, params)
            fitted = clone(wrapped).fit(X, y, sample_weight=None)
            check_predictions(fitted, X, y, task)
            out = fitted.predict_proba(X)
            assert fitted.score(X, y) > np.bincount(y).max() / len(y) + 0.2, "a wrapped model must still learn"
            unpickled = pickle.loads(pickle.dumps(fitted))
            assert np.array_equal(unpickled.predict_proba(X), out), "an unpickled model must predict the same"
            assert np.array_equal(restore(fitted, self.trusted_types).predict_proba(X), out), (
                "a model that was stored must predict the same"
            )
            again = clone(wrapped).fit(X, y, sample_weight=None)
            assert np.array_equal(again.predict_proba(X), out), "the same seed must give the same model"
            np.testing.assert_allclose(
                fitted.predict_proba(X[:3]), out[:3], rtol=1e-4, err_msg="a prediction must not depend on other rows"
            )
        assert "".join(capfd.readouterr()) == "", "a component must not write to standard output or standard error"

    def test_make_does_not_change_its_parameters(self, component: Component, task: TaskType) -> None:
        estimator = clone(self.estimator)
        params = default_params(component, make_traits(task), estimator=estimator)
        before = dict(params)
        wrapped: Any = component.make(params, FitContext(make_traits(task)))
        assert params == before, "make must not change params"
        clone(wrapped).fit(*make_table(task))
        assert not hasattr(estimator, "n_features_in_"), "fitting a clone must not change the original"

    def test_tables_of_few_rows_with_a_single_row_of_a_class_fit(self, component: Component, task: TaskType) -> None:
        X, y = make_table(task, n_rows=12)
        y = np.where(np.arange(12) == 0, y.max() + 1, np.where(np.arange(12) < 7, 0, 1))
        traits = make_traits(task, n_rows=12)
        check_predictions(self._wrap(component, traits, default_params(component, traits)).fit(X, y), X, y, task)

    def test_sparse_tables_are_learned_where_they_are_accepted(self, component: Component, task: TaskType) -> None:
        if not component.accepts_sparse:
            pytest.skip("the component does not accept sparse tables")
        X, y = make_table(task)
        X = sparse.csr_matrix(np.where(np.abs(X) < 0.5, 0.0, X))
        traits = make_traits(task, sparse=True)
        check_predictions(self._wrap(component, traits, default_params(component, traits)).fit(X, y), X, y, task)

    def _wrap(self, component: Component, traits: TableTraits, params: Mapping[str, Any]) -> Any:
        return component.make({**params, "estimator": clone(self.estimator)}, FitContext(traits))
