"""The seconds that a search keeps for its end."""

from __future__ import annotations

from automl.search.budget import Budget


def test_the_choice_of_the_ensemble_keeps_more_seconds_of_a_longer_search_but_not_minutes():
    kept = {seconds: Budget(seconds).reserve for seconds in (10.0, 60.0, 300.0, 900.0, 3600.0)}
    assert kept[10.0] < kept[60.0] < kept[300.0] < kept[900.0] == kept[3600.0] < 0.02 * 900


def test_the_choice_of_the_ensemble_keeps_at_most_a_quarter_of_a_short_later_session():
    assert Budget(3600.0, earlier=3580.0).reserve == 5.0
