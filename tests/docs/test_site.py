"""The site is built without a warning, and needs no network to be read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

COPIED = ["docs", "benchmarks", "examples"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built from a copy of the pages; the tutorials are shown without their output."""
    for name in ("sphinx_gallery", "myst_parser", "pydata_sphinx_theme"):
        pytest.importorskip(name)
    copy, site = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("site")
    ignored = shutil.ignore_patterns("generated", "__pycache__", ".venvs")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for page in ROOT.glob("*.md"):
        shutil.copy(page, copy)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "plot_gallery=0", "-b", "html"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(copy / "docs"), str(site)], env=variables, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return site


@pytest.mark.slow
def test_the_site_has_the_pages_that_readers_look_for(site):
    for page in (
        "index",
        "howto/move",
        "explanation/honesty",
        "glossary",
        "jobs",
        "generated/command_line",
        "generated/api/automl.AutoMLClassifier",
        "generated/benchmarks/RESULTS",
        "generated/project/changelog",
        "generated/tutorials/strings_and_dates",
    ):
        assert (site / f"{page}.html").exists()
    assert "decision_threshold_" in (site / "generated/api/automl.AutoMLClassifier.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_no_page_loads_anything_from_the_network(site):
    loaded = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=["'](?:https?:)?//[^"']*["']""")
    found = {page.name: loaded.findall(page.read_text(encoding="utf-8")) for page in site.rglob("*.html")}
    assert {name: links for name, links in found.items() if links} == {}
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert not any(re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", text) for text in styles)
