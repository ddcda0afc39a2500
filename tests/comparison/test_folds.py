"""Paired tests on outer folds, compared with published examples and other implementations of the same formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.datasets import make_moons
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.svm import SVC

from automl import nested_cross_validate
from automl.comparison.folds import compare_folds, holm
from automl.errors import InvalidInputError
from automl.paired_test import correlated_posterior


def scores(n_train=80, n_test=20, **by_estimator):
    """Return scores of one metric in the form that nested cross-validation returns."""
    return pd.DataFrame(
        {"estimator": name, "fold": fold, "metric": "accuracy", "score": score, "n_train": n_train, "n_test": n_test}
        for name, values in by_estimator.items()
        for fold, score in enumerate(values)
    )


@pytest.fixture(scope="module")
def moons():
    """Return the scores of scikit-learn's example 'Statistical comparison of models using grid search'.

    The text of the example (examples/model_selection/plot_grid_search_stats.py) has the numbers of the next two tests.
    """
    X, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    kernels = {"rbf": SVC(), "linear": SVC(kernel="linear"), "3_poly": SVC(kernel="poly", degree=3)}
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    return nested_cross_validate(kernels, X, y, outer_cv=folds, scoring="roc_auc", verbose=0)


def test_the_corrected_t_test_has_the_interval_of_scikit_learns_published_example(moons):
    first = moons.compare().iloc[0]
    assert (first["first"], first["second"], first["folds"]) == ("rbf", "linear", 100)
    half = stats.t.ppf(0.975, 99) * first["difference"] / first["t"]
    interval = first["difference"] - half, first["difference"] + half
    assert interval == pytest.approx((-0.016445, 0.036445), abs=1e-6)
    assert first["p"] == pytest.approx(2 * stats.t.sf(first["t"], 99))


@pytest.mark.parametrize(("pair", "equivalent", "second_better"), [(0, 0.43, 0.068), (1, 0.10, 0.018)])
def test_the_bayesian_test_has_the_probabilities_of_scikit_learns_published_example(
    moons, pair, equivalent, second_better
):
    row = moons.compare(rope=0.01).loc[pair]
    assert row["equivalent"] == pytest.approx(equivalent, abs=5e-3)
    assert row["second_better"] == pytest.approx(second_better, abs=5e-4)
    assert row["first_better"] == pytest.approx(1 - row["equivalent"] - row["second_better"])


def test_without_correlation_it_is_the_ordinary_paired_t_test():
    a, b = [0.8, 0.7, 0.9, 0.75], [0.7, 0.72, 0.8, 0.7]
    posterior = correlated_posterior(np.subtract(a, b), test_share=0.0)
    expected = stats.ttest_rel(a, b)
    assert (posterior.t, posterior.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_correlated_folds_count_for_less_than_independent_ones():
    differences = [0.02, 0.01, 0.03, 0.02, 0.01]
    # By hand: mean 0.018, variance 7e-5, (1/5 + 20/80) * 7e-5 = 3.15e-5, t = 0.018 / 5.612e-3 = 3.207.
    table = compare_folds(scores(a=np.add(0.5, differences), b=[0.5] * 5))
    assert table.loc[0, "t"] == pytest.approx(3.207, abs=5e-4)
    assert table.loc[0, "p"] > correlated_posterior(differences, test_share=0.0).p


def test_the_probabilities_are_those_of_draws_from_the_posterior():
    posterior = correlated_posterior([0.05, -0.01, 0.02, 0.0, 0.03], test_share=0.2)
    draws = posterior.mean + posterior.scale * np.random.default_rng(0).standard_t(posterior.degrees, 400_000)
    expected = [(draws > 0.01).mean(), (abs(draws) <= 0.01).mean(), (draws < -0.01).mean()]
    assert posterior.probabilities(0.01) == pytest.approx(expected, abs=5e-3)


def test_estimators_with_equal_scores_are_equivalent_with_certainty():
    row = compare_folds(scores(a=[0.5, 0.6, 0.7], b=[0.5, 0.6, 0.7])).loc[0]
    assert (row["difference"], row["p"], row["equivalent"]) == (0, 1, 1)


def test_the_same_difference_on_every_fold_is_certain_in_spite_of_rounding():
    row = compare_folds(scores(a=[0.3, 0.7, 0.9], b=[0.2, 0.6, 0.8])).loc[0]
    assert (row["p"], row["first_better"]) == (0, 1)


def test_holms_correction_multiplies_by_the_number_of_remaining_tests():
    # 4 * 0.005, 3 * 0.01, 2 * 0.03, and 1 * 0.04 raised to the value before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holms_correction_leaves_out_missing_p_values():
    assert holm([0.02, np.nan, 0.9]) == pytest.approx([0.04, np.nan, 0.9], nan_ok=True)


def test_only_folds_that_both_finished_are_compared():
    table = compare_folds(scores(a=[0.9, np.nan, 0.7, 0.8], b=[0.8, 0.1, 0.65, 0.7], c=[np.nan] * 3 + [0.1]))
    assert list(table["folds"]) == [3, 1, 1]
    assert table.loc[0, "difference"] == pytest.approx(0.25 / 3)
    assert table.loc[1:, ["difference", "p", "p_holm", "equivalent"]].isna().all(axis=None)


def test_a_single_estimator_has_no_pairs():
    assert len(compare_folds(scores(a=[0.5, 0.6]))) == 0


def test_the_default_region_of_equivalence_is_one_hundredth_of_the_mean_score():
    given = scores(a=[30.0, 50.0], b=[40.0, 40.0])
    assert compare_folds(given).loc[0, "rope"] == pytest.approx(0.4)
    assert compare_folds(given, rope={"accuracy": 2.0}).loc[0, "rope"] == 2.0


@pytest.mark.parametrize("rope", [-0.1, "wide", float("nan"), {"roc_auc": 0.1}])
def test_a_region_of_equivalence_that_cannot_be_used_is_refused(rope):
    with pytest.raises(InvalidInputError, match="rope"):
        compare_folds(scores(a=[0.5, 0.6], b=[0.4, 0.6]), rope=rope)
