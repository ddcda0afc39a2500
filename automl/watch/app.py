"""The web application: the page of a run, or the pages of a queue and its runs. It changes nothing."""

from __future__ import annotations

import ipaddress
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from automl.errors import AutoMLError, InvalidInputError
from automl.watch.render import static_files, static_tag, whole_page
from automl.watch.sources import RunSource, Source

if TYPE_CHECKING:
    from automl.watch.queue_source import QueueSource

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A report brings its script and its style with it, and needs nothing else.
_REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts allow-downloads allow-modals"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ANY_ADDRESS = ("0.0.0.0", "::", "")


def make_app(source: RunSource | QueueSource, host: str) -> ASGIApp:
    """Return the application.

    Parameters
    ----------
    source : Source
        The run, or the queue.
    host : str
        The address on which the server listens; requests for other hosts are refused.
    """
    routes = [Route("/static/{tag}/{name}", _static)]
    if isinstance(source, RunSource):
        full = _FullReport(source)
        routes.append(Route("/report.html", _report(lambda request: full.path())))
    else:
        routes += [
            Route("/job/{name}/", _page(lambda request: source.run(request.path_params["name"]), back="/")),
            Route("/job/{name}/fragment", _fragment(lambda request: source.run(request.path_params["name"]))),
            Route("/job/{name}/report.html", _report(lambda request: source.report(request.path_params["name"]))),
        ]
    routes += [Route("/", _page(lambda request: source)), Route("/fragment", _fragment(lambda request: source))]
    app = Starlette(routes=routes, exception_handlers={AutoMLError: _show_error})
    return _HostCheck(app, host)


def _page(find: Callable[[Request], Source], back: str = "") -> Callable[[Request], Response]:
    def page(request: Request) -> Response:
        part = find(request).fragment(fresh=True)
        text = whole_page(part.title, part.html, f'"{part.version}"', is_live=part.is_live, back=back)
        return HTMLResponse(text, headers=_headers(_PAGE_POLICY))

    return page


def _fragment(find: Callable[[Request], Source]) -> Callable[[Request], Response]:
    def fragment(request: Request) -> Response:
        part = find(request).fragment()
        headers = {**_headers(_PAGE_POLICY), "ETag": f'"{part.version}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return HTMLResponse(part.html, headers=headers)

    return fragment


def _report(find: Callable[[Request], Path]) -> Callable[[Request], Response]:
    def report(request: Request) -> Response:
        try:
            content = find(request).read_bytes()
        except OSError:
            return PlainTextResponse("there is no report", 404, headers=_headers(_PAGE_POLICY))
        return HTMLResponse(content, headers=_headers(_REPORT_POLICY))

    return report


class _FullReport:
    """The report of the saved model of a run, which is written once, on the first request."""

    def __init__(self, source: RunSource) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._known: tuple[Path, float] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def path(self) -> Path:
        """Return the path of the report.

        Raises
        ------
        AutoMLError
            If there is no saved model, or if it cannot be read.
        """
        from automl.persistence import load_model

        model = self._source.model
        if model is None:
            raise InvalidInputError("the model of this run is not saved, or its folder was moved")
        with self._lock:
            stamp = model, (model / "manifest.json").stat().st_mtime
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="automl-watch-")
            path = Path(self._folder.name) / "report.html"
            if self._known != stamp:
                load_model(model).report(path)
                self._known = stamp
            return path


def _static(request: Request) -> Response:
    kind_and_text = static_files().get(request.path_params["name"])
    if kind_and_text is None:
        return PlainTextResponse("not found", 404)
    kind, text = kind_and_text
    is_current = request.path_params["tag"] == static_tag()
    cache = "public, max-age=31536000, immutable" if is_current else "no-store"
    return Response(text, media_type=kind, headers={**_HEADERS, "Cache-Control": cache})


async def _show_error(request: Request, error: Exception) -> Response:
    return PlainTextResponse(" ".join(str(error).split()), 404, headers=_headers(_PAGE_POLICY))


def _headers(policy: str) -> dict[str, str]:
    return {**_HEADERS, "Content-Security-Policy": policy, "Cache-Control": "no-store"}


class _HostCheck:
    """Refuses requests for other host names.

    A page on the internet could give its own name the address of this machine (DNS rebinding). The browser would then
    let that page read the answers, but it names the host of that page in the request.
    """

    def __init__(self, app: ASGIApp, host: str):
        self._app, self._host = app, host.lower().strip("[]")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            if not self._is_known(given):
                text = "this server does not answer for this host name; use localhost, or start it with another --host"
                await PlainTextResponse(text, 421, headers=_HEADERS)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_known(self, given: str) -> bool:
        try:
            name = urlsplit(f"//{given}").hostname or ""
        except ValueError:
            return False
        if name in ("localhost", "127.0.0.1", "::1", self._host):
            return True
        if self._host not in _ANY_ADDRESS:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in (socket.gethostname().lower(), socket.getfqdn().lower())
        return True
