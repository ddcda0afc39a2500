"""The exported script of each model and each step predicts like the fitted pipeline with its default configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ConfigSpace import ConfigurationSpace
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.pipeline import Pipeline

from automl import AutoMLClassifier, AutoMLRegressor
from automl.ensemble.selection import FoldBag
from automl.export.script import python_script
from pipelines.build import build_pipeline
from pipelines.catalog import CATALOG
from pipelines.component import Component, FitContext, TableTraits, task_type
from pipelines.configuration import Configuration
from pipelines.rich_tables import RICH_TABLES
from pipelines.space import build_space, complete
from tests.factories import FAST

Array = NDArray[Any]

# Components whose counterparts in a script predict in another way, because there is no closer plain one. The reason is
# the remark of the script. A component whose script would be refused, or would predict otherwise, needs a converter.
_NO_NETWORK = "has no plain counterpart; MLP"
DIFFERENT: Mapping[str, str] = {
    **dict.fromkeys(("realmlp", "tabm", "resnet", "stepwise"), _NO_NETWORK),
    "recursive_feature_machine": "a recursive feature machine has no plain counterpart",
    "percentage_error": "the search weighted the rows by the inverse of the target; here all rows count the same",
}

# Models that learn with a component of another step: the first that goes together with it.
_MODELS = ("ridge", "logistic_regression", "decision_tree", "lightgbm", "realmlp")
_N_CLASSES = {"binary": 2, "ordered": 3, "regression": 0, "labels": 2, "numbers": 0, "sparse": 2}
# The tasks whose pipelines have a step, or one of those for which it does the same; of other steps, both.
_BOTH = ("binary", "regression")
_TASKS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("imputation", "scaling", "balancing", "cleaning", "calibration"), ("binary",)),
    **dict.fromkeys(("loss", "target"), ("regression",)),
    "ordering": ("ordered",),
    "multi_output": ("labels", "numbers"),
}
_MOST = 0.1  # mean difference of probabilities, or of numbers in standard deviations of the target


def make_rows(n_rows: int, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Return rows of numbers, missing cells and categories, and a number that depends on some of them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n_rows, 3)), columns=["a", "b", "c"])
    X = X.assign(d=rng.exponential(size=n_rows), city=rng.choice(["Bonn", "Lima", "Oslo", "Rome"], n_rows))
    X["kind"] = rng.choice(["x", "y", "z"], n_rows)
    signal = X["a"] + X["d"] + (X["city"] == "Oslo") + 0.3 * rng.normal(size=n_rows)
    X.loc[::9, "b"] = np.nan
    return X, signal


def make_target(task: str, X: pd.DataFrame, signal: pd.Series) -> Any:
    """Return the target of a task in the form that users give."""
    label = np.where(signal > signal.median(), "yes", "no")
    grades = np.digitize(signal, np.quantile(signal, [1 / 3, 2 / 3]))
    return {
        "binary": label,
        "sparse": label,
        "regression": np.exp(0.5 * signal),
        "ordered": pd.Series(pd.Categorical.from_codes(grades, ["low", "middle", "high"], ordered=True)),
        "labels": pd.DataFrame({"first": label, "second": np.where(X["c"] > 0, "p", "q")}),
        "numbers": pd.DataFrame({"first": signal, "second": X["c"] - signal}),
    }[task]


@dataclass(frozen=True)
class Fitted:
    """A fitted estimator, whose pipeline is exchanged, with its table and the space of all components for it."""

    model: Any
    traits: TableTraits
    space: ConfigurationSpace
    X: Any
    codes: Array
    later: Any

    def read(self, X: Any) -> Any:
        """Return rows in the form that pipelines take."""
        return self.model._reader.transform(X)

    def script(self, configuration: Configuration, pipeline: Pipeline) -> str:
        """Return the script of a fitted pipeline."""
        bag = FoldBag(configuration, 1.0, [pipeline], (0,))
        model = copy(self.model)
        model._ensemble = replace(model._ensemble, bags=[bag])
        return python_script(model)


@cache
def fitted(task: str) -> Fitted:
    """Return an estimator that has learned a task, once for all tests."""
    X, signal = make_rows(120, seed=0)
    y, later, n_classes = make_target(task, X, signal), make_rows(60, seed=1)[0], _N_CLASSES[task]
    if task == "sparse":
        X, later = (csr_array(table[["a", "c", "d"]].to_numpy()) for table in (X, later))
    kind = AutoMLClassifier if n_classes else AutoMLRegressor
    model = kind(**FAST | {"include": ["decision_tree"], "max_trials": 1, "cv": 2}).fit(X, y)
    changes: dict[str, Any] = {"targets": model._ensemble.targets, "noisy_labels": task == "binary"}
    if task == "ordered":
        changes["ranks"] = (0, 1, 2)
    if task == "regression":  # those of all metrics
        names = {step: tuple(component.name for component in CATALOG[step]) for step in ("loss", "target")}
        changes |= {"losses": names["loss"], "target_transforms": names["target"]}
    traits = replace(model._reader.traits(task_type(n_classes), n_classes), **changes)
    return Fitted(model, traits, build_space(traits), X, codes(model, y), later)


def codes(model: Any, y: Any) -> Array:
    """Return the numbers of the classes, or the target of a regression."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return np.asarray(y, dtype=float)
    if not isinstance(classes, list):
        return np.array([list(classes).index(label) for label in y])
    return np.column_stack([np.searchsorted(own, y[name]) for own, name in zip(classes, y, strict=True)])


def frame(X: Any) -> pd.DataFrame:
    """Return rows as a script reads them from a file."""
    return X if isinstance(X, pd.DataFrame) else pd.DataFrame(X.toarray())


def configuration_of(step: str, name: str, space: ConfigurationSpace) -> Configuration:
    """Return the default configuration of a component, with a simple model if it is not a model."""
    for model in (name,) if step == "model" else _MODELS:
        found = complete(space, {"model": model, step: name})
        if found is not None and (found["model"], found.get(step)) == (model, name):
            return found
    raise AssertionError(f"no model goes together with {step} {name}")


def cases() -> Iterator[Any]:
    """Yield each component that does something with a task whose pipelines may have it."""
    for step, components in CATALOG.items():
        for component in components:
            tasks = ("sparse",) if component.name == "max_abs" else _TASKS.get(step, _BOTH)
            for task in tasks:
                traits = RICH_TABLES[task_type(_N_CLASSES[task])]
                if component.name != "none" and (step != "model" or component.applies(traits)):
                    marks = [pytest.mark.slow] if step != "model" and task != tasks[0] else []
                    yield pytest.param(step, component, task, id=f"{step}-{component.name}-{task}", marks=marks)


def outputs(pipeline: Any, X: Any) -> Array:
    """Return the probabilities of the classes, or the numbers, that a pipeline predicts."""
    found = pipeline.predict_proba(X) if hasattr(pipeline, "predict_proba") else pipeline.predict(X)
    return np.concatenate(found, axis=1) if isinstance(found, list) else np.asarray(found)


def script_outputs(names: Mapping[str, Any], pipeline: Any, X: Any, task: str) -> Array:
    """Return what a pipeline of a script predicts; of classes of several targets, as the script itself reads it."""
    if task != "labels":
        return outputs(pipeline, X)
    return np.concatenate([names["OneTarget"](pipeline, j).predict_proba(X) for j in range(2)], axis=1)


@pytest.mark.filterwarnings("ignore:'n_jobs' has no effect:FutureWarning")  # of logistic regression
@pytest.mark.parametrize(("step", "component", "task"), list(cases()))
def test_a_script_predicts_like_the_pipeline_or_says_that_it_does_not(
    step: str, component: Component, task: str
) -> None:
    known = fitted(task)
    configuration = configuration_of(step, component.name, known.space)
    limit = 0.5 if component.name in DIFFERENT else None  # seconds
    names: dict[str, Any] = {"__name__": "script"}
    y = known.codes
    pipeline = build_pipeline(configuration, FitContext(known.traits, time_limit=limit)).fit(known.read(known.X), y)
    script = known.script(configuration, pipeline)
    exec(script, names)
    plain = names["make_model"]()
    plain.set_params(**{name: 1 for name in plain.get_params() if name.endswith("n_jobs")})  # threads would only wait
    plain.fit(names["read_columns"](frame(known.X)), y)
    expected = outputs(pipeline, known.read(known.later))
    found = script_outputs(names, plain, names["read_columns"](frame(known.later)), task)
    assert found.shape == expected.shape
    if component.name in DIFFERENT:
        assert DIFFERENT[component.name] in " ".join(script.split())
    else:
        unit = 1.0 if _N_CLASSES[task] else np.std(y, axis=0)
        assert np.mean(np.abs(found - expected) / unit) < _MOST
