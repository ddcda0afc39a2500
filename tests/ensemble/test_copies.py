"""What each public attribute of a fitted estimator is after `refit`, `retune`, `slim` and `choose`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from automl import AutoMLClassifier, AutoMLRegressor
from automl.ensemble.attribute_rules import ATTRIBUTES as RULES
from automl.errors import InvalidInputError
from tests.factories import FAST

SAME, NEW, EITHER = "same", "new", "same or new"
BY_REFIT = "refit has replaced the models of the search; use the estimator that still has them"
BY_SLIM = "slim or choose has made the ensemble smaller; use the estimator with the larger one"
BY_RETUNE = "retune has replaced the models of its search; only fit keeps such models"
CHANGES = {
    "refit": lambda model: model.refit(),
    "refit with new rows": lambda model: model.refit(*make_labels(1)),
    "retune": lambda model: model.retune(*make_labels(1), seconds=None, max_trials=3),
    "slim": lambda model: model.slim(max_loss=10),
    "choose": lambda model: model.choose(len(model.frontier_) - 1),
}
# What each attribute is after each of these changes: SAME, because it describes the run or the rows, which stay; NEW,
# because it describes the copy; EITHER where a new value may be equal by chance; or the cause that the error names.
ATTRIBUTES = {
    "best_index_": (SAME, SAME, EITHER, SAME, SAME),
    "best_params_": (SAME, SAME, EITHER, SAME, SAME),
    "best_pipeline_": (NEW, NEW, NEW, SAME, SAME),
    "best_score_": (SAME, SAME, NEW, SAME, SAME),
    "classes_": (SAME, SAME, SAME, SAME, SAME),
    "columns_": (SAME, NEW, NEW, SAME, SAME),
    "costs_": (SAME, SAME, NEW, NEW, NEW),
    "coverage_": (NEW, NEW, NEW, NEW, NEW),
    "cv_results_": (SAME, SAME, NEW, SAME, SAME),
    "decision_threshold_": (EITHER, EITHER, EITHER, EITHER, EITHER),
    "estimate_": (NEW, NEW, NEW, NEW, NEW),
    "feature_importances_": (SAME, NEW, NEW, NEW, NEW),
    "feature_names_in_": (SAME, SAME, SAME, SAME, SAME),
    "frontier_": (BY_REFIT, BY_REFIT, BY_RETUNE, NEW, NEW),
    "guard_curve_": (SAME, SAME, "retune, which searches without a guard", SAME, SAME),
    "history_": (SAME, SAME, NEW, SAME, SAME),
    "leaderboard_": (SAME, SAME, NEW, NEW, NEW),
    "metric_scores_": (SAME, BY_REFIT, NEW, BY_SLIM, BY_SLIM),
    "n_features_in_": (SAME, SAME, SAME, SAME, SAME),
    "n_outputs_": (SAME, SAME, SAME, SAME, SAME),
    "n_splits_": (SAME, SAME, SAME, SAME, SAME),
    "out_of_fold_predictions_": (SAME, BY_REFIT, NEW, BY_SLIM, BY_SLIM),  # NEW without a guard
    "quantile_scores_": ("has no attribute",) * 5,  # of a regressor, see below
    "refit_report_": (NEW, NEW, "has no attribute", "has no attribute", "has no attribute"),
    "retune_report_": ("has no attribute", "has no attribute", NEW, "has no attribute", "has no attribute"),
    "score_over_time_": (BY_REFIT, BY_REFIT, BY_RETUNE, BY_SLIM, BY_SLIM),
    "scorer_": (SAME, EITHER, EITHER, SAME, SAME),  # an equal scorer has another identity
    "stop_reason_": (SAME, SAME, EITHER, SAME, SAME),
    "suspect_labels_": (SAME, BY_REFIT, NEW, BY_SLIM, BY_SLIM),  # NEW without a guard
    "target_scores_": ("the model has one target",) * 5,  # see below
    "warnings_": (SAME, NEW, NEW, SAME, SAME),
}


def make_rows(seed):
    """Return a table and two targets. The seed 0 has a column of identifiers, and other seeds have a constant one."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(120, 4))
    X = pd.DataFrame(numbers, columns=list("abcd")).assign(customer_id=range(5000, 5720, 6) if seed == 0 else 1)
    return X, numbers[:, :2] + 3 * (numbers[:, 2:] > 0) + 0.5 * rng.normal(size=(120, 2))


def make_labels(seed):
    X, y = make_rows(seed)
    return X, np.where(y.sum(axis=1) > 3, "high", "low")


@pytest.fixture(scope="module")
def clf():
    settings = FAST | {"include": ["lda", "decision_tree"]}
    return AutoMLClassifier(**settings, guard=0.2, scoring="neg_log_loss").fit(*make_labels(0))


@pytest.fixture(scope="module", params=CHANGES)
def changed(clf, request):
    """Return the number of a change, and the estimator that it returns."""
    return list(CHANGES).index(request.param), CHANGES[request.param](clf)


def _is_same(first, second):
    if isinstance(first, pd.DataFrame):
        return first.equals(second)
    if isinstance(first, Pipeline):
        return np.array_equal(*(pipeline.predict_proba(make_labels(0)[0]) for pipeline in (first, second)))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_is_same(value, second[name]) for name, value in first.items())
    if isinstance(first, np.ndarray):
        return pd.Series(first.tolist()).equals(pd.Series(second.tolist()))
    return first is second or bool(not callable(first) and first == second)


def _public_names(model):
    """Return the names of all fitted attributes: of the instance, and those that are computed when they are read."""
    names = set(vars(model)).union(*map(vars, type(model).__mro__))
    return {name for name in names if name.endswith("_") and not name.startswith("_")}


def test_each_attribute_is_that_of_the_run_or_that_of_the_new_models_or_says_why_there_is_none(clf, changed):
    place, new = changed
    assert _public_names(clf) | _public_names(new) <= set(ATTRIBUTES)
    wrong = {}
    for name, causes in ATTRIBUTES.items():
        expected = causes[place]
        try:
            value = getattr(new, name)
            found = SAME if hasattr(clf, name) and _is_same(value, getattr(clf, name)) else NEW
        except AttributeError as error:
            found = expected if expected in str(error) else str(error)
        if found != expected and not (expected == EITHER and found in (SAME, NEW)):
            wrong[name] = expected, found
    assert not wrong


def test_each_attribute_has_its_rules(clf, changed):
    for model in (clf, changed[1]):
        assert set(vars(model)) - set(model.get_params(deep=False)) <= set(RULES)


def test_a_copy_warns_of_its_own_intervals_also_where_the_old_model_has_warned(clf):
    X, _ = make_labels(1)
    small = clf.slim(max_loss=10)
    for model in (small, small.refit()):
        with pytest.warns(UserWarning, match="the sets are approximate"):
            model.predict_set(X)


def test_scores_of_groups_name_what_has_removed_the_predictions(clf):
    with pytest.raises(InvalidInputError, match=f"no out-of-fold predictions of its training rows: {BY_SLIM}, or pass"):
        clf.slim(max_loss=10).scores_by_group(np.zeros(120))


@pytest.mark.parametrize("name", ["target_scores_", "quantile_scores_"])
def test_scores_by_target_and_by_quantile_are_never_those_of_other_models(name):
    settings = FAST | {"include": ["ridge", "decision_tree"]}
    if name == "target_scores_":
        reg, (X, y) = AutoMLRegressor(**settings).fit(*make_rows(0)), make_rows(1)
    else:
        (X, y), (X_new, y_new) = make_rows(0), make_rows(1)
        reg = AutoMLRegressor(**settings, quantiles=(0.1, 0.9)).fit(X, y[:, 0])
        X, y = X_new, y_new[:, 0]
    assert getattr(reg.refit(), name).equals(getattr(reg, name))  # the members are the same
    for new, cause in ((reg.refit(X, y), BY_REFIT), (reg.slim(max_loss=10), BY_SLIM)):
        with pytest.raises(AttributeError, match=cause):
            getattr(new, name)
