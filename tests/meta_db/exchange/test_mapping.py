"""OpenML's setups as configurations of our space."""

import pytest

from meta_db.exchange.flows import NotMappedError, parse_flow
from meta_db.exchange.mapping import map_setup
from meta_db.exchange.models import MODELS
from meta_db.exchange.rules import SetupReader
from pipelines.component import TableTraits

BINARY = TableTraits("binary", 500, 25, 2, categorical=(0,), cardinalities=(7,), has_missing=True)
NUMERIC = TableTraits("binary", 500, 25, 2)
REGRESSION = TableTraits("regression", 500, 25)
FOREST = "sklearn.ensemble.forest.RandomForestClassifier"
SVC = "sklearn.svm.classes.SVC"
IMPUTER = "sklearn.preprocessing.imputation.Imputer"
ENCODER = "sklearn.preprocessing.data.OneHotEncoder"
SCALER = "sklearn.preprocessing.data.StandardScaler"
PIPELINE = f"sklearn.pipeline.Pipeline(imputer={IMPUTER},encoder={ENCODER},scaler={SCALER},model={SVC})(3)"


def test_a_forest_keeps_its_hyperparameters():
    given = {"n_estimators": 500, "max_features": 0.4, "min_samples_leaf": 3, "criterion": "entropy", "n_jobs": 4}
    found = map_setup(f"{FOREST}(33)", {FOREST: {**given, "bootstrap": True}}, NUMERIC)
    assert found.of("model:random_forest") == pytest.approx(
        {
            "max_features": 0.4,
            "min_samples_leaf": 3,
            "min_samples_split": 2,
            "min_impurity_decrease": 1e-8,
            "criterion": "entropy",
            "bootstrap": True,
            "max_samples": 1.0,
        }
    )
    assert found["scaling"] == "none"


def test_sqrt_of_the_columns_becomes_a_share():
    assert map_setup(FOREST, {FOREST: {"max_features": "auto"}}, NUMERIC)["model:random_forest:max_features"] == 0.2


def test_none_of_the_columns_named_means_all_of_them():
    assert map_setup(FOREST, {FOREST: {"max_features": None}}, NUMERIC)["model:random_forest:max_features"] == 1.0


def test_one_model_for_each_class_is_the_same_for_two_classes_only():
    logistic = "sklearn.linear_model.logistic.LogisticRegression"
    assert map_setup(logistic, {logistic: {"multi_class": "ovr"}}, NUMERIC).family == "logistic_regression"
    with pytest.raises(NotMappedError, match="multi_class"):
        map_setup(logistic, {logistic: {"multi_class": "ovr"}}, TableTraits("multiclass", 500, 25, 4))


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("linear_model.LogisticRegression", "penalty"),
        ("linear_model.SGDClassifier", "penalty"),
        ("ensemble.HistGradientBoostingClassifier", "max_leaf_nodes"),
        ("naive_bayes.BernoulliNB", "binarize"),
    ],
)
def test_none_is_no_default_where_it_means_something(name, parameter):
    with pytest.raises(NotMappedError, match=f"{parameter} has a value that our models cannot have"):
        map_setup(f"sklearn.{name}", {f"sklearn.{name}": {parameter: None}}, NUMERIC)


def test_steps_around_the_model_become_our_steps():
    given = {IMPUTER: {"strategy": "median"}, ENCODER: {}, SCALER: {}, SVC: {"C": 10.0, "gamma": "scale"}}
    found = map_setup(PIPELINE, given, BINARY)
    assert [found[step] for step in ("model", "imputation", "encoding", "scaling", "generation")] == [
        "kernel_svm",
        "median",
        "one_hot",
        "standard",
        "none",
    ]
    assert found["encoding:one_hot:min_frequency"] == 1
    assert found["encoding:one_hot:max_categories"] == 7


def test_steps_that_the_table_leaves_nothing_to_do_are_left_out():
    found = map_setup(PIPELINE, {IMPUTER: {"strategy": "mean"}}, NUMERIC)
    assert "imputation" not in found
    assert "encoding" not in found


def test_column_transformers_are_looked_into():
    inner = f"sklearn.pipeline.Pipeline(a={IMPUTER},b={SCALER})"
    flow = f"sklearn.pipeline.Pipeline(t=sklearn.compose.ColumnTransformer(num={inner},cat={ENCODER}),m={FOREST})(1)"
    assert [step.short for step in parse_flow(flow).leaves()] == [
        "Imputer",
        "StandardScaler",
        "OneHotEncoder",
        "RandomForestClassifier",
    ]
    assert map_setup(flow, {}, BINARY)["encoding"] == "one_hot"


def test_balanced_class_weights_become_our_balancing():
    found = map_setup(FOREST, {FOREST: {"class_weight": "balanced"}}, NUMERIC)
    assert (found["balancing"], found["balancing:weights:power"]) == ("weights", 1.0)


def test_boosting_libraries_keep_their_own_names():
    lightgbm = "lightgbm.sklearn.LGBMClassifier"
    found = map_setup(f"{lightgbm}(1)", {lightgbm: {"min_child_samples": 30, "reg_lambda": 0.0}}, NUMERIC)
    assert found["model:lightgbm:min_data_in_leaf"] == 30
    assert found["model:lightgbm:lambda_l2"] == pytest.approx(1e-4)
    xgboost = "xgboost.sklearn.XGBClassifier"
    found = map_setup(f"{xgboost}(1)", {xgboost: {"max_depth": 4, "booster": "gbtree"}}, NUMERIC)
    assert found["model:xgboost:max_depth"] == 4


@pytest.mark.parametrize("name", MODELS)
def test_a_rule_decides_every_hyperparameter_of_its_model(name):
    traits = REGRESSION if name.endswith("Regressor") or name == "Ridge" else NUMERIC
    found = map_setup(f"sklearn.somewhere.{name}(1)", {}, traits)
    decided = MODELS[name].read(SetupReader(name, {}, traits, {}))
    assert {key for key in found if key.startswith("model")} == {key for key in decided if key.startswith("model")}


@pytest.mark.parametrize(
    ("flow", "given", "reason"),
    [
        (FOREST, {"max_depth": 3}, "RandomForestClassifier: max_depth is not in our space"),
        (FOREST, {"min_samples_leaf": 40}, "min_samples_leaf in our space that is within our range"),
        (FOREST, {"min_samples_leaf": 0.1}, "min_samples_leaf has a value that our models cannot have"),
        (FOREST, {"n_estimators": 3}, "n_estimators is too small"),
        (FOREST, {"class_weight": {"0": 2}}, "class_weight has a value"),
        (SVC, {"kernel": "linear"}, "SVC: kernel has a value"),
        (SVC, {"gamma": 0.1}, "SVC: gamma has a value"),
        ("xgboost.sklearn.XGBClassifier", {"colsample_bytree": 0.5}, "colsample_bytree is not in our space"),
        ("sklearn.ensemble.AdaBoostClassifier", {}, "AdaBoostClassifier is not in our space"),
        ("sklearn.svm.classes.SVR", {}, "units of the target"),
        (f"sklearn.model_selection._search.GridSearchCV(estimator={FOREST})(1)", {}, "searches hyperparameters itself"),
        (f"sklearn.ensemble.VotingClassifier(a={FOREST})(1)", {}, "VotingClassifier around other steps"),
        (f"sklearn.pipeline.Pipeline(a=sklearn.preprocessing.data.MinMaxScaler,b={FOREST})", {}, "MinMaxScaler is not"),
        (f"sklearn.pipeline.Pipeline(a={SCALER})(1)", {}, "no model"),
        ("sklearn.pipeline.Pipeline(a=", {}, "name cannot be read"),
    ],
)
def test_what_has_no_counterpart_says_why(flow, given, reason):
    name = flow.split("(")[0]
    with pytest.raises(NotMappedError, match=reason):
        map_setup(flow, {name: given}, NUMERIC)


def test_a_model_that_cannot_take_missing_cells_needs_an_imputer():
    with pytest.raises(NotMappedError, match="imputation in our space that goes together"):
        map_setup(SVC, {}, BINARY)
