"""
A rare class with costs: which bird strikes do damage?
======================================================

Fraud, failures, damage: the class that matters is rare, and the two kinds of errors have different costs. A model with
an accuracy of 97 % can then be worthless. This tutorial fits for good probabilities, turns them into decisions by the
costs, and measures the money.

The table holds 10,000 collisions of aircraft with birds that were reported to the Federal Aviation Administration
between 1990 and 2002 (public domain). Most of them leave feathers; some of them do substantial damage. After a report,
should the aircraft be taken out of service and inspected?
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from bird_strikes import load_strikes
from sklearn.metrics import average_precision_score, confusion_matrix

from automl import AutoMLClassifier

SECONDS = 30  # for each fit

table = load_strikes()
table.drop(columns=["damage", "cost"]).head()

# %%
# The amount of damage is a word. An empty cell means that there was none, and the letters B and C stand for expensive
# damage of military aircraft.

table["damage"].fillna("none").value_counts()

# %%
# The model will be used for reports of later years. So it is trained on the reports before 1999, and tested on the
# others. Damage and costs are known only afterwards, and are no features.


def split(rows):
    """Return what is known when a strike is reported, and whether the damage is substantial."""
    return rows.drop(columns=["damage", "cost"]), rows["damage"].isin(["Substantial", "B", "C"]).astype(int).to_numpy()


X_train, y_train = split(table[table["date"] < "1999"])
X_test, y_test = split(table[table["date"] >= "1999"])
print(f"{len(y_train):,} training rows, {y_train.mean():.1%} of them with substantial damage")
print(f"{len(y_test):,} test rows, {y_test.mean():.1%} of them with substantial damage")

# %%
# The costs
# ---------
#
# Assume that a needless inspection costs 1,000 dollars, and that substantial damage costs 30,000 dollars more if nobody
# looks for it. With the right probabilities, the cheapest rule is simple: inspect if the expected cost of not looking
# is larger than the expected cost of a needless inspection.

MISS, ALARM = 30_000.0, 1_000.0
threshold = ALARM / (ALARM + MISS)
print(f"inspect above a probability of {threshold:.3f}")


def cost(y_true, decisions):
    """Return the mean cost of the errors for a strike, in dollars."""
    table = confusion_matrix(y_true, decisions, labels=[0, 1])
    return (ALARM * table[0, 1] + MISS * table[1, 0]) / len(y_true)


# %%
# Fit for probabilities
# ---------------------
#
# The rule needs probabilities that are right, not only well ordered. Therefore the search minimizes the log loss, and
# the probabilities of the ensemble are calibrated.

clf = AutoMLClassifier(time_budget=SECONDS, scoring="neg_log_loss", random_state=0, verbose=0)
clf.fit(X_train, y_train)
clf.decision_threshold_ = threshold

damaged = clf.predict_proba(X_test)[:, 1]
print(f"average precision: {average_precision_score(y_test, damaged):.3f} (chance: {y_test.mean():.3f})")

# %%
# What each rule costs
# --------------------
#
# By accuracy, the best rule is to inspect nothing. By costs, it is not.

rules = {
    "inspect nothing": np.zeros_like(y_test),
    "inspect every aircraft": np.ones_like(y_test),
    "probability above 0.5": (damaged > 0.5).astype(int),
    "probability above the threshold of the costs": clf.predict(X_test),
}
pd.DataFrame(
    [
        {
            "rule": name,
            "accuracy": np.mean(y_test == rule),
            "inspected": rule.mean(),
            "damage found": rule[y_test == 1].mean(),
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
axes.plot(grid, [cost(y_test, damaged > t) for t in grid])
axes.axvline(threshold, color="tab:red", label="threshold of the costs")
axes.axhline(cost(y_test, np.zeros_like(y_test)), color="gray", linestyle=":", label="inspect nothing")
axes.set(xscale="log", xlabel="threshold", ylabel="mean cost of a strike, dollars", title="Costs on later years")
axes.legend()

# %%
# Or: let the search see the costs
# --------------------------------
#
# The costs can be the score of the search itself. The search then prefers pipelines with low costs, for example
# pipelines that give the rare class a larger weight. `decision_threshold_` differs from 0.5 if another threshold has
# clearly lower costs out of fold. Use this if the costs are not a matter of two numbers.

from sklearn.metrics import make_scorer

clf = AutoMLClassifier(
    time_budget=SECONDS, scoring=make_scorer(cost, greater_is_better=False), random_state=0, verbose=0
)
clf.fit(X_train, y_train)
print(f"tuned threshold {clf.decision_threshold_:.3f}, mean cost of a strike {cost(y_test, clf.predict(X_test)):.0f}")

# %%
# Where to go on
# --------------
#
# :doc:`/howto/metric` lists the scores for other aims, and :doc:`/parameters` says how a scorer reads an amount from
# the row, if each row has costs of its own.
