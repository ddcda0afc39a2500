"""
A batch of tables
=================

Twenty shops, twenty sensors, twenty targets: often the same question is asked of many tables. A batch fits each table
under each setting, uses all cores, survives crashes, and leaves one folder for each job. This tutorial runs a small
one in Python; ``automl jobs run jobs.yaml`` does the same in a shell.

The tables are four of scikit-learn, written into CSV files.
"""

import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import yaml
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

import automl

SECONDS = float(os.environ.get("TUTORIAL_SECONDS", "15"))
folder = Path(tempfile.mkdtemp())
for load in (load_breast_cancer, load_diabetes, load_iris, load_wine):
    load(as_frame=True).frame.to_csv(folder / f"{load.__name__.removeprefix('load_')}.csv", index=False)

# %%
# The description
# ---------------
#
# A pattern stands for all tables, and each of them is fitted under two settings: a search over everything, and a
# small search over decision trees, to compare with. A quarter of the rows is kept for the test score; they are the
# same rows for each setting. Whether a target is a class or a number is found out for each table.

description = {
    "results": str(folder / "results"),
    "defaults": {"target": "target", "holdout": 0.25},
    "tables": [{"path": str(folder / "*.csv")}],
    "settings": {
        "search": {"time_budget": SECONDS},
        "one tree": {"time_budget": SECONDS, "max_trials": 5, "include": ["decision_tree"], "ensemble_size": 1},
    },
}
print(yaml.safe_dump(description, sort_keys=False))

# %%
# Run it
# ------
#
# Finished jobs do not run again: after a crash, or with a new table in the folder, call it again.

summary = automl.run_jobs(description)
summary[["table", "setting", "state", "metric", "search_score", "test_score"]].round(3)

# %%
# `search_score` is the best score on the folds of the search, and optimistic. `test_score` comes from rows that no
# search has seen. Greater is better; the error of a regression is negative.

classes = summary[summary["metric"] != "neg_root_mean_squared_error"]
figure, axes = plt.subplots(figsize=(6, 2.8), layout="constrained")
for setting, rows in classes.groupby("setting"):
    axes.plot(rows["test_score"], rows["table"], "o", label=setting)
axes.set(xlabel="test score (ROC AUC, or negative log loss)", title="Tables with classes")
axes.legend()

# %%
# The results
# -----------
#
# Each job has a folder with the model, the leaderboard, the history and the log.

job = summary[summary["setting"] == "search"].iloc[0]
place = next((folder / "results").glob(f"{job['table']}-search-*"))
print(sorted(path.name for path in place.iterdir()))
automl.load(place / "model").leaderboard_[["family", "score", "folds", "weight"]].head(4).round(3)

# %%
# The same in a shell
# -------------------
#
# .. code-block:: sh
#
#    automl jobs run jobs.yaml       # start, or continue
#    automl jobs status jobs.yaml    # in another shell
#    automl jobs results jobs.yaml
#
# :doc:`/jobs` describes all keys of the file, and how several machines share one queue.
