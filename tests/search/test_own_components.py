"""Tests of the user's own components: checked, searched, saved and loaded."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from ConfigSpace import Float
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.datasets import load_diabetes

import automl
from automl import AutoMLRegressor
from automl.cli.support import load_model
from automl.errors import InvalidInputError
from automl.search.own_components import read_components
from pipelines.component import Component, space_of
from tests.factories import FAST

X, Y = load_diabetes(return_X_y=True, as_frame=True)
SETTINGS = FAST | {"include": ["means"], "max_trials": 2, "cv": 2}


class GroupMeans(RegressorMixin, BaseEstimator):
    """Predicts the mean target of a part of the range of the first column."""

    def __init__(self, shrinkage=0.1):
        self.shrinkage = shrinkage

    def fit(self, X, y, sample_weight=None):
        self.edges_ = np.quantile(X[:, 0], [0.25, 0.5, 0.75])
        groups = np.digitize(X[:, 0], self.edges_)
        means = [y[groups == g].mean() if (groups == g).any() else y.mean() for g in range(4)]
        self.means_ = (1 - self.shrinkage) * np.array(means) + self.shrinkage * y.mean()
        return self

    def predict(self, X):
        return self.means_[np.digitize(X[:, 0], self.edges_)]


class Squares(TransformerMixin, BaseEstimator):
    """Adds the squares of all columns."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.hstack([X, X**2])


def make_means(params, context):
    return GroupMeans(**params)


def space_of_means(traits):
    return space_of(Float("shrinkage", (0.01, 1.0), log=True, default=0.1))


def is_regression(traits):
    return not traits.is_classification


def make_squares(params, context):
    return Squares()


MEANS = Component("means", make_means, space=space_of_means, applies=is_regression, accepts_weights=True)
SQUARES = Component("squares", make_squares)


@pytest.fixture(scope="module")
def fitted():
    return AutoMLRegressor(**SETTINGS, components=[MEANS], space={"means:shrinkage": (0.2, 0.9)}).fit(X, Y)


def test_an_own_model_is_tried_within_the_user_s_range(fitted):
    tried = list(fitted.history_.evaluations)
    assert [c.family for c in tried] == ["means", "means"]
    assert tried[0]["model:means:shrinkage"] == 0.2  # the default, moved into the range
    assert all(e.usable for e in fitted.history_.evaluations.values())
    assert all(0.2 <= c["model:means:shrinkage"] <= 0.9 for c in tried)


@pytest.mark.slow
def test_an_own_model_comes_early_among_others():
    settings = SETTINGS | {"include": ["means", "ridge", "decision_tree"]}
    reg = AutoMLRegressor(**settings, components=[MEANS]).fit(X, Y)
    assert "means" in [c.family for c in reg.history_.evaluations]


@pytest.mark.slow
def test_an_own_step_is_part_of_the_pipelines():
    settings = FAST | {"include": {"model": ["ridge"], "generation": ["squares"]}, "max_trials": 1, "cv": 2}
    reg = AutoMLRegressor(**settings, components={"generation": [SQUARES]}).fit(X, Y)
    [configuration] = reg.history_.evaluations
    assert configuration["generation"] == "squares"
    assert (
        "squares" in automl.space(X, Y, components={"generation": [SQUARES]}).set_index("name")["choices"]["generation"]
    )


@pytest.mark.slow
def test_a_saved_model_needs_the_trust_in_its_own_types(fitted, tmp_path, monkeypatch):
    folder = tmp_path / "model"
    fitted.save(folder)
    with pytest.raises(InvalidInputError, match="GroupMeans, which load does not trust"):
        automl.load(folder)
    loaded = automl.load(folder, trusted=[GroupMeans])
    np.testing.assert_allclose(loaded.predict(X), fitted.predict(X))
    with pytest.raises(InvalidInputError, match=r"in a shell, set AUTOML_TRUSTED=.*GroupMeans"):
        load_model(folder)
    monkeypatch.setenv("AUTOML_TRUSTED", f"{GroupMeans.__module__}.GroupMeans")
    np.testing.assert_allclose(load_model(folder, for_prediction=True).predict(X), fitted.predict(X))
    with pytest.raises(InvalidInputError, match="components was"):
        loaded.refit(X, Y)
    again = loaded.set_params(components=[MEANS]).refit(X, Y)
    assert again.predict(X).shape == (len(X),)


class Broken(GroupMeans):
    def predict(self, X):
        return np.full(3, np.nan)


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ([3], "model holds 3; it must be an automl.components.Component"),
        (MEANS, "components must be a list of components"),
        ({"modell": [MEANS]}, "components: 'modell' is unknown; did you mean 'model'"),
        ([Component("ridge", make_means)], "the name 'ridge' of a component for model is taken"),
        ([MEANS, MEANS], "the name 'means' of a component for model is taken"),
        (["no_such_package"], "no installed package has the entry point 'no_such_package'"),
        ([Component("broken", lambda params, context: Broken())], "'broken' fails on a small table .regression."),
        ([Component("broken", lambda params, context: 1 / 0)], "ZeroDivisionError"),
    ],
)
def test_a_component_that_cannot_work_is_an_error_before_the_search(components, message):
    with pytest.raises(InvalidInputError, match=message):
        AutoMLRegressor(**FAST | {"include": ()}, components=components).fit(X, Y)


def test_an_entry_point_of_a_package_gives_components(tmp_path, monkeypatch):
    about = tmp_path / "my_models-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-models\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[automl.components]\nmine = tests.search.test_own_components:MEANS\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    [component] = read_components(["mine"])["model"]
    assert component.name == "means"


@pytest.mark.slow
def test_a_class_of_the_main_module_works(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            from sklearn.datasets import load_diabetes
            from sklearn.linear_model import HuberRegressor
            from automl import AutoMLRegressor
            from pipelines.component import Component

            class Mine(HuberRegressor):
                pass

            if __name__ == "__main__":
                X, y = load_diabetes(return_X_y=True, as_frame=True)
                mine = Component("mine", lambda params, context: Mine(max_iter=500), accepts_weights=True)
                reg = AutoMLRegressor(
                    components=[mine], include=["mine"], max_trials=2, time_budget=None, n_jobs=1, verbose=0
                ).fit(X, y)
                print(reg.best_pipeline_[-1], len(reg.predict(X)))
            """
        )
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=300)
    assert "Mine(" in done.stdout
