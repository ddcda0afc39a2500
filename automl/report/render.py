"""Write the content of a report as HTML, Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from typing import TYPE_CHECKING, Any

from automl.errors import AutoMLError
from automl.markdown import code_block, markdown_text
from automl.plurals import plural
from automl.report.data import Curve, ReportData, SearchSection
from automl.report.words import duration, interval, number, percent

if TYPE_CHECKING:
    from jinja2 import Environment

_SECTIONS = (
    ("verdict", "Verdict"),
    ("table", "Your table"),
    ("performance", "What the model does"),
    ("importance", "What the model uses"),
    ("ensemble", "The ensemble"),
    ("search", "The search"),
    ("reproduce", "Reproduce"),
)
_SCRIPTS = ("common.js", "parallel.js", "script.js")
_NEEDED = ("jinja2", "matplotlib")


def check_libraries(libraries: Sequence[str] = _NEEDED) -> None:
    """Check that the libraries of the extra `report` can be imported.

    Raises
    ------
    AutoMLError
        If one is missing; the message names the command that installs it.
    """
    from importlib import import_module

    for library in libraries:
        try:
            import_module(library)
        except ImportError as error:
            raise AutoMLError(
                f"a report needs {library}; install it with: pip install 'cash-automl[report]'"
            ) from error


def to_json(data: ReportData, indent: int | None = None) -> str:
    """Return the content as JSON."""
    separators = (",", ":") if indent is None else None
    return json.dumps(asdict(data), ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)


def to_html(data: ReportData) -> str:
    """Return the page. It needs no network, and all texts of the user are escaped.

    Raises
    ------
    AutoMLError
        If jinja2 or matplotlib is not installed.
    """
    check_libraries()
    from automl.report.drawings import make_drawings, score_marks, task_words

    environment = make_environment(escape=True)
    marks, band = score_marks(data.verdict)
    text = environment.get_template("report.html.j2").render(
        data=data,
        sections=section_titles(data),
        drawings=make_drawings(data),
        marks=marks,
        band=band,
        task_words=task_words(data.verdict),
        parallel_svg=parallel_svg(environment, data.search),
        css=source_of("style.css"),
        script="".join(source_of(name) for name in _SCRIPTS),
        json=for_script(to_json(data)),
    )
    return text.lstrip()


def to_markdown(data: ReportData) -> str:
    """Return the content as Markdown.

    Raises
    ------
    AutoMLError
        If jinja2 is not installed.
    """
    check_libraries(["jinja2"])
    from automl.report.drawings import score_marks, task_words

    environment = make_environment(escape=False)
    marks, _ = score_marks(data.verdict)
    text = environment.get_template("report.md.j2").render(data=data, marks=marks, task_words=task_words(data.verdict))
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = [line for i, line in enumerate(lines) if line or lines[i - 1]]
    return "\n".join(kept) + "\n"


def section_titles(data: ReportData) -> list[tuple[str, str]]:
    """Return the ids and titles of the sections that a page shows."""
    noted = {id for id, _ in data.notes}
    is_known = data.importance is not None or "importance" in noted
    return [(id, title) for id, title in _SECTIONS if id != "importance" or is_known]


def parallel_svg(environment: Environment, search: SearchSection | None) -> str:
    """Return the parallel coordinates of a search as an element `svg`; an empty text where there are none."""
    from automl.report.drawings import parallel_plot

    if search is None or not search.lines:
        return ""
    return environment.get_template("parallel.html.j2").render(plot=parallel_plot(search))


def make_environment(escape: bool, package: str = "automl.report") -> Environment:
    """Return the environment of the templates.

    Parameters
    ----------
    escape : bool
        Whether texts are escaped for HTML.
    package : str
        A package whose templates are found before those of the report.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    from automl.report import drawings

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, "automl.report"))]),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Any] = {
        "areas": _areas,
        "block": code_block,
        "bar_path": drawings.bar_path,
        "duration": duration,
        "interval": interval,
        "largest": lambda values: max(values, default=0.0) or 1.0,
        "legend": lambda curves: tuple(f"{c.label} ({number(c.area)})" for c in curves),
        "matrix": drawings.confusion_matrix,
        "md": markdown_text,
        "mean_score": _mean_score,
        "mistakes": drawings.mistakes,
        "number": number,
        # A line of a page must not end between a number and its unit.
        "percent": (lambda share: percent(share).replace(" ", "\u00a0")) if escape else percent,
        "plural": plural,
        "point_list": lambda drawing: json.dumps([[p.x, p.y, p.text] for p in drawing], separators=(",", ":")),
        "threshold_place": drawings.threshold_place,
    }
    environment.filters.update(filters)
    return environment


def source_of(name: str, package: str = "automl.report") -> str:
    """Return the text of a style sheet or a script among the templates of a package."""
    return (resources.files(package) / "templates" / name).read_text(encoding="utf-8")


def for_script(text: str) -> str:
    """Return JSON that may stand in an element `script`: nothing in it can end the element."""
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _areas(curves: Sequence[Curve], what: str) -> str:
    return "; ".join(f"{c.label}: {what} {number(c.area)}" for c in curves)


def _mean_score(fold_scores: Sequence[tuple[int, float]]) -> float | None:
    return sum(score for _, score in fold_scores) / len(fold_scores) if fold_scores else None
