"""The OpenAPI description of the server holds for requests that schemathesis generates from it."""

import copy
import csv
import io

import httpx
import jsonschema
import pandas as pd
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from automl import AutoMLRegressor
from automl.serving.model import ServedModel
from automl.serving.openapi import describe_api
from tests.factories import FAST
from tests.serving.conftest import client_of


@schemathesis.serializer("text/csv")
def write_csv(context, rows):
    """Write generated rows as CSV."""
    out = io.StringIO()
    names = list(rows[0]) if rows else []
    names += [name for name in dict.fromkeys(key for row in rows for key in row) if name not in names]
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([_field(row.get(name)) for name in names] for row in rows)
    return out.getvalue().encode()


def _field(value):
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else value


@pytest.fixture(scope="module")
def description(address):
    return httpx.get(f"{address}/openapi.json").raise_for_status().json()


def operations(description, address):
    schema = schemathesis.openapi.from_dict(description)
    schema.config.update(base_url=address)
    return {operation.ok().path: operation.ok() for operation in schema.get_all_operations()}


def prediction(description, address, media_type):
    """The prediction with bodies of one type only."""
    described = copy.deepcopy(description)
    content = described["paths"]["/predict"]["post"]["requestBody"]["content"]
    described["paths"]["/predict"]["post"]["requestBody"]["content"] = {media_type: content[media_type]}
    return operations(described, address)["/predict"]


def check(operation, mode, n_requests):
    """Send generated requests, and check status, content type and body of each response against the description."""

    @settings(
        max_examples=n_requests, deadline=None, derandomize=True, database=None, suppress_health_check=HealthCheck
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case):
        case.call_and_validate()

    send()


def test_every_path_answers_as_its_description_says(description, address):
    described = operations(description, address)
    assert set(described) == {"/predict", "/schema", "/health", "/health/live", "/health/ready", "/metrics"}
    for path in set(described) - {"/predict"}:
        check(described[path], GenerationMode.POSITIVE, 1)


@pytest.mark.parametrize("n_requests", [15, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_json_is_accepted_if_and_only_if_the_description_allows_it(description, address, mode, n_requests):
    check(prediction(description, address, "application/json"), mode, n_requests)


@pytest.mark.parametrize("n_requests", [15, pytest.param(300, marks=pytest.mark.slow)])
def test_csv_of_valid_rows_is_accepted(description, address, n_requests):
    # A serializer writes any value as a valid field; requests with errors are generated as JSON only.
    check(prediction(description, address, "text/csv"), GenerationMode.POSITIVE, n_requests)


def test_the_description_allows_the_texts_that_the_model_was_trained_on():
    n = range(60)
    texts = pd.DataFrame(
        {
            "owned": ["yes" if i % 3 else "no" for i in n],
            "fee": [f"{i}.50 EUR" for i in n],
            "start": [f"{i % 12 + 1}:{i:02d} pm" for i in n],
            "day": [f"2025-01-{i % 28 + 1:02d} {i % 24:02d}:15" for i in n],
            "age": n,
        }
    )
    reg = AutoMLRegressor(**FAST | {"max_trials": 1, "include": ["decision_tree"]}).fit(texts, list(n))
    schema = describe_api(ServedModel(reg), 100)["components"]["schemas"]["Row"]
    check_row = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    assert schema["properties"]["day"]["type"] == ["string", "null"]  # not date-time, whose check is optional
    row = texts.astype(object).to_dict("records")[1]
    for wrong in ({}, {"age": "12 years"}):
        with client_of(reg) as post:
            answer = post("/predict", json={"rows": [row | wrong]})[0]
        assert (answer.status_code == 200) == check_row.is_valid(row | wrong) == (not wrong)
