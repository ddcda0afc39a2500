"""Explanations of a fitted estimator: importance of columns, SHAP values, partial dependence, hyperparameters."""
