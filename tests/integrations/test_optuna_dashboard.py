"""A real optuna-dashboard shows a study that was exported from a run."""

from __future__ import annotations

import json
import urllib.request

import pytest
from sklearn.datasets import load_wine

from automl import AutoMLClassifier
from automl.integrations.optuna import export
from tests.factories import FAST
from tests.integrations.environments import environment, free_port, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dashboard")
    X, y = load_wine(return_X_y=True, as_frame=True)
    clf = AutoMLClassifier(**FAST | {"max_trials": 12}).fit(X, y)
    export(clf, folder / "study.log", "wine")
    programs, port = environment("optuna-dashboard", "optuna-dashboard>=0.18"), free_port()
    command = [programs / "optuna-dashboard", "study.log", "--host", "127.0.0.1", "--port", port]
    with serving(command, f"http://127.0.0.1:{port}/api/studies", folder):
        yield clf, f"http://127.0.0.1:{port}"


def get(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def test_its_api_returns_the_study_its_trials_and_the_importances(dashboard):
    clf, url = dashboard
    (study,) = get(f"{url}/api/studies")["study_summaries"]
    assert (study["study_name"], study["directions"]) == ("wine", ["minimize"])
    details = get(f"{url}/api/studies/{study['study_id']}?after=0")
    assert [trial["state"] for trial in details["trials"]] == ["Complete"] * len(clf.history_.evaluations)
    assert details["objective_names"] == ["log loss"]
    assert details["has_intermediate_values"]
    best = {key["key"]: key["value"] for key in details["best_trials"][0]["user_attrs"]}
    assert best["id"] == clf.leaderboard_["id"].iloc[0]
    (importances,) = get(f"{url}/api/studies/{study['study_id']}/param_importances")["param_importances"]
    assert importances[0]["importance"] > 0


def test_its_page_shows_the_history_the_importances_and_the_best_trial(dashboard):
    playwright = pytest.importorskip("playwright.sync_api")
    _, url = dashboard
    with playwright.sync_playwright() as engine:
        try:
            browser = engine.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {error}")
        page = browser.new_page(viewport={"width": 1280, "height": 1600})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{url}/dashboard/studies/0")
        page.get_by_text("Best Trial").first.wait_for(timeout=60_000)
        page.locator(".js-plotly-plot").first.wait_for(timeout=60_000)
        for heading in ("History", "Hyperparameter Importance", "Timeline"):
            page.get_by_text(heading, exact=True).locator("visible=true").first.wait_for(timeout=60_000)
        assert errors == []
        browser.close()
