"""`score_over_time_`: the expected score if the search had ended earlier."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from automl import AutoMLRegressor, load
from automl.ensemble.further_gain import forecast_gain
from automl.ensemble.score_curve import CurvePoint, ScoreCurve
from automl.errors import InvalidInputError

X, Y = load_diabetes(return_X_y=True)


def _fit(max_trials):
    return AutoMLRegressor(
        time_budget=None, max_trials=max_trials, include=["ridge"], n_jobs=1, random_state=0, verbose=0
    ).fit(X, Y)


@pytest.fixture(scope="module")
def fitted():
    return _fit(8)


def test_score_over_time_ends_at_the_estimate_and_grows_in_time(fitted):
    table = fitted.score_over_time_
    assert list(table) == ["seconds", "configurations", "score", "error"]
    assert len(table) >= 2
    assert table["seconds"].is_monotonic_increasing
    assert table["configurations"].is_monotonic_increasing
    assert table["configurations"].iloc[-1] == fitted.history_.n_run
    assert table["score"].iloc[-1] == fitted.estimate_.score
    assert table["error"].iloc[-1] == 0
    assert np.isfinite(table.to_numpy()).all()


@pytest.mark.slow
def test_a_repeated_run_and_saved_models_have_the_same_scores_over_time(fitted, tmp_path):
    expected = fitted.score_over_time_
    repeated = _fit(8)
    for i, model in enumerate((fitted, repeated)):  # the second one is saved before the table is computed
        model.save(tmp_path / f"{i}")
        assert load(tmp_path / f"{i}").score_over_time_.equals(expected)
        with pytest.raises(AttributeError, match="for_prediction=True"):
            _ = load(tmp_path / f"{i}", for_prediction=True).score_over_time_
    assert repeated.score_over_time_.equals(expected)


def test_the_expected_gain_grows_with_the_seconds_and_is_kept_by_a_saved_model(fitted, tmp_path):
    minute, hour = fitted.expected_gain(60), fitted.expected_gain(3600)
    assert 0 <= minute.gain <= hour.gain
    for more in (minute, hour):
        assert more.low <= more.gain <= more.high
        assert more.low < more.high
    fitted.save(tmp_path / "model")
    assert load(tmp_path / "model").expected_gain(60) == minute


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan"), "600", None])
def test_the_seconds_of_the_expected_gain_must_be_positive(fitted, seconds):
    with pytest.raises(InvalidInputError, match="seconds must be a positive number"):
        fitted.expected_gain(seconds)


def test_the_expected_gain_falls_to_nothing_where_the_second_half_of_the_search_gained_nothing():
    points = [CurvePoint(30.0, 5, 0.0, 0.01), CurvePoint(60.0, 9, 0.0, 0.0)]
    assert forecast_gain(ScoreCurve(tuple(points), 0.5, 60.0), 600).gain == 0
    points[0] = CurvePoint(30.0, 5, -0.02, 0.01)  # an early lucky ensemble
    assert forecast_gain(ScoreCurve(tuple(points), 0.5, 60.0), 600).gain == 0
    points[0] = CurvePoint(30.0, 5, 0.02, 0.01)
    assert forecast_gain(ScoreCurve(tuple(points), 0.5, 60.0), 60).gain == pytest.approx(0.007)


def test_one_configuration_and_a_smaller_ensemble_have_no_score_over_time(fitted):
    of_larger = "slim or choose has made the ensemble smaller"
    for model, why in ((_fit(1), "the search was too short"), (fitted.slim(max_loss=100), of_larger)):
        assert not hasattr(model, "score_over_time_")
        with pytest.raises(AttributeError, match=f"there is no expected_gain: {why}"):
            model.expected_gain()
