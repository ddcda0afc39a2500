"""The pages of `automl watch`: they reuse the templates, the figures and the scripts of the report."""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from dataclasses import asdict
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING

from automl.persistence.manifest import library_versions
from automl.report.figures import draw_trace
from automl.report.render import for_script, make_environment, parallel_svg, source_of
from automl.report.words import clean
from automl.watch.run_view import RunView

if TYPE_CHECKING:
    from jinja2 import Environment

    from automl.watch.queue_view import QueueView

EVERY = 2.0  # seconds between two questions of a page
_PACKAGE = "automl.watch"
_ROUND = 30  # seconds to which the forecast of the end is rounded


def run_fragment(view: RunView, *, has_report: bool, is_job: bool, log: str) -> str:
    """Return the part of the page of a run that changes.

    Parameters
    ----------
    has_report : bool
        Whether ``report.html`` beside the page is the full report.
    is_job : bool
        Whether the run belongs to a job of a queue.
    log : str
        The last lines of the log; empty where no log is kept.
    """
    environment, search = _environment(), view.search
    drawings = {"trace": draw_trace(search.trace, view.metric) if len(search.trace) > 1 else None}
    lines = {"axes": [asdict(axis) for axis in search.axes], "lines": [asdict(line) for line in search.lines]}
    return environment.get_template("run.html.j2").render(
        view=view,
        report=has_report,
        is_job=is_job,
        log=log,
        data=SimpleNamespace(search=search, settings=None, start=None, costs=None, notes=()),
        drawings=drawings,
        parallel_svg=parallel_svg(environment, search),
        json=for_script(json.dumps({"search": lines}, separators=(",", ":"))),
    )


def queue_fragment(view: QueueView) -> str:
    """Return the part of the page of a queue that changes."""
    ends = None
    if view.seconds_left is not None:
        ends = round((time.time() + view.seconds_left) / _ROUND) * _ROUND
    text = "" if ends is None else datetime.datetime.fromtimestamp(ends).astimezone().isoformat(" ", "minutes")
    return _environment().get_template("queue.html.j2").render(view=view, ends=ends, ends_text=text)


def whole_page(title: str, fragment: str, etag: str, *, is_live: bool, back: str = "") -> str:
    """Return a page around a fragment.

    Parameters
    ----------
    is_live : bool
        Whether a browser without JavaScript loads the page again and again.
    back : str
        Address of the page with all jobs; empty where there is none.
    """
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=clean(title),
            fragment=fragment,
            etag=etag,
            is_live=is_live,
            back=back,
            every=EVERY,
            tag=static_tag(),
            version=library_versions(["cash-automl"]).get("cash-automl", ""),
        )
    )
    return text.lstrip()


@cache
def static_files() -> dict[str, tuple[str, str]]:
    """Return the files that all pages load: their types and texts, by name."""
    script = source_of("common.js") + source_of("parallel.js") + source_of("watch.js", _PACKAGE)
    style = source_of("style.css") + source_of("watch.css", _PACKAGE)
    return {"script.js": ("text/javascript", script), "style.css": ("text/css", style)}


@cache
def static_tag() -> str:
    """Return a text that changes with the files of `static_files`, so that browsers may keep them."""
    return hashlib.sha256("".join(text for _, text in static_files().values()).encode()).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = make_environment(escape=True, package=_PACKAGE)
    environment.globals["now"] = time.time
    return environment
