"""The attributes that the estimators share with scikit-learn's searches, and how they show themselves."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes

from automl import AutoMLClassifier, AutoMLRegressor
from tests.factories import FAST


@pytest.fixture(scope="module")
def clf():
    X, y = load_breast_cancer(return_X_y=True)
    return AutoMLClassifier(**FAST | {"max_trials": 6}).fit(X, np.where(y == 1, "benign", "malignant"))


def test_cv_results_open_as_a_table_with_one_row_for_each_configuration(clf):
    table = pd.DataFrame(clf.cv_results_)
    splits = [f"split{fold}_test_score" for fold in range(clf.n_splits_)]
    assert len(table) == len(clf.leaderboard_)
    assert {"params", "mean_test_score", "std_test_score", "rank_test_score", "mean_fit_time", *splits} == {*table}
    assert np.allclose(table[splits].mean(axis=1), table["mean_test_score"], equal_nan=True)
    assert np.allclose(table[splits].std(axis=1, ddof=0), table["std_test_score"], equal_nan=True)
    assert sorted(table["rank_test_score"]) == list(range(1, len(table) + 1))


def test_a_fold_that_was_not_run_is_missing_in_cv_results(clf):
    table = pd.DataFrame(clf.cv_results_)
    n_run = table[[f"split{fold}_test_score" for fold in range(clf.n_splits_)]].notna().sum(axis=1)
    assert sorted(n_run) == sorted(clf.leaderboard_["folds"])


def test_the_best_configuration_is_the_first_of_the_leaderboard(clf):
    first = clf.leaderboard_.iloc[0]
    assert clf.best_score_ == first["score"]
    assert clf.best_params_["model"] == first["family"]
    assert clf.cv_results_["rank_test_score"][clf.best_index_] == 1


def test_the_scorer_judges_the_fitted_estimator(clf):
    X, y = load_breast_cancer(return_X_y=True)
    assert 0.9 < clf.scorer_(clf, X, np.where(y == 1, "benign", "malignant")) <= 1.0


def test_attributes_of_a_search_exist_only_after_fit():
    for name in ("scorer_", "n_splits_", "cv_results_", "best_score_", "best_params_", "best_index_"):
        assert not hasattr(AutoMLClassifier(), name)


def test_the_html_view_computes_no_estimate_and_loads_no_model(monkeypatch):
    X, y = load_diabetes(return_X_y=True)
    reg = AutoMLRegressor(**FAST | {"max_trials": 2}).fit(X, y)
    monkeypatch.setattr(AutoMLRegressor, "estimate_", property(lambda self: pytest.fail("it was computed")))
    monkeypatch.setattr(AutoMLRegressor, "best_pipeline_", property(lambda self: pytest.fail("it was loaded")))
    html = reg._repr_html_()
    assert "stop_reason_" in html
    assert "AutoMLRegressor" in html


@pytest.mark.parametrize("estimator", [AutoMLClassifier, AutoMLRegressor])
def test_an_unknown_argument_is_reported_with_the_class_that_people_use(estimator):
    with pytest.raises(TypeError, match=rf"^{estimator.__name__}\.__init__\(\) got an unexpected .* 'time_budgt'"):
        estimator(time_budgt=3)


@pytest.mark.parametrize("estimator", [AutoMLClassifier, AutoMLRegressor])
def test_the_parameters_are_those_of_the_signature_and_are_stored_as_they_are(estimator):
    values = {name: object() for name in inspect.signature(estimator).parameters}
    assert vars(estimator(**values)) == values
    assert estimator(**values).get_params(deep=False) == values


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("time_limit", "use time_budget"),
        ("eval_metric", "use scoring"),
        ("label", "use fit(X, y), where y is the target"),
        ("presets", "use time_budget: a longer search gives a better model"),
        ("seed", "use random_state"),
        ("time_budgt", "did you mean 'time_budget'?"),
    ],
)
@pytest.mark.parametrize("estimator", [AutoMLClassifier, AutoMLRegressor])
def test_the_error_about_a_parameter_of_another_library_names_the_right_one(estimator, name, hint):
    with pytest.raises(TypeError) as error:
        estimator(**{name: 1})
    start = f"{estimator.__name__}.__init__() got an unexpected keyword argument '{name}'; {hint}"
    assert str(error.value).startswith(start)


@pytest.mark.parametrize(
    ("estimator", "name", "hint"),
    [
        (AutoMLClassifier, "positive_class", "use positive_label"),
        (AutoMLClassifier, "class_weight", "use scoring='balanced_accuracy', or sample_weight of fit"),
        (AutoMLRegressor, "positive_class", "a regressor has no classes"),
        (AutoMLRegressor, "positive_label", "a regressor has no classes"),
        (AutoMLRegressor, "class_weight", "a regressor has no classes"),
    ],
)
def test_the_error_about_a_parameter_for_classes_suits_the_estimator(estimator, name, hint):
    with pytest.raises(TypeError) as error:
        estimator(**{name: 1})
    assert str(error.value).endswith(f"got an unexpected keyword argument '{name}'; {hint}")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("time_budget", "it is a parameter of the estimator: AutoMLClassifier(time_budget=...)"),
        ("time_limit", "among the parameters of AutoMLClassifier, use time_budget"),
        ("seconds", "among the parameters of AutoMLClassifier, use time_budget"),
        ("label", "use fit(X, y), where X is the table of features and y is the target"),
        ("tuning_data", "use X_val and y_val"),
        ("sample_weights", "did you mean 'sample_weight' or 'sample_weight_val'?"),
        ("categorical_features", "use columns={...: 'category'} of the estimator"),
    ],
)
def test_the_error_about_an_unknown_argument_of_fit_names_the_right_one(name, hint):
    with pytest.raises(TypeError) as error:
        AutoMLClassifier().fit([[1], [2]], **{name: 1})
    assert str(error.value) == f"AutoMLClassifier.fit() got an unexpected keyword argument '{name}'; {hint}"


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "X (the table of features) and y (the target)"),
        ({"X": [[1], [2]]}, "y (the target)"),
        ({"y": [1, 2]}, "X (the table of features)"),
    ],
)
def test_the_error_about_missing_arguments_of_fit_names_them_and_the_class_of_the_user(given, missing):
    with pytest.raises(TypeError) as error:
        AutoMLRegressor().fit(**given)
    assert str(error.value) == f"AutoMLRegressor.fit() needs {missing}: call fit(X, y)"


def test_a_subclass_of_a_user_may_have_parameters_of_its_own():
    class Rounded(AutoMLRegressor):
        def __init__(self, *, digits=1, time_budget=5, quantiles=None):
            super().__init__(time_budget=time_budget, quantiles=quantiles)
            self.digits = digits

    copied = clone(Rounded(digits=3, quantiles=(0.1, 0.9)))
    assert copied.get_params() == {"digits": 3, "time_budget": 5, "quantiles": (0.1, 0.9)}
    assert copied.ensemble_size == 25


def test_subclasses_of_a_user_inherit_init_as_all_classes_do():
    class Plain(AutoMLClassifier):
        pass

    class Short(AutoMLClassifier):
        def __init__(self, *, time_budget=5):
            super().__init__(time_budget=time_budget, max_trials=1)

    class Both(Plain, Short):
        pass

    with pytest.raises(TypeError, match=r"^AutoMLClassifier\.__init__\(\) got an unexpected"):
        Plain(wrong=1)
    assert clone(Plain(time_budget=3)).get_params()["time_budget"] == 3
    assert Both().max_trials == 1
