"""Rules that map the models of scikit-learn, XGBoost and LightGBM flows to our space."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from meta_db.exchange.rules import MIN_ROUNDS, MIN_TREES, Rule, SetupReader
from pipelines.models._cost import encoded_width

_ENTROPY = {"gini": "gini", "entropy": "entropy", "log_loss": "entropy"}
_SQUARES = ("squared_error", "mse", "friedman_mse")
_BOOLS = {False: False, True: True}
_TREE_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "min_weight_fraction_leaf": (0, 0.0),
    "min_impurity_split": (1e-7,),
    "ccp_alpha": (0, 0.0),
    "presort": (False, "auto", "deprecated"),
}


def _named(family: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": family, **{f"model:{family}:{name}": value for name, value in values.items()}}


def _criterion(setup: SetupReader) -> dict[str, str]:
    if setup.traits.is_classification:
        return {"criterion": setup.choose("criterion", "gini", _ENTROPY)}
    setup.choose("criterion", "squared_error", dict.fromkeys(_SQUARES))
    return {}


def _forest(setup: SetupReader) -> dict[str, Any]:
    setup.enough("n_estimators", 100, MIN_TREES)
    # For regression, "auto" meant all columns, and the default still means that.
    default = "sqrt" if setup.traits.is_classification else 1.0
    share = setup.share_of_columns("max_features", default)
    if not setup.traits.is_classification and setup.get("max_features", default) == "auto":
        share = 1.0
    return {
        "max_features": share,
        "min_samples_leaf": setup.whole("min_samples_leaf", 1),
        "min_samples_split": setup.whole("min_samples_split", 2),
        "min_impurity_decrease": setup.penalty("min_impurity_decrease", 0.0, 1e-8),
        **_criterion(setup),
    }


def _random_forest(setup: SetupReader) -> dict[str, Any]:
    values = _forest(setup)
    values["bootstrap"] = setup.choose("bootstrap", True, _BOOLS)
    share = setup.get("max_samples", 1.0)
    if values["bootstrap"]:
        if not isinstance(share, float):
            raise setup.refuse("max_samples")
        values["max_samples"] = share
    return {**_named("random_forest", values), **setup.balancing()}


def _extra_trees(setup: SetupReader) -> dict[str, Any]:
    if setup.choose("bootstrap", False, _BOOLS):
        raise setup.refuse("bootstrap")
    return {**_named("extra_trees", _forest(setup)), **setup.balancing()}


def _decision_tree(setup: SetupReader) -> dict[str, Any]:
    leaf = setup.whole("min_samples_leaf", 1)
    values = {
        "max_depth": setup.whole("max_depth", 20),
        "min_samples_leaf": leaf,
        "ccp_alpha": setup.penalty("ccp_alpha", 0.0, 1e-6),
        **_criterion(setup),
    }
    # A split always needs two rows, and as many rows as two leaves.
    if setup.whole("min_samples_split", 2) > 2 * leaf:
        raise setup.refuse("min_samples_split")
    return {**_named("decision_tree", values), **setup.balancing()}


def _hist_gradient_boosting(setup: SetupReader) -> dict[str, Any]:
    rate = setup.number("learning_rate", 0.1)
    setup.enough("max_iter", 100, MIN_ROUNDS / rate)
    setup.refuse_none("max_leaf_nodes")
    values = {
        "learning_rate": rate,
        "max_leaf_nodes": setup.whole("max_leaf_nodes", 31),
        "min_samples_leaf": setup.whole("min_samples_leaf", 20),
        "l2_regularization": setup.penalty("l2_regularization", 0.0, 1e-6),
        "max_features": float(setup.number("max_features", 1.0)),
    }
    return {**_named("hist_gradient_boosting", values), **setup.balancing()}


def _xgboost(setup: SetupReader) -> dict[str, Any]:
    rate = setup.number("learning_rate", setup.number("eta", 0.3))
    setup.enough("n_estimators", 100, MIN_ROUNDS / rate)
    policy = setup.choose("grow_policy", "depthwise", {"depthwise": "depthwise", "lossguide": "lossguide"})
    depth, leaves = setup.whole("max_depth", 6), setup.whole("max_leaves", 0)
    if policy == "lossguide" and depth != 0:
        raise setup.refuse("max_depth")
    if policy == "depthwise" and leaves != 0:
        raise setup.refuse("max_leaves")
    size = {"max_leaves": leaves} if policy == "lossguide" else {"max_depth": depth}
    values = {
        "learning_rate": rate,
        "grow_policy": policy,
        **size,
        "min_child_weight": setup.penalty("min_child_weight", 1.0, 1e-3),
        "subsample": float(setup.number("subsample", 1.0)),
        "colsample_bylevel": float(setup.number("colsample_bylevel", 1.0)),
        "colsample_bynode": float(setup.number("colsample_bynode", 1.0)),
        "reg_alpha": setup.penalty("reg_alpha", 0.0, 1e-4),
        "reg_lambda": setup.penalty("reg_lambda", 1.0, 1e-4),
    }
    return _named("xgboost", values)


def _lightgbm(setup: SetupReader) -> dict[str, Any]:
    rate = setup.number("learning_rate", 0.1)
    setup.enough("n_estimators", 100, MIN_ROUNDS / rate)
    every = setup.whole("subsample_freq", 0)
    if every > 1:
        raise setup.refuse("subsample_freq")
    bagging = float(setup.number("subsample", 1.0))
    has_no_linear_trees = setup.traits.is_classification or setup.traits.sparse
    values = {
        "learning_rate": rate,
        "num_leaves": setup.whole("num_leaves", 31),
        "feature_fraction": float(setup.number("colsample_bytree", 1.0)),
        "bagging_fraction": bagging if every == 1 else 1.0,  # the library uses the share only if bagging_freq is set
        "min_data_in_leaf": setup.whole("min_child_samples", 20),
        "extra_trees": setup.choose("extra_trees", False, _BOOLS),
        **({} if has_no_linear_trees else {"linear_tree": setup.choose("linear_tree", False, {False: False})}),
        "lambda_l1": setup.penalty("reg_alpha", 0.0, 1e-4),
        "lambda_l2": setup.penalty("reg_lambda", 0.0, 1e-4),
    }
    return {**_named("lightgbm", values), **setup.balancing()}


def _logistic_regression(setup: SetupReader) -> dict[str, Any]:
    setup.refuse_none("penalty")
    ratio = float(setup.number("l1_ratio", 0.0))
    # Newer versions of scikit-learn have only the ratio.
    default = "l2" if ratio == 0 else "l1" if ratio == 1 else "elasticnet"
    known = {"l2": "l2", "l1": "l1", "elasticnet": "elasticnet", "deprecated": default}
    penalty = setup.choose("penalty", default, known)
    if setup.traits.task == "multiclass":
        setup.choose("multi_class", "auto", dict.fromkeys(("auto", "multinomial", "deprecated")))
    values = {"C": float(setup.number("C", 1.0)), "penalty": penalty}
    if penalty == "elasticnet":
        values["l1_ratio"] = ratio
    return {**_named("logistic_regression", values), **setup.balancing()}


def _kernel_svm(setup: SetupReader) -> dict[str, Any]:
    kernel = setup.choose("kernel", "rbf", {name: name for name in ("rbf", "poly", "sigmoid")})
    values = {"C": float(setup.number("C", 1.0)), "kernel": kernel, "gamma": _gamma(setup)}
    degree, coef0 = setup.whole("degree", 3), float(setup.number("coef0", 0.0))
    if kernel == "poly":
        values |= {"degree": degree, "coef0": coef0}
    elif kernel == "sigmoid" and coef0 != 0:
        raise setup.refuse("coef0")
    return {**_named("kernel_svm", values), **setup.balancing()}


def _gamma(setup: SetupReader) -> float:
    """Return gamma in multiples of "scale"; standardized columns have a variance of 1."""
    gamma = setup.get("gamma", "scale")
    if gamma == "scale":
        return 1.0
    if setup.before.get("scaling") != "standard":
        raise setup.refuse("gamma")
    return (
        1.0 if gamma in ("auto", "auto_deprecated") else float(setup.number("gamma", 1.0)) * encoded_width(setup.traits)
    )


def _linear_svm(setup: SetupReader) -> dict[str, Any]:
    penalty = setup.choose("penalty", "l2", {"l2": "l2", "l1": "l1"})
    losses = {"squared_hinge": "squared_hinge", "l2": "squared_hinge", "hinge": "hinge", "l1": "hinge"}
    loss = setup.choose("loss", "squared_hinge", losses)
    values = {"C": float(setup.number("C", 1.0)), "penalty": penalty}
    if penalty == "l2":
        values["loss"] = loss
    return {**_named("linear_svm", values), **setup.balancing()}


def _sgd(setup: SetupReader) -> dict[str, Any]:
    setup.refuse_none("penalty")
    losses = ("log_loss", "modified_huber", "hinge", "squared_hinge", "perceptron")
    penalty = setup.choose("penalty", "l2", {name: name for name in ("l2", "l1", "elasticnet")})
    schedules = {name: name for name in ("optimal", "invscaling", "adaptive")}
    schedule = setup.choose("learning_rate", "optimal", schedules)
    ratio, eta0 = float(setup.number("l1_ratio", 0.15)), float(setup.number("eta0", 0.01))
    values = {
        "loss": setup.choose("loss", "hinge", {**{name: name for name in losses}, "log": "log_loss"}),
        "penalty": penalty,
        "learning_rate": schedule,
        "alpha": float(setup.number("alpha", 1e-4)),
        "average": setup.choose("average", False, _BOOLS),
    }
    if penalty == "elasticnet":
        values["l1_ratio"] = ratio
    if schedule != "optimal":
        values["eta0"] = eta0
    return {**_named("sgd", values), **setup.balancing()}


def _k_nearest_neighbors(setup: SetupReader) -> dict[str, Any]:
    values = {
        "n_neighbors": setup.whole("n_neighbors", 5),
        "weights": setup.choose("weights", "uniform", {"uniform": "uniform", "distance": "distance"}),
        "p": setup.whole("p", 2),
    }
    return _named("k_nearest_neighbors", values)


def _lda(setup: SetupReader) -> dict[str, Any]:
    shrinkage = setup.get("shrinkage", 0.0)
    if shrinkage == "auto":
        return _named("lda", {"shrinkage": "auto"})
    # A model without shrinkage is our model with the least shrinkage.
    return _named("lda", {"shrinkage": "value", "shrinkage_value": setup.penalty("shrinkage", 0.0, 1e-4)})


def _bernoulli_nb(setup: SetupReader) -> dict[str, Any]:
    setup.refuse_none("binarize")
    values = {
        "alpha": setup.penalty("alpha", 1.0, 1e-2),
        "fit_prior": setup.choose("fit_prior", True, _BOOLS),
        "binarize": float(setup.number("binarize", 0.0)),
    }
    return _named("bernoulli_nb", values)


def _of_one(family: str, name: str, default: float, least: float) -> Callable[[SetupReader], dict[str, Any]]:
    """Return the reader of a model that has a single hyperparameter in our space."""
    return lambda setup: _named(family, {name: setup.penalty(name, default, least)})


_RANDOM_FOREST = Rule(_random_forest, _TREE_NEUTRAL)
_EXTRA_TREES = Rule(_extra_trees, _TREE_NEUTRAL)
_DECISION_TREE = Rule(_decision_tree, {**_TREE_NEUTRAL, "splitter": ("best",), "min_impurity_decrease": (0, 0.0)})
_HIST_GRADIENT_BOOSTING = Rule(
    _hist_gradient_boosting,
    {"loss": ("log_loss", "auto", "squared_error", "least_squares"), "max_bins": (255, 256)},
    frozenset({"early_stopping", "validation_fraction", "n_iter_no_change", "scoring", "categorical_features"}),
)
_XGBOOST = Rule(
    _xgboost,
    {
        "booster": ("gbtree",),
        "gamma": (0, 0.0),
        "colsample_bytree": (1, 1.0),
        "max_delta_step": (0, 0.0),
        "scale_pos_weight": (1, 1.0),
        "base_score": (0.5,),
        "num_parallel_tree": (1,),
        "sampling_method": ("uniform",),
        "objective": ("binary:logistic", "multi:softprob", "multi:softmax", "reg:linear", "reg:squarederror"),
    },
    frozenset({"missing", "tree_method", "predictor", "gpu_id", "device", "n_gpus", "importance_type", "max_bin"})
    | {"eval_metric", "enable_categorical", "use_label_encoder", "validate_parameters", "max_cat_to_onehot"},
)
_LIGHTGBM = Rule(
    _lightgbm,
    {
        "boosting_type": ("gbdt",),
        "max_depth": (-1,),
        "min_split_gain": (0, 0.0),
        "min_child_weight": (1e-3,),
        "objective": ("binary", "multiclass", "regression"),
    },
    frozenset({"subsample_for_bin", "importance_type", "max_bin"}),
)
_NEIGHBORS = Rule(_k_nearest_neighbors, {"metric": ("minkowski",)}, frozenset({"algorithm", "leaf_size"}))
_SHAPE = {"decision_function_shape", "shrinking", "probability", "break_ties"}

MODELS: Mapping[str, Rule] = {
    "RandomForestClassifier": _RANDOM_FOREST,
    "RandomForestRegressor": _RANDOM_FOREST,
    "ExtraTreesClassifier": _EXTRA_TREES,
    "ExtraTreesRegressor": _EXTRA_TREES,
    "DecisionTreeClassifier": _DECISION_TREE,
    "DecisionTreeRegressor": _DECISION_TREE,
    "HistGradientBoostingClassifier": _HIST_GRADIENT_BOOSTING,
    "HistGradientBoostingRegressor": _HIST_GRADIENT_BOOSTING,
    "XGBClassifier": _XGBOOST,
    "XGBRegressor": _XGBOOST,
    "LGBMClassifier": _LIGHTGBM,
    "LGBMRegressor": _LIGHTGBM,
    "LogisticRegression": Rule(
        _logistic_regression,
        {"fit_intercept": (True,)},
        frozenset({"solver", "dual", "intercept_scaling", "multi_class"}),
    ),
    "SVC": Rule(_kernel_svm, {}, frozenset(_SHAPE)),
    "LinearSVC": Rule(
        _linear_svm, {"fit_intercept": (True,), "multi_class": ("ovr",)}, frozenset({"dual", "intercept_scaling"})
    ),
    "SGDClassifier": Rule(
        _sgd,
        {"fit_intercept": (True,), "early_stopping": (False,)},
        frozenset({"shuffle", "epsilon", "power_t", "n_iter_no_change", "validation_fraction"}),
    ),
    "KNeighborsClassifier": _NEIGHBORS,
    "KNeighborsRegressor": _NEIGHBORS,
    "GaussianNB": Rule(_of_one("gaussian_nb", "var_smoothing", 1e-9, 1e-9)),
    "BernoulliNB": Rule(_bernoulli_nb, {"force_alpha": (True,)}),
    "LinearDiscriminantAnalysis": Rule(_lda, {}, frozenset({"solver", "store_covariance"})),
    "QuadraticDiscriminantAnalysis": Rule(
        _of_one("qda", "reg_param", 0.0, 1e-4), {"solver": ("svd",)}, frozenset({"store_covariance"})
    ),
    "Ridge": Rule(
        _of_one("ridge", "alpha", 1.0, 1e-4),
        {"fit_intercept": (True,), "normalize": (False, "deprecated"), "positive": (False,)},
        frozenset({"solver"}),
    ),
}
