"""Make the pictures of the documentation anew, from real runs.

    python docs/pictures.py search MODEL           # docs/_static/search_*.png
    make demo && python docs/pictures.py report    # docs/_static/report.png, the top of demo/report.html

The first fits for five minutes and saves the model in the folder MODEL; if the folder is there, it only draws. It needs
the packages of the tutorials. The second needs Chromium and the package playwright.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

DOCS = Path(__file__).resolve().parent
STATIC = DOCS / "_static"
SECONDS = 300
BLUE, ORANGE, GRAY = "#2563eb", "#ea580c", "#9ca3af"


def fit(folder: Path) -> None:
    """Fit to 2,000 flights as in the tutorial about strings and dates, and save the model."""
    sys.path.insert(0, str(DOCS.parent / "examples" / "tutorials"))
    from flights import load_flights

    from automl import AutoMLClassifier

    table = load_flights().dropna(subset="arr_delay").sample(2000, random_state=0)
    X = table.drop(columns=["date", "dep_time", "arr_delay"])
    y = np.where(table["arr_delay"] > 30, "late", "in time")
    AutoMLClassifier(time_budget=SECONDS, positive_label="late", random_state=0).fit(X, y).save(folder)


def draw_search(clf: Any) -> None:
    """Draw the search of a fitted classifier: three pictures."""
    import matplotlib.pyplot as plt

    from automl import plots

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    board = clf.leaderboard_

    figure, axes = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
    plots.score_over_time(clf, ax=axes)
    _save(figure, "search_scores")

    figure, axes = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
    families = list(dict.fromkeys(result.trial.configuration.family for result in clf.history_))
    starts, full = 0.0, max(board["folds"])
    folds = {configuration: len(known.folds) for configuration, known in clf.history_.evaluations.items()}
    for result in clf.history_:
        color = BLUE if folds[result.trial.configuration] == full else ORANGE if str(result.status) == "ok" else GRAY
        place = families.index(result.trial.configuration.family)
        axes.barh(
            place,
            result.seconds,
            left=starts,
            height=0.7,
            color=color,
            edgecolor="white",
            linewidth=0.3 if result.seconds > 3 else 0,
        )
        starts += result.seconds
    axes.set_yticks(range(len(families)), [family.replace("_", " ") for family in families])
    axes.invert_yaxis()
    axes.set(xlabel="seconds of all trials", title="Families of the trials, one after another")
    labels = {"reached all folds": BLUE, "stopped after its first folds": ORANGE, "failed, or took too long": GRAY}
    axes.legend([plt.Rectangle((0, 0), 1, 1, color=color) for color in labels.values()], labels, fontsize=8)
    _save(figure, "search_families")

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.6), layout="constrained")
    members = board[board["weight"] > 0].sort_values("weight")
    left.barh(
        [name.replace("_", " ") + f"  {i}" for i, name in members["family"].items()], members["weight"], color=BLUE
    )
    left.set(xlabel="weight in the ensemble", title="Members, with their ranks")
    estimate = clf.estimate_
    right.plot([estimate.low, estimate.high], [0, 0], color=BLUE, linewidth=4, alpha=0.4, solid_capstyle="butt")
    right.plot(estimate.score, 0, "o", color=BLUE)
    scores = board.loc[board["folds"] == full, "score"]
    right.plot(scores, np.ones(len(scores)), "o", color=GRAY, alpha=0.6)
    right.plot(scores.max(), 1, "o", color=ORANGE)
    right.set_yticks([0, 1], ["the ensemble, expected\non new rows", "configurations\nin the search"])
    right.set(ylim=(-0.5, 1.5), xlabel="ROC AUC", title="Scores on all folds")
    _save(figure, "search_ensemble")


def _save(figure: Any, name: str) -> None:
    figure.savefig(STATIC / f"{name}.png", dpi=130)


def photograph_report() -> None:
    """Save a picture of the top of the demo's report, in light colors."""
    from playwright.sync_api import sync_playwright

    page_file = DOCS.parent / "demo" / "report.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 745}, color_scheme="light")
        page.goto(page_file.as_uri())
        page.screenshot(path=STATIC / "report.png")
        browser.close()


if __name__ == "__main__":
    if sys.argv[1] == "report":
        photograph_report()
    else:
        import automl

        model = Path(sys.argv[2])
        if not model.exists():
            fit(model)
        draw_search(automl.load(model))
