"""
A batch of twenty tables
========================

Twenty shops, twenty sensors, twenty targets: often the same question is asked of many tables. A batch fits each table
under each setting, uses all cores, survives crashes, and leaves one folder for each job. This tutorial runs a batch in
Python; ``automl jobs run jobs.yaml`` does the same in a shell.

Here each of the twenty most frequent destinations of flights from New York has a table of its own. The question is
whether a flight will arrive more than half an hour late. The flights are those of
:ref:`sphx_glr_generated_tutorials_strings_and_dates.py`.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import yaml
from flights import load_flights

import automl

SECONDS = 15  # for each fit
folder = Path(tempfile.mkdtemp())

flights = load_flights().dropna(subset="arr_delay")
flights["late"] = np.where(flights["arr_delay"] > 30, "late", "in time")
flights = flights.drop(columns=["date", "dep_time", "arr_delay"])  # what is known only afterwards
for airport in flights["dest"].value_counts().index[:20]:
    rows = flights[flights["dest"] == airport].drop(columns="dest")
    rows.sample(1000, random_state=0).to_csv(folder / f"{airport}.csv", index=False)
print(sorted(path.name for path in folder.glob("*.csv")))

# %%
# The description
# ---------------
#
# A pattern stands for all tables, and each of them is fitted under two settings: a search over everything, and one
# linear model, to compare with. A quarter of the rows is kept for the test score; they are the same rows for each
# setting. Whether a target is a class or a number is found out for each table. One search uses one core here, so that
# as many jobs as there are cores run at the same time.

description = {
    "results": str(folder / "results"),
    "defaults": {"target": "late", "holdout": 0.25, "n_jobs": 1},
    "tables": [{"path": str(folder / "*.csv")}],
    "settings": {
        "search": {"time_budget": SECONDS, "positive_label": "late"},
        "linear": {
            "time_budget": SECONDS,
            "max_trials": 1,
            "include": ["logistic_regression"],
            "positive_label": "late",
        },
    },
}
print(yaml.safe_dump(description, sort_keys=False))

# %%
# Run it
# ------
#
# While the batch runs, a line for each job that ends appears; ``verbose=0`` leaves them out. Finished jobs do not run
# again: after a crash, or with a new table in the folder, call it again.

summary = automl.run_jobs(description, verbose=0)
print(summary["state"].value_counts())
summary[["table", "setting", "metric", "search_score", "test_score"]].head(6).round(3)

# %%
# `search_score` is the best score on the folds of the search, and optimistic. `test_score` comes from rows that no
# search has seen. Greater is better; 0.5 is guessing.

scores = summary.pivot(index="table", columns="setting", values="test_score").sort_values("search")
figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
axes.hlines(scores.index, scores.min(axis=1), scores.max(axis=1), color="lightgray")
for setting in scores:
    axes.plot(scores[setting], scores.index, "o", label=setting)
axes.set(xlabel="ROC AUC on the test rows", title="Late flights to twenty airports")
axes.legend(loc="lower right")

# %%
# A table has 250 test rows, so one of these scores may be wrong by 0.05 or more. The mean over all tables is more
# exact, and :func:`automl.compare_over_tables` tests such differences.

print(scores.mean().round(3))

# %%
# The results
# -----------
#
# Each job has a folder with the model, the report, the leaderboard, the history and the log.

finished = summary[(summary["setting"] == "search") & (summary["state"] == "finished")]
job = finished.iloc[0]["job"]
print(sorted(path.name for path in (folder / "results" / job).iterdir()))
automl.load(folder / "results" / job / "model").leaderboard_[["family", "score", "folds", "weight"]].head(4).round(3)

# %%
# The same in a shell
# -------------------
#
# .. code-block:: sh
#
#    automl jobs check jobs.yaml     # beforehand: all problems, and the time that the batch takes on this machine
#    automl jobs run jobs.yaml       # start, or continue
#    automl jobs status jobs.yaml    # in another shell
#    automl jobs results jobs.yaml
#
# :doc:`/jobs` describes all keys of the file, and how several machines share one queue.
