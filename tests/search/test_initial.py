"""The start of a search where the meta-database does not know a configuration of the hand-made portfolio."""

import logging
import time
from types import SimpleNamespace

import pytest

from automl import AutoMLRegressor
from automl.errors import InvalidInputError
from automl.execute.catalog import make_executor
from automl.search import initial
from automl.search.budget import Budget, SecondsArgument
from automl.search.initial import Start, enough_for_one, from_user, start_with_meta_database, with_ordered_twins
from automl.trials.initial_design import HAND_MADE, InitialDesign
from metalearning.warmstart import Recommendation
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.models import MODELS, PORTFOLIO
from pipelines.space import build_space, complete
from tests.factories import FAST

TRAITS = TableTraits("regression", 300, 5)
SPACE = build_space(TRAITS)
RECOMMENDED = [complete(SPACE, entry) for entry in PORTFOLIO if entry["model"] in ("lightgbm", "extra_trees", "ridge")]
NEW = "recursive_feature_machine"


class Seconds:
    def __init__(self, **seconds):
        self.seconds = seconds

    def guess(self, configuration):
        return self.seconds.get(configuration.family, 0.1)


@pytest.fixture
def start(monkeypatch):
    """Return the configurations at the start of a search, whose meta-database knows all families but some."""

    def start(unknown=(NEW,), **seconds):
        measured = frozenset(Configuration(entry) for entry in PORTFOLIO if entry["model"] not in unknown)
        found = Recommendation(RECOMMENDED, [], None, measured)
        monkeypatch.setattr(initial, "_recommend", lambda *arguments: (found, ()))
        task = SimpleNamespace(traits=TRAITS)
        return start_with_meta_database(SPACE, Seconds(**seconds), Budget(60.0), task, longest=4.0)

    return start


def test_an_unknown_family_is_tried_after_the_first_recommendations(start):
    found = start()
    families = [configuration.family for configuration in found.configurations]
    assert found.configurations[:3] == RECOMMENDED[:3]
    assert [i for i, family in enumerate(families) if family == NEW] == [3, 5]
    assert [c for c in found.configurations if c.family != NEW] == RECOMMENDED
    assert {found.design.source_of("initial", c.id) for c in found.configurations if c.family == NEW} == {"portfolio"}


def test_an_unknown_configuration_that_is_slow_is_not_tried(start):
    assert start(**{NEW: 3.0}).configurations == RECOMMENDED


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ((), ["none", "thresholds"]),
        (("thresholds",), ["none", "class_number"]),
        (("thresholds", "class_number"), ["none"]),
    ],
)
def test_the_ordered_twin_has_the_first_ordering_that_the_space_offers(exclude, expected):
    space = build_space(TableTraits("multiclass", 300, 5, 3, ranks=(0, 1, 2)), (), exclude)
    start = Start([complete(space, {"model": "lightgbm"})], InitialDesign(HAND_MADE))
    assert [one["ordering"] for one in with_ordered_twins(start, space).configurations] == expected


def test_a_meta_database_that_knows_all_decides_alone(start):
    assert start(unknown=()).configurations == RECOMMENDED


def test_an_unknown_configuration_with_a_hyperparameter_that_the_table_lacks_is_not_tried(start, monkeypatch):
    new = {"model": "lightgbm", "model:lightgbm:max_cat_to_onehot": 20}  # the table has no category column
    monkeypatch.setattr(initial, "PORTFOLIO", [*PORTFOLIO, new])
    assert start(unknown=()).configurations == RECOMMENDED


def test_each_family_has_a_place_in_the_order_of_the_portfolio_or_comes_last_on_purpose():
    last = {"decision_tree", "gaussian_nb", "bernoulli_nb", "sgd", "linear_svm", "resnet"}
    assert sorted([*initial.FAMILY_ORDER, *last]) == sorted(model.name for model in MODELS)


def test_equal_configurations_of_the_user_are_tried_once():
    ridge, forest = {"model": "ridge"}, {"model": "extra_trees"}
    spelled_out = dict(complete(SPACE, ridge))
    assert from_user(SPACE, [ridge, forest, ridge, spelled_out]) == [complete(SPACE, ridge), complete(SPACE, forest)]


def test_a_session_that_is_too_short_for_one_fit_needs_no_seconds_for_earlier_sessions(caplog):
    of_more = SecondsArgument("seconds", used=3_600.0)
    budget = Budget(3_608.0, started=time.monotonic() - 3_600, earlier=3_600.0, argument=of_more)
    with caplog.at_level(logging.WARNING, logger="automl"):
        _, larger = enough_for_one(RECOMMENDED, budget, SimpleNamespace(guess=lambda configuration: 10.0), 0.0)
    assert 3_614 <= larger.seconds <= 3_616
    assert "seconds=8 s is too small for one fit on this table; only the fastest" in caplog.text
    assert "in up to 15 s" in caplog.text
    with pytest.raises(InvalidInputError, match=r"use seconds=13\d or more"):
        enough_for_one(RECOMMENDED, budget, SimpleNamespace(guess=lambda configuration: 100.0), 0.0)


@pytest.mark.parametrize(
    ("starting", "since", "message"),
    [
        (
            33.0,
            50,
            "because the workers took 33 s to start, as on a machine that is busy .*; fit again while it is idle",
        ),
        (2.0, 50, "for one fit on this table; use time_budget="),
        (2.0, 3, "for one fit on this table; use time_budget="),
    ],
)
def test_a_slow_start_of_the_workers_is_not_blamed_on_the_table(starting, since, message):
    slow = Seconds(lightgbm=90, extra_trees=90, ridge=90)
    budget = Budget(30.0, started=time.monotonic() - since)
    with pytest.raises(InvalidInputError, match=f"^time_budget=30 s is too small {message}"):
        enough_for_one(RECOMMENDED, budget, slow, starting)


def test_the_seconds_of_the_start_of_the_workers_are_measured(monkeypatch):
    def slow(*arguments):
        time.sleep(0.5)
        return make_executor(*arguments)

    def remember(initial, budget, runtime, starting):
        raise InvalidInputError(f"the workers started in {starting:.1f} s")

    monkeypatch.setattr("automl.run.run.make_executor", slow)
    monkeypatch.setattr("automl.run.run.enough_for_one", remember)
    with pytest.raises(InvalidInputError) as error:
        AutoMLRegressor(**FAST).fit([[number] for number in range(20)], range(20))
    assert float(str(error.value).split()[-2]) >= 0.5
