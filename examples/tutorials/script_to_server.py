"""
From a script to a served model
===============================

A model is useful when another program can ask it. This tutorial fits a model, saves it, makes it smaller, serves it
over HTTP, and trains it again on the rows of the next year.

The table holds penguins that were measured on three islands of Antarctica (Gorman, Williams and Fraser, 2014). It
comes with the package ``palmerpenguins`` (public domain). The model says whether a bird is female or male. It learns
from the seasons before 2009; the season of 2009 comes later.
"""

import json
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from palmerpenguins import load_penguins

import automl

SECONDS = 30  # for each fit
folder = Path(tempfile.mkdtemp())

table = load_penguins().dropna(subset="sex")
old, new = table[table["year"] < 2009], table[table["year"] == 2009]


def split(rows):
    """Return the measured columns and the sex."""
    return rows.drop(columns=["sex", "year"]), rows["sex"]


X, y = split(old)
X.head(3)

# %%
# Fit and save
# ------------

clf = automl.AutoMLClassifier(time_budget=SECONDS, random_state=0, verbose=0).fit(X, y)
clf.save(folder / "model")
sorted(path.name for path in (folder / "model").iterdir())

# %%
# The folder holds no pickle: reading it executes no code. `README.md` is a model card, and `requirements.txt` lists
# what the predictions need.

print((folder / "model" / "requirements.txt").read_text())

# %%
# In another process, `load` gives the same estimator back.

clf = automl.load(folder / "model")
print(f"on birds of the next season: {clf.score(*split(new)):.3f}")

# %%
# A smaller model
# ---------------
#
# A server should answer fast. `frontier_` lists smaller ensembles and what they lose; no model is fitted again.

clf.frontier_[["score", "low", "high", "milliseconds", "megabytes", "members"]].round(3)

# %%
# The same as a figure: each point is one ensemble.

automl.plots.score_against_latency(clf)

# %%
# `slim` returns one of them: here the fastest one whose score is at most 0.01 worse.

small = clf.slim(max_loss=0.01)
small.save(folder / "small")
print(f"on birds of the next season: {small.score(*split(new)):.3f}")

# %%
# Serve it
# --------
#
# In a shell, this is ``automl serve small``. Here the script starts the server, asks it, and stops it.

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
server = subprocess.Popen(
    [sys.executable, "-m", "automl", "serve", str(folder / "small"), "--port", str(port), "--verbose", "0"]
)


def ask(path, rows=None):
    """Return the answer of the server, from JSON."""
    body = None if rows is None else json.dumps({"rows": rows}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


for _ in range(120):  # it needs some seconds to start
    try:
        ask("/health")
        break
    except (urllib.error.URLError, ConnectionError):
        time.sleep(0.5)

birds = json.loads(new.drop(columns=["sex", "year"]).head(2).to_json(orient="records"))
print(json.dumps(birds[0]))
print(ask("/predict", birds))

# %%
# A value that cannot be read is an error that names the row and the column. Nothing is guessed.

try:
    ask("/predict", [{**birds[0], "body_mass_g": "heavy"}])
except urllib.error.HTTPError as error:
    print(error.code, json.load(error)["message"])

server.terminate()
print("exit code of the server:", server.wait(timeout=30))

# %%
# ``automl package small --out image`` writes a folder from which a container image can be built.
#
# The next year
# -------------
#
# New labeled rows arrive. `refit` trains the configurations that the search has found on them, without another
# search, and compares both models on folds of the new rows.

newer = clf.refit(*split(new))
print(newer.refit_report_)

# %%
# Keep the new model only if the report says that it is better; one season may be too few rows. Here all seasons
# together are another choice: a new search takes seconds.
#
# Where to go on
# --------------
#
# :doc:`/serving` has all options of the server, :doc:`/saved_models` the files of a model, and
# :doc:`/howto/refit_monthly` the script for each month.
