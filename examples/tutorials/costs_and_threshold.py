"""
A rare class with costs: which flights will be canceled?
========================================================

Fraud, failures, cancellations: the class that matters is rare, and the two kinds of errors have different costs. A
model with an accuracy of 97 % can then be worthless. This tutorial fits for good probabilities, turns them into
decisions by the costs, and measures the money.

The table is the one of :ref:`sphx_glr_generated_tutorials_strings_and_dates.py`: flights that left New York in 2013,
or should have left, with the weather at the planned hour, which stands for a forecast. Flights of one day share their
weather, so whole days are kept for the test, and ``groups`` keeps them together inside the search, too.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from flights import load_flights
from sklearn.metrics import average_precision_score, confusion_matrix

from automl import AutoMLClassifier

SECONDS = 30  # for each fit

table = load_flights()
days = pd.Series(table["date"].unique()).sample(frac=1, random_state=0)
test_days, train_days = set(days[:90]), set(days[90:])
train = table[table["date"].isin(train_days)].sample(6000, random_state=0)
test = table[table["date"].isin(test_days)].sample(6000, random_state=0)


def split(rows):
    """Return the table that is known before a flight, and whether the flight was canceled."""
    return rows.drop(columns=["date", "dep_time", "arr_delay"]), rows["dep_time"].isna().astype(int).to_numpy()


X_train, y_train = split(train)
X_test, y_test = split(test)
print(f"canceled: {y_train.mean():.1%} of the training rows, {y_test.mean():.1%} of the test rows")

# %%
# The costs
# ---------
#
# An airline wants to offer another flight early. A passenger who is not warned costs 300, a passenger who gets the
# offer without need costs 10. With the right probabilities, the cheapest rule is simple: act if the expected cost of
# waiting is larger than the cost of the offer.

MISS, ALARM = 300.0, 10.0
threshold = ALARM / (ALARM + MISS)
print(f"act above a probability of {threshold:.3f}")


def cost(y_true, decisions):
    """Return the mean cost of a flight."""
    table = confusion_matrix(y_true, decisions, labels=[0, 1])
    return (ALARM * table[0, 1] + MISS * table[1, 0]) / len(y_true)


# %%
# Fit for probabilities
# ---------------------
#
# The rule needs probabilities that are right, not only well ordered. Therefore the search maximizes the log loss, and
# the probabilities of the ensemble are calibrated.

clf = AutoMLClassifier(time_budget=SECONDS, scoring="neg_log_loss", random_state=0, verbose=0)
clf.fit(X_train, y_train, groups=train["date"])
clf.decision_threshold_ = threshold

canceled = clf.predict_proba(X_test)[:, 1]
print(f"average precision: {average_precision_score(y_test, canceled):.3f} (chance: {y_test.mean():.3f})")

# %%
# What each rule costs
# --------------------
#
# By accuracy, the best rule is to warn nobody. By costs, it is not.

rules = {
    "warn nobody": np.zeros_like(y_test),
    "warn everybody": np.ones_like(y_test),
    "probability above 0.5": (canceled > 0.5).astype(int),
    "probability above the threshold of the costs": clf.predict(X_test),
}
pd.DataFrame(
    [
        {
            "rule": name,
            "accuracy": np.mean(y_test == rule),
            "warned": rule.mean(),
            "mean cost": cost(y_test, rule),
        }
        for name, rule in rules.items()
    ]
).round(3)

# %%
# Was it a good threshold? On the test rows, every threshold can be tried. The one of the costs was chosen without
# them. It is close to the lowest point if the probabilities are right.

grid = np.geomspace(0.002, 0.9, 60)
figure, axes = plt.subplots(figsize=(7, 4))
axes.plot(grid, [cost(y_test, canceled > t) for t in grid])
axes.axvline(threshold, color="tab:red", label="threshold of the costs")
axes.axhline(cost(y_test, np.zeros_like(y_test)), color="gray", linestyle=":", label="warn nobody")
axes.set(xscale="log", xlabel="threshold", ylabel="mean cost", title="Costs on days that the model has not seen")
axes.legend()

# %%
# Or: let the search see the costs
# --------------------------------
#
# The costs can be the score of the search itself. The search then prefers pipelines with low costs, for example those
# that give the rare class a larger weight. `decision_threshold_` differs from 0.5 if another threshold has clearly
# lower costs out of fold. Use this if the costs are not a matter of two numbers.

from sklearn.metrics import make_scorer

clf = AutoMLClassifier(
    time_budget=SECONDS, scoring=make_scorer(cost, greater_is_better=False), random_state=0, verbose=0
)
clf.fit(X_train, y_train, groups=train["date"])
print(f"tuned threshold {clf.decision_threshold_:.3f}, cost of a flight {cost(y_test, clf.predict(X_test)):.3f}")

# %%
# Where to go on
# --------------
#
# :doc:`/howto/metric` lists the scores for other aims, and :doc:`/parameters` says how a scorer reads an amount from
# the row, if each row has costs of its own.
