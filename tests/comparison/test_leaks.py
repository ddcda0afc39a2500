"""No information crosses an outer fold: on pure noise, the nested estimate stays at chance and a naive one does not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from automl import AutoMLClassifier, nested_cross_validate

N_ROWS = 100
# The share of right guesses of a coin lies between these numbers in 95 of 100 cases.
LOW, HIGH = stats.binom.ppf([0.025, 0.975], N_ROWS, 0.5) / N_ROWS


def noise(n_columns):
    """Return a table of noise, and balanced labels that do not depend on it."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(N_ROWS, n_columns)), rng.permutation(np.arange(N_ROWS) % 2)


def column(X, i):
    return X[:, [i]]


def nested_accuracy(estimators, X, y):
    r = nested_cross_validate(estimators, X, y, outer_cv=3, scoring="accuracy", random_state=0, verbose=0)
    return r.summary().set_index("estimator")["mean"]


@pytest.mark.slow
def test_a_search_over_many_candidates_stays_at_chance():
    X, y = noise(120)
    candidates = {"functiontransformer__kw_args": [{"i": i} for i in range(120)]}
    search = GridSearchCV(make_pipeline(FunctionTransformer(column), GaussianNB()), candidates, cv=2)
    naive = search.fit(X, y).best_score_
    nested = nested_accuracy({"search": search, "memory": KNeighborsClassifier(1)}, X, y)
    assert naive > HIGH
    assert LOW <= nested["search"] <= HIGH
    assert LOW <= nested["memory"] <= HIGH  # this model knows every row of its training data by heart


def test_selecting_columns_stays_at_chance():
    X, y = noise(2000)
    naive = cross_val_score(GaussianNB(), SelectKBest(k=20).fit_transform(X, y), y, cv=5).mean()
    nested = nested_accuracy({"selection": make_pipeline(SelectKBest(k=20), GaussianNB())}, X, y)
    assert naive > 0.8
    assert LOW <= nested["selection"] <= HIGH


@pytest.mark.slow
def test_our_search_stays_at_chance_while_its_leaderboard_does_not():
    X, y = noise(50)
    families = ["decision_tree", "gaussian_nb", "k_nearest_neighbors"]
    ours = AutoMLClassifier(
        time_budget=None,
        max_trials=120,
        n_jobs=1,
        cv=StratifiedShuffleSplit(
            1, test_size=0.2, random_state=0
        ),  # few rows for validation, so that the search overfits
        include=families,
        scoring="accuracy",
        searcher="random",
        random_state=0,
        verbose=0,
    )
    naive = ours.fit(X, y).leaderboard_["score"].iloc[0]
    assert naive > HIGH
    assert LOW <= nested_accuracy({"automl": ours}, X, y)["automl"] <= HIGH
