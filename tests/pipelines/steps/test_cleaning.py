"""Tests of the cleaning of labels."""

import numpy as np
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from pipelines.steps.cleaning import LEAST_CLASS_ROWS, CleanedClassifier

X, Y = load_iris(return_X_y=True)


def model(**settings):
    return CleanedClassifier(LogisticRegression(max_iter=1_000), **settings)


def test_right_labels_of_separate_classes_stay() -> None:
    rows = Y != 1
    assert model().fit(X[rows], Y[rows]).n_left_out_ == 0


def test_wrong_labels_are_left_out_and_a_smaller_margin_leaves_out_more() -> None:
    y = Y.copy()
    y[::10] = (y[::10] + 1) % 3
    strict, loose = (model(margin=margin).fit(X, y) for margin in (0.6, 0.0))
    assert 0 < strict.n_left_out_ <= loose.n_left_out_
    assert loose.score(X, Y) > 0.94


def test_rows_of_a_rare_class_and_half_of_every_class_stay() -> None:
    rng = np.random.default_rng(0)
    y = np.where(np.arange(len(Y)) < LEAST_CLASS_ROWS - 1, 3, rng.integers(0, 3, len(Y)))  # labels say nothing
    fitted = model(margin=0.0).fit(X, y)
    kept = fitted._kept_rows(X, y, None)
    counts = np.bincount(y[kept], minlength=4)
    assert counts[3] == LEAST_CLASS_ROWS - 1
    assert (counts >= np.bincount(y) / 2).all()


def test_half_of_the_weight_of_every_class_stays() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, len(Y))  # labels say nothing
    weight = rng.choice([0.1, 10.0], len(Y), p=[0.7, 0.3])
    weight /= weight.mean()  # as the fit does, so that both find the same rows
    fitted = model(margin=0.0).fit(X, y, sample_weight=weight)
    kept = fitted._kept_rows(X, y, weight)
    assert len(kept) == len(Y) - fitted.n_left_out_ < len(Y)
    assert (np.bincount(y[kept], weight[kept]) >= 0.5 * np.bincount(y, weight) - 1e-6).all()


def test_sparse_tables_and_weights_are_cleaned_like_others() -> None:
    y = Y.copy()
    y[::10] = (y[::10] + 1) % 3
    plain = model().fit(X, y).predict_proba(X)
    assert np.allclose(model().fit(sparse.csr_matrix(X), y).predict_proba(sparse.csr_matrix(X)), plain, atol=1e-3)
    weight = np.where(np.arange(len(Y)) % 10 == 0, 0.0, 1.0)
    weighted = model().fit(X, y, sample_weight=weight)
    assert weighted.n_left_out_ < model().fit(X, y).n_left_out_, "rows of weight 0 are no rows"
