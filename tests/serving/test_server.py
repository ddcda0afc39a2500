"""The server as clients see it: predictions, errors that name row and column, limits, description and metrics."""

import asyncio
import io
import json
import re
import socket
import threading
from csv import QUOTE_ALL

import numpy as np
import pandas as pd
import pytest

from automl import AutoMLRegressor
from automl.serving.app import ServedApp, ServerLimits
from automl.serving.model import ServedModel, served_columns
from automl.serving.sockets import listen
from pipelines.table.reader import TableReader
from tests.serving.conftest import as_json, client_of, make_rows

CSV = {"Content-Type": "text/csv"}


def send_json(client, text, **headers):
    return client.post("/predict", content=text, headers={"Content-Type": "application/json", **headers})


def send_csv(client, text, **headers):
    return client.post("/predict", content=text, headers={**CSV, **headers})


def first_row(**changes):
    return {**as_json(make_rows(1))["rows"][0], **changes}


def test_json_rows_get_the_predictions_of_the_estimator(client, estimator, rows):
    answer = client.post("/predict", json=as_json(rows)).json()
    assert answer["predictions"] == estimator.predict(rows).tolist()
    assert answer["classes"] == ["no", "yes"]
    np.testing.assert_array_equal(answer["probabilities"], estimator.predict_proba(rows))


def test_csv_rows_get_the_predictions_of_the_estimator(client, estimator, rows):
    answer = send_csv(client, rows.to_csv(index=False))
    assert answer.headers["content-type"].startswith("text/csv")
    table = pd.read_csv(io.BytesIO(answer.content), dtype=str)
    assert list(table) == ["prediction", "probability_no", "probability_yes"]
    np.testing.assert_array_equal(
        table[["probability_no", "probability_yes"]].astype(float), estimator.predict_proba(rows)
    )


def test_a_level_adds_intervals_or_sets_of_classes(client, estimator, rows):
    sets = estimator.predict_set(rows, 0.95)
    answer = client.post("/predict", json=as_json(rows), params={"level": 0.95}).json()
    assert [len(labels) for labels in answer["sets"]] == sets.sum(axis=1).tolist()
    answer = client.post("/predict", content=rows.to_csv(index=False), headers=CSV, params={"level": 0.95})
    table = pd.read_csv(io.BytesIO(answer.content))
    assert table["prediction_set"].tolist() == ["|".join(estimator.classes_[row]) for row in sets]
    for level, message in (("2", "level must be a number between 0 and 1"), ("0.999", "needs at least 999 rows")):
        answer = client.post("/predict", json=as_json(rows), params={"level": level})
        assert answer.status_code == 422
        assert message in answer.json()["message"]
    X = pd.DataFrame({"a": np.arange(60.0)})
    fast = {"include": ["ridge"], "time_budget": None, "max_trials": 1, "cv": 2, "n_jobs": 1, "verbose": 0}
    reg = AutoMLRegressor(**fast).fit(X, X["a"] + np.tile([0.0, 1.0, 3.0], 20))
    found = ServedModel(reg).predict(X, 0.8)
    np.testing.assert_allclose(found.intervals, reg.predict_interval(X, 0.8))
    assert found.values == reg.predict(X).tolist()


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16"), (",", "cp1252")])
def test_csv_may_have_other_separators_and_encodings(client, rows, separator, encoding):
    text = rows.head(3).to_csv(index=False, sep=separator)
    charset = "utf-8" if encoding == "utf-8-sig" else encoding
    answer = send_csv(client, text.encode(encoding), **{"Content-Type": f"text/csv; charset={charset}"})
    assert answer.text == send_csv(client, rows.head(3).to_csv(index=False)).text


@pytest.fixture(scope="module")
def sums():
    """A model of the sum of two columns of numbers, beside a column of texts of numbers."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(0, 9, 80).round(3), "b": rng.normal(0, 9, 80).round(3)})
    table["fee"] = [f"{i % 40},5 EUR" for i in range(80)]
    fast = {"include": ["ridge"], "time_budget": None, "max_trials": 1, "cv": 2, "n_jobs": 1, "verbose": 0}
    return AutoMLRegressor(**fast, random_state=0).fit(table, table["a"] + table["b"])


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        ("1,5;0,125;1,5\n1,001;2;1,5\n", [[1.5, 0.125], [1.001, 2]]),
        ("1,001;2;1.5\n", [[1.001, 2]]),
        ("1.234,50;0,125;1,5\n", [[1234.5, 0.125]]),
        ("1.001;2;1,5\n", [[1.001, 2]]),
        ("1,5e-05;2;1.5\n", [[1.5e-05, 2]]),
        (",5;-,25;1.5\n", [[0.5, -0.25]]),
        ("1.5;0.125;0,125\n1e3;1,234.50;0,125\n", [[1.5, 0.125], [1000, 1234.5]]),
        ('1.5,0.125,"1,5"\n', [[1.5, 0.125]]),
    ],
)
def test_the_decimal_sign_of_csv_is_found_once_for_all_numbers(sums, lines, numbers):
    separator = ";" if ";" in lines else ","
    with client_of(sums) as post:
        answer = post("/predict", content=separator.join(["a", "b", "fee"]) + "\n" + lines, headers=CSV)[0]
    assert answer.status_code == 200, answer.text
    fees = [line.split(separator, 2)[2].strip('"') for line in lines.splitlines()]
    expected = sums.predict(pd.DataFrame(numbers, columns=["a", "b"]).assign(fee=fees))
    np.testing.assert_allclose(pd.read_csv(io.BytesIO(answer.content))["prediction"], expected)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "1.5;2.5;1\n2.5;0,125;1\n",
            "row 2, column 'b': '0,125' has a comma, but the decimal sign",
        ),
        ("1,5;2,5;1\n1.001;2;1\n", "row 2, column 'a': '1.001' has a point, but the decimal sign"),
        ('1,"0,125",1\n', "row 1, column 'b': '0,125' has a comma, but the decimal sign"),
    ],
)
def test_a_number_with_another_decimal_sign_is_refused(sums, lines, message):
    with client_of(sums) as post:
        header = "a;b;fee\n" if ";" in lines else "a,b,fee\n"
        answer = post("/predict", content=header + lines, headers=CSV)[0]
    assert (answer.status_code, answer.json()["message"][: len(message)]) == (422, message)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_names_of_columns_may_hold_separators(separator):
    table = pd.DataFrame(np.arange(60.0).reshape(20, 3), columns=["Price, EUR, net", "Size; m2; net", "Age"])
    fast = {"include": ["decision_tree"], "time_budget": None, "max_trials": 1, "cv": 2, "n_jobs": 1, "verbose": 0}
    reg = AutoMLRegressor(**fast, random_state=0).fit(table, np.arange(20.0))
    content = table.to_csv(index=False, sep=separator, quoting=QUOTE_ALL)
    with client_of(reg) as post:
        answer = post("/predict", content=content, headers=CSV | {"Accept": "application/json"})[0]
    assert answer.json() == {"predictions": reg.predict(table).tolist()}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("text/csv", "text/csv"), ("application/json;q=0.2, text/*", "text/csv"), ("*/*", "application/json")],
)
def test_the_accept_header_chooses_the_format_of_the_response(client, rows, accept, kind):
    answer = client.post("/predict", json=as_json(rows.head(2)), headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind)


def test_an_accept_header_without_json_or_csv_gets_406(client, rows):
    answer = client.post("/predict", json=as_json(rows.head(2)), headers={"Accept": "image/png"})
    assert answer.status_code == 406


def test_columns_that_the_model_does_not_use_may_be_left_out(client, rows):
    short = client.post("/predict", json=as_json(rows.drop(columns="country"))).json()
    assert short == client.post("/predict", json=as_json(rows)).json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": "abc"}, "row 2, column 'age': 'abc' is not a number"),
        ({"age": True}, "row 2, column 'age': true is not a number"),
        ({"age": 10**400}, "row 2, column 'age': NaN, infinity and numbers beyond 1e308 are not allowed; write null"),
        ({"age": [1]}, "row 2, column 'age': a list is not a value"),
        ({"city": {"name": "Rome"}}, "row 2, column 'city': an object is not a value"),
        ({"income": float("nan")}, "row 2, column 'income': NaN, infinity"),
        ({"income": float("-inf")}, "row 2, column 'income': NaN, infinity"),
        ({"member": 3}, "row 2, column 'member': 3 is neither true nor false"),
        ({"joined": "in May"}, "row 2, column 'joined': 'in May' is not a date such as '2025-01-31'"),
        ({"joined": 5}, "row 2, column 'joined': 5 is not a date"),
        ({"note": "\ud800"}, "row 2, column 'note': the text holds half of a surrogate pair"),
        ({"note": float("inf")}, "row 2, column 'note': NaN, infinity"),
        ({"agee": 1}, "row 2: unknown columns: 'agee'"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_row_and_column(client, change, message):
    answer = send_json(client, json.dumps({"rows": [first_row(), first_row(**change)]}))
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(message)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("abc", "row 1, column 'age': 'abc' is not a number"),
        ("inf", "row 1, column 'age': 'inf' is not a finite number"),
    ],
)
def test_a_field_of_csv_that_is_no_number_is_named(client, rows, field, message):
    table = rows.head(1).astype({"age": object})
    table["age"] = field
    answer = send_csv(client, table.to_csv(index=False))
    assert (answer.status_code, answer.json()["message"]) == (422, message)


def test_all_bad_columns_are_listed_in_one_response(client):
    answer = client.post("/predict", json={"rows": [first_row(age="x", member="y", joined="z")]}).json()
    assert [(error["row"], error["column"]) for error in answer["errors"]] == [(1, "age"), (1, "member"), (1, "joined")]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[" * 100_000, "the JSON is nested too deeply"),
        ('{"rows": [' + "[" * 40_000 + "]" * 40_000 + "]}", "the JSON is nested too deeply"),
        ("{", "the body is not JSON"),
        ("", "the body is not JSON"),
        ("[]", "the JSON must be an object with one list named 'rows'"),
        ('{"rows": {}}', "the JSON must be an object with one list named 'rows'"),
        ('{"rows": []}', "the request has no rows"),
        ('{"rows": [1]}', "row 1: the row is not an object"),
        ('{"rows": [{"age": 1, "age": 2}]}', "row 1, column 'age': the name occurs more than once"),
        ('{"rows": [{"age": 1}]}', "row 1: missing columns: 'income', 'city', 'member', 'joined', 'note'"),
        ('{"rows": [{"age": ' + "9" * 5_000 + "}]}", "the body is not JSON"),
        (b'{"rows": "\xff"}', "the body is not utf-8: byte 10"),
    ],
)
def test_json_that_holds_no_rows_gets_422_and_a_reason(client, body, message):
    answer = send_json(client, body)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(message)


def test_many_names_of_which_one_occurs_twice_are_refused_at_once(estimator):
    names = [f"c{i}" for i in range(100_000)] + ["c99999"]
    csv = ",".join(names) + "\n"
    body = '{"rows": [{' + ", ".join(f'"{name}": 1' for name in names) + "}]}"
    with client_of(estimator, seconds=10) as post:
        for content, kind in ((csv, "text/csv"), (body, "application/json")):
            answer = post("/predict", content=content, headers={"Content-Type": kind})
            assert (answer[0].status_code, "more than once" in answer[0].json()["message"]) == (422, True)


@pytest.mark.parametrize("depth", [100, 900, 2_000, 5_000, 9_900])
def test_a_deeply_nested_cell_or_row_gets_422_in_every_version_of_python(client, depth):
    nested = "[" * depth + "]" * depth
    row = json.dumps(first_row(age="here")).replace('"here"', nested)
    for body in (f'{{"rows": [{row}]}}', f'{{"rows": [{nested}]}}'):
        assert send_json(client, body).status_code == 422


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "the CSV is empty"),
        ("age,age\n1,2\n", "the header names columns more than once: 'age'"),
        ("age,city\n1,Rome\n", "missing columns: 'income', 'member', 'joined', 'note'"),
        ("age,income,city,member,joined,note\n1,2\n", "row 1: the row has 2 fields, but the header has 6"),
        ("age,income,city,member,joined,note\n", "the request has no rows"),
        ('age,income,city,member,joined,note\n1,2,"x', "the body is not CSV: line 2"),
        (b"age\xff", "the body is not utf-8: byte 3"),
    ],
)
def test_csv_that_cannot_be_read_gets_422_and_a_reason(client, body, message):
    answer = send_csv(client, body)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(message)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/html"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "text/csv; charset=rot13"},
        {"Content-Type": "text/csv; charset=punycode"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_an_unknown_content_type_or_encoding_gets_415(client, headers):
    assert client.post("/predict", content=b'{"rows": [{}]}', headers=headers).status_code == 415


def test_too_many_rows_and_too_many_bytes_get_413(client, rows):
    many = pd.concat([rows] * 2)
    assert client.post("/predict", json=as_json(many.iloc[:200])).status_code == 200
    for answer in (client.post("/predict", json=as_json(many.iloc[:201])), send_csv(client, many.to_csv(index=False))):
        assert (answer.status_code, "200 rows" in answer.json()["message"]) == (413, True)
    assert send_csv(client, b"x" * 110_000).status_code == 413
    assert send_csv(client, (b"x" * 10_000 for _ in range(50))).status_code == 413  # without a length


def test_the_schema_describes_the_training_columns(client):
    schema = client.get("/schema").json()
    columns = {column["name"]: column for column in schema["columns"]}
    assert {name: column["kind"] for name, column in columns.items()} == {
        "age": "number",
        "income": "number",
        "city": "category",
        "member": "boolean",
        "joined": "date",
        "note": "text",
        "country": "constant",
    }
    assert columns["city"]["categories"] == ["Bonn", "Oslo", "Rome"]
    assert (columns["age"]["dtype"], columns["age"]["nullable"]) == ("int64", False)
    assert (columns["income"]["dtype"], columns["income"]["nullable"]) == ("float64", True)
    assert (columns["country"]["required"], columns["age"]["required"]) == (False, True)
    assert (schema["task"], schema["classes"]) == ("classification", ["no", "yes"])


def test_the_server_says_that_it_is_alive_and_ready(client):
    assert [client.get(path).json()["status"] for path in ("/health", "/health/ready", "/health/live")] == [
        "ready",
        "ready",
        "live",
    ]


def test_metrics_count_requests_rows_errors_and_unseen_levels(client, rows):
    def read(name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    names = [
        'automl_requests_total{code="200",path="/predict"}',
        "automl_rows_total",
        'automl_errors_total{code="422"}',
        'automl_level_cells_total{column="city"}',
        'automl_unseen_level_cells_total{column="city"}',
        'automl_request_seconds_count{path="/predict"}',
    ]
    before = [read(name) for name in names]
    known, unseen = rows.head(3), rows.head(1).assign(city="Paris")
    assert client.post("/predict", json=as_json(pd.concat([known, unseen]))).status_code == 200
    assert send_json(client, "{").status_code == 422
    assert [read(name) - value for name, value in zip(names, before, strict=True)] == [1, 4, 1, 4, 1, 2]
    assert 0 < read('automl_unseen_level_share{column="city"}') < 1


def test_an_unknown_path_gets_404_and_a_wrong_method_405(client):
    assert client.get("/nowhere").status_code == 404
    answer = client.get("/predict")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["message"] == "/predict takes no GET request; use POST"


def test_a_misspelled_option_is_refused_with_the_known_one(client, rows):
    answer = client.post("/predict", json=as_json(rows), params={"levl": 0.9})
    assert answer.status_code == 422
    assert answer.json()["message"] == (
        "'levl' is no option of /predict; the only option is level, such as /predict?level=0.9"
    )


def test_pages_that_load_code_from_the_internet_are_not_served(client):
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]


def test_the_request_id_of_a_client_comes_back_unless_it_could_harm_the_log(client):
    assert client.get("/health", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    answer = client.post("/predict", headers={"X-Request-ID": "a b\tc"})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_predictions_that_take_too_long_get_504(estimator, rows, monkeypatch):
    answered, predict = threading.Event(), ServedModel.predict

    def predict_late(*arguments, **options):
        answered.wait(60)
        return predict(*arguments, **options)

    monkeypatch.setattr(ServedModel, "predict", predict_late)
    with client_of(estimator, seconds=0.3) as post:
        answer = post("/predict", json=as_json(rows))[0]
        answered.set()
    assert answer.status_code == 504


def test_a_busy_server_refuses_requests_with_503(estimator, rows):
    with client_of(estimator, n_threads=1, max_waiting=1) as post:
        answers = post("/predict", json=as_json(rows), times=10)
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 503}
    assert codes.count(200) >= 2
    assert {answer.headers.get("retry-after") for answer in answers if answer.status_code == 503} == {"1"}


def test_many_large_bodies_together_are_refused_with_503_and_release_their_memory(estimator, rows):
    async def in_two_parts():
        content = json.dumps(as_json(rows)).encode()
        yield content[:-1]
        await asyncio.sleep(0.5)  # all requests have sent their first part by then
        yield content[-1:]

    n_bytes = len(json.dumps(as_json(rows)).encode())
    headers = {"Content-Type": "application/json"}
    with client_of(estimator, max_bytes=n_bytes) as post:
        answers = post("/predict", content=in_two_parts, headers=headers, times=24)
        after = post("/predict", json=as_json(rows))
    codes = [answer.status_code for answer in answers]
    assert set(codes) == {200, 503}
    assert codes.count(200) == 16
    assert after[0].status_code == 200


def test_an_unexpected_error_gets_500_and_shows_only_the_request_id(estimator, rows, monkeypatch, caplog):
    def fail(self, table, level):
        raise RuntimeError("a secret path")

    monkeypatch.setattr(ServedModel, "predict", fail)
    with client_of(estimator) as post:
        answer = post("/predict", json=as_json(rows))[0]
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert answer.json()["request_id"] in caplog.text
    assert "a secret path" in caplog.text


def test_a_body_that_does_not_arrive_gets_408(estimator):
    async def slowly():
        yield b'{"rows": '
        await asyncio.sleep(30)

    with client_of(estimator, seconds=0.2) as post:
        answer = post("/predict", content=slowly(), headers={"Content-Type": "application/json"})[0]
    assert answer.status_code == 408


def test_a_client_that_leaves_before_the_end_of_its_body_is_no_error_of_the_server(estimator, caplog):
    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        return None

    app = ServedApp(estimator, ServerLimits())
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/predict", "raw_path": b"/predict", "root_path": "", "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }  # fmt: skip
    asyncio.run(app.asgi(scope, receive, send))
    app.pool.close()
    assert 'automl_requests_total{code="400",path="/predict"} 1.0' in app.metrics.text().decode()
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("values", [[[1, "a"], [2, "b"]] * 15, np.arange(60.0).reshape(30, 2)])
def test_a_model_of_an_array_names_its_columns_x0_and_x1(values):
    fast = {"include": ["decision_tree"], "time_budget": None, "max_trials": 1, "cv": 2, "n_jobs": 1, "verbose": 0}
    reg = AutoMLRegressor(**fast, random_state=0).fit(values, np.arange(30.0))
    cells = [dict(zip(["x1", "x0"], [row[1], row[0]], strict=True)) for row in np.asarray(values, object).tolist()[:4]]
    with client_of(reg) as post:
        answer = post("/predict", json={"rows": cells})[0]
    assert answer.json() == {"predictions": reg.predict(values[:4]).tolist()}


def test_answers_do_not_wait_for_acknowledgments():
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_columns_whose_labels_have_the_same_text_get_different_names():
    table = pd.DataFrame(np.arange(60.0).reshape(20, 3), columns=pd.Index(["1 (2)", 1, "1"], dtype=object))
    reader = TableReader()
    reader.fit_transform(table)
    columns = served_columns(reader)
    assert len({column.name for column in columns}) == len(columns) == 3
