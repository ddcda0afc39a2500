import numpy as np
import pytest
from sklearn.model_selection import TimeSeriesSplit

from automl.errors import InvalidInputError
from automl.splits import make_folds


def test_every_row_is_scored_once_and_never_trained_on_in_its_fold():
    y = np.random.default_rng(0).integers(0, 3, 100)
    folds = make_folds(y, True, cv=5)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(100))
    assert all(not set(train) & set(test) and len(train) + len(test) == 100 for train, test in folds)


def test_classes_are_dealt_out_evenly():
    y = np.repeat([0, 1, 2], [50, 30, 20])
    counts = np.array([np.bincount(y[test], minlength=3) for _, test in make_folds(y, True, cv=10)])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()


@pytest.mark.parametrize("rare", [2, 3])
def test_a_rare_class_is_never_missing_from_training(rare):
    y = np.array([0] * 40 + [1] * 40 + [2] * rare)
    assert all(set(y[train]) == {0, 1, 2} for train, _ in make_folds(y, True))


def test_folds_of_a_skewed_target_are_alike():
    y = np.random.default_rng(0).lognormal(0, 2, 200)
    means = [np.log(y[test]).mean() for _, test in make_folds(y, False, cv=5)]
    assert np.ptp(means) < 0.3


def test_groups_stay_together():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 12, 120)
    for classification, y in [(True, rng.integers(0, 2, 120)), (False, rng.normal(size=120))]:
        for train, test in make_folds(y, classification, groups=groups):
            assert not set(groups[train]) & set(groups[test])


def test_a_users_splitter_is_kept():
    folds = make_folds(np.arange(20.0), False, cv=TimeSeriesSplit(3), X=np.zeros((20, 1)))
    assert len(folds) == 3
    assert all(train.max() < test.min() for train, test in folds)


def test_one_group_cannot_be_split():
    with pytest.raises(InvalidInputError, match="groups"):
        make_folds(np.arange(10.0), False, groups=np.zeros(10))


@pytest.mark.parametrize("rare", [2, 5, 7])
def test_each_fold_of_two_classes_holds_both_where_one_is_rare(rare):
    y = np.zeros(400, dtype=int)
    y[:rare] = 1
    folds = make_folds(y, True)
    assert len(folds) == max(2, rare)
    assert all(set(y[test]) == {0, 1} == set(y[train]) for train, test in folds)
