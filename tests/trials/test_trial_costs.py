"""The seconds of the workers by family and by fate."""

from __future__ import annotations

from automl.report.search import describe_search
from automl.report.words import metric_words
from automl.trials.history import RunHistory
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from automl.trials.trial_costs import WorkerSeconds, cut_fits_text, worker_seconds
from pipelines.configuration import Configuration

RIDGE, FOREST, SLOW = (
    Configuration({"model": "ridge", "model:ridge:alpha": 0.1}),
    Configuration({"model": "extra_trees"}),
    Configuration({"model": "extra_trees", "model:extra_trees:max_features": 0.5}),
)


def result(configuration, folds, seconds, status=Status.OK, started=True):
    infos = {fold: FoldResult(0.1, 1.0, 0.5, {"cut": True} if cut else {}) for fold, cut in folds.items()}
    reason = "" if status is Status.OK else "took more than 3 s"
    return TrialResult(Trial(configuration), status, infos, seconds, reason=reason, started=started)


HISTORY = RunHistory(
    [
        result(RIDGE, {0: False, 1: True}, 4.0),
        result(FOREST, {0: True}, 2.0),
        result(FOREST, {1: True}, 6.0, Status.TIMEOUT),  # ended during a further fold
        result(SLOW, {}, 5.0, Status.TIMEOUT),
        result(SLOW, {}, 0.0, Status.MEMORY, started=False),
    ]
)


def test_seconds_are_counted_by_fate():
    assert worker_seconds(HISTORY, {RIDGE: 1.0}) == (
        WorkerSeconds("extra_trees", 0.0, 3.5, 9.5, n_fits=2, n_cut=2),
        WorkerSeconds("ridge", 4.0, 0.0, 0.0, n_fits=2, n_cut=1),
    )


def test_a_training_in_parts_is_one_fit():
    def part(share, **info):
        return TrialResult(Trial(FOREST, fidelity=share), Status.OK, {0: FoldResult(0.1, 1.0, 0.5, info)}, 2.0)

    history = RunHistory([part(1 / 3), part(1.0, continued=True)])
    assert worker_seconds(history, {FOREST: 1.0}) == (WorkerSeconds("extra_trees", in_ensemble=4.0, n_fits=1),)


def test_the_text_says_how_many_fits_the_clock_has_cut():
    assert cut_fits_text(worker_seconds(HISTORY, {})).startswith("3 of 4 fits were cut by the clock")
    assert cut_fits_text(worker_seconds(RunHistory([result(RIDGE, {0: False}, 1.0)]), {})).startswith("0 of 1 ")
    assert cut_fits_text(()) == ""


def test_the_report_of_a_search_shows_them():
    section = describe_search(HISTORY, metric_words("neg_log_loss"), {RIDGE: 1.0})
    assert [(row.family, row.in_ensemble, row.thrown_away, row.n_cut) for row in section.workers] == [
        ("extra_trees", 0.0, 9.5, 2),
        ("ridge", 4.0, 0.0, 1),
    ]
    assert "3 of 4 fits were cut by the clock" in section.note
