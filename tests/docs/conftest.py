"""Fits of a second, whatever budget a page names."""

from __future__ import annotations

import functools

import pytest

from automl import AutoMLClassifier, AutoMLRegressor


@pytest.fixture
def quick_fits(monkeypatch):
    """Let each fit end after two configurations of fast models; the arguments are checked as always.

    A page that needs a Ray cluster fits with local processes.
    """
    for estimator, linear in ((AutoMLClassifier, "lda"), (AutoMLRegressor, "ridge")):
        fit = estimator.fit

        @functools.wraps(fit)
        def quick(self, X, y, *args, fit=fit, models=(linear, "decision_tree"), **kwargs):
            self.set_params(max_trials=2, n_jobs=1, verbose=0, executor="local", include=self.include or models)
            return fit(self, X, y, *args, **kwargs)

        monkeypatch.setattr(estimator, "fit", quick)
