"""The reference lists the names of the public modules, and the pages import from no other modules of this package."""

from __future__ import annotations

import ast
import re
from importlib import import_module

import pytest

from tests.docs.pages import DOCS, PAGES, blocks

PACKAGES = ("automl", "benchmarks", "meta_db", "metalearning", "pipelines")
PUBLIC = re.compile(r"automl(\.(components|errors|integrations\.\w+|plots|searchers|testing))?")


@pytest.mark.parametrize(
    ("module", "prefix"),
    [("automl", ""), ("automl.components", r"components\."), ("automl.searchers", r"searchers\.")],
)
def test_the_reference_lists_all_names_of_a_public_module(module, prefix):
    page = (DOCS / "reference" / "api.rst").read_text(encoding="utf-8")
    listed = re.findall(rf"^   {prefix}(\w+)$", page, flags=re.MULTILINE)
    assert sorted(listed) == sorted(import_module(module).__all__)


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if blocks(text, "python")])
def test_a_page_imports_only_public_modules(page):
    modules = {
        name
        for code in blocks(PAGES[page], "python")
        for node in ast.walk(ast.parse(code))
        for name in _imported(node)
        if name.partition(".")[0] in PACKAGES
    }
    assert {name for name in modules if not PUBLIC.fullmatch(name)} == set()


def _imported(node):
    """Return the names of the modules that a node imports."""
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
