"""Tests of the cleaning of labels."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from pipelines.confident_learning import find_suspects
from pipelines.steps.cleaning import LEAST_CLASS_ROWS, CleanedClassifier

X, Y = load_iris(return_X_y=True)


class FixedProbability(ClassifierMixin, BaseEstimator):
    """Predicts the logistic function of the first column."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-X[:, 0]))
        return np.c_[1 - p, p]


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


def test_a_row_of_weight_two_is_cleaned_like_two_rows() -> None:
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(size=200))[:, None]
    y = (x[:, 0] + rng.normal(size=200) > 0).astype(int)
    weight = np.where(x[:, 0] > 1, 30.0, 1.0)
    fitted = CleanedClassifier(FixedProbability(), margin=0.0).fit(x, y, sample_weight=weight)
    p = 1 / (1 + np.exp(-x[:, 0]))
    suspects = find_suspects(y, np.c_[1 - p, p], 0.0, weight)[0]
    kept = fitted._kept_rows(x, y, weight)
    assert len(suspects) != len(find_suspects(y, np.c_[1 - p, p], 0.0)[0])
    assert sorted(set(range(200)) - set(kept)) == sorted(suspects)
