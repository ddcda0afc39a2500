"""
Compare methods for a paper: nested cross-validation
====================================================

To write "our method is better", score whole methods, searches included, on rows that none of them has seen, and test
the differences. This tutorial compares four estimators on one table and draws the figure.

The table is scikit-learn's table of diabetes patients: 442 rows, ten columns, and the progression of the disease
after a year.
"""

import os
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from automl import AutoMLRegressor, nested_cross_validate

SECONDS = 15  # for each fit
warnings.simplefilter("ignore", FutureWarning)

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)

# %%
# Nested means: the outer folds score, and each estimator does all its choices inside the training rows of an outer
# fold. One seed fixes the folds and the estimators. ``store="folder"`` would keep each finished fold, so that an
# interrupted comparison goes on.

estimators = {
    "automl": AutoMLRegressor(time_budget=SECONDS, verbose=0),
    "forest": RandomForestRegressor(),
    "ridge": make_pipeline(StandardScaler(), RidgeCV()),
    "mean": DummyRegressor(),
}
result = nested_cross_validate(
    estimators, X, y, outer_cv=5, scoring="neg_root_mean_squared_error", random_state=0, verbose=0
)
result.summary().round(2)

# %%
# The figure: one point for each outer fold, and the mean. Scores of scikit-learn are greater if they are better; a
# reader of the paper wants the error, so the sign is turned.

order = list(result.summary()["estimator"])
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for place, name in enumerate(reversed(order)):
    errors = -result.scores.loc[result.scores["estimator"] == name, "score"]
    axes.plot(errors, [place] * len(errors), "o", color="tab:blue", alpha=0.5)
    axes.plot(errors.mean(), place, "|", color="black", markersize=22)
axes.set(yticks=range(len(order)), xlabel="root mean squared error on outer folds (line: mean)")
axes.set_yticklabels(list(reversed(order)))
figure.savefig(os.devnull, format="pdf")  # a file name in place of os.devnull keeps it

# %%
# Is the difference real? The folds share training rows, so an ordinary t-test is wrong. `compare` uses the corrected
# resampled t-test (Nadeau and Bengio, 2003), corrects the p values for the number of pairs, and adds the
# probabilities of the Bayesian test: that the first is better, that both are equivalent, that the second is better.

columns = ["first", "second", "difference", "p", "p_holm", "first_better", "equivalent", "second_better"]
result.compare()[columns].round(3)

# %%
# A paragraph for the paper
# -------------------------
#
# *All methods were scored by nested cross-validation (Varma and Simon, 2006) with five outer folds. Searches saw only
# the training rows of an outer fold. Differences were tested with the corrected resampled t-test (Nadeau and Bengio,
# 2003), with Holm's correction for all pairs.*
#
# One table says nothing about tables in general. For several tables, collect the scores and use
# :func:`automl.compare_over_tables` and :func:`automl.critical_difference_plot`.
