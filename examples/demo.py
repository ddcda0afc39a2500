"""Fit for one minute to a table with texts, dates and missing cells, and score the model on rows that it has not seen.

The table holds 344 penguins of three islands; the model predicts the sex of a penguin. Source: K. B. Gorman,
T. D. Williams and W. R. Fraser, "Ecological sexual dimorphism and environmental variability within a community of
Antarctic penguins (genus Pygoscelis)", PLOS ONE 9(3), 2014; A. M. Horst, A. P. Hill and K. B. Gorman, "palmerpenguins",
2020. The data are in the public domain (CC0); the package palmerpenguins contains them. The meta-database, from which
a search starts, does not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd
from palmerpenguins import load_penguins_raw
from sklearn.model_selection import train_test_split

from automl import AutoMLClassifier

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
FOLDER = Path("demo")
TARGET = "Sex"


def main() -> None:
    """Print the expected score beside the score on the test rows, write model and report, and show what to do next."""
    table = load_penguins_raw()
    table = table[table[TARGET].isin(["MALE", "FEMALE"])]
    train, test = train_test_split(table, test_size=0.3, stratify=table[TARGET], random_state=0)
    FOLDER.mkdir(exist_ok=True)
    train.to_csv(FOLDER / "train.csv", index=False)
    test.to_csv(FOLDER / "test.csv", index=False)
    train, test = (pd.read_csv(FOLDER / f"{name}.csv") for name in ("train", "test"))
    X, y = train.drop(columns=TARGET), train[TARGET]
    X_test, y_test = test.drop(columns=TARGET), test[TARGET]
    print(
        f"Penguins: predict '{TARGET}' from {X.shape[1]} columns, of which {int(X.isna().any().sum())} have missing "
        f"cells; {len(X)} training rows, {len(X_test)} test rows, {SECONDS:g} seconds"
    )

    # An identifier says nothing about new penguins.
    clf = AutoMLClassifier(time_budget=SECONDS, columns={"Individual ID": "drop"}, random_state=0).fit(X, y)

    kinds = clf.columns_["kind"].value_counts()
    print("\nColumns as the search reads them: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
    board = clf.leaderboard_
    members = board[board["weight"] > 0].sort_values("weight", ascending=False)
    print(f"The ensemble has {len(members)} of {len(board)} configurations; the largest weights:")
    print(members[["family", "score", "seconds", "weight"]].head(4).round(3).to_string(index=False))

    expected = clf.estimate_
    interval = f"{expected.level:.0%} interval {expected.low:.3f} to {expected.high:.3f}"
    print(f"\nExpected ROC AUC on new rows  {expected.score:.3f}  ({interval})")
    print(f"ROC AUC on the test rows      {clf.scorer_(clf, X_test, y_test):.3f}")

    clf.save(FOLDER / "model")
    clf.report(FOLDER / "report.html", train=(X, y), test=(X_test, y_test))
    print(
        f"\nThe report is in '{FOLDER / 'report.html'}', and the model in '{FOLDER / 'model'}'. Commands to try next:"
    )
    command = os.path.relpath(Path(sys.executable).with_name("automl"))
    command = "automl" if command.startswith("..") else command
    for arguments in (
        "score {0}/model {0}/test.csv --target {1}",
        "predict {0}/model {0}/test.csv --proba --out {0}/predictions.csv",
        "fit {0}/train.csv --target {1} --scoring accuracy --out {0}/other",
    ):
        print(f"  {command} {arguments.format(FOLDER, TARGET)}")


if __name__ == "__main__":
    main()
