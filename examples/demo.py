"""Fit for one minute to a real table that scikit-learn contains, and score the model on rows that it has not seen."""

from __future__ import annotations

import logging
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split

from automl import AutoMLClassifier

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0


def main() -> None:
    """Print the leaderboard and the scores on the test rows."""
    logging.basicConfig(format="automl: %(message)s")
    logging.getLogger("automl").setLevel(logging.INFO)  # without a terminal, the fit logs a few lines
    logging.getLogger("automl.execute").setLevel(logging.WARNING)

    table = load_breast_cancer(as_frame=True)
    labels = np.asarray(table.target_names)[table.target]
    X_train, X_test, y_train, y_test = train_test_split(
        table.data, labels, test_size=0.3, stratify=labels, random_state=0
    )
    print(f"Wisconsin breast cancer: {len(X_train)} training rows, {len(X_test)} test rows, {SECONDS:g} seconds\n")

    clf = AutoMLClassifier(time_budget=SECONDS, random_state=0).fit(X_train, y_train)

    board = clf.leaderboard_
    shown = board[(board["weight"] > 0) | ~board["family"].duplicated()]
    print(
        f"\nLeaderboard of {len(board)} configurations: the members of the ensemble and the best of each other family"
    )
    columns = ["family", "score", "std", "folds", "seconds", "status", "weight"]
    print(shown[columns].round(4).to_string(index=False))

    probability = clf.predict_proba(X_test)[:, 1]
    print(f"\nOn the {len(X_test)} test rows, which the search has not seen:")
    print(f"  ROC AUC  {roc_auc_score(y_test == clf.classes_[1], probability):.4f}")
    print(f"  accuracy {accuracy_score(y_test, clf.predict(X_test)):.4f}")


if __name__ == "__main__":
    main()
