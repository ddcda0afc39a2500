"""Publish pages of the repository that lie outside docs/, and make the links between them work on the site.

The pages are written for readers of the repository: a link names the path of a file. A copy of each outside page goes
into docs/generated/, where the gallery writes the tutorials, too. The links of all pages are translated to the places
of the copies.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {
    "CHANGELOG.md": "docs/generated/project/changelog.md",
    "CONTRIBUTING.md": "docs/generated/project/contributing.md",
    "SECURITY.md": "docs/generated/project/security.md",
    "CODE_OF_CONDUCT.md": "docs/generated/project/code_of_conduct.md",
}
TUTORIALS = [
    "strings_and_dates.py",
    "prices.py",
    "costs_and_threshold.py",
    "script_to_server.py",
    "rows_that_belong_together.py",
    "figure_for_a_paper.py",
    "batch_of_tables.py",
]
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
IMAGE = re.compile(r"(!\[[^\]]*\])\(([^)\s]+)\)")
FENCE = re.compile(r"(^```.*?^```)", flags=re.DOTALL | re.MULTILINE)


def outside_pages() -> dict[str, str]:
    """Return the paths of the outside pages in the repository, and the paths of their copies."""
    benchmarks = {f"benchmarks/{page.name}": f"docs/generated/benchmarks/{page.name}" for page in _benchmark_pages()}
    return {path: copy for path, copy in {**OUTSIDE, **benchmarks}.items() if (ROOT / path).exists()}


def translate(text: str, path: str, place: str) -> str:
    """Translate the links of a page.

    Parameters
    ----------
    text : str
        The page, in Markdown.
    path : str
        Its path in the repository.
    place : str
        The path at which Sphinx reads it, which differs for copies.

    Returns
    -------
    str
        The page with links to pages of the site. A link to another file of the repository becomes plain text.
    """
    copies = outside_pages()

    def replace(match: re.Match[str]) -> str:
        label, link = match[1], match[2]
        if re.match(r"[a-z]+:", link) or link.startswith("#"):
            return match[0]
        target, _, anchor = link.partition("#")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if target == "README.md":
            target = "docs/index.md"
        target = re.sub(r"^examples/tutorials/(\w+)\.(?:py|rst)$", r"docs/generated/tutorials/\1.rst", target)
        target = copies.get(target, target.replace("/README.rst", "/index.rst"))
        if not target.startswith("docs/"):
            return label
        return f"[{label}]({_relative(target, place)}{'#' + anchor if anchor else ''})"

    def replace_image(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), match[2]))
        return f"{match[1]}({_relative(target, place)})"

    parts = FENCE.split(text)
    return "".join(
        part if part.startswith("```") else IMAGE.sub(replace_image, LINK.sub(replace, part)) for part in parts
    )


def write_copies(app: Any, config: Any) -> None:
    """Write the copies of the outside pages; a file that has not changed keeps its time."""
    for path, place in outside_pages().items():
        text = translate((ROOT / path).read_text(encoding="utf-8"), path, place)
        if path == "benchmarks/README.md":
            text += _contents(page.stem for page in _benchmark_pages() if page.stem != "README")
        write(Path(app.srcdir).parent / place, text)


def write(path: Path, text: str) -> None:
    """Write a generated page, unless the file holds the same text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def translate_source(app: Any, docname: str, source: list[str]) -> None:
    """Translate the links of the pages in docs/ when Sphinx reads them."""
    if app.env.doc2path(docname).suffix == ".md" and not docname.startswith("generated/"):
        source[0] = translate(source[0], f"docs/{docname}.md", f"docs/{docname}.md")


class TutorialOrder:
    """The order of the tutorials in the gallery, as a key for sorting."""

    def __init__(self, folder: str):
        self.folder = folder

    def __call__(self, name: str) -> int:
        return TUTORIALS.index(Path(name).name)


def setup(app: Any) -> dict[str, Any]:
    """Connect this extension with Sphinx."""
    app.connect("config-inited", write_copies)
    app.connect("source-read", translate_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _benchmark_pages() -> list[Path]:
    return sorted((ROOT / "benchmarks").glob("*.md"))


def _contents(names: Iterable[str]) -> str:
    """Return a table of contents that only the navigation shows."""
    return "\n".join(["", "```{toctree}", ":hidden:", "", *names, "```", ""])


def _relative(target: str, place: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(place))
