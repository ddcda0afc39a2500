"""The leaderboard and the history of a run."""

from __future__ import annotations

import pytest

from automl.trials.history import RunHistory
from automl.trials.leaderboard import make_cv_results, make_leaderboard, order_note
from automl.trials.trial import FoldResult, Status, Trial, TrialResult
from tests.factories import tree


def _result(max_depth, losses, status=Status.OK):
    folds = {fold: FoldResult(loss, 0.1, 0.0) for fold, loss in losses.items()}
    return TrialResult(Trial(tree(max_depth), tuple(losses) or (0,)), status, folds, 0.1, reason=status.value)


def test_scores_are_plain_means_and_the_order_is_adjusted_for_harder_folds():
    complete, easy_only, hard_only = _result(2, {0: -1.0, 1: -0.8}), _result(3, {0: -0.97}), _result(5, {1: -0.95})
    failed = _result(4, {}, Status.CRASH)
    board = make_leaderboard(RunHistory([failed, easy_only, complete, hard_only]), {})  # AUC, as losses
    assert list(board["score"][:3]) == pytest.approx([0.9, 0.95, 0.97])
    assert list(board["folds"]) == [2, 1, 1, 0]
    assert board["status"].iloc[-1] == "crash"
    assert order_note(board).startswith("order: 2 configurations have fewer folds than others")
    assert order_note(make_leaderboard(RunHistory([easy_only, complete, failed]), {})) == ""


def test_a_score_of_zero_has_no_sign():
    history = RunHistory([_result(1, {0: 0.0, 1: 0.0})])
    assert "-0" not in str(make_leaderboard(history, {})["score"].tolist())
    assert "-0" not in str(make_cv_results(history, 2)["mean_test_score"].tolist())


def test_a_history_holds_the_results_in_the_order_in_which_trials_ended():
    results = [_result(2, {0: -1.0, 1: -0.8}), _result(3, {0: -0.97}), _result(3, {1: -0.95})]
    history = RunHistory(results)
    assert list(history) == results
    assert len(history) == 3
    assert repr(history) == "<RunHistory of 3 trials on 2 configurations>"


def test_a_row_has_the_main_hyperparameters_and_the_milliseconds_for_1000_rows():
    board = make_leaderboard(RunHistory([_result(2, {0: -1.0, 1: -0.8})]), {}, fold_rows=(100, 50))
    assert "max_depth=2" in board["hyperparameters"][0]
    assert board["predict_milliseconds"][0] == 0
    assert make_leaderboard(RunHistory([_result(2, {0: -1.0})]), {})["predict_milliseconds"].isna().all()


def test_a_row_says_that_its_models_were_trained_on_a_part_of_the_rows():
    part = FoldResult(-0.9, 0.1, 0.0, {"training_rows": 238_000})
    result = TrialResult(Trial(tree(2)), Status.OK, {0: part}, 0.1)
    board = make_leaderboard(RunHistory([result, _result(3, {0: -0.8})]), {})
    assert board["reason"].tolist() == ["trained on 238,000 rows, because there was no time for more", ""]
