"""The pages for readers: their links, and the paths and terms that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.catalog import STEPS
from tests.test_architecture import ORDER

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```.*?^```", flags=re.DOTALL | re.MULTILINE)


def prose(text):
    return FENCE.sub("", text)


def anchors(page):
    """Return the anchors of a page, as GitHub makes them of its headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(text, page):
    found = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        if re.match(r"[a-z]+://", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    assert broken_links(page.read_text(encoding="utf-8"), page) == []


def test_the_check_of_links_sees_broken_ones():
    text = "[a](docs/glossary.md) [b](docs/none.md) [c](docs/parameters.md#none) [d](https://example.org/none)"
    assert broken_links(text, ROOT / "README.md") == ["docs/none.md", "docs/parameters.md#none"]


def missing_paths(text):
    """Return the paths in backticks that do not exist; a bare file name is beside the last path before it."""
    folder, found = ROOT, []
    for span in re.findall(r"`([^`\s]+)`", prose(text)):
        path = ROOT / span
        if "/" in span:
            folder = path if span.endswith("/") else path.parent
        elif not span.endswith((".py", ".md", ".toml", ".txt")):
            continue
        if not (path.exists() or (folder / span).exists()):
            found.append(span)
    return found


def test_every_path_that_contributing_and_the_glossary_name_exists():
    assert missing_paths(CONTRIBUTING) == []
    assert missing_paths(GLOSSARY) == []


def test_the_check_of_paths_sees_missing_ones():
    text = "`automl/task/none.py`, `automl/jobs/spec.py` and `queue.py`, but not `smac.py`; `Component`, `README.md`"
    assert missing_paths(text) == ["automl/task/none.py", "smac.py"]


def listed(package):
    """Return the names in CONTRIBUTING's list of a package, in their order."""
    block = re.search(rf"^`{package}/`, in the order of its imports:\n\n```\n(.*?)^```", CONTRIBUTING, re.DOTALL | re.M)
    assert block is not None
    return [line.split()[0] for line in block[1].splitlines()]


@pytest.mark.parametrize("package", ORDER)
def test_contributing_lists_the_folders_and_top_files_in_the_order_of_their_imports(package):
    # The __init__ of all packages but automl exports nothing.
    assert listed(package) == [entry for entry in ORDER[package] if entry != "__init__" or package == "automl"]


def terms():
    return re.findall(r"^\*\*(.+?)\*\*: ", GLOSSARY, flags=re.MULTILINE)


def test_the_glossary_names_every_step():
    entry = next(text for text in GLOSSARY.split("\n\n") if text.startswith("**Step**"))
    assert [name for name in STEPS if name not in entry] == []


def test_the_glossary_defines_each_term_once_and_in_alphabetical_order():
    keys = [term.lower().replace("-", " ") for term in terms()]
    assert len(keys) > 40
    assert keys == sorted(set(keys))
    assert len(keys) == len(re.findall(r"^\*\*", GLOSSARY, flags=re.MULTILINE))
