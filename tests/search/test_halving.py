"""Successive halving, Hyperband and BOHB: brackets, promotions and fidelities, beyond the contract of all searchers."""

from __future__ import annotations

import time
from collections import Counter
from itertools import pairwise

import pytest

from automl.search.budget import Budget
from automl.search.catalog import make_searcher
from automl.search.endings import why_nothing
from automl.search.forecast import RuntimeModel
from automl.search.halving import BohbSearcher, HyperbandSearcher, SuccessiveHalvingSearcher
from automl.search.racing import Racing
from automl.search.rungs import BracketPlan, Rung, bracket_size, make_rungs
from automl.search.trial_limits import Limits
from automl.testing import small_loss, small_space
from automl.trials.candidates import rank
from automl.trials.history import RunHistory
from automl.trials.leaderboard import make_leaderboard
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from pipelines.component import TableTraits
from pipelines.configuration import Configuration
from pipelines.space import build_space

EPOCHS = tuple(Rung(1, 3**i / 81) for i in range(5))  # R = 81, eta = 3
FOLDS = (Rung(1, 1 / 3), Rung(1), Rung(3), Rung(8))
EPOCH_PLAN, FOLD_PLAN = BracketPlan(EPOCHS), BracketPlan(FOLDS)


def result(trial, loss=None, status=Status.OK):
    folds = {}
    if status is Status.OK:
        loss = small_loss(trial.configuration) if loss is None else loss
        folds = dict.fromkeys(trial.folds, FoldResult(loss, 0.1, 0.0))
    return TrialResult(trial, status, folds, 0.1 * len(trial.folds))


def run(searcher, n, history=None, status=lambda trial: Status.OK):
    history = RunHistory() if history is None else history
    while len(history) < n and (trials := searcher.suggest(history, 1)):
        history.append(result(trials[0], status=status(trials[0])))
    return history


def counts(trials):
    return [Counter(trial.fidelity for trial in trials)[rung.share] for rung in EPOCHS]


def test_brackets_of_hyperband_have_the_sizes_of_the_paper():
    assert [bracket_size(5, first) for first in range(5)] == [81, 34, 15, 8, 5]  # algorithm 1 for R = 81, eta = 3


def test_rungs_of_a_bracket_have_the_sizes_of_the_paper():
    trials = [r.trial for r in run(HyperbandSearcher(small_space(), plan=EPOCH_PLAN), 200)]
    assert counts(trials[:121]) == [81, 27, 9, 3, 1]
    assert counts(trials[121:170]) == [0, 34, 11, 3, 1]
    assert counts(trials[170:191]) == [0, 0, 15, 5, 1]


def test_each_rung_promotes_the_third_with_the_lowest_losses():
    history = run(SuccessiveHalvingSearcher(small_space(), plan=EPOCH_PLAN), 121)
    for lower, upper in pairwise(EPOCHS):
        on_lower = {r.trial.configuration: r.folds[0].loss for r in history if r.trial.fidelity == lower.share}
        on_upper = {r.trial.configuration for r in history if r.trial.fidelity == upper.share}
        assert on_upper == set(sorted(on_lower, key=on_lower.get)[: len(on_lower) // 3])


def test_a_failed_configuration_is_not_promoted():
    bad = []

    def status(trial):  # the two best of the first rung crash there
        if trial.fidelity == EPOCHS[0].share and small_loss(trial.configuration) < 2:
            bad.append(trial.configuration)
            return Status.CRASH
        return Status.OK

    history = run(SuccessiveHalvingSearcher(small_space(), plan=EPOCH_PLAN), 121, status=status)
    assert bad
    assert not {*bad} & {r.trial.configuration for r in history if r.trial.fidelity > EPOCHS[0].share}


def test_workers_do_not_wait_for_the_last_result_of_a_rung():
    searcher, history = HyperbandSearcher(small_space(), plan=FOLD_PLAN), RunHistory()
    size = bracket_size(4, 0)
    trials = searcher.suggest(history, size)
    assert {(trial.folds, trial.fidelity) for trial in trials} == {((0,), 1 / 3)}
    for trial in trials:
        history.start(trial)
    for trial in trials[1:]:
        history.append(result(trial))
    [ahead] = searcher.suggest(history, 1)
    assert (ahead.folds, ahead.fidelity) == ((0,), 1.0)  # a new configuration of the second bracket
    assert ahead.configuration not in history.tried
    history.append(result(trials[0]))
    [promotion] = searcher.suggest(history, 1)
    assert (promotion.folds, promotion.fidelity) == ((0,), 1.0)
    assert promotion.configuration in history.tried


def test_finished_folds_are_kept_when_a_configuration_is_promoted():
    trials = [r.trial for r in run(SuccessiveHalvingSearcher(small_space(), plan=FOLD_PLAN), 40)]
    parts = [(trial.folds, trial.fidelity) for trial in trials]
    assert Counter(parts) == {((0,), 1 / 3): 27, ((0,), 1.0): 9, ((1, 2), 1.0): 3, ((3, 4, 5, 6, 7), 1.0): 1}


def test_the_last_bracket_shrinks_to_max_trials_and_reaches_the_last_rung():
    history = run(HyperbandSearcher(small_space(), plan=BracketPlan(FOLDS, max_trials=10)), 100)
    assert len(history.evaluations) == 10
    assert max(len(e.folds) for e in history.evaluations.values()) == 8


def test_a_bracket_takes_a_third_of_the_seconds_at_most():
    sizes = [BracketPlan(FOLDS, None, seconds, 3.0).size(0) for seconds in (1e6, 120.0, 30.0, 1.0)]
    assert sizes == [27, 10, 3, 3]  # a trial of the first rung takes a second; four rungs take about the same time


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((8, 100_000, 87_500), [(1, 1 / 81), (1, 1 / 27), (1, 1 / 9), (1, 1 / 3), (1, 1), (3, 1), (8, 1)]),
        ((8, 1_797, 1_572), [(2, 1 / 3), (3, 1), (8, 1)]),
        ((8, 569, 497), [(8, 1)]),  # too few scored rows for a comparison on fewer folds
        ((1, 10_000, 8_000), [(1, 1 / 9), (1, 1 / 3), (1, 1)]),
    ],
)
def test_rungs_follow_the_folds_and_the_rows_of_the_table(sizes, expected):
    rungs = make_rungs(*sizes)
    assert [rung.n_folds for rung in rungs] == [n for n, _ in expected]
    assert [rung.share for rung in rungs] == pytest.approx([share for _, share in expected])


def test_bohb_learns_from_the_highest_fidelity_with_enough_results():
    """The losses of the lower fidelity mislead; from the tenth result of the higher one on, they do not count."""
    searcher, history = BohbSearcher(small_space(), plan=FOLD_PLAN), RunHistory()
    while sum(bool(e.folds) for e in history.evaluations.values()) < 10:
        [trial] = searcher.suggest(history, 1)
        loss = small_loss(trial.configuration)
        history.append(result(trial, loss if trial.fidelity == 1 else -loss))
    seen = searcher._known_to_source(history).observations()
    assert {o.configuration: o.loss for o in seen} == {
        c: pytest.approx(small_loss(c)) for c, e in history.evaluations.items() if e.folds
    }


def test_folds_that_a_timeout_leaves_are_no_results_of_another_fidelity():
    configuration = Configuration({"model": "ridge"})
    cheap = result(Trial(configuration, (0, 1), fidelity=1 / 3), 0.5)
    late = TrialResult(Trial(configuration, (0, 1)), Status.TIMEOUT, {0: FoldResult(0.1, 1.0, 0.0)}, 2.0)
    (seen,) = RunHistory([cheap, late]).at_fidelity(1 / 3).observations()
    assert seen.loss == 0.5


def test_bohb_proposes_better_configurations_than_hyperband():
    def mean_loss(searcher):
        new = dict.fromkeys(r.trial.configuration for r in run(searcher, 50))
        return sum(map(small_loss, list(new)[12:])) / len(list(new)[12:])

    assert mean_loss(BohbSearcher(small_space(), plan=FOLD_PLAN)) < mean_loss(
        HyperbandSearcher(small_space(), plan=FOLD_PLAN)
    )


def tree(**values):
    return Configuration({"model": "decision_tree", **values})


def low_and_full():
    low, full = Trial(tree(), fidelity=1 / 3), Trial(tree(a=1))
    return RunHistory([result(low, 0.1), result(full, 0.2)])


def test_results_on_a_part_of_the_rows_are_neither_ranked_nor_observed():
    history = low_and_full()
    assert [e.configuration for e in rank(history)] == [tree(a=1)]
    assert [o.configuration for o in history.observations()] == [tree(a=1)]
    assert not history.evaluations[tree()].folds


def test_a_search_that_ends_on_a_part_of_the_rows_says_so():
    history = RunHistory([result(Trial(tree(), fidelity=1 / 3), 0.1)])
    assert "before it has trained a configuration on all rows of a fold" in why_nothing(history, Budget(1.0))


def test_the_leaderboard_says_the_fidelity():
    board = make_leaderboard(low_and_full(), {})
    assert board["fidelity"].tolist() == pytest.approx([1.0, 1 / 3])
    assert board["score"].isna().tolist() == [False, True]
    assert board["reason"].tolist() == ["", "tried on 0.33 of the training rows only: score -0.1"]
    assert "fidelity" not in make_leaderboard(RunHistory([result(Trial(tree()), 0.2)]), {})


class Endless:
    """A searcher of somebody else that chooses the fidelity, and does not know `max_trials`."""

    chooses_fidelity = True

    def suggest(self, history, n):
        return [Trial(tree(a=len(history.tried) + i), fidelity=1 / 3, origin="endless") for i in range(n)]


def test_new_configurations_beyond_max_trials_are_ignored_whatever_the_searcher_proposes():
    runtime = RuntimeModel(TableTraits("binary", 10_000, 10, 2), 0.8)
    racing, history = Racing(Endless(), 8, 10_000, runtime, Budget(None, max_trials=3)), RunHistory()
    while len(history) < 20 and (fleets := racing.suggest(history, 2)):
        for (trial,) in fleets:
            history.append(result(trial, 0.1))
    assert len(history.evaluations) == 3


@pytest.mark.parametrize(("share", "fidelity"), [(0.3, 1 / 3), (0.5, 1.0)])
def test_the_best_configuration_gets_all_rows_where_half_of_the_seconds_brought_no_model(share, fidelity):
    traits = TableTraits("binary", 10_000, 10, 2)
    budget = Budget(1e5, started=time.monotonic() - 1e5 * share)
    searcher = make_searcher("hyperband", build_space(traits), 0, plan=FOLD_PLAN)
    racing = Racing(searcher, 8, 10_000, RuntimeModel(traits, 0.8), budget, 1, Limits())
    trials = [Trial(tree(a=i), fidelity=1 / 3) for i in range(4)]
    history = RunHistory([result(trial, loss) for trial, loss in zip(trials, (0.4, 0.1, 0.3, 0.2), strict=True)])
    [(trial,)] = racing.suggest(history, 1)
    assert (trial.folds, trial.fidelity) == ((0,), fidelity)
    assert (trial.configuration == tree(a=1)) == (fidelity == 1)


def no_model_yet(racing_seconds, left, fit_seconds):
    """Return a race near its end whose only results are on a third of the rows, with a forecast of 1,000 s."""
    traits = TableTraits("binary", 10_000, 10, 2)
    budget = Budget(racing_seconds, started=time.monotonic() - (racing_seconds - left))
    searcher = make_searcher("hyperband", build_space(traits), 0, plan=FOLD_PLAN)
    runtime = RuntimeModel(traits, 0.8)
    runtime.guess = lambda configuration: 1_000.0
    trials = [Trial(tree(a=i), fidelity=1 / 3) for i in range(3)]
    folds = {0: FoldResult(0.1, fit_seconds, 0.0)}
    history = RunHistory([TrialResult(trial, Status.OK, folds, fit_seconds) for trial in trials])
    return Racing(searcher, 8, 10_000, runtime, budget), runtime, history


def test_a_result_on_a_part_of_the_rows_lowers_a_guess_that_is_too_high():
    _, runtime, history = no_model_yet(1e3, 200.0, 1.0)
    assert runtime.predict(tree(a=0), history) == pytest.approx(3.0)
    assert runtime.predict(tree(a=9), history) == 1_000.0
    _, runtime, history = no_model_yet(1e3, 200.0, 900.0)
    assert runtime.predict(tree(a=0), history) == 1_000.0
    history.append(result(Trial(tree(a=5)), 0.1))
    assert runtime.predict(tree(a=0), history) == pytest.approx(0.1)  # the measured ratio of the family


def test_the_fastest_gets_a_fold_of_all_rows_where_no_forecast_fits_and_there_is_no_model():
    racing, _, history = no_model_yet(1e3, 200.0, 900.0)
    history.append(TrialResult(Trial(tree(a=7), fidelity=1 / 3), Status.OK, {0: FoldResult(0.9, 100.0, 0.0)}, 100.0))
    [(trial,)] = racing.suggest(history, 1)
    assert (trial.configuration, trial.folds, trial.fidelity) == (tree(a=7), (0,), 1.0)
