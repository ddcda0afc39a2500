"""Forecast the gain of a longer search from the gains of the search so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

from automl.ensemble.score_curve import ScoreCurve

LEVEL = 0.8
_NEXT = 0.35  # gain of the next doubling of the seconds, as a share of the gain of the last one
_DECAY = 0.5  # the same for all further doublings
# The ends of the interval: a multiple of the forecast, and shares of the distance to a constant prediction.
_HIGHEST, _ABOVE, _BELOW = 2.0, 0.03, 0.005


@dataclass(frozen=True)
class FurtherGain:
    """The score that more seconds of search would probably add.

    Attributes
    ----------
    seconds : float
        The further seconds.
    gain : float
        Difference of the scores, at least 0; greater scores are better.
    low, high : float
        Ends of the interval; a longer search may also end with a slightly worse score.
    level : float
        Probability that the interval covers the gain.
    """

    seconds: float
    gain: float
    low: float
    high: float
    level: float = LEVEL


def forecast_gain(curve: ScoreCurve, seconds: float) -> FurtherGain:
    """Return the gain that a longer search would probably bring.

    The gain of the last doubling of the seconds falls by a constant factor from doubling to doubling. The constants
    were chosen on pairs of runs of 60 and of 300 seconds, see `benchmarks/further_gain.py`, which also shows how far
    the forecasts are from the gains of these runs.

    Parameters
    ----------
    curve : ScoreCurve
        With at least two points.
    seconds : float
        Seconds beyond those of the search.
    """
    doublings = math.log2(1 + seconds / curve.search_seconds)
    return FurtherGain(seconds, *forecast_doublings(curve.points[-2].gain, curve.scale, doublings))


def forecast_doublings(last_gain: float, scale: float, doublings: float) -> tuple[float, float, float]:
    """Return the gain of some more doublings of the seconds, and the ends of its interval.

    Parameters
    ----------
    last_gain : float
        Gain of the last doubling.
    scale : float
        Distance between the score now and the score of a constant prediction.
    """
    gain = _NEXT * max(0.0, last_gain) * (1 - _DECAY**doublings) / (1 - _DECAY)
    return gain, -_BELOW * scale, _HIGHEST * gain + _ABOVE * scale
