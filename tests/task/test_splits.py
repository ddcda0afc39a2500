"""Tests of the folds: no row or group is in both parts, and every fold can be trained on and scored."""

from functools import partial

import numpy as np
import pytest
from sklearn.model_selection import KFold, LeaveOneOut, TimeSeriesSplit

from automl.errors import InvalidInputError
from automl.task.metrics import make_metric
from automl.task.prepare import TrainingData, prepare
from automl.task.settings import TaskSettings
from automl.task.splits import SplitRequest, make_folds


def test_every_row_is_scored_once_and_is_not_a_training_row_of_that_fold():
    y = np.random.default_rng(0).integers(0, 3, 100)
    folds = make_folds(SplitRequest(y, True, cv=5))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(100))
    assert all(not set(train) & set(test) and len(train) + len(test) == 100 for train, test in folds)


def test_classes_are_spread_evenly_over_the_folds():
    y = np.repeat([0, 1, 2], [50, 30, 20])
    counts = np.array([np.bincount(y[test], minlength=3) for _, test in make_folds(SplitRequest(y, True, cv=10))])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


@pytest.mark.parametrize("rare", [2, 3])
def test_a_rare_class_is_never_missing_from_training(rare):
    y = np.array([0] * 40 + [1] * 40 + [2] * rare)
    assert all(set(y[train]) == {0, 1, 2} for train, _ in make_folds(SplitRequest(y, True)))


def test_folds_of_a_skewed_target_are_alike():
    y = np.random.default_rng(0).lognormal(0, 2, 200)
    means = [np.log(y[test]).mean() for _, test in make_folds(SplitRequest(y, False, cv=5))]
    assert np.ptp(means) < 0.3


def test_groups_stay_together():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 12, 120)
    for classification, y in [(True, rng.integers(0, 2, 120)), (False, rng.normal(size=120))]:
        for train, test in make_folds(SplitRequest(y, classification, groups=groups)):
            assert not set(groups[train]) & set(groups[test])


def test_the_folds_of_a_users_splitter_are_used():
    folds = make_folds(SplitRequest(np.arange(20.0), False, cv=TimeSeriesSplit(3), X=np.zeros((20, 1))))
    assert len(folds) == 3
    assert all(train.max() < test.min() for train, test in folds)


def test_fewer_groups_than_folds_give_one_fold_for_each_group():
    assert len(make_folds(SplitRequest(np.arange(12.0), False, cv=8, groups=np.arange(12) % 4))) == 4


def test_one_group_cannot_be_split():
    with pytest.raises(InvalidInputError, match="groups"):
        make_folds(SplitRequest(np.arange(10.0), False, groups=np.zeros(10)))


@pytest.mark.parametrize("rare", [2, 5, 7])
def test_each_fold_holds_every_class_if_the_metric_needs_it(rare):
    y = np.arange(400) % 3
    y[y == 2] = np.repeat([2, 0], [rare, np.sum(y == 2) - rare])
    metric = make_metric("roc_auc_ovr", "multiclass", np.arange(3))
    folds = make_folds(SplitRequest(y, True), metric=metric)
    assert len(folds) == rare
    assert all(set(y[test]) == {0, 1, 2} == set(y[train]) for train, test in folds)
    assert len(make_folds(SplitRequest(y, True), metric=make_metric(None, "multiclass", np.arange(3)))) == 8


def test_r2_gets_folds_of_two_rows_or_more():
    folds = make_folds(SplitRequest(np.arange(10.0), False), metric=make_metric("r2", "regression", None))
    assert min(len(test) for _, test in folds) == 2


def test_folds_on_which_the_metric_is_undefined_are_refused():
    y = np.array([0] * 95 + [1] * 5)
    metric = make_metric("roc_auc", "binary", np.arange(2))
    with pytest.raises(InvalidInputError, match=r"fold . of 10: scoring 'roc_auc' has no value: .*fewer folds"):
        make_folds(SplitRequest(y, True, cv=10), metric=metric)
    y = np.isin(np.arange(100), [30, 50, 70]).astype(int)
    with pytest.raises(InvalidInputError, match="fold 0 of 5: scoring 'roc_auc' has no value: "):
        make_folds(SplitRequest(y, True, cv=KFold(5), X=np.zeros((100, 1))), metric=metric)


@pytest.mark.parametrize(
    ("request_", "remedy"),
    [
        (SplitRequest(np.arange(30.0), False, cv=30), "let each fold score at least 2 rows, use fewer folds, or"),
        (SplitRequest(np.arange(3.0), False), "let each fold score at least 2 rows, or"),
        (
            SplitRequest(np.arange(30.0), False, cv=30, sample_weight=np.ones(30)),
            "let each fold score at least 2 rows of positive weight, use fewer folds, or",
        ),
        (
            SplitRequest(np.arange(4.0), False, groups=np.array([0, 0, 0, 1])),
            "let each fold score at least 2 rows, form larger groups, or",
        ),
        (
            SplitRequest(np.arange(30.0), False, cv=LeaveOneOut(), X=np.zeros((30, 1))),
            "let cv give folds that score at least 2 rows, or",
        ),
    ],
)
def test_the_error_for_folds_that_r2_cannot_score_asks_for_more_rows_in_each(request_, remedy):
    with pytest.raises(InvalidInputError, match=f"scoring 'r2' has no value: [^;]*; {remedy} choose another scoring$"):
        make_folds(request_, metric=make_metric("r2", "regression", None))


TEN = np.arange(10.0)


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (partial(TrainingData, X_val=TEN[:1, None], y_val=TEN[:1]), {}, "let X_val hold at least 2 rows, or"),
        (
            partial(
                TrainingData,
                X_val=TEN[:3, None],
                y_val=TEN[:3],
                sample_weight=np.ones(10),
                sample_weight_val=np.zeros(3),
            ),
            {},
            "let X_val hold at least 2 rows of positive weight, or",
        ),
        (partial(TrainingData, time=TEN), {"cv": 7}, "let each fold score at least 2 rows, use fewer folds, or"),
    ],
)
def test_the_error_for_folds_by_time_or_validation_rows_says_what_to_do_with_these_rows(data, arguments, message):
    data = data(X=TEN[:, None], y=TEN)
    with pytest.raises(InvalidInputError, match=f"[^;]*; {message} choose another scoring$"):
        prepare(data, TaskSettings(scoring="r2", **arguments), classification=False)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (partial(TrainingData, X_val=TEN[:2, None], y_val=[0, 0]), "let X and X_val hold every class, or"),
        (partial(TrainingData, time=TEN), "let older and newer rows hold every class, or"),
    ],
)
def test_the_error_for_classes_by_time_or_validation_rows_says_which_rows_lack_a_class(data, message):
    data = data(X=TEN[:, None], y=np.repeat([0, 1], [8, 2]))
    with pytest.raises(InvalidInputError, match=f"[^;]*; {message} choose another scoring$"):
        prepare(data, TaskSettings(scoring="roc_auc"), classification=True)


def test_rows_with_weight_are_spread_evenly_over_the_folds():
    y = np.tile([0, 1], 50)
    weight = np.zeros(100)
    weight[:16] = 1.0
    for _, test in make_folds(SplitRequest(y, True, sample_weight=weight)):
        assert np.bincount(y[test][weight[test] > 0]).tolist() == [1, 1]


def test_the_parts_of_a_pair_may_be_masks():
    mask = np.arange(20) < 15
    ((train, test),) = make_folds(SplitRequest(np.arange(20.0), False, cv=[(mask, ~mask)]))
    assert (train == np.arange(15)).all()
    assert (test == np.arange(15, 20)).all()


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        ([(range(15), range(10, 20))], "fold 0 scores 5 of its training rows"),
        ([(range(15), range(15, 21))], "fold 0 holds row numbers outside the 20 rows"),
        ([(range(15), [])], "fold 0 holds no rows to score"),
        ([(np.ones(5, dtype=bool), range(5))], "fold 0 is a mask, but its length is not the 20 rows"),
        ([(range(9), range(9, 18))], "fold 0 has 1 group in both of its parts"),
        (iter(()), "gives no fold"),
    ],
)
def test_pairs_that_share_rows_or_are_incomplete_are_refused(cv, message):
    cv = [tuple(map(np.asarray, pair)) for pair in cv]
    cv = [(train, test.astype(train.dtype) if not len(test) else test) for train, test in cv]
    with pytest.raises(InvalidInputError, match=message):
        make_folds(SplitRequest(np.arange(20.0), False, cv=cv, groups=np.arange(20) // 2))


def test_groups_of_classes_with_few_rows_can_be_split():
    y, groups = np.repeat([0, 1, 2], 6), np.arange(18) % 9
    for train, test in make_folds(SplitRequest(y, True, groups=groups)):
        assert not set(groups[train]) & set(groups[test])


def test_a_class_within_one_group_is_refused():
    groups = np.repeat(np.arange(6), 10)
    with pytest.raises(InvalidInputError, match=r"single class of y.*spread them over more groups"):
        make_folds(SplitRequest((groups == 0).astype(int), True, groups=groups))


def test_two_groups_with_a_class_get_fewer_folds():
    groups = np.repeat(np.arange(8), 10)
    for seed in range(5):
        folds = make_folds(SplitRequest(np.isin(groups, (0, 5)).astype(int), True, groups=groups, random_state=seed))
        assert all(len(np.unique(np.isin(groups[train], (0, 5)))) == 2 for train, _ in folds)


def test_a_class_with_a_single_row_of_positive_weight_is_refused():
    y, weight = np.repeat([0, 1], [50, 10]), np.ones(60)
    weight[51:] = 0
    with pytest.raises(InvalidInputError, match="single class of y"):
        make_folds(SplitRequest(y, True, sample_weight=weight))
