"""The settings of Sphinx; `make docs` builds the site in build/site.

Nothing is downloaded, neither by the build nor by the browser of a reader. `docs/generated/` holds all pages that are
written while Sphinx runs: the tutorials, the API, the command line, and copies of pages that lie outside this folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS / "_ext"), str(ROOT), str(ROOT / "examples" / "tutorials")]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in the Makefile: the processes of a fit keep all cores busy

import automl  # noqa: E402

project = "cash-automl"
author = "The cash-automl developers"
copyright = author
release = "" if automl.__version__.startswith("0+") else automl.__version__
version = release

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "repository_pages",
    "quick_tutorials",
    "command_line",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
templates_path = ["_templates"]
exclude_patterns = ["_ext", "_static", "_templates", "generated/tutorials/*.ipynb"]
highlight_language = "none"
smartquotes = False  # a text such as --out must stay as it is
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "groupwise"
toc_object_entries_show_parents = "hide"
autosummary_generate = True
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples" / "tutorials"),
    "gallery_dirs": "generated/tutorials",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"(bird_strikes|flights|houses|liver_patients)\.py$",
    "within_subsection_order": "repository_pages.TutorialOrder",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,  # its page would load scripts from the network
    "ignore_repr_types": r"matplotlib|sklearn\.metrics\._plot",  # the figure itself is shown
    "show_signature": False,
    "remove_config_comments": True,
    "copyfile_regex": r"(bird_strikes\.py|flights\.py|houses\.py|liver_patients\.py|.*\.csv\.gz)",
}

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = "cash-automl"
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars: dict[str, list[str]] = {"first_steps": []}  # a page without other pages below it
html_context = {"default_mode": "auto"}


def skip_foreign(app: Any, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the members that other packages, such as scikit-learn, have written."""
    function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
    module = str(getattr(function, "__module__", "") or "")
    if callable(function) and module.split(".")[0] not in ("automl", "pipelines", "metalearning", "meta_db"):
        return True
    return None


def setup(app: Any) -> None:
    """Connect the functions of this file with Sphinx."""
    app.connect("autodoc-skip-member", skip_foreign)
