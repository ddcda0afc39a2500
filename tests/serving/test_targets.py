"""The server of a model of several targets."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sklearn.datasets import load_linnerud

from automl import AutoMLClassifier, AutoMLRegressor
from automl.serving.app import ServedApp, ServerLimits

X, NUMBERS = load_linnerud(return_X_y=True, as_frame=True)
LABELS = pd.DataFrame(
    {"heavy": NUMBERS["Weight"].gt(180), "girth": np.array(["s", "m", "l"])[pd.qcut(NUMBERS["Waist"], 3).cat.codes]}
)
SETTINGS = {"time_budget": None, "max_trials": 1, "n_jobs": 1, "cv": 2, "verbose": 0, "random_state": 0}


def serve(model):
    return TestClient(ServedApp(model, ServerLimits()).asgi)


@pytest.fixture(scope="module")
def numbers():
    model = AutoMLRegressor(**SETTINGS, include=["ridge"]).fit(X, NUMBERS)
    with serve(model) as client:
        yield model, client


@pytest.fixture(scope="module")
def labels():
    model = AutoMLClassifier(**SETTINGS, include=["decision_tree"]).fit(X, LABELS)
    with serve(model) as client:
        yield model, client


def ask(client, query="", accept="application/json"):
    answer = client.post(f"/predict{query}", json={"rows": X[:3].to_dict("records")}, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    return answer.json() if accept.endswith("json") else list(csv.DictReader(io.StringIO(answer.text)))


def test_numbers_are_objects_with_the_names_of_the_targets(numbers):
    model, client = numbers
    answer = ask(client, "?level=0.5")
    assert np.allclose([list(row.values()) for row in answer["predictions"]], model.predict(X[:3]))
    assert list(answer["predictions"][0]) == list(NUMBERS.columns)
    ends = model.predict_interval(X[:3], level=0.5)
    assert np.allclose(answer["intervals"]["Waist"], ends[:, :, 1])
    rows = ask(client, "?level=0.5", "text/csv")
    assert float(rows[2]["Pulse_interval_high"]) == pytest.approx(ends[2, 1, 2])


def test_labels_come_with_the_classes_and_probabilities_of_each_target(labels):
    model, client = labels
    answer = ask(client)
    assert answer["classes"] == {"heavy": [False, True], "girth": ["l", "m", "s"]}
    found = [answer["probabilities"][name] for name in LABELS]
    assert all(np.allclose(own, p) for own, p in zip(found, model.predict_proba(X[:3]), strict=True))
    assert [list(row.values()) for row in answer["predictions"]] == model.predict(X[:3]).tolist()
    sets = ask(client, "?level=0.5")["sets"]["girth"]
    assert all(row["girth"] in own for row, own in zip(answer["predictions"], sets, strict=True))
    rows = ask(client, "?level=0.5", "text/csv")
    assert list(rows[0])[:4] == ["heavy", "probability_heavy=False", "probability_heavy=True", "heavy_set"]


def test_columns_of_the_same_name_are_refused_in_csv_and_kept_in_json():
    targets = LABELS.rename(columns={"girth": "heavy_set"})
    with serve(AutoMLClassifier(**SETTINGS, include=["decision_tree"]).fit(X, targets)) as client:
        rows = {"rows": X[:3].to_dict("records")}
        answer = client.post("/predict?level=0.5", json=rows, headers={"Accept": "text/csv"})
        assert answer.status_code == 422
        assert "more than one column 'heavy_set'" in answer.text
        assert set(ask(client, "?level=0.5")["sets"]) == {"heavy", "heavy_set"}


def test_the_descriptions_name_the_targets(numbers, labels):
    assert numbers[1].get("/schema").json()["targets"] == [{"name": name} for name in NUMBERS]
    shown = labels[1].get("/schema").json()
    assert shown["task"] == "classification"
    assert shown["targets"][1] == {"name": "girth", "classes": ["l", "m", "s"]}
    schema = labels[1].get("/openapi.json").json()["components"]["schemas"]["Predictions"]
    answer = ask(labels[1], "?level=0.5")
    assert set(answer) == set(schema["properties"])
    assert set(answer["sets"]) == set(schema["properties"]["sets"]["properties"])
