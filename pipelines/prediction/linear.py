"""Fast decision values of fitted linear models and support vector machines on dense tables."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, _libsvm
from sklearn.utils.extmath import softmax
from sklearn.utils.multiclass import _ovr_decision_function

from pipelines.models._margins import MarginClassifier

Function = Callable[[Any], Any]


def is_dense(X: Any) -> bool:
    """Return whether a table is a plain array in double precision."""
    return type(X) is np.ndarray and X.dtype == np.float64


def margin_classifier(model: MarginClassifier) -> Function:
    """Return the function of the probabilities of a margin classifier."""
    direct = copy.copy(model)
    direct.estimator_ = copy.copy(model.estimator_)
    direct.estimator_.decision_function = _decision(model.estimator_)
    return direct.predict_proba


def logistic(model: Any) -> Function:
    """Return the function of the probabilities of a model with the logistic loss."""
    if isinstance(model, SGDClassifier) and model.loss != "log_loss":
        return model.predict_proba
    decision, one_margin = _decision(model), len(model.classes_) == 2

    def predict(X: Any) -> Any:
        if not is_dense(X):
            return model.predict_proba(X)
        margins = decision(X)
        if one_margin:
            p = expit(margins)
            return np.vstack([1 - p, p]).T
        if isinstance(model, LogisticRegression):
            return softmax(margins, copy=False)
        p = expit(margins)
        return p / p.sum(axis=1).reshape((p.shape[0], -1))

    return predict


def regressor(model: Any) -> Function:
    """Return the function of the values of a linear regressor or a support vector regressor."""
    if isinstance(model, SVR):
        return _svm(model, model.predict, lambda values: values.ravel())
    if not isinstance(model, Ridge | ElasticNet | LinearSVR | SGDRegressor) or not isinstance(model.coef_, np.ndarray):
        return model.predict
    coef, intercept, own = np.asarray(model.coef_), model.intercept_, model.predict
    if isinstance(model, SGDRegressor):
        return lambda X: (X @ coef.T + intercept).ravel() if is_dense(X) else own(X)
    return lambda X: X @ (coef if coef.ndim == 1 else coef.T) + intercept if is_dense(X) else own(X)


def _decision(model: Any) -> Function:
    """Return the function of the decision values of a classifier."""
    own: Function = model.decision_function
    if isinstance(model, SVC):
        if len(model.classes_) == 2:
            return _svm(model, own, lambda values: -values.ravel())
        n_classes = len(model.classes_)
        if model.decision_function_shape != "ovr":
            return own
        return _svm(model, own, lambda values: _ovr_decision_function(values < 0, -values, n_classes))
    if not isinstance(model, LinearSVC | LogisticRegression | SGDClassifier) or not isinstance(model.coef_, np.ndarray):
        return own
    coef, intercept = model.coef_, model.intercept_

    def decision(X: Any) -> Any:
        if not is_dense(X):
            return own(X)
        scores = X @ coef.T + intercept
        return scores.ravel() if scores.shape[1] == 1 else scores

    return decision


def _svm(model: Any, own: Function, finish: Function) -> Function:
    """Return a function that calls libsvm without the checks of scikit-learn."""
    if model._sparse or callable(model.kernel) or model.kernel == "precomputed":
        return own
    kind = ["c_svc", "nu_svc", "one_class", "epsilon_svr", "nu_svr"].index(model._impl)
    call = _libsvm.decision_function if isinstance(model, SVC) else _libsvm.predict

    def values(X: Any) -> Any:
        if not is_dense(X):
            return own(X)
        found = call(
            np.ascontiguousarray(X),
            model.support_,
            model.support_vectors_,
            model._n_support,
            model._dual_coef_,
            model._intercept_,
            model._probA,
            model._probB,
            svm_type=kind,
            kernel=model.kernel,
            degree=model.degree,
            coef0=model.coef0,
            gamma=model._gamma,
            cache_size=model.cache_size,
        )
        return finish(found)

    return values
