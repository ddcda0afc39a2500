"""Tests of predicted quantiles through the regressor."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import mean_pinball_loss

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.ensemble.quantile_shift import fit_shift, shifted_by_other_rows
from automl.errors import AutoMLError, InvalidInputError
from automl.task.quantiles import check_quantiles
from pipelines.quantiles import lowest_loss_quantiles, middle, pinball_loss, quantiles_of_rows, uncrossed
from tests.factories import FAST

LEVELS = (0.1, 0.5, 0.9)
SMALL = FAST | {"max_trials": 3, "include": ["ridge", "k_nearest_neighbors"], "cv": 3}
RIDGE = SMALL | {"max_trials": 1, "include": ["ridge"]}
X, Y = load_diabetes(return_X_y=True, as_frame=True)
N = 300


@pytest.fixture(scope="module")
def reg():
    return AutoMLRegressor(quantiles=LEVELS, **SMALL).fit(X[:N], Y[:N])


def loss(reg, rows=slice(N, None)):
    return np.mean(
        [mean_pinball_loss(Y[rows], q, alpha=a) for a, q in zip(LEVELS, quantiles(reg, rows).T, strict=True)]
    )


def quantiles(reg, rows=slice(N, None)):
    return reg.predict_quantiles(X[rows])


def test_quantiles_ascend_in_each_row_and_predict_returns_the_middle_one(reg):
    found = quantiles(reg)
    assert found.shape == (len(X) - N, 3)
    assert (np.diff(found, axis=1) >= 0).all()
    np.testing.assert_array_equal(reg.predict(X[N:]), found[:, 1])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_levels_of_small_numpy_types_are_the_numbers_that_the_user_wrote(kind):
    assert check_quantiles(np.array(LEVELS, dtype=kind)) == LEVELS
    assert check_quantiles([kind(level) for level in LEVELS]) == LEVELS


def test_the_score_is_the_negative_mean_pinball_loss_which_is_better_than_that_of_constants(reg):
    constants = np.quantile(Y[:N], LEVELS)
    constant = np.mean(
        [mean_pinball_loss(Y[N:], np.full(len(X) - N, q), alpha=a) for a, q in zip(LEVELS, constants, strict=True)]
    )
    assert reg.score(X[N:], Y[N:]) == pytest.approx(-loss(reg))
    assert reg.scorer_(reg, X[N:], Y[N:]) == pytest.approx(-loss(reg))
    assert loss(reg) < 0.9 * constant
    assert reg.estimate_.score == pytest.approx(reg.leaderboard_["score"].max(), rel=0.1)
    assert reg.metric_scores_["metric"].tolist() == ["neg_mean_pinball_loss"]


def test_the_right_share_of_out_of_fold_rows_is_below_each_quantile(reg):
    scores = reg.quantile_scores_
    assert scores["quantile"].tolist() == list(LEVELS)
    np.testing.assert_allclose(scores["coverage"], LEVELS, atol=0.02)
    frontier, ensemble = reg._frontier, reg._ensemble
    by_own_rows = ensemble.finish(np.tensordot(frontier.weights, frontier.predictions, 1))
    assert scores["coverage"].tolist() != (frontier.y[:, None] <= by_own_rows).mean(axis=0).tolist()
    assert (scores["score"] > scores["constant"]).all()
    assert scores["score"].mean() == pytest.approx(reg.metric_scores_["score"][0])
    np.testing.assert_allclose((Y[N:].to_numpy()[:, None] <= quantiles(reg)).mean(axis=0), LEVELS, atol=0.12)


@pytest.mark.parametrize("for_prediction", [False, True])
def test_a_saved_model_predicts_the_same_quantiles(reg, tmp_path, for_prediction):
    reg.save(tmp_path / "model")
    loaded = load(tmp_path / "model", for_prediction=for_prediction)
    np.testing.assert_array_equal(quantiles(loaded), quantiles(reg))
    assert loaded.score(X[N:], Y[N:]) == reg.score(X[N:], Y[N:])
    assert tuple(loaded.quantiles) == LEVELS


def test_a_smaller_ensemble_predicts_quantiles_that_are_calibrated_again(reg):
    small = reg.slim(max_loss=100.0)
    found = quantiles(small)
    assert (np.diff(found, axis=1) >= 0).all()
    assert small._ensemble.quantile_shift is not None
    assert loss(small) < 1.2 * loss(reg)


def test_refit_predicts_quantiles_of_all_rows_and_of_new_rows(reg):
    everything = reg.refit()
    assert loss(everything) == pytest.approx(loss(reg), rel=0.1)
    shifted = reg.refit(X[:N], Y[:N] + 1_000)
    np.testing.assert_allclose(quantiles(shifted).mean(axis=0), quantiles(reg).mean(axis=0) + 1_000, rtol=0.03)
    assert shifted.refit_report_.new_score > shifted.refit_report_.old_score


def test_a_refit_on_another_scale_reports_the_score_of_the_model_that_it_returns():
    ridge = AutoMLRegressor(quantiles=LEVELS, **RIDGE).fit(X[:200], Y[:200])
    small = Y[200:] / 1_000
    other = ridge.refit(X[200:], small)
    score = other.score(X[200:], small)
    assert other.estimate_.score == pytest.approx(score, rel=0.3)
    assert other.refit_report_.new_score == pytest.approx(score, rel=0.3)


def test_refit_keeps_the_levels_of_the_model_after_set_params(reg):
    changed = copy.copy(reg).set_params(quantiles=(0.2, 0.8))
    assert quantiles(changed.refit(X[:N], Y[:N])).shape == (len(X) - N, 3)


def test_explanations_are_those_of_the_middle_quantile(reg):
    found = reg.explain(X[N : N + 2], max_evaluations=50)
    total = found.values.sum(axis=1) + found.base
    np.testing.assert_allclose(total, reg.predict(X[N : N + 2]), rtol=1e-6)
    assert reg.importance(n_repeats=1)["name"][0] in ("bmi", "s5")


def test_a_report_shows_the_coverage_of_each_quantile(reg, tmp_path):
    reg.report(tmp_path / "report.md", format="markdown", test=(X[N:], Y[N:]))
    text = (tmp_path / "report.md").read_text()
    assert "predict quantiles of a number (regression)" in text
    assert text.count("| quantile | share of the rows | pinball loss |") == 2
    for level, share in reg.quantile_scores_[["quantile", "coverage"]].to_numpy():
        assert f"| {100 * level:g} % | {100 * share:.3g} % |" in text.replace("\u202f", " ").replace("\u00a0", " ")


def test_prediction_intervals_are_refused_in_one_error(reg):
    with pytest.raises(InvalidInputError, match="the prediction of intervals is for models without quantiles"):
        reg.predict_interval(X)
    assert not hasattr(reg, "coverage_")


def test_a_model_of_means_has_no_quantiles():
    means = AutoMLRegressor(**RIDGE).fit(X[:100], Y[:100])
    with pytest.raises(InvalidInputError, match="predict_quantiles needs an estimator with quantiles"):
        means.predict_quantiles(X)
    with pytest.raises(AttributeError, match="there are no quantile_scores_"):
        means.quantile_scores_  # noqa: B018
    assert not hasattr(AutoMLClassifier(), "predict_quantiles")
    assert "quantiles" not in AutoMLClassifier().get_params()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"quantiles": 0.5}, "quantiles must be a list of levels"),
        ({"quantiles": []}, "quantiles must be a list of levels"),
        ({"quantiles": (0.1, 1.0)}, "between 0 and 1.*they hold 1.0"),
        ({"quantiles": (0.9, 0.1)}, "quantiles must ascend"),
        ({"quantiles": LEVELS, "scoring": "r2"}, "quantiles and scoring exclude each other"),
        ({"quantiles": LEVELS, "monotonic": {"bmi": 1}}, "monotonic and quantiles exclude each other"),
        ({"quantiles": LEVELS, "include": ["elastic_net"]}, "choose from .*ridge"),
    ],
)
def test_levels_and_arguments_that_make_no_sense_get_one_error(given, message):
    with pytest.raises(AutoMLError, match=message):
        AutoMLRegressor(**SMALL | given).fit(X[:60], Y[:60])


@pytest.mark.parametrize("kind", [np.array, pd.Series])
def test_levels_may_be_an_array_or_a_series(kind, tmp_path):
    ridge = AutoMLRegressor(quantiles=kind(LEVELS), **RIDGE).fit(X[:60], Y[:60])
    ridge.save(tmp_path / "model")
    np.testing.assert_array_equal(quantiles(load(tmp_path / "model")), quantiles(ridge))
    assert quantiles(ridge).shape == (len(X) - N, 3)


def test_several_targets_have_no_quantiles():
    with pytest.raises(InvalidInputError, match="quantiles are for one target, but y has 2"):
        AutoMLRegressor(quantiles=LEVELS, **SMALL).fit(X, np.column_stack([Y, Y]))


def test_weights_move_the_quantiles_towards_heavy_rows():
    weight = np.where(Y[:N] > 200, 20.0, 1.0)
    heavy = AutoMLRegressor(quantiles=(0.25, 0.75), **RIDGE)
    heavy.fit(X[:N], Y[:N], sample_weight=weight)
    np.testing.assert_allclose(heavy.quantile_scores_["coverage"], (0.25, 0.75), atol=0.05)
    assert heavy.predict_quantiles(X[:N])[:, 0].mean() > np.quantile(Y[:N], 0.5)
    np.testing.assert_allclose(heavy.predict(X[:5]), heavy.predict_quantiles(X[:5]).mean(axis=1))


@pytest.mark.slow
def test_rows_in_the_order_of_time_and_validation_rows_have_quantiles():
    for further in ({"time": np.arange(N)}, {"X_val": X[N:], "y_val": Y[N:]}):
        reg = AutoMLRegressor(quantiles=LEVELS, **SMALL | {"cv": None}).fit(X[:N], Y[:N], **further)
        assert (np.diff(quantiles(reg), axis=1) >= 0).all()
        assert reg._ensemble.quantile_shift is not None


@pytest.mark.slow
def test_the_whole_space_searches_and_continues_in_a_run_directory(tmp_path):
    settings = FAST | {"include": (), "max_trials": 12, "store": tmp_path / "run", "guard": 0.1}
    reg = AutoMLRegressor(quantiles=(0.05, 0.5, 0.95), **settings).fit(X, Y)
    assert (reg.leaderboard_["status"] == "ok").mean() > 0.8
    assert reg.more(max_trials=1).history_.n_run == 13
    assert (np.diff(reg.predict_quantiles(X), axis=1) >= 0).all()


@pytest.mark.parametrize("weighted", [False, True])
def test_a_shift_calibrates_and_never_raises_the_loss(weighted):
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.5, 4, 400)
    y = spread * rng.standard_normal(400)
    weight = rng.integers(0, 4, 400).astype(float) if weighted else None
    for scale in (0.2, 1.0, 3.0):
        given = np.column_stack([np.full(400, 0.3), scale * spread, -scale * spread])  # they cross
        shift = fit_shift(y, given, LEVELS, weight)
        moved = shift(given)
        assert (np.diff(moved, axis=1) >= 0).all()
        np.testing.assert_allclose(np.average(y[:, None] <= moved, axis=0, weights=weight), LEVELS, atol=0.03)
        assert pinball_loss(y, moved, LEVELS, weight) <= pinball_loss(y, uncrossed(given), LEVELS, weight)
    assert fit_shift(y[:19], given[:19], LEVELS) is None


def test_the_coverage_of_a_row_does_not_depend_on_its_own_value():
    rng = np.random.default_rng(0)
    y, given = rng.standard_normal(200), np.tile([-1.0, 0.0, 1.0], (200, 1)) * rng.uniform(0.5, 2, (200, 1))
    shift = fit_shift(y, given, LEVELS)
    moved = shifted_by_other_rows(shift, y, given, LEVELS)
    y[7] = 1_000
    np.testing.assert_array_equal(shifted_by_other_rows(shift, y, given, LEVELS)[7], moved[7])
    np.testing.assert_array_equal(shifted_by_other_rows(None, y, given, LEVELS), given)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_quantile_is_shifted_only_where_about_ten_rows_are_beyond_it(weighted):
    rng = np.random.default_rng(0)
    levels, n = (0.01, 0.1, 0.5, 0.9), 100
    y, given = 5 + rng.standard_normal(n), np.tile([-2.0, -1.0, 0.0, 1.0], (n, 1))
    weight = np.repeat([1.0, 2.0], n // 2) if weighted else None  # tells as much as 90 equal rows
    shift = fit_shift(y, given, levels, weight)
    assert (shift.shifts != 0).tolist() == [False, not weighted, True, not weighted]
    assert fit_shift(y[:60], given[:60, :2], levels[:2]) is None


def test_quantiles_of_weighted_values_are_those_of_repeated_values():
    rng = np.random.default_rng(0)
    values, counts = rng.normal(size=30), rng.integers(1, 5, 30)
    repeated = np.repeat(values, counts)
    expected = np.quantile(repeated, LEVELS, method="inverted_cdf")
    np.testing.assert_array_equal(lowest_loss_quantiles(values, LEVELS, counts.astype(float)), expected)
    rows = quantiles_of_rows(values[None], np.ones((1, 30)), LEVELS)
    np.testing.assert_allclose(rows[0], np.quantile(values, LEVELS, method="hazen"))
    np.testing.assert_array_equal(middle(expected[None], LEVELS), expected[[1]])
