"""The functions and classes that scripts copy from this project have names that differ."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest

from automl import export
from automl.export.code import Script
from automl.export.parts import texts_to_numbers, to_numbers

COPIES = re.compile(r"\b(?:script\.copy|_copy_classifier)\(([A-Za-z_.]+)[,)]")


def copied():
    """Return all functions and classes that the code of this project copies into scripts."""
    found = {}
    for path in Path(export.__file__).parent.glob("*.py"):
        module = f"{export.__name__}.{path.stem}"
        for name in COPIES.findall(path.read_text(encoding="utf-8")):
            if hasattr(import_module(module), name.split(".")[0]):  # not an argument
                found[name] = resolve_name(f"{module}:{name}")
    return found


def test_all_copies_together_have_one_definition_of_each_name():
    items, script = copied(), Script()
    assert len(items) > 20
    for item in items.values():
        script.copy(item)
    assert {item.__name__ for item in items.values()} <= set(script.definitions)
    assert script.modules.keys() == script.definitions.keys()


def test_two_definitions_of_one_name_are_an_error(tmp_path, monkeypatch):
    (tmp_path / "other.py").write_text("def read_number(text):\n    return 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    script = Script()
    script.copy(texts_to_numbers)
    script.copy(texts_to_numbers)
    with pytest.raises(RuntimeError, match=r"read_number of other and read_number of pipelines\.table"):
        script.copy(import_module("other").read_number)
    with pytest.raises(RuntimeError, match="another definition of texts_to_numbers"):
        script.define("texts_to_numbers", "def texts_to_numbers(column):\n    return column\n")


def test_plain_numbers_need_no_code_of_units():
    plain, with_units = Script(), Script()
    plain.copy(to_numbers)
    with_units.copy(texts_to_numbers)
    assert "_CURRENCIES" in with_units.definitions
    assert not {"_CURRENCIES", "_SYNONYMS", "_unit", "read_number"} & set(plain.definitions)
