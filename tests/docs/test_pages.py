"""The pages of the site: links, the generated page of the commands, the files of the project."""

from __future__ import annotations

import re
import sys
import tomllib

import pytest
import yaml

import automl
from tests.docs.pages import DOCS, PAGES, ROOT
from tests.test_docs import broken_links
from tests.test_docstrings import RETURNED

sys.path.insert(0, str(DOCS / "_ext"))
import command_line
import repository_pages

SUBPAGES = [page for page in PAGES if page.count("/") == 2]
PROJECT = ["SECURITY.md", "CODE_OF_CONDUCT.md"]


@pytest.mark.parametrize("page", [*SUBPAGES, *PROJECT])
def test_every_relative_link_of_a_subpage_leads_to_a_file_and_a_heading(page):
    assert broken_links((ROOT / page).read_text(encoding="utf-8"), ROOT / page) == []


def test_every_page_is_in_a_table_of_contents():
    entries = set()
    for page, text in PAGES.items():
        for block in re.findall(r"```\{toctree\}\n(.*?)```", text, flags=re.DOTALL):
            for line in block.splitlines():
                if line and not line.startswith(":"):
                    entries.add(((ROOT / page).parent / line).resolve())
    linked = {path.with_suffix("") for path in entries}
    pages = {(ROOT / page).with_suffix("") for page in PAGES if page not in ("README.md", "docs/index.md")}
    assert pages - linked == set()


def test_links_to_pages_outside_of_the_site_lead_to_their_copies():
    text = "[a](../benchmarks/NETS.md#on-a-gpu) [b](../CHANGELOG.md) [c](jobs.md) [d](../automl/run/run.py)"
    assert repository_pages.translate(text, "docs/page.md", "docs/page.md") == (
        "[a](generated/benchmarks/NETS.md#on-a-gpu) [b](generated/project/changelog.md) [c](jobs.md) d"
    )
    text = "[a](../../examples/tutorials/README.rst) [b](../../examples/tutorials/batch_of_tables.py)"
    assert repository_pages.translate(text, "docs/howto/page.md", "docs/howto/page.md") == (
        "[a](../generated/tutorials/index.rst) [b](../generated/tutorials/batch_of_tables.rst)"
    )
    copied = repository_pages.translate(
        "[a](../docs/jobs.md) [b](RESULTS.md)", "benchmarks/NETS.md", "docs/generated/benchmarks/NETS.md"
    )
    assert copied == "[a](../../jobs.md) [b](RESULTS.md)"


def test_the_page_of_the_commands_names_each_command_option_and_argument():
    page = command_line.page()
    found = 0
    for name, command in command_line.commands(command_line.root_command()):
        assert f"# {name}\n" in page
        for parameter in command.params:
            if not getattr(parameter, "hidden", False):
                assert all(name in page for name in parameter.opts if name.startswith("--"))
                found += 1
    assert found > 80


def test_the_page_of_the_api_names_each_public_name():
    page = (DOCS / "reference" / "api.rst").read_text(encoding="utf-8")
    names = [*automl.__all__, *(f"plots.{name}" for name in automl.plots.__all__)]
    names += [name.removeprefix("automl.") for name in RETURNED]
    assert [name for name in names if f"   {name}\n" not in page] == []


def test_the_citation_names_the_version_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (str(citation["version"]), citation["license"]) == (project["version"], project["license"])


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name
)
def test_an_issue_template_has_the_keys_that_it_needs(path):
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name != "config.yml":
        assert {"name", "description", "body"} <= set(template)
        assert all("label" in entry["attributes"] for entry in template["body"])


def test_the_tutorials_of_the_gallery_are_listed_in_order():
    scripts = (ROOT / "examples" / "tutorials").glob("*.py")
    assert set(repository_pages.TUTORIALS) == {path.name for path in scripts if path.read_text().startswith('"""\n')}
