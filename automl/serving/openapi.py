"""The OpenAPI description of the server, made from the columns of the training table."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from automl.serving.bodies import CSV, JSON
from automl.serving.cells import LARGEST_NUMBER, NUMBER_PATTERN, TIME_PATTERN
from automl.serving.model import MAX_CATEGORIES, ServedColumn, ServedModel
from automl.task.quantiles import level_name

_LIMITS = {"minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
_REFUSALS = {
    406: "The client accepts neither JSON nor CSV.",
    408: "The body did not arrive in time.",
    413: "The body or the number of rows is too large.",
    415: "The content type or the encoding is not supported.",
    422: "The rows cannot be read; the message names row and column.",
    500: "The server has an error; its log has the details.",
    503: "The server is busy or stops.",
    504: "The predictions took too long.",
}


def describe_api(model: ServedModel, max_rows: int) -> dict[str, Any]:
    """Return the OpenAPI document."""
    rows = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Row"}}
    body = {
        JSON: {
            "schema": {
                "type": "object",
                "properties": {"rows": rows},
                "required": ["rows"],
                "additionalProperties": False,
            }
        },
        CSV: {"schema": rows},
    }
    answer = {JSON: {"schema": {"$ref": "#/components/schemas/Predictions"}}, CSV: {"schema": {"type": "string"}}}
    refusals = {str(code): _response(text, {JSON: {"schema": _error_ref()}}) for code, text in _REFUSALS.items()}
    predict = {
        "operationId": "predict",
        "summary": "Predict the target of each row.",
        "description": f"Rows come as JSON or as CSV with a header line, at most {max_rows} in one request. The header "
        "Accept chooses JSON or CSV for the predictions; without it, they have the format of the request.",
        "parameters": _levels(model),
        "requestBody": {"required": True, "content": body},
        "responses": {"200": _response("The predictions, in the order of the rows.", answer), **refusals},
    }
    state = {JSON: {"schema": {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}}}
    live = {"200": _response("The process answers.", state)}
    ready = {"200": _response("The server takes requests.", state), "503": _response("The server stops.", state)}
    columns = {"200": _response("The columns.", {JSON: {"schema": {"type": "object"}}})}
    metrics = {"200": _response("The metrics.", {"text/plain": {"schema": {"type": "string"}}})}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Predictions of an {model.name}", "version": version("cash-automl")},
        "paths": {
            "/predict": {"post": predict},
            "/schema": {"get": _get("schema", "Describe the columns of the training table.", columns)},
            "/health": {"get": _get("health", "Say whether the server takes requests.", ready)},
            "/health/live": {"get": _get("live", "Say that the process answers.", live)},
            "/health/ready": {"get": _get("ready", "Say whether the server takes requests.", ready)},
            "/metrics": {"get": _get("metrics", "Return metrics in the text format of Prometheus.", metrics)},
        },
        "components": {"schemas": _schemas(model)},
    }


def _levels(model: ServedModel) -> list[dict[str, Any]]:
    """Return the description of the parameter that asks for intervals or sets, where the model has them."""
    if model.largest_level is None:
        return []
    what = "a set of classes" if model.is_classifier else "an interval of numbers"
    each = "each row" if model.targets is None else "each row and target"
    about = f"Also answer with {what} for {each} that holds the true value with this probability."
    limits = {"type": "number", "exclusiveMinimum": 0, "maximum": model.largest_level}
    return [{"name": "level", "in": "query", "required": False, "schema": limits, "description": about}]


def _get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": responses}


def _response(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": content}


def _error_ref() -> dict[str, str]:
    return {"$ref": "#/components/schemas/Error"}


def _schemas(model: ServedModel) -> dict[str, Any]:
    row = {
        "type": "object",
        "properties": {column.name: _cell_schema(column) for column in model.columns},
        "required": [column.name for column in model.columns if column.used],
        "additionalProperties": False,
    }
    problem = {
        "type": "object",
        "properties": {
            "row": {"type": ["integer", "null"], "description": "The first row is row 1."},
            "column": {"type": ["string", "null"]},
            "message": {"type": "string"},
        },
        "required": ["row", "column", "message"],
    }
    error = {
        "type": "object",
        "properties": {
            "message": {"type": "string"},
            "errors": {"type": "array", "items": problem},
            "request_id": {"type": "string"},
        },
        "required": ["message", "errors", "request_id"],
    }
    return {"Row": row, "Predictions": _predictions_schema(model), "Error": error}


def _predictions_schema(model: ServedModel) -> dict[str, Any]:
    if model.targets is not None:
        return _targets_schema(list(model.targets), model.is_classifier)
    if model.classes is None:
        values: dict[str, Any] = {"type": "array", "items": {"type": "number"}}
        ends = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        properties: dict[str, Any] = {"predictions": values, "intervals": {"type": "array", "items": ends}}
        if model.quantiles:
            levels = {level_name(level): values for level in model.quantiles}
            properties["quantiles"] = {"type": "object", "properties": levels}
        return {"type": "object", "properties": properties, "required": ["predictions"]}
    labels = {"type": "array", "items": {"type": ["string", "number", "boolean"]}}
    shares = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}}
    return {
        "type": "object",
        "properties": {
            "predictions": labels,
            "classes": labels,
            "probabilities": {
                "type": "array",
                "items": shares,
                "description": "One list a row, in the order of classes.",
            },
            "sets": {"type": "array", "items": labels, "description": "The classes of the set of each row."},
        },
        "required": ["predictions", "classes", "probabilities"],
    }


def _targets_schema(names: list[str], is_classifier: bool) -> dict[str, Any]:
    """Return the schema of the predictions for several targets: objects with an entry for each target."""

    def by_name(entry: dict[str, Any]) -> dict[str, Any]:
        return {"type": "object", "properties": dict.fromkeys(names, entry), "required": names}

    if not is_classifier:
        ends = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
        properties = {
            "predictions": {"type": "array", "items": by_name({"type": "number"})},
            "intervals": by_name({"type": "array", "items": ends}),
        }
        return {"type": "object", "properties": properties, "required": ["predictions"]}
    label = {"type": ["string", "number", "boolean"]}
    shares = {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}}
    properties = {
        "predictions": {"type": "array", "items": by_name(label)},
        "classes": by_name({"type": "array", "items": label}),
        "probabilities": by_name({"type": "array", "items": shares}),
        "sets": by_name({"type": "array", "items": {"type": "array", "items": label}}),
    }
    return {"type": "object", "properties": properties, "required": ["predictions", "classes", "probabilities"]}


def _cell_schema(column: ServedColumn) -> dict[str, Any]:
    """Return the JSON Schema of a cell; null is a missing value."""
    null = {"type": "null"}
    scalar = {"type": ["string", "number", "boolean", "null"], **_LIMITS}
    missing = "missing values were" if column.column.missing else "no missing values"
    about = {"description": f"{column.kind}; {missing} in training"}
    if column.kind == "number":
        return {"anyOf": [{"type": "number", **_LIMITS}, _text_schema(column, NUMBER_PATTERN), null], **about}
    if column.kind == "boolean":
        truth = {"enum": [True, False, 0, 1, None]}
        return {**({"anyOf": [truth, {"type": "string"}]} if column.holds_texts else truth), **about}
    if column.kind == "time":
        return {"anyOf": [_text_schema(column, TIME_PATTERN), null], **about}
    if column.kind == "date":
        if column.date_format == "ISO8601" and column.holds_texts:  # also with a blank before the time, or no seconds
            return {"type": ["string", "null"], **about}
        if column.date_format in (None, "ISO8601"):
            formats = [{"type": "string", "format": name} for name in ("date", "date-time")]
            return {"anyOf": [*formats, null], **about}
        return {"type": ["string", "null"], "description": f"date in the format {column.date_format}"}
    if not column.used:
        return {**scalar, "description": f"{column.kind}; not used: {column.column.reason}"}
    if column.levels and len(column.levels) <= MAX_CATEGORIES:
        return {**scalar, **about, "examples": list(column.levels)}
    return {**scalar, **about}


def _text_schema(column: ServedColumn, pattern: str) -> dict[str, Any]:
    """Return the schema of a cell that is a text; no pattern covers all notations that a column of texts may have."""
    return {"type": "string"} if column.holds_texts else {"type": "string", "pattern": pattern}
