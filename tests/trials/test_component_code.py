"""A run directory notices that the code of an own component has changed since its models were stored."""

from __future__ import annotations

import importlib
import sys
import textwrap

import numpy as np
import pytest

from automl import AutoMLRegressor
from automl.errors import InvalidInputError
from automl.trials.component_code import component_fingerprints
from pipelines.catalog import OwnComponents
from tests.factories import FAST

MODULE = """
    import numpy as np
    from sklearn.base import BaseEstimator, RegressorMixin
    from pipelines.component import Component

    SHIFT = 0.5

    def center(y):
        return np.mean(y)

    class Constant(RegressorMixin, BaseEstimator):
        def fit(self, X, y, sample_weight=None):
            self.value_ = center(y) + SHIFT
            return self

        def predict(self, X):
            return np.full(X.shape[0], self.value_)

    def make(params, context):
        return Constant()

    def applies(traits):
        return not traits.is_classification

    CONSTANT = Component("constant", make, applies=applies, accepts_weights=True, seconds=lambda p, t: 0.01)
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return a function that imports the module anew after a change, and returns its component."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def read(old="", new=""):
        text = textwrap.dedent(MODULE)
        assert old in text
        (tmp_path / "own_constant.py").write_text(text.replace(old, new) if old else text)
        sys.modules.pop("own_constant", None)
        importlib.invalidate_caches()
        return importlib.import_module("own_constant").CONSTANT

    yield read
    sys.modules.pop("own_constant", None)


def fingerprint(component):
    return component_fingerprints(OwnComponents({"model": (component,)}))["model:constant"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("np.mean(y)", "np.median(y)"), ("SHIFT = 0.5", "SHIFT = 0.25"), ("+ SHIFT", "- SHIFT")],
)  # fmt: skip
def test_the_fingerprint_follows_the_code_that_the_component_uses(read, old, new):
    assert fingerprint(read()) == fingerprint(read())
    assert fingerprint(read(old, new)) != fingerprint(read())


@pytest.mark.parametrize(("old", "new"), [("0.01", "0.02"), ("    def predict", "    # a note\n    def predict")])
def test_guesses_and_comments_do_not_change_it(read, old, new):
    assert fingerprint(read(old, new)) == fingerprint(read())


def test_a_run_with_models_of_other_code_is_not_resumed(read, tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    settings = FAST | {"include": ["constant"], "max_trials": 1, "store": tmp_path / "run"}
    first = AutoMLRegressor(**settings, components=[read()]).fit(X, X[:, 0])
    again = AutoMLRegressor(**settings, components=[read()]).fit(X, X[:, 0])
    assert len(again.history_) == len(first.history_)
    changed = AutoMLRegressor(**settings, components=[read("np.mean(y)", "np.median(y)")])
    with pytest.raises(InvalidInputError, match="models of the component 'model:constant', whose code has changed"):
        changed.fit(X, X[:, 0])
