from __future__ import annotations

import numpy as np
import pytest

from pipelines.steps.generation import ArithmeticFeatures


def test_arithmetic_features_are_standardized_without_long_tails_and_keep_rare_products():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 3))
    X[:, 2] = 0
    X[:5, 2] = 1  # one row in four hundred
    made = ArithmeticFeatures(operations=("multiply", "divide"), n_new=50)
    new = made.fit_transform(X)[:, 3:]
    assert new.shape[1] == 6
    assert np.abs(new.mean(axis=0)).max() < 0.05
    assert new.std(axis=0) == pytest.approx(1, abs=0.05)
    product = made.pairs_.index(("multiply", 0, 2))
    assert len(np.unique(new[:5, product])) == 5
    ratio = made.pairs_.index(("divide", 0, 1))
    assert np.abs(X[:, 0] / X[:, 1]).max() > 500
    assert np.abs(new[:, ratio]).max() < 10
    assert np.isfinite(made.transform([[1e30, 1e-30, 0.0]])).all()


def test_a_single_constant_column_gives_no_arithmetic_features():
    assert ArithmeticFeatures(squares=True).fit_transform(np.ones((5, 1))).tolist() == [[1.0]] * 5
