"""The contract suite of transformers; `pipelines.component` describes the contract."""

from __future__ import annotations

import math
import pickle
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from automl.testing.components import check_space, plain_params, restore, various_traits
from pipelines.catalog import steps_of_kind
from pipelines.component import LARGEST, Component, FitContext, TableTraits

_N = 80
_DENSE = TableTraits("binary", _N, 6, 2, (0, 1), (4, 9), has_missing=True)
_SPARSE = TableTraits("binary", _N, 20, 2, sparse=True)
_STEPS = steps_of_kind("columns", "table")


class TransformerContract:
    """The rules of `pipelines.component` for transformers, as tests; a subclass lists the transformers of one step.

    Attributes
    ----------
    step : {"imputation", "encoding", "scaling", "generation", "selection"}
        The step of the pipeline to which the components belong.
    components : sequence of Component
        The transformers to test.
    trusted_types : collection of str or None
        The types that a stored component may name beside those of `pipelines.storage`; None for all types.

    Examples
    --------
    >>> from automl.testing import TransformerContract
    >>> from pipelines.catalog import get_component
    >>> class TestMyScaler(TransformerContract):
    ...     step = "scaling"
    ...     components = [get_component("scaling", "standard")]
    """

    step: ClassVar[str] = ""
    components: ClassVar[Sequence[Component]] = ()
    trusted_types: ClassVar[Collection[str] | None] = None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test its transformers.

        Parameters
        ----------
        metafunc : pytest.Metafunc
            The test that pytest collects.

        Examples
        --------
        >>> from automl.testing import TransformerContract
        >>> callable(TransformerContract().pytest_generate_tests)  # pytest calls it
        True
        """
        if "component" not in metafunc.fixturenames:
            return
        if not self.components or self.step not in _STEPS:
            raise pytest.UsageError(
                f"{type(self).__name__} needs the class attributes components, a list of transformers, and step, "
                f"one of {', '.join(_STEPS)}"
            )
        components = [component for component in self.components if self._is_case(metafunc.function, component)]
        metafunc.parametrize("component", components, ids=lambda component: component.name)

    def _is_case(self, test: Any, component: Component) -> bool:
        if "sparse" in test.__name__:
            return component.accepts_sparse and component.applies(_SPARSE)
        if "order" in test.__name__ and (not component.keeps_order or self.is_fed_codes(component)):
            return False
        if "largest" in test.__name__ and (self.step not in ("scaling", "generation") or self.is_fed_codes(component)):
            return False
        return component.applies(_DENSE)

    def is_fed_codes(self, component: Component) -> bool:
        """Return whether a transformer gets only category columns, and so no numbers.

        Parameters
        ----------
        component : Component
            A transformer of this suite.

        Returns
        -------
        bool
            True for encodings. A subclass overrides it for other transformers of categories.

        Examples
        --------
        >>> from automl.testing import TransformerContract
        >>> from pipelines.catalog import get_component
        >>> class TestEncoder(TransformerContract):
        ...     step = "encoding"
        ...     components = [get_component("encoding", "ordinal")]
        >>> TestEncoder().is_fed_codes(TestEncoder.components[0])
        True
        """
        return self.step == "encoding"

    def _table(self, component: Component) -> tuple[NDArray[Any], NDArray[Any]]:
        rng = np.random.default_rng(0)
        y = rng.integers(0, 2, _N)
        if self.is_fed_codes(component):
            X = np.column_stack([rng.integers(0, 4, _N), rng.integers(0, 9, _N)]).astype(float)
            X[rng.random(X.shape) < 0.1] = np.nan
            return X, y
        X = rng.normal(size=(_N, 6))
        X[:, 2] = 1.0
        X[:, 4] *= 1e-9
        if component.accepts_missing or self.step in steps_of_kind("columns"):
            X[rng.random(X.shape) < 0.1] = np.nan
            X[:, 3] = np.nan  # a column without any value
        return X, y

    def test_applies_and_space_give_the_same_for_the_same_table_and_import_no_heavy_library(
        self, component: Component
    ) -> None:
        check_space(component)

    @pytest.mark.filterwarnings("ignore")
    def test_few_rows_with_a_single_class_fit(self, component: Component) -> None:
        X, _ = self._table(component)
        for made in _made(component, replace(_DENSE, n_rows=6)):
            assert len(clone(made).fit_transform(X[:6], np.zeros(6, dtype=int))) == 6, "rows of a fold may be few"

    @pytest.mark.filterwarnings("ignore")
    def test_a_transformer_keeps_rows_is_repeatable_and_accepts_a_single_row(
        self, component: Component, capfd: pytest.CaptureFixture[str]
    ) -> None:
        X, y = self._table(component)
        for made in _made(component, _DENSE):
            first, second = clone(made).fit(X, y), clone(made).fit(X, y)
            out = first.transform(X)
            assert out.shape[0] == _N, "a transformer must keep the number of the rows"
            assert out.shape[1] >= 1, "a transformer must leave a column"
            assert np.array_equal(out, second.transform(X), equal_nan=True), "the same seed must give the same result"
            unpickled = pickle.loads(pickle.dumps(first))
            assert np.array_equal(out, unpickled.transform(X), equal_nan=True), "unpickling must not change the result"
            stored = restore(first, self.trusted_types)
            assert np.array_equal(out, stored.transform(X), equal_nan=True), "storing must not change the result"
            assert np.allclose(first.transform(X[:1]), out[:1], equal_nan=True), "a row must not depend on other rows"
            fitted = clone(made).fit_transform(X, y)
            assert fitted.shape == out.shape, "fit_transform must return the rows and columns of transform"
            if self.step == "imputation":
                assert np.isfinite(out).all(), "an imputation must fill all cells"
            if self.step == "scaling":
                assert np.array_equal(np.isnan(out), np.isnan(X)), "a scaling must keep missing cells, and make none"
            if self.step in steps_of_kind("table") and not component.accepts_missing:
                assert np.isfinite(out).all(), "the result must be finite"
        assert "".join(capfd.readouterr()) == "", "a transformer must not write to standard output or standard error"

    @pytest.mark.filterwarnings("ignore")
    def test_the_largest_numbers_stay_within_the_limits_of_models(self, component: Component) -> None:
        rng = np.random.default_rng(0)
        X = rng.normal(size=(_N, 6)) * 10.0 ** np.array([-20, -9, 0, 9, 20, 29])
        for made in _made(component, _DENSE):
            fitted = clone(made).fit(X, rng.integers(0, 2, _N))
            out = fitted.transform(np.outer([LARGEST, -LARGEST], np.ones(6)))
            assert np.abs(out).max() <= LARGEST, "no absolute value may exceed pipelines.component.LARGEST"

    @pytest.mark.filterwarnings("ignore")
    def test_numbers_stay_the_last_columns_and_keep_their_order(self, component: Component) -> None:
        X, y = self._table(component)
        fitted = next(_made(component, _DENSE)).fit(X, y)
        for number in range(6):
            rows = np.zeros((41, 6))
            rows[:, number] = np.linspace(-3, 3, 41)
            steps = np.diff(np.nan_to_num(fitted.transform(rows)), axis=0)
            own = steps.shape[1] - 6 + number
            assert steps[:, own].min() >= -1e-9, "with keeps_order, a larger value must not become a smaller one"
            others = np.delete(steps, own, axis=1)
            assert not others.any(), "with keeps_order, other columns must not depend on a number"

    def test_a_transformer_of_sparse_tables_keeps_them_sparse(self, component: Component) -> None:
        rng = np.random.default_rng(0)
        X = sparse.random(_N, 20, density=0.2, format="csr", rng=rng)
        y = rng.integers(0, 2, _N)
        for made in _made(component, _SPARSE):
            fitted = clone(made).fit(X, y)
            out = fitted.transform(X)
            assert sparse.issparse(out), "a sparse table must stay sparse"
            assert out.shape[0] == _N, "a transformer must keep the number of the rows"
            assert 1 <= out.shape[1] <= 20, "a sparse table must not get more columns"
            assert np.isfinite(out.data).all(), "the result must be finite"
            unpickled = pickle.loads(pickle.dumps(fitted))
            assert (unpickled.transform(X) != out).nnz == 0, "unpickling must not change the result"
            assert (restore(fitted, self.trusted_types).transform(X) != out).nnz == 0, (
                "storing must not change the result"
            )
            assert (fitted.transform(X[:1]) != out[:1]).nnz == 0, "a row must not depend on other rows"

    def test_guesses_are_finite_and_positive(self, component: Component) -> None:
        for traits in (table for table in various_traits() if component.applies(table)):
            space = component.space(traits)
            for params in ({}, *(plain_params(space.sample_configuration()) for _ in range(3))):
                guesses = [guess(params, traits) for guess in (component.seconds, component.width) if guess]
                assert all(math.isfinite(guess) and guess > 0 for guess in guesses), (
                    f"guesses must be finite and positive, not {guesses} for {params} and {traits}"
                )

    def test_make_does_not_change_its_parameters(self, component: Component) -> None:
        params = dict(component.space(_DENSE).get_default_configuration())
        before = dict(params)
        component.make(params, FitContext(_DENSE))
        assert params == before, "make must not change params"


def _made(component: Component, traits: TableTraits) -> Iterator[Any]:
    """Yield transformers with default and with sampled hyperparameters."""
    space = component.space(traits)
    for params in [dict(space.get_default_configuration()), *map(dict, space.sample_configuration(3))]:
        yield component.make(plain_params(params), FitContext(traits))
