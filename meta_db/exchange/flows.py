"""Reads OpenML's flows and setups: the tree of steps in a flow's name, and the values of parameters."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LIBRARIES = ("sklearn", "xgboost", "lightgbm")
_CONTAINERS = ("Pipeline", "ColumnTransformer")
_NAME = re.compile(r"[^(),=]+")
_VERSION = re.compile(r"\((\d+)\)$")

# Values of parameters by the name of their class, for example {"sklearn.svm.classes.SVC": {"C": 1.0}}.
Parameters = Mapping[str, Mapping[str, Any]]


class NotMappedError(Exception):
    """A setup has no counterpart in our space; the message is the reason, the same for all setups of one kind."""


@dataclass(frozen=True)
class Step:
    """A class in a flow, and the classes that it contains."""

    class_name: str
    parts: tuple[Step, ...] = ()

    @property
    def short(self) -> str:
        """The name of the class without its module."""
        return self.class_name.rsplit(".", 1)[-1]

    def leaves(self) -> Iterator[Step]:
        """Yield the steps in order, without the pipelines and column transformers around them.

        Raises
        ------
        NotMappedError
            If another class contains steps, such as a search or an ensemble of other models.
        """
        if self.short in _CONTAINERS:
            for part in self.parts:
                yield from part.leaves()
        elif self.short.endswith("SearchCV"):
            raise NotMappedError("the flow searches hyperparameters itself")
        elif self.parts:
            raise NotMappedError(f"{self.short} around other steps is not in our space")
        elif self.class_name not in ("passthrough", "drop"):
            yield self


def is_known_library(flow_name: str) -> bool:
    """Return whether a flow belongs to scikit-learn, XGBoost or LightGBM in Python."""
    return flow_name.split(".", 1)[0] in _LIBRARIES


def split_version(flow_name: str) -> tuple[str, str]:
    """Split ``name(version)``, as OpenML writes it, into name and version.

    Examples
    --------
    >>> split_version("sklearn.svm.classes.SVC(12)")
    ('sklearn.svm.classes.SVC', '12')
    """
    found = _VERSION.search(flow_name)
    return (flow_name[: found.start()], found.group(1)) if found else (flow_name, "")


def parse_flow(flow_name: str) -> Step:
    """Return the tree of steps that a flow's name describes.

    Raises
    ------
    NotMappedError
        If the name does not follow OpenML's grammar for scikit-learn, ``class(key=class, key=class(...))``.

    Examples
    --------
    >>> tree = parse_flow("sklearn.pipeline.Pipeline(a=sklearn.impute.SimpleImputer,b=sklearn.svm.classes.SVC)(2)")
    >>> [step.short for step in tree.leaves()]
    ['SimpleImputer', 'SVC']
    """
    name, _ = split_version(flow_name)
    step, end = _parse(name, 0)
    if end != len(name):
        raise NotMappedError("the flow's name cannot be read")
    return step


def _parse(text: str, start: int) -> tuple[Step, int]:
    found = _NAME.match(text, start)
    if found is None:
        raise NotMappedError("the flow's name cannot be read")
    end, parts = found.end(), []
    if text[end : end + 1] == "(":
        while text[end : end + 1] in ("(", ","):
            key = _NAME.match(text, end + 1)
            if key is None or text[key.end() : key.end() + 1] != "=":
                raise NotMappedError("the flow's name cannot be read")
            part, end = _parse(text, key.end() + 1)
            parts.append(part)
        if text[end : end + 1] != ")":
            raise NotMappedError("the flow's name cannot be read")
        end += 1
    return Step(found.group().strip(), tuple(parts)), end


def read_value(text: str | None) -> Any:
    """Return the value of a parameter, which OpenML keeps as JSON or as Python text.

    Examples
    --------
    >>> [read_value(text) for text in ("0.5", '"gini"', "gini", "null", "None", "true", "False")]
    [0.5, 'gini', 'gini', None, None, True, False]
    """
    if text is None:
        return None
    plain = text.strip()
    if plain in ("None", "True", "False"):
        return {"None": None, "True": True, "False": False}[plain]
    try:
        return json.loads(plain)
    except json.JSONDecodeError:
        return plain
