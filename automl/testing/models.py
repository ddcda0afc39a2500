"""The contract suite of models; `pipelines.component` describes the contract."""

from __future__ import annotations

import math
import pickle
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from automl.testing.components import (
    HEAVY,
    N_ROWS,
    TASKS,
    check_predictions,
    check_space,
    default_params,
    make_estimator,
    make_table,
    make_traits,
    plain_params,
    predict,
    recorded_imports,
    restore,
    various_traits,
)
from pipelines.component import Component, TaskType
from pipelines.losses import LOG_LINK
from pipelines.quantiles import pinball_loss
from pipelines.training_part import TrainingPart


def _only_for(condition: Callable[[Component], Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Restrict a test to components that fulfill a condition."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        test.condition = condition  # type: ignore[attr-defined]
        return test

    return mark


class ModelContract:
    """The rules of `pipelines.component` for models, as tests; a subclass lists the models.

    Each test runs for every model and every task type to which the model applies. Tests of an optional ability, such
    as `Component.accepts_missing`, run only for models that declare it.

    Attributes
    ----------
    components : sequence of Component
        The models to test.
    trusted_types : collection of str or None
        The types that a stored component may name beside those of `pipelines.storage`; None for all types.
    params_with_small_trees : mapping
        Hyperparameters, by the name of the model, with which a table of category codes can be learned from categories
        only. They make the test of native categories stricter for models of trees.

    Examples
    --------
    >>> from automl.testing import ModelContract
    >>> from pipelines.catalog import get_component
    >>> class TestMyModel(ModelContract):
    ...     components = [get_component("model", "ridge")]
    """

    components: ClassVar[Sequence[Component]] = ()
    trusted_types: ClassVar[Collection[str] | None] = None
    params_with_small_trees: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give each test its models and task types.

        Parameters
        ----------
        metafunc : pytest.Metafunc
            The test that pytest collects.

        Examples
        --------
        >>> from automl.testing import ModelContract
        >>> callable(ModelContract().pytest_generate_tests)  # pytest calls it
        True
        """
        if "component" not in metafunc.fixturenames:
            return
        if not self.components:
            raise pytest.UsageError(f"{type(self).__name__} needs the class attribute components, a list of models")
        condition = getattr(metafunc.function, "condition", lambda component: True)
        components = [component for component in self.components if condition(component)]
        if "task" not in metafunc.fixturenames:
            metafunc.parametrize("component", components, ids=lambda component: component.name)
            return
        cases = [
            pytest.param(component, task, id=f"{component.name}-{task}")
            for component in components
            for task in TASKS
            if component.applies(make_traits(task))
        ]
        metafunc.parametrize(("component", "task"), cases)

    def test_applies_and_space_give_the_same_for_the_same_table_and_import_no_heavy_library(
        self, component: Component
    ) -> None:
        check_space(component)

    def test_default_learns_is_repeatable_can_be_pickled_and_stored_and_prints_nothing(
        self, component: Component, task: TaskType, capfd: pytest.CaptureFixture[str]
    ) -> None:
        X, y = make_table(task)
        estimator = make_estimator(component, make_traits(task), random_state=3, time_limit=None)
        fitted = clone(estimator).fit(X, y, sample_weight=None)
        check_predictions(fitted, X, y, task)
        baseline = 0.0 if task == "regression" else np.bincount(y).max() / len(y)
        assert fitted.score(X, y) > baseline + 0.2, "the default hyperparameters must learn a simple target"
        assert not hasattr(estimator, "classes_"), "fitting a clone must not change the original"
        out = predict(fitted, X)
        unpickled = pickle.loads(pickle.dumps(fitted))
        assert np.array_equal(predict(unpickled, X), out), "an unpickled model must predict the same"
        assert np.array_equal(predict(restore(fitted, self.trusted_types), X), out), (
            "a model that was stored must predict the same"
        )
        again = clone(estimator).fit(X, y, sample_weight=None)
        assert np.array_equal(predict(again, X), out), "the same seed must give the same model"
        np.testing.assert_allclose(
            predict(fitted, X[:3]), out[:3], rtol=1e-4, atol=1e-6, err_msg="a prediction must not depend on other rows"
        )
        assert "".join(capfd.readouterr()) == "", "a model must not write to standard output or standard error"

    @pytest.mark.filterwarnings("ignore")
    def test_several_threads_predict_at_the_same_time(self, component: Component) -> None:
        task = next(task for task in TASKS if component.applies(make_traits(task)))
        X, y = make_table(task)
        fitted = make_estimator(component, make_traits(task), time_limit=0.1).fit(X, y, sample_weight=None)
        X = X[:5]
        expected = predict(fitted, X)
        n_threads, interval = 4, sys.getswitchinterval()
        sys.setswitchinterval(1e-5)  # threads change places often
        try:
            with ThreadPoolExecutor(n_threads) as pool:
                for _ in range(8):  # the first predictions of a loaded model fail most often
                    loaded = pickle.loads(pickle.dumps(fitted))
                    calls = [pool.submit(predict, loaded, X) for _ in range(4 * n_threads)]
                    assert all(np.array_equal(call.result(), expected) for call in calls), (
                        "threads that predict at the same time must get the predictions of a single thread"
                    )
        finally:
            sys.setswitchinterval(interval)

    @pytest.mark.filterwarnings("ignore")
    def test_fit_imports_only_libraries_that_are_declared(self, component: Component) -> None:
        for module in component.imports:
            import_module(module)
        task = next(task for task in TASKS if component.applies(make_traits(task)))
        X, y = make_table(task)
        with recorded_imports() as imported:
            make_estimator(component, make_traits(task), time_limit=0.1).fit(X, y, sample_weight=None).predict(X)
        undeclared = imported & HEAVY - {name.partition(".")[0] for name in component.imports}
        assert not undeclared, f"Component.imports must name the libraries that fit needs: {undeclared}"

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_sampled_configurations_fit(self, component: Component, task: TaskType) -> None:
        X, y = make_table(task, n_rows=60)
        traits = make_traits(task, n_rows=60)
        space = component.space(traits)
        space.seed(1)
        for _ in range(3):
            params = plain_params(space.sample_configuration())
            fitted = make_estimator(component, traits, params).fit(X, y)
            check_predictions(fitted, X, y, task)
            stored = restore(fitted, self.trusted_types)
            assert np.array_equal(predict(stored, X), predict(fitted, X)), "a stored model must predict the same"

    def test_make_does_not_change_its_parameters(self, component: Component, task: TaskType) -> None:
        params = default_params(component, make_traits(task))
        before = dict(params)
        make_estimator(component, make_traits(task), params)
        assert params == before, "make must not change params"

    @_only_for(lambda component: component.accepts_missing)
    def test_missing_cells_are_accepted(self, component: Component, task: TaskType) -> None:
        X, y = make_table(task)
        X = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
        X[:, 3] = np.nan
        fitted = make_estimator(component, make_traits(task, has_missing=True)).fit(X, y)
        check_predictions(fitted, X, y, task)

    @_only_for(lambda component: component.accepts_categories)
    def test_native_categories_are_not_ordered_and_may_be_missing_or_new(
        self, component: Component, task: TaskType
    ) -> None:
        rng = np.random.default_rng(2)
        codes = rng.integers(0, 12, size=300).astype(float)
        odd = codes % 2
        y = {"binary": odd, "multiclass": 3 * odd + 1, "regression": 5.0 * odd}[task]
        y = y if task == "regression" else y.astype(int)
        X = np.column_stack([codes, rng.normal(size=300)])
        X[::20, 0] = np.nan
        traits = make_traits(task, n_rows=300, n_features=2, categorical=(0,), cardinalities=(15,), has_missing=True)
        # With few leaves per tree, alternating codes are hard to learn as numbers and easy to learn as categories.
        small = self.params_with_small_trees.get(component.name, {})
        params = default_params(component, traits, native_categories=1, **small)
        fitted = make_estimator(component, traits, params, time_limit=None).fit(X, y)
        check_predictions(fitted, X, y, task)
        unseen = X.copy()
        unseen[:50, 0] = 14.0
        check_predictions(fitted, unseen, y, task)
        known = ~np.isnan(X[:, 0])
        assert fitted.score(X[known], y[known]) > 0.95, "category codes must not be used as ordered numbers"

    @_only_for(lambda component: component.accepts_sparse)
    def test_sparse_tables_are_learned_like_densevarious_traits(self, component: Component, task: TaskType) -> None:
        X, y = make_table(task)
        X = np.where(np.abs(X) < 0.5, 0.0, X)
        traits = make_traits(task, sparse=True)
        fitted = make_estimator(component, traits, time_limit=None).fit(sparse.csr_matrix(X), y)
        check_predictions(fitted, sparse.csr_matrix(X), y, task)
        baseline = 0.0 if task == "regression" else np.bincount(y).max() / len(y)
        assert fitted.score(sparse.csr_matrix(X), y) > baseline + 0.2, "a model must learn from a sparse table"

    @_only_for(lambda component: component.accepts_weights)
    def test_weights_move_predictions_towards_heavy_rows(self, component: Component, task: TaskType) -> None:
        X, y = make_table(task)
        y = np.random.default_rng(5).permutation(y)  # only the share of each target can be learned
        heavy = y >= np.median(y)
        weights = (np.ones(len(y)), np.where(heavy, 30.0, 1.0))
        traits = make_traits(task, weighted=True)
        plain, weighted = (
            predict(make_estimator(component, traits).fit(X, y, sample_weight=weight), X) for weight in weights
        )
        high = slice(None) if task == "regression" else np.unique(y) >= np.median(y)
        assert weighted[..., high].sum() > plain[..., high].sum(), (
            "sample_weight must move the predictions towards heavy rows, because accepts_weights is True"
        )

    @_only_for(lambda component: component.accepts_weights and component.fit_together is None)
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_only_ratios_of_weights_matter_and_rows_of_weight_0_do_not_count(self, component: Component) -> None:
        task: TaskType = "regression" if component.applies(make_traits("regression")) else "binary"
        X, y = make_table(task, n_rows=30)
        weights = np.random.default_rng(6).uniform(0.5, 2.0, 30)
        traits = make_traits(task, n_rows=30, weighted=True)
        wild_X, wild_y = np.concatenate([X, np.full((5, 4), 1e6)]), np.concatenate([y, [99999] * 5])
        with_ignored_rows = 1e-9 * np.concatenate([weights, np.zeros(5)])
        given = ((X, y, weights), (wild_X, wild_y, with_ignored_rows))
        plain, other = (
            predict(
                make_estimator(component, traits, time_limit=None, device="cpu").fit(
                    rows, target, sample_weight=weight
                ),
                X,
            )
            for rows, target, weight in given
        )
        np.testing.assert_allclose(
            other,
            plain,
            atol=0.02 * np.ptp(plain),
            err_msg="the unit of weights, or rows of weight 0, change predictions",
        )

    @_only_for(lambda component: component.applies(make_traits("regression")) and component.fit_together is None)
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_the_unit_of_the_target_does_not_matter(self, component: Component) -> None:
        X, y = make_table("regression", n_rows=30)
        traits = make_traits("regression", n_rows=30)
        small, large = (
            (make_estimator(component, traits, time_limit=None).fit(X, factor * y + shift).predict(X) - shift) / factor
            for factor, shift in ((1e-6, 0.0), (1e6, 1e6))
        )
        np.testing.assert_allclose(
            small, large, atol=0.02 * np.ptp(y), err_msg="the unit of the target changes what a model learns"
        )

    @_only_for(lambda component: component.losses)
    def test_each_loss_is_learned_and_can_be_stored(self, component: Component) -> None:
        X, y = make_table("regression")
        y = np.exp(y / y.std())
        traits = make_traits("regression")
        limit = None if component.fit_together else 0.3  # networks without a limit have few epochs
        for loss in component.losses:
            params = default_params(component, traits, loss=loss)
            fitted = make_estimator(component, traits, params, time_limit=limit).fit(X, y, sample_weight=None)
            check_predictions(fitted, X, y, "regression")
            assert np.corrcoef(np.argsort(np.argsort(fitted.predict(X))), np.argsort(np.argsort(y)))[0, 1] > 0.4, (
                f"the model must learn with the loss {loss}, because losses names it"
            )
            assert np.array_equal(restore(fitted, self.trusted_types).predict(X), fitted.predict(X)), (
                "a model that was stored must predict the same"
            )
            if loss in LOG_LINK:
                assert fitted.predict(X).min() > 0, f"the loss {loss} has no value for predictions of 0"
                make_estimator(component, traits, params, time_limit=0.1).fit(X, y - 2)  # a later row may be negative

    @_only_for(lambda component: component.accepts_quantiles)
    @pytest.mark.filterwarnings("ignore")
    def test_quantiles_are_learned_in_ascending_order_and_can_be_stored(self, component: Component) -> None:
        X, y = make_table("regression")
        for levels in ((0.1, 0.5, 0.9), (0.8,)):
            traits = make_traits("regression", quantiles=levels)
            fitted = make_estimator(component, traits, time_limit=0.3).fit(X, y, sample_weight=None)
            out = fitted.predict(X).reshape(len(y), -1)
            assert out.shape == (len(y), len(levels)), "predict must return a column for each quantile"
            assert (np.diff(out, axis=1) >= 0).all(), "the quantiles of a row must ascend"
            constant = pinball_loss(y, np.tile(np.quantile(y, levels), (len(y), 1)), levels)
            assert pinball_loss(y, out, levels) < constant, "the model must predict quantiles better than constants"
            assert np.array_equal(predict(restore(fitted, self.trusted_types), X).reshape(out.shape), out), (
                "a model that was stored must predict the same"
            )

    def test_tables_of_few_rows_with_a_single_row_of_a_class_fit(self, component: Component, task: TaskType) -> None:
        X, y = make_table(task, n_rows=12)
        if task != "regression":
            y = np.where(np.arange(12) == 0, y.max() + 1, np.where(np.arange(12) < 7, 0, 1))
        check_predictions(make_estimator(component, make_traits(task, n_rows=12)).fit(X, y), X, y, task)

    def test_constant_and_single_columns_fit(self, component: Component, task: TaskType) -> None:
        _, y = make_table(task)
        X = np.ones((N_ROWS, 1))
        check_predictions(make_estimator(component, make_traits(task, n_features=1)).fit(X, y), X, y, task)

    @pytest.mark.filterwarnings("ignore")
    def test_rows_of_huge_numbers_get_finite_predictions(self, component: Component, task: TaskType) -> None:
        X, y = make_table(task)
        estimator = make_estimator(component, make_traits(task), time_limit=1.0).fit(X, y)
        check_predictions(estimator, np.full((2, 4), [[1e30], [-1e30]]), y, task)

    @_only_for(lambda component: component.interruptible)
    def test_training_ends_early_when_the_time_is_up(self, component: Component, task: TaskType) -> None:
        X, y = make_table(task, n_rows=200)
        traits = make_traits(task, n_rows=200)
        params = default_params(component, traits)
        if params.get("learning_rate", 0.0) > 0.02:
            params["learning_rate"] = 0.2  # with boosting a few rounds are enough
        short = make_estimator(component, traits, params, time_limit=1e-4).fit(X, y)
        check_predictions(short, X, y, task)
        long = make_estimator(component, traits, params, time_limit=2.0).fit(X, y)
        assert short.n_iter_ < long.n_iter_, "training must stop at the time limit, because interruptible is True"

    @_only_for(lambda component: component.continues)
    def test_a_training_goes_on_from_a_stored_state(self, component: Component) -> None:
        X, y = make_table("binary", n_rows=200)
        traits = make_traits("binary", n_rows=200)
        params = default_params(component, traits)
        states: list[Any] = []
        parts = []
        for share in (0.3, 1.0):
            part = TrainingPart(share, states)
            parts.append(make_estimator(component, traits, params, part=part, time_limit=None, device="cpu"))
            parts[-1].fit(X, y, sample_weight=None)
            check_predictions(parts[-1], X, y, "binary")
            states = restore(part.states, self.trusted_types)
            assert bool(states) == (share < 1), "a part of a training leaves a state, and its end leaves none"
        first, last = parts
        assert first.n_iter_ <= last.n_iter_, "a later part must train at least as many iterations"
        assert last.score(X, y) >= first.score(X, y) - 0.1, "a later part must not forget what the first has learned"
        assert np.array_equal(predict(restore(last, self.trusted_types), X), predict(last, X)), (
            "a model whose training has gone on must predict the same after it was stored"
        )

    def test_a_single_class_is_refused_by_a_clear_error_or_predicted(self, component: Component) -> None:
        if not component.applies(make_traits("binary")):
            pytest.skip("the model is not for classes")
        X, y = make_table("binary")
        estimator = make_estimator(component, make_traits("binary"))
        try:
            fitted = estimator.fit(X, np.ones_like(y))
        except ValueError as error:
            if "class" not in str(error):
                raise AssertionError("the error about a target of a single class must name the class") from error
        else:
            np.testing.assert_allclose(fitted.predict_proba(X), 1, err_msg="a single class has the probability 1")

    @_only_for(lambda component: component.seconds or component.memory)
    def test_guesses_are_finite_and_positive_and_import_no_heavy_library(
        self, component: Component, task: TaskType
    ) -> None:
        for traits in (table for table in various_traits() if table.task == task and component.applies(table)):
            space = component.space(traits)
            space.seed(0)
            for params in ({}, *(plain_params(space.sample_configuration()) for _ in range(3))):
                with recorded_imports() as imported:
                    guesses = [guess(params, traits) for guess in (component.seconds, component.memory) if guess]
                assert not imported & HEAVY, f"seconds and memory must not import {imported & HEAVY}"
                assert all(math.isfinite(guess) and guess > 0 for guess in guesses), (
                    f"guesses must be finite and positive, not {guesses} for {params} and {traits}"
                )

    @_only_for(lambda component: component.seconds)
    def test_guessed_seconds_grow_with_rows(self, component: Component, task: TaskType) -> None:
        assert component.seconds is not None
        params = default_params(component, make_traits(task))
        short, long = (component.seconds(params, make_traits(task, n_rows=n_rows)) for n_rows in (500, 50_000))
        assert 0 < short < long, "seconds must grow with the rows"

    @_only_for(lambda component: component.fit_together)
    def test_estimators_that_are_fitted_together_predict_their_own_tables(
        self, component: Component, task: TaskType
    ) -> None:
        assert component.fit_together is not None
        traits = make_traits(task)
        assert set(component.fleet_varies) & set(component.space(traits)), (
            "fleet_varies must name a hyperparameter of the space, because fit_together is given"
        )
        tables = [make_table(task, seed=seed) for seed in (0, 1)]
        estimators = [make_estimator(component, traits, random_state=seed, device="cpu") for seed in (0, 1)]
        component.fit_together(
            estimators, [X for X, _ in tables], [y for _, y in tables], [None, None], configuration_numbers=None
        )
        for estimator, (X, y) in zip(estimators, tables, strict=True):
            check_predictions(estimator, X, y, task)
