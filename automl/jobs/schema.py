"""The JSON Schema of the description of a batch, by which editors complete and check the YAML file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any

from automl.jobs.checks import RULES
from automl.jobs.spec import COMMON_KEYS, FILE_KEYS, JOB_KEYS, KINDS, TABLE_KEYS, automl_parameters
from automl.task.objectives import OBJECTIVES

_SHARE = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_POSITIVE = {"type": ["number", "null"], "exclusiveMinimum": 0}
_PARAMETER = re.compile(
    r"^(\w+(?:, \w+)*) : .*\n((?:    .*\n)+)", flags=re.MULTILINE
)  # in a docstring of numpydoc's form


def batch_schema() -> dict[str, Any]:
    """Return the schema, in the draft that editors know best.

    A schema cannot see files: whether tables and columns exist is checked by `automl jobs check`.
    """
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Batch of jobs",
        "description": "Tables and settings; each table under each setting is one job of `automl jobs run`.",
        "type": "object",
        "properties": {
            **_rules(("name", "store", "results")),
            "defaults": {
                "description": "Keys for all tables; a setting overrules them, and a table overrules both.",
                "type": ["object", "null"],
                "properties": _rules((*COMMON_KEYS, *JOB_KEYS)),
                "additionalProperties": False,
            },
            "tables": {
                "description": "The tables to fit.",
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/definitions/table"},
            },
            "settings": {
                "description": "Settings by name; by default one setting without parameters.",
                "type": ["object", "null"],
                "additionalProperties": {"$ref": "#/definitions/setting"},
            },
        },
        "required": ["tables"],
        "additionalProperties": False,
        "definitions": {"table": _table(), "setting": _setting()},
    }


def _rules(keys: Iterable[str]) -> dict[str, Any]:
    return {key: {"description": RULES[key].meaning, **RULES[key].schema} for key in keys}


def _table() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": _rules(TABLE_KEYS),
        "oneOf": [{"required": [kind]} for kind in KINDS],
        "dependencies": {"arguments": ["call"], **{key: ["path"] for key in FILE_KEYS}},
        "additionalProperties": False,
    }


def _setting() -> dict[str, Any]:
    own = _rules(("estimator", *JOB_KEYS))
    return {
        "description": "Parameters of AutoMLClassifier and AutoMLRegressor, or of the class that estimator names.",
        "type": ["object", "null"],
        "if": {"properties": {"estimator": {"const": "automl"}}},
        "then": {"properties": {**_parameters(), **own}, "additionalProperties": False},
        "else": {"properties": own},
    }


def _parameters() -> dict[str, Any]:
    """Return the schemas of the parameters of our estimators, with the texts of their documentation."""
    from automl.estimator import AutoMLClassifier, AutoMLRegressor

    documented = [
        found
        for estimator in (AutoMLRegressor, AutoMLClassifier)
        for found in _PARAMETER.findall(inspect.getdoc(estimator) or "")
    ]
    texts = {name: " ".join(text.split()) for names, text in documented for name in names.split(", ")}
    values = _values()
    return {name: {"description": texts[name], **values[name]} for name in automl_parameters()}


def _values() -> Mapping[str, Mapping[str, Any]]:
    """Return the values that parameters may have in a YAML file; `automl.arguments` checks them."""
    from automl.execute.catalog import EXECUTORS
    from automl.search.catalog import SEARCHERS
    from automl.search.initial import DESIGNS
    from pipelines.catalog import CATALOG, NAMES, STEP_NAMES
    from pipelines.table.column_types import KINDS as COLUMN_KINDS

    listed = {"type": ["array", "null"], "items": {"enum": [*NAMES, *STEP_NAMES]}}
    steps = {step: {"enum": [c.name for c in components]} for step, components in CATALOG.items()}
    by_step = {
        "type": "object",
        "properties": {step: {"anyOf": [names, {"type": "array", "items": names}]} for step, names in steps.items()},
        "additionalProperties": False,
    }
    components = {"anyOf": [listed, by_step]}
    return {
        "time_budget": _POSITIVE,
        "max_processor_seconds": _POSITIVE,
        "max_trials": {"type": ["integer", "null"], "minimum": 1},
        "scoring": {"type": ["string", "array", "null"], "items": {"type": "string"}, "minItems": 1},
        "quantiles": {"type": ["array", "null"], "items": _SHARE, "minItems": 1},
        "objectives": {"type": "array", "items": {"enum": list(OBJECTIVES)}, "minItems": 1, "uniqueItems": True},
        "positive_label": {"type": ["string", "number", "boolean", "null"]},
        "cv": {"type": ["integer", "array", "null"], "minimum": 2},
        "memory_limit": _POSITIVE,
        "trial_time_limit": _POSITIVE,
        "device": {"type": "string", "pattern": r"^(auto|cpu|cuda(:\d+)?)$"},
        "include": components,
        "exclude": components,
        "space": {"type": ["object", "null"]},
        "components": {"type": ["array", "null"], "items": {"type": "string"}},
        "initial_configurations": {"oneOf": [{"enum": list(DESIGNS)}, {"type": "array", "items": {"type": "object"}}]},
        "without": {"type": ["array", "null"], "items": {"type": "string"}},
        "searcher": {"enum": list(SEARCHERS)},
        "ensemble_size": {"type": "integer", "minimum": 1},
        "max_predict_milliseconds": _POSITIVE,
        "max_model_megabytes": _POSITIVE,
        "executor": {"enum": list(EXECUTORS)},
        "energy": {"type": ["string", "null"], "pattern": "^[A-Z]{3}$"},
        "guard": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 0.5},
        "columns": {"type": ["object", "null"], "additionalProperties": {"enum": list(COLUMN_KINDS)}},
        "monotonic": {"type": ["object", "null"], "additionalProperties": {"enum": [-1, 0, 1]}},
        "noisy_labels": {"type": "boolean"},
        "random_state": {"type": ["integer", "null"], "minimum": 0, "maximum": 2**32 - 1},
    }
