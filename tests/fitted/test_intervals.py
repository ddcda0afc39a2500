"""Tests of prediction intervals and prediction sets through the two estimators."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from sklearn.model_selection import KFold, TimeSeriesSplit

from automl import AutoMLClassifier, AutoMLRegressor, load
from automl.errors import InvalidInputError
from tests.factories import FAST

SMALL = FAST | {"max_trials": 3}
N_TRAIN, N_TEST = 300, 2_000


def make_numbers(seed=0, n=N_TRAIN + N_TEST):
    """Return a table whose second column says how large the noise is."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, 3 * X[:, 0] + rng.normal(size=n) * np.where(X[:, 1] > 0, 2.0, 0.2)


def make_classes(seed=0, n=N_TRAIN + N_TEST):
    """Return a table with three classes that overlap, one of them rare."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.5, 0.4, 0.1])
    centers = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
    return centers[y] + rng.normal(size=(n, 2)), np.array(["a", "b", "c"])[y]


NUMBERS, CLASSES = make_numbers(), make_classes()


@pytest.fixture(scope="module")
def reg():
    X, y = NUMBERS
    return AutoMLRegressor(**SMALL).fit(X[:N_TRAIN], y[:N_TRAIN])


@pytest.fixture(scope="module")
def clf():
    X, y = CLASSES
    return AutoMLClassifier(**SMALL).fit(X[:N_TRAIN], y[:N_TRAIN])


def new_rows(data):
    return data[0][N_TRAIN:], data[1][N_TRAIN:]


def interval_coverage(reg, level, data=NUMBERS):
    X, y = new_rows(data)
    low, high = reg.predict_interval(X, level).T
    return ((low <= y) & (y <= high)).mean()


def set_coverage(clf, level, by_class=False):
    X, y = new_rows(CLASSES)
    sets = clf.predict_set(X, level, by_class=by_class)
    inside = sets[np.arange(len(y)), np.searchsorted(clf.classes_, y)]
    return np.array([inside[y == label].mean() for label in clf.classes_]) if by_class else inside.mean()


# Four standard errors of a share that is measured on the test rows and depends on the training rows.
def margin(level, n_train=N_TRAIN):
    return 4 * np.sqrt(level * (1 - level) * (1 / N_TEST + 1 / n_train))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95])
def test_intervals_cover_new_rows_as_often_as_the_level_says(reg, level):
    assert interval_coverage(reg, level) == pytest.approx(level, abs=margin(level))


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_sets_cover_new_rows_at_least_as_often_as_the_level_says(clf, level):
    assert set_coverage(clf, level) >= level - margin(level)


def test_by_class_the_level_holds_for_the_rows_of_each_class(clf):
    by_class = set_coverage(clf, 0.8, by_class=True)
    assert (by_class >= 0.8 - margin(0.8, 30)).all()
    sets = clf.predict_set(new_rows(CLASSES)[0], 0.8)
    rare = new_rows(CLASSES)[1] == "c"
    assert sets[rare, 2].mean() < by_class[2]


def test_intervals_are_wider_where_the_noise_is_larger(reg):
    X, _ = new_rows(NUMBERS)
    width = np.diff(reg.predict_interval(X))[:, 0]
    assert width[X[:, 1] > 0.5].mean() > 2 * width[X[:, 1] < -0.5].mean()


def test_shapes_and_nested_levels(reg, clf):
    X, C = NUMBERS[0][:200], CLASSES[0][:200]
    ends = [reg.predict_interval(X, level) for level in (0.2, 0.5, 0.8, 0.9, 0.95, 0.99)]
    sets = [clf.predict_set(C, level) for level in (0.05, 0.5, 0.8, 0.9, 0.95, 0.99)]
    assert {e.shape for e in ends} == {(200, 2)}
    assert {s.shape for s in sets} == {(200, 3)}
    assert sets[0].dtype == bool
    assert sets[0].any(axis=1).all()
    for inner, outer in pairwise(ends):
        assert (outer[:, 0] <= inner[:, 0]).all()
        assert (inner[:, 1] <= outer[:, 1]).all()
    for inner, outer in pairwise(sets):
        assert (inner <= outer).all()
    assert (ends[-1][:, 0] < reg.predict(X)).all()
    np.testing.assert_allclose(reg.predict_interval(X[:5]), reg.predict_interval(X)[:5])


def test_intervals_of_small_levels_are_not_inverted_and_stay_nested():
    """The fold models of one tree disagree by more than most of their residuals."""
    X, y = (part[:200] for part in make_numbers())
    reg = AutoMLRegressor(**SMALL | {"include": ["decision_tree"], "max_trials": 1}).fit(X, y)
    ends = [reg.predict_interval(X, level) for level in (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.9)]
    assert all((low <= high).all() for low, high in (each.T for each in ends))
    for inner, outer in pairwise(ends):
        assert (outer[:, 0] <= inner[:, 0] + 1e-9).all()
        assert (inner[:, 1] <= outer[:, 1] + 1e-9).all()


def test_a_loaded_model_gives_the_same_intervals_and_sets(reg, clf, tmp_path):
    reg.save(tmp_path / "reg")
    clf.save(tmp_path / "clf")
    X, C = NUMBERS[0][:100], CLASSES[0][:100]
    for for_prediction in (False, True):
        again = load(tmp_path / "reg", for_prediction=for_prediction)
        assert np.array_equal(again.predict_interval(X), reg.predict_interval(X))
        again = load(tmp_path / "clf", for_prediction=for_prediction)
        assert np.array_equal(again.predict_set(C, by_class=True), clf.predict_set(C, by_class=True))


def test_a_refitted_and_a_slim_model_say_that_their_intervals_are_approximate(reg, clf, tmp_path):
    small = reg.slim(megabytes=reg.frontier_["megabytes"].min() + 1e-6)
    for model, cover in (
        (small, interval_coverage),
        (reg.refit(*(part[:N_TRAIN] for part in NUMBERS)), interval_coverage),
        (clf.refit(), set_coverage),
    ):
        with pytest.warns(UserWarning, match="are approximate: "):
            assert cover(model, 0.9) == pytest.approx(0.9, abs=margin(0.9))
        with warnings.catch_warnings(action="error"):
            cover(model, 0.9)
        assert model.coverage_["approximate"].all()
    assert not reg.coverage_["approximate"].any()


def test_a_smaller_ensemble_of_whole_members_has_exact_intervals(reg):
    with warnings.catch_warnings(action="error"):
        small = reg.slim(max_loss=0)
        if len(small._ensemble.bags[0].models) == 3:
            assert interval_coverage(small, 0.9) == pytest.approx(0.9, abs=margin(0.9))


@pytest.mark.slow
def test_rows_of_weight_0_change_nothing():
    X, y = (part[:N_TRAIN] for part in NUMBERS)
    weight = np.where(np.arange(N_TRAIN) % 4 == 0, 0.0, 1.0)
    wrong = np.where(weight == 0, 0.9 * y, y)
    cv = [(np.flatnonzero(np.arange(N_TRAIN) % 3 != k), np.flatnonzero(np.arange(N_TRAIN) % 3 == k)) for k in range(3)]
    settings = SMALL | {"include": ["ridge"], "max_trials": 1, "cv": cv}
    first, second = (AutoMLRegressor(**settings).fit(X, target, sample_weight=weight) for target in (y, wrong))
    np.testing.assert_allclose(second.predict_interval(X), first.predict_interval(X), rtol=1e-9)


@pytest.mark.slow
def test_coverage_holds_for_new_groups_and_few_groups_are_an_error():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    shift = rng.normal(size=240)
    X = rng.normal(size=(400, 3))
    y = 3 * X[:, 0] + shift[groups] + 0.3 * rng.normal(size=400)
    reg = AutoMLRegressor(**SMALL | {"include": ["ridge"], "max_trials": 1}).fit(X, y, groups=groups)
    X_new, numbers = rng.normal(size=(2_000, 3)), np.repeat(np.arange(40, 240), 10)
    y_new = 3 * X_new[:, 0] + shift[numbers] + 0.3 * rng.normal(size=2_000)
    low, high = reg.predict_interval(X_new).T
    inside = ((low <= y_new) & (y_new <= high)).mean()
    assert inside > 0.9 - 4 * np.sqrt(0.9 * 0.1 * (1 / 40 + 1 / 200))
    with pytest.raises(InvalidInputError, match=r"at least 99 groups .* the model has 40"):
        reg.predict_interval(X_new, level=0.99)


@pytest.mark.slow
def test_rows_in_the_order_of_time_have_approximate_intervals():
    X, y = (part[:N_TRAIN] for part in NUMBERS)
    settings = SMALL | {"include": ["ridge"], "max_trials": 1, "cv": TimeSeriesSplit(3)}
    reg = AutoMLRegressor(**settings).fit(X, y)
    with pytest.warns(UserWarning, match="order of time"):
        assert interval_coverage(reg, 0.8) == pytest.approx(0.8, abs=margin(0.8, 200))


@pytest.mark.slow
def test_validation_rows_give_approximate_intervals():
    X, y = NUMBERS
    reg = AutoMLRegressor(**SMALL | {"include": ["ridge"], "max_trials": 1, "cv": None})
    reg.fit(X[:200], y[:200], X_val=X[200:400], y_val=y[200:400])
    with pytest.warns(UserWarning, match="validation rows"):
        assert interval_coverage(reg, 0.8) == pytest.approx(0.8, abs=margin(0.8, 200))


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1, "0.9", None, True, float("nan")])
def test_a_level_outside_0_and_1_is_an_error(reg, clf, level):
    with pytest.raises(InvalidInputError, match="level must be a number between 0 and 1"):
        reg.predict_interval(NUMBERS[0][:3], level)
    with pytest.raises(InvalidInputError, match="level must be a number between 0 and 1"):
        clf.predict_set(CLASSES[0][:3], level)


def test_too_few_rows_and_the_wrong_task_are_named(reg, clf):
    with pytest.raises(InvalidInputError, match=r"level=0.999 needs at least 999 rows .* the model has 300"):
        reg.predict_interval(NUMBERS[0][:3], 0.999)
    with pytest.warns(UserWarning, match=r"fewer and are in every set: 'c'"):
        sets = clf.predict_set(CLASSES[0][:50], 0.985, by_class=True)
    assert sets[:, 2].all()
    with pytest.raises(AttributeError, match="use predict_interval"):
        reg.predict_set(NUMBERS[0][:3])
    with pytest.raises(AttributeError, match="use predict_set"):
        clf.predict_interval(CLASSES[0][:3])
    assert not hasattr(reg, "predict_set")


@pytest.mark.parametrize("order", ["time", "X_val"])
def test_the_sizes_of_sets_are_known_where_the_rows_have_an_order(order):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)), np.arange(200) % 3
    X[:, 0] += y
    clf = AutoMLClassifier(**FAST | {"include": ["logistic_regression"], "max_trials": 1, "cv": None})
    rows = {"time": np.arange(200)} if order == "time" else {"X_val": X[:100], "y_val": y[:100]}
    sizes = clf.fit(X, y, **rows).coverage_["size"]
    assert sizes.between(1, 3).all()
    assert sizes.is_monotonic_increasing


def test_coverage_on_out_of_fold_rows_agrees_with_new_rows(reg, clf):
    table = reg.coverage_.set_index("level")
    assert table.loc[0.9, "coverage"] == pytest.approx(0.9, abs=0.04)
    X, _ = new_rows(NUMBERS)
    assert table.loc[0.9, "width"] == pytest.approx(np.diff(reg.predict_interval(X)).mean(), rel=0.15)
    table = clf.coverage_.set_index("level")
    assert table.loc[0.9, "coverage"] >= 0.86
    assert table.loc[0.9, "size"] == pytest.approx(clf.predict_set(CLASSES[0]).sum(axis=1).mean(), rel=0.15)


def test_the_size_of_sets_counts_the_weights_of_the_rows():
    """Rows of weight 0 at random places have larger sets than the others, but do not count."""
    X, y = (part[:200] for part in CLASSES)
    rng = np.random.default_rng(0)
    noise = np.arange(200) % 2 == 1
    X, y = np.where(noise[:, None], 0.7, X), np.where(noise, rng.permutation(y), y)
    settings = SMALL | {"include": ["logistic_regression"], "max_trials": 1, "cv": KFold(3)}
    clf = AutoMLClassifier(**settings).fit(X, y, sample_weight=np.where(noise, 0.0, 1.0))
    size = clf.coverage_.set_index("level").loc[0.8, "size"]
    assert size == pytest.approx(clf.predict_set(X[~noise], 0.8).sum(axis=1).mean(), rel=0.1)
    assert size < 0.9 * clf.predict_set(X, 0.8).sum(axis=1).mean()


def test_each_fit_warns_of_approximate_intervals_again():
    X, y = (part[:100] for part in NUMBERS)
    reg = AutoMLRegressor(**SMALL | {"include": ["ridge"], "max_trials": 1, "cv": None})
    for _ in range(2):
        reg.fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
        with pytest.warns(UserWarning, match="validation rows"):
            reg.predict_interval(X, 0.5)


def test_a_class_with_too_few_groups_is_named_although_it_has_enough_rows():
    """The rows of class c are many, but they are copies of few independent units."""
    X, y = (part[:240] for part in make_classes())
    groups = np.arange(len(y)) // 2
    groups[y == "c"] = 1_000 + np.flatnonzero(y == "c") % 4
    assert (y == "c").sum() >= 9
    clf = AutoMLClassifier(**SMALL | {"max_trials": 1}).fit(X, y, groups=groups)
    with pytest.warns(UserWarning, match="needs 9 groups of a class .*: 'c'"):
        sets = clf.predict_set(X, by_class=True)
    assert sets[:, 2].all()


def test_intervals_follow_the_unit_of_a_target_beyond_four_bytes(tmp_path):
    X, y = (part[:N_TRAIN] for part in NUMBERS)
    plain, large = (
        AutoMLRegressor(**SMALL | {"include": ["ridge"], "max_trials": 1}).fit(X, unit * y) for unit in (1.0, 1e40)
    )
    large.save(tmp_path / "model")
    again = load(tmp_path / "model", for_prediction=True)
    np.testing.assert_allclose(again.predict_interval(X) / 1e40, plain.predict_interval(X), rtol=0.05, atol=0.05)
