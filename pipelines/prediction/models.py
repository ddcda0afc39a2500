"""Fast versions of fitted models, which predict the same numbers as the models themselves.

scikit-learn's forests and nearest neighbors run their parts through joblib, which takes longer than the work for a few
rows, and changes the warning filters of the whole process, which disturbs other threads. A model without a fast version
keeps its own method.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.svm import SVR, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import pipelines.prediction.linear as linear
from pipelines.models._boosting import BoostedClassifier, BoostedRegressor, as_table
from pipelines.models._forest import TimedForestClassifier, TimedForestRegressor
from pipelines.models._margins import MarginClassifier
from pipelines.models._quantile_forest import as_tree_table
from pipelines.models._quantiles import QuantileModels
from pipelines.models._target import StandardizedRegressor, as_values
from pipelines.models.hist_gradient_boosting import HistGradientBoosting
from pipelines.models.k_nearest_neighbors import NeighborsClassifier, NeighborsQuantiles, NeighborsRegressor
from pipelines.nets.estimator import (
    JointNetClassifier,
    JointNetRegressor,
    NetClassifier,
    NetRegressor,
    QuantileNetRegressor,
    predict_function,
)
from pipelines.nets.ordered import OrderedNetClassifier
from pipelines.prediction.dispatch import find_maker
from pipelines.prediction.transformers import fast_preprocessor
from pipelines.steps.balancing import BalancedClassifier
from pipelines.steps.calibration import CalibratedClassifier
from pipelines.steps.class_numbers import NumberClassifier
from pipelines.steps.cleaning import CleanedClassifier
from pipelines.steps.multi_output import (
    ChainedClassifiers,
    ChainedRegressors,
    IndependentClassifiers,
    IndependentRegressors,
    JointClassifier,
)
from pipelines.steps.target import TargetRegressor
from pipelines.steps.threshold_models import ThresholdClassifier

Predict = Callable[[Any], Any]


def fast_predict(model: Any) -> Predict:
    """Return a function that gives the output of ``predict_proba`` of a fitted classifier, or of ``predict``.

    Parameters
    ----------
    model : estimator
        The fitted last step of a pipeline.
    """
    make = find_maker(_MAKERS, type(model), "predict", "predict_proba", "decision_function")
    return _own_predict(model) if make is None else make(model)


def _own_predict(model: Any) -> Predict:
    """Return the method of a model that predicts."""
    predict: Predict = model.predict_proba if hasattr(model, "classes_") else model.predict
    return predict


def _forest_classifier(forest: Any) -> Predict:
    trees, n_classes = [tree.tree_ for tree in forest.estimators_], int(forest.n_classes_)

    def predict(X: Any) -> Any:
        X = as_tree_table(X)
        out = np.zeros((X.shape[0], n_classes))
        for tree in trees:
            out += tree.predict(X)[:, :n_classes]
        out /= len(trees)
        return out

    return predict


def _forest_regressor(forest: Any) -> Predict:
    trees = [tree.tree_ for tree in forest.estimators_]
    shape = () if forest.n_outputs_ == 1 else (forest.n_outputs_,)

    def predict(X: Any) -> Any:
        X = as_tree_table(X)
        out = np.zeros((X.shape[0], *shape))
        for tree in trees:
            out += tree.predict(X)[..., 0]
        out /= len(trees)
        return out

    return predict


def _joint_classifier(model: JointClassifier) -> Predict:
    """Return the function of the probabilities of all targets; a forest runs its trees in this thread."""
    if isinstance(model.classifier_, JointNetClassifier):
        each = predict_function(model.classifier_)
        return lambda X: model.lay_out(each(X))
    forest = getattr(model.classifier_, "forest_", model.classifier_)
    if not isinstance(forest, ExtraTreesClassifier | RandomForestClassifier):
        return model.predict_proba
    trees, n_classes = [tree.tree_ for tree in forest.estimators_], [int(n) for n in forest.n_classes_]

    def predict(X: Any) -> Any:
        X = as_tree_table(X)
        out = np.zeros((X.shape[0], len(n_classes), max(n_classes)))
        for tree in trees:
            out += tree.predict(X)
        out /= len(trees)
        return model.lay_out([out[:, j, :k] for j, k in enumerate(n_classes)])

    return predict


def _several_models(model: Any) -> Predict:
    """Replace the models of targets or quantiles by copies whose prediction is fast."""
    direct = copy.copy(model)
    direct.models_ = [_with_fast_parts(one) for one in model.models_]
    return _own_predict(direct)


def _tree_classifier(model: Any) -> Predict:
    tree, n_classes = model.tree_, int(model.n_classes_)
    return lambda X: tree.predict(as_tree_table(X))[:, :n_classes]


def _tree_regressor(model: Any) -> Predict:
    tree = model.tree_
    return lambda X: tree.predict(as_tree_table(X))[..., 0]


def _library_model(model: Any) -> Any:
    """Return the trained model of a boosting library; scikit-learn's one gets a fast encoder of categories."""
    if not isinstance(model.library, HistGradientBoosting) or model.model_._preprocessor is None:
        return model.model_
    direct = copy.copy(model.model_)
    direct._preprocessor = fast_preprocessor(model.model_._preprocessor)
    return direct


def _boosted_classifier(model: BoostedClassifier) -> Predict:
    library, fitted, n_classes = model.library, _library_model(model), len(model.classes_)
    return lambda X: library.predict(fitted, as_table(X), n_classes)


def _boosted_regressor(model: BoostedRegressor) -> Predict:
    library, fitted, finish = model.fitted_library, _library_model(model), model.finish
    return lambda X: finish(library.predict(fitted, as_table(X), 0))


def _neighbors(model: Any) -> Predict:
    """Search the tree of the neighbors in this thread; brute force does not use joblib."""
    index = model.neighbors_
    if index._fit_method not in ("kd_tree", "ball_tree"):
        return _own_predict(model)
    direct, searched = copy.copy(model), copy.copy(index)

    def kneighbors(X: Any, n_neighbors: int | None = None, return_distance: bool = True) -> Any:
        found = index._tree.query(X, index.n_neighbors if n_neighbors is None else n_neighbors, return_distance)
        return found

    searched.kneighbors = kneighbors
    direct.neighbors_ = searched
    return _own_predict(direct)


def _calibrated(model: CalibratedClassifier) -> Predict:
    """Replace the calibrated classifiers by copies whose prediction is fast."""
    direct = copy.copy(model)
    direct.model_ = _with_fast_parts(model.model_)
    return _own_predict(direct)


def _standardized(model: StandardizedRegressor) -> Predict:
    inner, mean, scale = model.regressor_, model.mean_, model.scale_
    predict = fast_predict(inner) if type(inner) in _MAKERS else linear.regressor(inner)
    return lambda X: mean + scale * as_values(predict(X))


def _transformed_target(model: TargetRegressor) -> Predict:
    predict, back = fast_predict(model.regressor_), model.back
    return lambda X: back(predict(X))


def _with_fast_parts(model: Any) -> Any:
    """Return a copy of a model whose method ``predict_proba``, or ``predict`` of a regressor, is fast."""
    copied = copy.copy(model)
    if not hasattr(model, "classes_"):
        copied.predict = fast_predict(model)
    elif isinstance(model, CalibratedClassifierCV):
        copied.calibrated_classifiers_ = []
        for part in model.calibrated_classifiers_:
            calibrated = copy.copy(part)
            calibrated.estimator = _with_fast_parts(part.estimator)
            copied.calibrated_classifiers_.append(calibrated)
    else:
        predict = fast_predict(model)

        def predict_proba(X: Any) -> Any:  # scikit-learn chooses the column of two classes by the name of the method
            return predict(X)

        copied.predict_proba = predict_proba
    return copied


def _thresholds(model: ThresholdClassifier) -> Predict:
    each = [fast_predict(one) for one in model.models_]
    return lambda X: model.combine([predict(X) for predict in each])


def _class_numbers(model: NumberClassifier) -> Predict:
    predict = fast_predict(model.regressor_)
    return lambda X: model.probabilities(predict(X))


_MAKERS: dict[type, Callable[[Any], Predict]] = {
    ExtraTreesClassifier: _forest_classifier,
    RandomForestClassifier: _forest_classifier,
    ExtraTreesRegressor: _forest_regressor,
    RandomForestRegressor: _forest_regressor,
    TimedForestClassifier: lambda model: fast_predict(model.forest_),
    TimedForestRegressor: lambda model: fast_predict(model.forest_),
    DecisionTreeClassifier: _tree_classifier,
    DecisionTreeRegressor: _tree_regressor,
    StandardizedRegressor: _standardized,
    TargetRegressor: _transformed_target,
    BoostedClassifier: _boosted_classifier,
    BoostedRegressor: _boosted_regressor,
    NeighborsClassifier: _neighbors,
    NeighborsRegressor: _neighbors,
    CalibratedClassifier: _calibrated,
    MarginClassifier: linear.margin_classifier,
    LogisticRegression: linear.logistic,
    SGDClassifier: linear.logistic,
    Ridge: linear.regressor,
    ElasticNet: linear.regressor,
    LinearSVR: linear.regressor,
    SGDRegressor: linear.regressor,
    SVR: linear.regressor,
    NetClassifier: predict_function,
    NetRegressor: predict_function,
    JointNetRegressor: predict_function,
    OrderedNetClassifier: predict_function,
    QuantileNetRegressor: predict_function,
    QuantileModels: _several_models,
    NeighborsQuantiles: _neighbors,
    JointClassifier: _joint_classifier,
    IndependentClassifiers: _several_models,
    IndependentRegressors: _several_models,
    ChainedClassifiers: _several_models,
    ChainedRegressors: _several_models,
    BalancedClassifier: lambda model: fast_predict(model.classifier_),
    CleanedClassifier: lambda model: fast_predict(model.classifier_),
    ThresholdClassifier: _thresholds,
    NumberClassifier: _class_numbers,
}
