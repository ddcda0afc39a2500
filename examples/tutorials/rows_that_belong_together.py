"""
Rows that belong together: patients, customers, days
====================================================

Several visits of one patient, several orders of one customer, all flights of one day: such rows share what no column
says. If some of them are training rows and others are test rows, a model can recognize the patient instead of the
illness. Its score is then too good, and nobody sees it before the model meets a new patient.

The table holds 1,945 visits of 312 patients with primary biliary cirrhosis, a disease of the liver, in a trial of the
Mayo Clinic. It is the table ``pbcseq`` of the R package survival (GNU Library General Public License, version 2 or
later). The question is whether a patient has edema, which is water in the tissue, at a visit.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from liver_patients import load_visits
from sklearn.metrics import roc_auc_score

from automl import AutoMLClassifier

SECONDS = 30  # for each fit

table = load_visits()
table.head(4).T

# %%
# The first two visits are those of one patient, the next two those of another one. `id` is the number of the patient.
# `futime` and `status` say how long the patient was observed, and whether the patient has died; nobody knows that at a
# visit. The other columns hold the age at the beginning of the trial, the treatment, and what was found at the visit.
#
# Half of the patients are kept for the test. The model has never seen them.

patients = pd.Series(table["id"].unique()).sample(frac=1, random_state=0)
known = table[table["id"].isin(set(patients[:156]))]
new = table[table["id"].isin(set(patients[156:]))]


def split(rows):
    """Return what is known at a visit, and whether the patient has edema."""
    return rows.drop(columns=["id", "futime", "status", "edema"]), np.where(rows["edema"] > 0, "edema", "none")


X, y = split(known)
X_new, y_new = split(new)
print(f"{len(X)} visits of {known['id'].nunique()} patients, {np.mean(y == 'edema'):.0%} of them with edema")
print(f"{len(X_new)} visits of {new['id'].nunique()} new patients, {np.mean(y_new == 'edema'):.0%} of them with edema")

# %%
# The number of the patient is no feature. But the age almost is such a number: it has six decimals, and is the same at
# each visit of a patient.

print(f"{known['age'].nunique()} different ages of {known['id'].nunique()} patients")

# %%
# Without groups, the folds of the search split the visits of a patient. A fold model is trained on some visits and is
# scored on others of the same patient, whose edema often stays from visit to visit. With ``groups``, all visits of a
# patient are on the same side of each fold.

scores = []
for name, groups in {"without groups": None, "with groups": known["id"]}.items():
    clf = AutoMLClassifier(time_budget=SECONDS, positive_label="edema", random_state=0, verbose=0)
    clf.fit(X, y, groups=groups)
    edema = clf.predict_proba(X_new)[:, list(clf.classes_).index("edema")]
    estimate = clf.estimate_
    scores.append(
        {
            "folds": name,
            "expected": estimate.score,
            "low": estimate.low,
            "high": estimate.high,
            "on new patients": roc_auc_score(y_new == "edema", edema),
        }
    )
scores = pd.DataFrame(scores)
scores.round(3)

# %%
# The score on new patients is what a user of the model will see. The estimate with groups is the one to believe,
# because its folds ask the same question: how good is the model for a patient whom it does not know? Its interval is
# wider, because 156 patients are fewer than their visits.

figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
for place, row in scores.iterrows():
    axes.plot([row["low"], row["high"]], [place, place], color="tab:blue", linewidth=3)
    axes.plot(row["expected"], place, "o", color="tab:blue", label="expected, 95 % interval" if place == 0 else None)
    axes.plot(row["on new patients"], place, "D", color="tab:red", label="on new patients" if place == 0 else None)
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
#   right. Then the order of time matters: ``fit(X, y, time=...)``.
#
# `nested_cross_validate` takes ``groups``, too, for its outer folds and for the search inside them.
