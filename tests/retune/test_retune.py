"""A retune searches for a short time on old and new rows, and compares the old model with the new one."""

from __future__ import annotations

import contextlib
import copy

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import automl
from automl import AutoMLClassifier, AutoMLRegressor
from automl.errors import InvalidInputError, NothingFittedError
from automl.retune.comparison import compare_predictions
from automl.retune.report import RetuneReport
from automl.task.metrics import make_metric
from automl.task.scored_target import ScoredTarget
from automl.trials.initial_design import EARLIER_MODEL
from tests.factories import FAST, interrupt_once

N_OLD, N_NEW = 200, 180
SETTINGS = FAST | {"include": ["ridge", "decision_tree"], "max_trials": 2}


def make_rows(n, seed, slope=1.0):
    """Return rows of two numbers, a category, a day and a group, and a target that depends on `slope`."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "city": rng.choice(["Rome", "Oslo"], n)})
    X["day"] = rng.permutation(n) + 1_000 * seed
    return X, pd.Series(slope * X["a"] + 0.3 * rng.normal(size=n), name="price")


OLD, NEW = make_rows(N_OLD, 0), make_rows(N_NEW, 1, slope=-1.0)
OLD_ROWS = {"X_old": OLD[0], "y_old": OLD[1]}
DAYS = pd.date_range("2026-01-01", periods=N_NEW)


@pytest.fixture(scope="module")
def model():
    return AutoMLRegressor(**SETTINGS).fit(*OLD)


@pytest.fixture(scope="module")
def retuned(model):
    return model.retune(*NEW, *OLD, seconds=None, max_trials=3)


def test_a_model_of_the_new_rows_is_called_better(model, retuned):
    report = retuned.retune_report_
    assert report.is_better
    assert report.low > 0
    assert report.new_score > report.old_score
    assert report.verdict.startswith("the new model is better on the 60 newest rows: root mean squared error 0.")
    assert report.n_compared == 60
    X, y = make_rows(200, 2, slope=-1.0)
    assert retuned.score(X, y) > model.score(X, y) + 1


def test_the_new_model_has_no_curve_of_a_guard():
    model = AutoMLRegressor(**SETTINGS | {"max_trials": 1}, guard=0.2).fit(*OLD)
    with pytest.raises(AttributeError, match="after retune, which searches without a guard"):
        _ = model.retune(*NEW, seconds=None, max_trials=1).guard_curve_


def test_the_old_model_and_its_parameters_stay(model, retuned):
    assert not hasattr(model, "retune_report_")
    assert model._reader.n_rows_ == N_OLD
    assert retuned.get_params() == model.get_params()
    assert retuned._target_name == "price"


def test_the_search_starts_with_the_configurations_of_the_old_model(model, retuned):
    first = next(iter(retuned.history_.evaluations))
    best = max(model._ensemble.bags, key=lambda bag: bag.weight).configuration
    assert first == best
    assert retuned._initial_design.source_of("initial", best.id) == EARLIER_MODEL
    assert len(retuned.leaderboard_) == 3


def test_old_rows_that_do_harm_are_left_out(retuned):
    report = retuned.retune_report_
    assert (report.n_rows, report.n_old_rows) == (N_NEW, 0)
    assert report.notes[0].startswith("the old rows are left out: on new rows, ridge has root mean squared error 0.3")


def make_wide(n, seed):
    X = np.random.default_rng(seed).normal(size=(n, 25))
    return X, X.sum(axis=1)


@pytest.fixture(scope="module")
def helped():
    """Return a retuned model for whose many columns the new rows alone are too few."""
    old, new = make_wide(200, 0), make_wide(165, 1)
    model = AutoMLRegressor(**SETTINGS | {"max_trials": 1, "include": ["ridge"]}).fit(*old)
    return model.retune(*new, *old, seconds=None, max_trials=1)


def test_configurations_are_compared_on_new_rows_and_models_see_all_rows(helped):
    report, rows = helped.retune_report_, helped._rows
    assert (report.n_rows, report.n_old_rows, report.n_compared) == (365, 200, 55)
    scored = np.concatenate(rows.test_rows)
    assert scored.min() >= 200
    assert len(np.unique(scored)) == 110
    assert [len(bag.models) for bag in helped._ensemble.bags] == [1]


def test_a_retuned_model_is_saved_and_refitted(retuned, tmp_path):
    retuned.save(tmp_path / "model")
    loaded = automl.load(tmp_path / "model")
    assert loaded.retune_report_ == retuned.retune_report_
    np.testing.assert_array_equal(loaded.predict(NEW[0]), retuned.predict(NEW[0]))
    assert not hasattr(retuned.refit(), "retune_report_")
    with pytest.raises(InvalidInputError, match="more continues a search from its run directory"):
        retuned.more(max_trials=1)


def test_a_retuned_model_names_the_true_cause_of_what_it_lacks():
    settings = SETTINGS | {"max_trials": 1, "include": ["ridge"]}
    retuned = AutoMLRegressor(**settings, guard=0.2).fit(*OLD).retune(*NEW, seconds=None, max_trials=2)
    for name in ("frontier_", "score_over_time_"):
        with pytest.raises(AttributeError, match="retune has replaced the models of its search; only fit"):
            getattr(retuned, name)
    with pytest.raises(AttributeError, match="after retune, which searches without a guard"):
        _ = retuned.guard_curve_


@pytest.mark.filterwarnings("ignore::automl.errors.DriftWarning")  # the old model predicts new rows
def test_the_sensitive_features_of_a_column_are_those_of_the_new_rows():
    one = SETTINGS | {"include": ["ridge"], "max_trials": 1}
    old = AutoMLRegressor(**one).fit(*OLD, sensitive_features="city")
    new = old.retune(*NEW, seconds=None, max_trials=1)
    assert {"Rome", "Oslo"} <= set(new.scores_by_group().index)
    assert new._split_arguments["sensitive_features"] == "city"
    same = old.retune(NEW[0].assign(city="Rome"), NEW[1], seconds=None, max_trials=1)
    assert "the groups are not compared: sensitive_features has the single group 'Rome'" in str(same.retune_report_)


def test_a_retuned_model_goes_on_to_warn_of_drift(model):
    old = copy.copy(model)
    old.warn_of_drift = True
    assert old.retune(*NEW, seconds=None, max_trials=1).warn_of_drift


def test_rows_without_a_change_give_no_clear_difference(model):
    same = model.retune(*make_rows(90, 3), seconds=None, max_trials=1).retune_report_
    assert not same.is_better
    assert same.verdict.startswith("no clear difference on the 30 newest rows, so the old model can stay")


@pytest.mark.parametrize(
    ("step", "lost", "is_compared"),
    [
        ("automl.retune.run.compare_predictions", "the old model and the new model were not compared", False),
        ("automl.refit.kept_rows.train_on_all_rows", "which have not seen the newest rows", True),
        ("automl.refit.workers.temporary_folder", "temporary files may be left", True),
    ],
)
def test_ctrl_c_in_any_step_after_the_search_of_a_retune_returns_its_model(
    model, step, lost, is_compared, monkeypatch, caplog
):
    done = interrupt_once(monkeypatch, step)
    new = model.retune(*make_rows(90, 3), seconds=None, max_trials=1)
    assert done
    found = [r.getMessage() for r in caplog.records if r.getMessage().startswith("interrupted")]
    assert len(found) == 1
    assert found[0].endswith(lost)
    report = new.retune_report_
    assert report.verdict.startswith("no clear" if is_compared else "the old model and the new model were not compared")
    assert report.n_models == ("have not seen" not in lost)
    assert new.predict(OLD[0]).shape == (N_OLD,)
    assert new.get_params() == model.get_params()


def test_times_decide_which_rows_are_the_newest(model):
    X, y = NEW
    new = model.retune(X, y, *OLD, time="day", seconds=None, max_trials=1)
    assert new._split_arguments["time"] == "day"
    task_days = X["day"].sort_values().to_numpy()
    names = list(new._reader.feature_names_in_)
    at = new._reader.columns_[names.index("day")].positions[0]
    assert set(new._rows.X[-60:, at]) == set(task_days[-60:])
    assert new.retune_report_.is_better


@pytest.mark.slow
def test_groups_of_the_newest_rows_are_kept_from_the_search(model):
    (X_old, y_old), (X, y) = OLD, NEW
    groups, groups_old = np.arange(N_NEW) // 10, np.arange(N_OLD) // 10
    y_old = -y_old  # so that the old rows help
    new = model.retune(X, y, X_old, y_old, groups=groups, groups_old=groups_old, seconds=None, max_trials=1)
    report, rows = new.retune_report_, new._rows
    assert report.n_compared == 60  # the groups 12 to 17
    n_held = 60 if report.n_old_rows == 0 else 120
    assert not set(rows.groups[-n_held:]) & set(rows.groups[:-n_held])


@pytest.mark.slow
@pytest.mark.parametrize("case", ["weights", "several targets", "classes", "sparse", "arrays"])
def test_other_kinds_of_tables_and_targets(case):
    (X_old, y_old), (X, y) = OLD, NEW
    make, arguments = AutoMLRegressor, {}
    if case == "weights":
        arguments = {"sample_weight": np.ones(N_NEW), "sample_weight_old": np.full(N_OLD, 0.1)}
    elif case == "several targets":
        y_old, y = (pd.DataFrame({"first": each, "second": -each}) for each in (y_old, y))
    elif case == "classes":
        make = AutoMLClassifier
        y_old, y = (np.where(each > 0, "yes", "no") for each in (y_old, y))
    elif case == "sparse":
        X_old, X = (sparse.csr_matrix(each[["a", "b"]].to_numpy()) for each in (X_old, X))
    else:
        X_old, X = X_old[["a", "b"]].to_numpy(), X[["a", "b"]].to_numpy()
    include = ["decision_tree"] if case == "classes" else SETTINGS["include"]
    fitted = make(**SETTINGS | {"include": include}).fit(X_old, y_old)
    new = fitted.retune(X, y, X_old, y_old, **arguments, seconds=None, max_trials=2)
    assert new.retune_report_.is_better
    assert new.predict(X).shape == np.shape(y)


@pytest.mark.slow
def test_a_retune_ends_within_its_seconds(model):
    new = model.retune(*NEW, *OLD, seconds=20)
    assert new.retune_report_.seconds < 30
    assert new.time_budget is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X_old": OLD[0]}, "retune needs both X_old and y_old"),
        ({"groups_old": [1]}, "groups_old needs X_old and y_old"),
        ({"X_old": OLD[0], "y_old": OLD[1], "groups": np.arange(N_NEW)}, "groups is given without groups_old"),
        ({"X_old": OLD[0].drop(columns="a"), "y_old": OLD[1]}, r"the old rows \(X_old\) lack columns of .* 'a'; add"),
        ({"X_old": OLD[0], "y_old": OLD[1][:5]}, "y_old: "),
        (OLD_ROWS | {"time": DAYS, "time_old": np.arange(N_OLD)}, "time_old holds numbers, but time holds dates; pass"),
        (OLD_ROWS | {"time": DAYS, "time_old": np.arange(5)}, "time_old: time has 5 values"),
        (OLD_ROWS | {"time": "day", "time_old": np.arange(N_OLD)}, "time_old is given, but time is the column 'day'"),
        (
            {"X_old": OLD[0].assign(day=pd.Timestamp("2026-01-01")), "y_old": OLD[1], "time": "day"},
            "column 'day' of X_old holds dates, but column 'day' of X holds numbers",
        ),
        (
            {"X_old": OLD[0].assign(day=OLD[0]["day"].astype(str)), "y_old": OLD[1], "time": "day"},
            "column 'day' of X_old and column 'day' of X are written in different forms",
        ),
        ({"X": NEW[0].assign(when=1), "time": "when"}, r"trained without this column of X; pass .* time=X\['when'\]"),
        (
            OLD_ROWS | {"groups": np.arange(N_NEW), "groups_old": list(map(str, range(N_OLD)))},
            "groups_old holds texts, but groups holds numbers",
        ),
        ({"X_old": OLD[0], "y_old": OLD[1].astype(str)}, "y_old holds texts, but y holds numbers"),
        ({"X": NEW[0][:20], "y": NEW[1][:20]}, "X has 20 new rows, but retune needs at least 30"),
        ({"X": NEW[0].drop(columns="city")}, "lack columns of the training table: 'city'"),
        ({"groups": np.zeros(N_NEW)}, "the new rows have one group only"),
        ({"sample_weight": np.arange(N_NEW) < 100}, "newest new rows cannot be scored: all of them have the weight 0"),
        ({"max_trials": None}, "retune needs seconds or max_trials, for example"),
        ({"seconds": -1}, "seconds must be a finite number of seconds above 0"),
    ],
)
def test_arguments_that_cannot_be_used_give_one_error(model, change, message):
    with pytest.raises(InvalidInputError, match=message):
        model.retune(**{"X": NEW[0], "y": NEW[1], "seconds": None, "max_trials": 1} | change)


def test_a_warning_about_few_seconds_names_the_argument_of_retune(model, caplog):
    with contextlib.suppress(NothingFittedError):  # on a slow machine
        model.retune(*NEW, *OLD, seconds=0.01)
    assert "seconds=0.01 s is too small for one fit" in caplog.text
    assert "increase seconds" in caplog.text


def test_times_of_both_tables_are_compared_as_dates_and_not_as_texts(model):
    times = {"time": DAYS, "time_old": [f"{day:%d.%m.%Y}" for day in pd.date_range("2025-01-01", periods=N_OLD)]}
    new = model.retune(*NEW, *OLD, **times, seconds=None, max_trials=1)
    assert new.retune_report_.n_compared == 60


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.05, "the new model is better on the 90 newest rows: R2 0.6 against 0.5, 95 % interval of the diff"),
        (-0.05, -0.01, "the old model is better on the 90 newest rows, keep it"),
        (-0.05, 0.01, "no clear difference on the 90 newest rows, so the old model can stay"),
        (np.nan, np.nan, "the newest rows do not suffice"),
    ],
)
def test_the_verdict_follows_the_interval(low, high, verdict):
    report = RetuneReport("r2", 0.5, 0.6, low, high, 0.04, 90, 900, 600, 2, 9, 60.0)
    assert report.verdict.startswith(verdict)
    assert report.is_better == (low > 0)


def test_the_verdict_shows_a_loss_and_its_interval_without_the_sign_of_the_scorer():
    verdict = RetuneReport("neg_log_loss", -0.5, -0.4, 0.05, 0.15, 0.01, 90, 900, 600, 2, 9, 60.0).verdict
    assert ": log loss 0.4 against 0.5, lower is better, 95 % interval of the difference -0.15 to -0.05, p" in verdict


def test_the_interval_holds_zero_for_equal_models_and_not_for_unequal_ones():
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    target = ScoredTarget(y, make_metric("neg_mean_squared_error", "regression", None, None))
    near, other, far = (y + scale * rng.normal(size=200) for scale in (0.5, 0.5, 2.0))
    known = np.arange(200) // 4, 0, 60.0
    same = compare_predictions(target, near, other, *known)
    assert same.low < 0 < same.high
    assert same.p > 0.05
    better = compare_predictions(target, far, near, *known)
    assert 0 < better.low < better.new - better.old < better.high
    assert better.p < 0.01


def test_old_rows_that_are_new_rows_as_well_are_left_out(model):
    new = make_rows(90, 3)
    both = (pd.concat([OLD[i], new[i]], ignore_index=True) for i in (0, 1))
    report = model.retune(*new, *both, seconds=None, max_trials=1).retune_report_
    assert f"90 of {N_OLD + 90} old rows are new rows as well, and are left out" in report.notes
    assert report.n_rows == N_OLD + 90
