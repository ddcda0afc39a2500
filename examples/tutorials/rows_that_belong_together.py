"""
Rows that belong together: patients, customers, days
====================================================

Several rows of one patient, several orders of one customer, all flights of one day: such rows share what no column
says. If some of them are training rows and others are test rows, a model can recognize the patient instead of the
illness. Its score is then too good, and nobody sees it before the model meets a new patient.

This tutorial shows the effect with flights: all flights of a day share a storm, a strike, or a broken computer. The
question is whether a flight will be more than half an hour late, on a day that the model has not seen.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from flights import load_flights
from sklearn.metrics import roc_auc_score

from automl import AutoMLClassifier

SECONDS = 30  # for each fit

table = load_flights().dropna(subset="arr_delay")
days = pd.Series(table["date"].unique()).sample(frac=1, random_state=0)
seen = table[table["date"].isin(set(days[:60]))].sample(4000, random_state=0)
new = table[table["date"].isin(set(days[60:]))].sample(4000, random_state=0)


def split(rows):
    """Return what is known before a flight, and whether it was late."""
    return rows.drop(columns=["dep_time", "arr_delay"]), np.where(rows["arr_delay"] > 30, "late", "in time")


X, y = split(seen)
print(f"{len(X)} flights of {X['date'].nunique()} days, {np.mean(y == 'late'):.0%} of them late")

# %%
# Without groups, the folds of the search split each day. A fold model is trained on some flights of a day and is
# scored on others of the same day. With ``groups``, all flights of a day are on the same side of each fold.

scores = []
for name, groups in {"without groups": None, "with groups": X["date"]}.items():
    clf = AutoMLClassifier(time_budget=SECONDS, positive_label="late", random_state=0, verbose=0)
    clf.fit(X, y, groups=groups)
    X_new, y_new = split(new)
    late = clf.predict_proba(X_new)[:, list(clf.classes_).index("late")]
    estimate = clf.estimate_
    scores.append(
        {
            "folds": name,
            "expected": estimate.score,
            "low": estimate.low,
            "high": estimate.high,
            "on new days": roc_auc_score(y_new == "late", late),
        }
    )
scores = pd.DataFrame(scores)
scores.round(3)

# %%
# The score on new days is what a user of the model will see. The estimate with groups is the one to believe, because
# its folds ask the same question: how good is the model on a day that it does not know? Its interval is wider, because
# 60 days are fewer than 4,000 flights.

figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
for place, row in scores.iterrows():
    axes.plot([row["low"], row["high"]], [place, place], color="tab:blue", linewidth=3)
    axes.plot(row["expected"], place, "o", color="tab:blue", label="expected, 95 % interval" if place == 0 else None)
    axes.plot(row["on new days"], place, "D", color="tab:red", label="on new days" if place == 0 else None)
axes.set(yticks=range(len(scores)), ylim=(-0.5, len(scores) - 0.5), xlabel="ROC AUC")
axes.set_yticklabels(scores["folds"])
axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

# %%
# When to pass groups
# -------------------
#
# * Rows of one patient, customer, machine, household, document: pass its number.
# * Pictures or samples of one batch or one day: pass the batch or the day.
# * If the model will be used for patients whom it knows, for example to predict their next visit, groups are not
#   right. Then the order of time matters: ``cv=TimeSeriesSplit()``.
#
# `nested_cross_validate` takes ``groups``, too, for its outer folds and for the search inside them.
