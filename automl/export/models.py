"""Plain counterparts of the models: the estimators of scikit-learn, LightGBM, XGBoost and CatBoost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from automl.export.code import Raw, Script, call_code, quote
from automl.export.targets import any_classes, chain_folds, class_chain
from pipelines.losses import HUBER_DELTA, LOG_LINK, SQUARED_ERROR, TWEEDIE_POWER
from pipelines.models._proportional_odds import ProportionalOddsClassifier
from pipelines.models.gaussian_process import GaussianProcessLabelClassifier, TunedGaussianProcessRegressor
from pipelines.models.qda import RegularizedQDA
from pipelines.steps.balancing import BalancedClassifier
from pipelines.steps.class_numbers import NumberClassifier
from pipelines.steps.cleaning import CleanedClassifier
from pipelines.steps.multi_output import ChainedModels, ConstantClassifier, IndependentModels, JointClassifier
from pipelines.steps.threshold_models import ThresholdClassifier

NETWORKS = ("NetClassifier", "OrderedNetClassifier", "NetRegressor", "JointNetClassifier", "JointNetRegressor")
_LIGHTGBM_NAMES = {
    "feature_fraction": "colsample_bytree",
    "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq",
    "min_data_in_leaf": "min_child_samples",
    "lambda_l1": "reg_alpha",
    "lambda_l2": "reg_lambda",
}
# Parameters of the constructors for the losses of regression, by library.
_LOSSES: dict[str, dict[str, dict[str, Any]]] = {
    "LightGBM": {
        "absolute_error": {"objective": "regression_l1"},
        "huber": {"objective": "huber", "alpha": HUBER_DELTA},
        "poisson": {"objective": "poisson"},
        "gamma": {"objective": "gamma"},
        "tweedie": {"objective": "tweedie", "tweedie_variance_power": TWEEDIE_POWER},
    },
    "XGBoost": {
        "absolute_error": {"objective": "reg:absoluteerror"},
        "huber": {"objective": "reg:pseudohubererror", "huber_slope": HUBER_DELTA},
        "poisson": {"objective": "count:poisson"},
        "gamma": {"objective": "reg:gamma"},
        "tweedie": {"objective": "reg:tweedie", "tweedie_variance_power": TWEEDIE_POWER},
    },
    "CatBoost": {
        "poisson": {"loss_function": "Poisson"},
        "tweedie": {"loss_function": f"Tweedie:variance_power={TWEEDIE_POWER}"},
    },
    "HistGradientBoosting": {name: {"loss": name} for name in ("absolute_error", "poisson", "gamma")},
}
_LOGARITHM = '''def to_log(y):
    """Return the logarithm of the target plus {offset}."""
    return np.log(y + {offset})


def from_log(y):
    """Return predictions in the unit of the target, {kind}."""
    return {factor}np.exp(y) - {offset}
'''
_CATBOOST_TABLE = '''def to_catboost(X):
    """Return a frame whose leading columns hold whole numbers, as CatBoost takes categories; -1 stands for missing."""
    frame = pd.DataFrame(X)
    for column in range(len(CATEGORIES)):
        frame[column] = frame[column].fillna(-1).astype(int)
    return frame
'''


def model_code(model: Any, script: Script) -> list[str]:
    """Return the code of the last steps of the pipeline for a fitted model."""
    convert = _CONVERTERS.get(type(model).__name__)
    if convert is None:
        return [script.plain(model)]
    code = convert(model, script)
    return code if isinstance(code, list) else [code]


def _standardized(regressor: str, script: Script) -> str:
    """Return the code of a regressor that is fitted to the target minus its mean, divided by its deviation."""
    scaler = script.call("sklearn.preprocessing", "StandardScaler")
    return script.call(
        "sklearn.compose", "TransformedTargetRegressor", regressor=Raw(regressor), transformer=Raw(scaler)
    )


def _boosted(model: Any, script: Script) -> list[str]:
    is_classifier = hasattr(model, "classes_")
    library = model.library if is_classifier else model.fitted_library
    if (loss := getattr(library, "loss", SQUARED_ERROR)) != SQUARED_ERROR:
        library = replace(library, params={**library.params, **_LOSSES[type(library).__name__][loss]})
    write = {"LightGBM": _lightgbm, "XGBoost": _xgboost, "CatBoost": _catboost, "HistGradientBoosting": _histogram}
    before, code = write[type(library).__name__](model, library, is_classifier, script)
    return [*before, code if is_classifier or loss in LOG_LINK else _standardized(code, script)]


def _learning_rate(model: Any) -> float:
    """Return the mean rate of all rounds; a training that has little time raises the rate of the configuration."""
    return float(f"{getattr(model, 'mean_learning_rate_', model.settings.learning_rate):.4g}")


def _lightgbm(model: Any, library: Any, is_classifier: bool, script: Script) -> tuple[list[str], str]:
    params = {_LIGHTGBM_NAMES.get(name, name): value for name, value in library.params.items()}
    if library.native_categories:
        # Beside the other parameters: a wrapper of the model would not pass it on to `fit`. LightGBM uses it there by
        # any of its names, but warns that it ignores `categorical_feature`.
        params["categorical_column"] = Raw("list(range(len(CATEGORIES)))")
    return [], script.call(
        "lightgbm",
        "LGBMClassifier" if is_classifier else "LGBMRegressor",
        n_estimators=int(model.n_iter_),
        learning_rate=_learning_rate(model),
        **params,
        random_state=0,
        verbosity=-1,
    )


def _xgboost(model: Any, library: Any, is_classifier: bool, script: Script) -> tuple[list[str], str]:
    params = dict(library.params)
    if library.native_categories:
        numbers = int(model.n_features_in_) - library.native_categories
        params |= {
            "enable_categorical": True,
            "feature_types": Raw(f'["c"] * {library.native_categories} + ["q"] * {numbers}'),
        }
    code = script.call(
        "xgboost",
        "XGBClassifier" if is_classifier else "XGBRegressor",
        n_estimators=int(model.n_iter_),
        learning_rate=_learning_rate(model),
        **params,
        tree_method="hist",
        random_state=0,
    )
    # Of more than two classes, a fold may lack one, and XGBoost accepts no gap between the numbers of classes.
    return [], any_classes(code, script) if is_classifier and len(model.classes_) > 2 else code


def _catboost(model: Any, library: Any, is_classifier: bool, script: Script) -> tuple[list[str], str]:
    params, before = dict(library.params), []
    params = {"bootstrap_type": "Bernoulli", "boosting_type": "Plain", "max_bin": 254, **params}
    if library.native_categories:
        script.imports.add("import pandas as pd")
        script.define("to_catboost", _CATBOOST_TABLE)
        before = [script.call("sklearn.preprocessing", "FunctionTransformer", "to_catboost")]
        # No list, which CatBoost copies: scikit-learn does not clone a model that changes its parameters.
        params["cat_features"] = Raw("tuple(range(len(CATEGORIES)))")
    return before, script.call(
        "catboost",
        "CatBoostClassifier" if is_classifier else "CatBoostRegressor",
        iterations=int(model.n_iter_),
        learning_rate=_learning_rate(model),
        **params,
        random_seed=0,
        allow_writing_files=False,
        verbose=False,
    )


def _histogram(model: Any, library: Any, is_classifier: bool, script: Script) -> tuple[list[str], str]:
    categories = model.model_.categorical_features
    return [], script.call(
        "sklearn.ensemble",
        "HistGradientBoostingClassifier" if is_classifier else "HistGradientBoostingRegressor",
        max_iter=int(model.n_iter_),
        learning_rate=_learning_rate(model),
        **library.params,
        categorical_features=None if categories is None else list(categories),
        early_stopping=False,
        random_state=0,
    )


def _forest(model: Any, script: Script) -> str:
    return script.plain(model.forest, n_estimators=int(model.n_iter_))


def _margin(model: Any, script: Script) -> str:
    inner = model_code(model.estimator_, script)[0]
    return script.call(
        "sklearn.calibration", "CalibratedClassifierCV", inner, method="sigmoid", cv=3, ensemble=Raw("False")
    )


def _target(model: Any, script: Script) -> str:
    return _standardized(model_code(model.regressor_, script)[0], script)


def _transformed(model: Any, script: Script) -> list[str]:
    *before, inner = model_code(model.regressor_, script)
    if model.percentage:
        script.remark("the search weighted the rows by the inverse of the target; here all rows count the same")
    if model.transform == "none":
        return [*before, inner]
    arguments: dict[str, Any] = {"regressor": Raw(inner)}
    if model.transform == "quantile_target":
        arguments["transformer"] = Raw(
            script.call("sklearn.preprocessing", "QuantileTransformer", output_distribution="normal", random_state=0)
        )
    else:
        script.imports.add("import numpy as np")
        kind = "medians" if model.factor_ == 1 else "multiplied by a factor that makes them means"
        factor = "" if model.factor_ == 1 else f"{model.factor_:.6g} * "
        code = _LOGARITHM.format(offset=f"{model.offset_:.6g}", kind=kind, factor=factor)
        script.define("to_log", code)
        arguments |= {"func": Raw("to_log"), "inverse_func": Raw("from_log"), "check_inverse": Raw("False")}
    return [*before, script.call("sklearn.compose", "TransformedTargetRegressor", **arguments)]


def _support_vectors(model: Any, script: Script) -> str:
    return script.plain(model, gamma=float(model._gamma))


def _neighbors(model: Any, script: Script) -> str:
    if hasattr(model, "classes_"):
        script.remark("KNeighborsClassifier adds no vote for the share of each class; its probabilities may be 0 or 1")
    return script.plain(model.neighbors, n_neighbors=int(model.neighbors_.n_neighbors))


def _qda(model: Any, script: Script) -> str:
    return f"{_copy_classifier(RegularizedQDA, script)}(reg_param={float(model.reg_param)!r})"


def _process(model: Any, script: Script) -> str:
    settings = [f"{name}={value!r}" for name, value in model.get_params(deep=False).items()]
    if isinstance(model, GaussianProcessLabelClassifier):
        return call_code(script.copy(GaussianProcessLabelClassifier), settings)
    return call_code(script.copy(TunedGaussianProcessRegressor), settings)


def _feature_machine(model: Any, script: Script) -> str:
    is_classifier = hasattr(model, "classes_")
    name = "SVC" if is_classifier else "SVR"
    script.remark(
        f"a recursive feature machine has no plain counterpart; {name} takes its place, and its score will differ"
    )
    code = script.call("sklearn.svm", name, C=10.0)
    if not is_classifier:
        return _standardized(code, script)
    return script.call(
        "sklearn.calibration", "CalibratedClassifierCV", code, method="sigmoid", cv=3, ensemble=Raw("False")
    )


_ALL_ROWS = '''def weighted_rows(X, y, sample_weight):
    """Return features, target and weights; all rows count."""
    return X, np.asarray(y), sample_weight
'''


def _balanced(model: Any, script: Script) -> list[str]:
    *before, inner = model_code(model.classifier_, script)
    name = _copy_classifier(BalancedClassifier, script)
    settings = [quote(model.strategy), f"power={float(model.power)!r}"]
    if model.weighted:
        settings.append("weighted=True")
    return [*before, call_code(name, [inner, *settings])]


def _cleaned(model: Any, script: Script) -> list[str]:
    *before, inner = model_code(model.classifier_, script)
    settings = [f"margin={float(model.margin)!r}", f"random_state={int(model.random_state)}"]
    return [*before, call_code(_copy_classifier(CleanedClassifier, script), [inner, *settings])]


def _thresholds(model: Any, script: Script) -> list[str]:
    *before, inner = model_code(_median_model(model.models_), script)
    _remark_on_settings(model.models_, "classes", script)
    return [*before, call_code(_copy_classifier(ThresholdClassifier, script), [inner, f"ranks={list(model.ranks)}"])]


def _class_numbers(model: Any, script: Script) -> list[str]:
    *before, inner = model_code(model.regressor_, script)
    settings = [f"ranks={list(model.ranks)}", f"random_state={int(model.random_state)}"]
    return [*before, call_code(_copy_classifier(NumberClassifier, script), [inner, *settings])]


def _proportional_odds(model: Any, script: Script) -> str:
    settings = [f"C={float(model.C)!r}", f"ranks={list(model.ranks)}"]
    return call_code(_copy_classifier(ProportionalOddsClassifier, script), settings)


def _copy_classifier(classifier: type, script: Script) -> str:
    """Copy the class of a classifier that takes weights, and return its name."""
    script.define("weighted_rows", _ALL_ROWS)
    return script.copy(classifier)


def _calibrated(model: Any, script: Script) -> list[str]:
    fitted = model.model_
    if not hasattr(fitted, "calibrated_classifiers_"):  # a class had too few rows
        return model_code(fitted, script)
    *before, inner = model_code(fitted.calibrated_classifiers_[0].estimator, script)
    calibrated = script.call(
        "sklearn.calibration", "CalibratedClassifierCV", inner, method=model.method, cv=3, ensemble=Raw("False")
    )
    return [*before, calibrated]


def _network(model: Any, script: Script) -> list[str]:
    kind = "MLPClassifier" if hasattr(model, "classes_") else "MLPRegressor"
    architecture = model.settings.architecture
    name, width, depth = type(architecture).__name__, int(getattr(architecture, "width", 256)), 2
    depth = int(getattr(architecture, "depth", depth))
    script.remark(
        f"the network {name} has no plain counterpart; {kind} of the same width and depth takes its place, and its "
        "score will differ"
    )
    code = script.call(
        "sklearn.neural_network",
        kind,
        hidden_layer_sizes=(width,) * depth,
        early_stopping=True,
        max_iter=300,
        random_state=0,
    )
    scaler = script.call("sklearn.preprocessing", "StandardScaler")
    return [scaler, code if kind == "MLPClassifier" else _standardized(code, script)]


def typical_model(model: Any) -> Any:
    """Return the model of one of several targets whose number of rounds is the median; of one target, the model."""
    if isinstance(model, JointClassifier):
        return model.classifier_
    if not isinstance(model, IndependentModels | ChainedModels):
        return model
    return _median_model(_varying_models(model))


def _median_model(models: Sequence[Any]) -> Any:
    """Return the model whose number of rounds is the median, among those whose training had enough time if possible."""
    whole = [model for model in models if not is_cut(model)] or models
    return sorted(whole, key=_rounds)[(len(whole) - 1) // 2]


def is_cut(model: Any) -> bool:
    """Return whether the time limit has ended the training of a fitted model."""
    return bool(getattr(model, "cut_", False))


def _varying_models(model: Any) -> list[Any]:
    """Return the models of the targets without those that predict a constant; all if there is no other."""
    return [own for own in model.models_ if not isinstance(own, ConstantClassifier)] or model.models_


def _rounds(model: Any) -> int:
    """Return the number of rounds of a fitted model; 0 if it has none, as ridge in closed form."""
    found = getattr(model, "n_iter_", None)
    return 0 if found is None or np.size(found) == 0 else int(np.max(found))


def _remark_on_settings(models: Sequence[Any], of: str, script: Script) -> None:
    """Remark where models that get the settings of one have learned settings of their own, such as their rounds."""
    if len({str(model_code(own, Script())) for own in models}) == 1:
        return
    if len({_rounds(own) for own in models}) > 1:
        script.remark(f"the models of all {of} train for the same number of rounds, the median of the search")
    else:
        script.remark(f"the models of all {of} have the learned settings of one of them")


def _joint(model: Any, script: Script) -> list[str]:
    *before, inner = model_code(model.classifier_, script)
    if type(model.classifier_).__name__ in NETWORKS:  # its counterpart takes labels of two classes only
        inner = any_classes(inner, script)
        return [*before, script.call("sklearn.multioutput", "MultiOutputClassifier", inner)]
    return [*before, inner]


def _separate(model: Any, script: Script) -> list[str]:
    """Return the code of independent models, or of a chain, which all get the settings of one model of the search."""
    *before, inner = model_code(typical_model(model), script)
    _remark_on_settings(_varying_models(model), "targets", script)
    is_chain = isinstance(model, ChainedModels)
    if not model.n_classes:
        if not is_chain:
            return [*before, script.call("sklearn.multioutput", "MultiOutputRegressor", inner)]
        cv = chain_folds(script) if model.previous == "out_of_fold" else None
        chain = script.call("sklearn.multioutput", "RegressorChain", inner, order=list(model.order_), cv=cv)
        return [*before, _standardized(chain, script)]  # so that the targets which later models see have one scale
    inner = any_classes(inner, script)
    if is_chain and max(model.n_classes) == 2:
        return [*before, class_chain(inner, list(model.order_), model.previous == "out_of_fold", script)]
    if is_chain:
        script.remark("ClassifierChain takes labels of two classes only; independent models take its place")
    return [*before, script.call("sklearn.multioutput", "MultiOutputClassifier", inner)]


_CONVERTERS: dict[str, Callable[[Any, Script], str | list[str]]] = {
    "BoostedClassifier": _boosted,
    "BoostedRegressor": _boosted,
    "TimedForestClassifier": _forest,
    "TimedForestRegressor": _forest,
    "MarginClassifier": _margin,
    "StandardizedRegressor": _target,
    "TargetRegressor": _transformed,
    "_ScaledSVC": _support_vectors,
    "_ScaledSVR": _support_vectors,
    "NeighborsClassifier": _neighbors,
    "JointNeighborsClassifier": _neighbors,
    "NeighborsRegressor": _neighbors,
    "RegularizedQDA": _qda,
    "GaussianProcessLabelClassifier": _process,
    "TunedGaussianProcessRegressor": _process,
    "RecursiveFeatureMachineClassifier": _feature_machine,
    "RecursiveFeatureMachineRegressor": _feature_machine,
    "BalancedClassifier": _balanced,
    "CleanedClassifier": _cleaned,
    "ThresholdClassifier": _thresholds,
    "NumberClassifier": _class_numbers,
    "ProportionalOddsClassifier": _proportional_odds,
    "CalibratedClassifier": _calibrated,
    **dict.fromkeys(NETWORKS, _network),
    "JointClassifier": _joint,
    "IndependentClassifiers": _separate,
    "IndependentRegressors": _separate,
    "ChainedClassifiers": _separate,
    "ChainedRegressors": _separate,
}
