"""The web application: one model, its predictions, its description, its health and its metrics."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from automl.base import BaseAutoML
from automl.ensemble.conformal import check_level
from automl.errors import InvalidInputError
from automl.serving.bodies import JSON, accepted_type, content_type, read_cells, write_predictions
from automl.serving.cells import LevelCounts, make_table
from automl.serving.errors import UNREADABLE, RequestError
from automl.serving.metrics import CONTENT_TYPE, ServerMetrics
from automl.serving.model import ServedModel
from automl.serving.openapi import describe_api
from automl.serving.pool import BodyMemory, PredictionPool

logger = logging.getLogger(__name__)

MIB = 2**20
_READ_BEYOND = 8  # so many times the limit of size are read before the server refuses a body
_BODIES = 16  # so many bodies of the largest size may be in the memory
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PATHS = frozenset({"/predict", "/schema", "/health", "/health/live", "/health/ready", "/metrics", "/openapi.json"})


@dataclass(frozen=True)
class ServerLimits:
    """The limits of a server for its requests.

    Attributes
    ----------
    max_rows : int
        Rows in one request.
    max_bytes : int
        Bytes in the body of one request.
    seconds : float
        Time limit for the arrival of a body, and for waiting and predicting.
    n_threads : int
        Requests that predict at the same time.
    max_waiting : int
        Requests that may wait for a thread.
    """

    max_rows: int = 10_000
    max_bytes: int = 10 * MIB
    seconds: float = 30.0
    n_threads: int = 2
    max_waiting: int = 64


class ServedApp:
    """The state of one server, and its routes.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    limits : ServerLimits
    """

    def __init__(self, estimator: BaseAutoML, limits: ServerLimits):
        self.model = ServedModel(estimator)
        self.limits = limits
        self.pool = PredictionPool(limits.n_threads, limits.max_waiting, limits.seconds)
        self._memory = BodyMemory(_BODIES * limits.max_bytes)
        self.metrics = ServerMetrics(self.model.name, [c.name for c in self.model.columns if c.kind == "category"])
        self.stopping = False
        self._schema = json.dumps(self.model.describe()).encode()
        self.asgi = self._make_asgi()

    def _make_asgi(self) -> ASGIApp:
        # The pages /docs and /redoc of FastAPI load JavaScript from a server on the internet.
        app = FastAPI(docs_url=None, redoc_url=None)
        description = describe_api(self.model, self.limits.max_rows)
        app.openapi = lambda: description  # type: ignore[method-assign]
        app.add_api_route("/predict", self._predict, methods=["POST"])
        app.add_api_route("/schema", self._describe)
        app.add_api_route("/health", self._ready)
        app.add_api_route("/health/ready", self._ready)
        app.add_api_route("/health/live", self._live)
        app.add_api_route("/metrics", self._metrics)
        app.add_exception_handler(RequestError, _refuse)
        app.add_exception_handler(HTTPException, _refuse_route)
        app.add_exception_handler(Exception, _hide_error)
        return Observer(app, self.metrics)

    async def _predict(self, request: Request) -> Response:
        kind, encoding = content_type(request.headers.get("content-type"))
        coding = request.headers.get("content-encoding", "identity")
        if coding.lower() != "identity":
            raise RequestError(415, "the body is compressed; send it without Content-Encoding")
        wanted = accepted_type(request.headers.get("accept"), kind)
        _check_options(request)
        level = _level(request.query_params.get("level"))
        with self._memory.request() as hold:
            content, n_rows = await self._answer(await self._body(request, hold), kind, encoding, wanted, level)
        request.state.n_rows = n_rows
        return Response(content, media_type=wanted)

    async def _answer(
        self, body: bytes, kind: str, encoding: str, wanted: str, level: float | None
    ) -> tuple[bytes, int]:
        """Return the body of the response, and the number of rows."""

        def predict() -> tuple[bytes, int, float, LevelCounts]:
            cells = read_cells(body, kind, encoding, self.model, self.limits.max_rows)
            table, counts = make_table(cells, self.model)
            started = time.perf_counter()
            try:
                predictions = self.model.predict(table, level)
            except InvalidInputError as error:
                raise RequestError(UNREADABLE, str(error)) from error
            seconds = time.perf_counter() - started
            return write_predictions(predictions, wanted), cells.n_rows, seconds, counts

        content, n_rows, seconds, counts = await self.pool.run(predict)
        self.metrics.add_predictions(n_rows, seconds, counts)
        return content, n_rows

    async def _body(self, request: Request, hold: Callable[[int], None]) -> bytes:
        """Return the body of a request, within the limits of size and time.

        A body that is too large is read to its end, if it is not far too large: a server that answers and closes the
        connection before a client has sent everything makes some clients miss the answer.
        """
        most = self.limits.max_bytes
        message = f"the body has more than {most / MIB:g} MiB; send fewer rows in each request"
        too_large = RequestError(413, message, headers={"Connection": "close"})
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > most and "expect" in request.headers:  # nothing is sent yet
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for part in request.stream():
                    size += len(part)
                    if size <= most:
                        hold(len(part))
                        parts.append(part)
                    elif size > _READ_BEYOND * most:
                        break
        except TimeoutError:
            message = f"the body did not arrive within {self.limits.seconds:g} s"
            raise RequestError(408, message, headers={"Connection": "close"}) from None
        except ClientDisconnect:  # nobody reads the answer; it is counted as an error of the client
            raise RequestError(400, "the client left before the end of the body") from None
        if size > most:
            raise too_large
        return b"".join(parts)

    async def _describe(self) -> Response:
        return Response(self._schema, media_type=JSON)

    async def _live(self) -> Response:
        return Response(b'{"status": "live"}', media_type=JSON)

    async def _ready(self) -> Response:
        if self.stopping:
            return Response(b'{"status": "stopping"}', 503, media_type=JSON)
        return Response(b'{"status": "ready"}', media_type=JSON)

    async def _metrics(self) -> Response:
        return Response(self.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


class Observer:
    """Gives each request an id, counts it, and writes one line and all unexpected errors to the log.

    Parameters
    ----------
    app : ASGI application
    metrics : ServerMetrics
    """

    def __init__(self, app: ASGIApp, metrics: ServerMetrics):
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        started, status = time.perf_counter(), 0

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        self._metrics.running.inc()
        try:
            await self._app(scope, receive, observe)
        except Exception:  # Starlette raises it again after the answer of `_hide_error`
            logger.exception("request %s failed", request_id)
        finally:
            self._metrics.running.dec()
            seconds = time.perf_counter() - started
            path = scope["path"] if scope["path"] in _PATHS else "other"
            self._metrics.add_request(path, status, seconds)
            rows = f" rows={state['n_rows']}" if "n_rows" in state else ""
            logger.info("%s %s %s %d%s seconds=%.3f", request_id, scope["method"], path, status, rows, seconds)


def _check_options(request: Request) -> None:
    """Refuse unknown options in the address: a misspelled one would give predictions without what was asked for."""
    unknown = [name for name in request.query_params if name != "level"]
    if unknown:
        message = f"{unknown[0]!r} is no option of /predict; the only option is level, such as /predict?level=0.9"
        raise RequestError(UNREADABLE, message)


def _level(text: str | None) -> float | None:
    """Return the level of intervals or sets that a request asks for; None without one."""
    try:
        return None if text is None else check_level(float(text))
    except (ValueError, InvalidInputError):
        message = f"level must be a number between 0 and 1, such as /predict?level=0.9; got {text!r}"
        raise RequestError(UNREADABLE, message) from None


def _request_id(scope: Scope) -> str:
    """Return the id that the client or a proxy has sent, or a new one."""
    sent = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex


def _error_response(
    status: int, message: str, errors: Any, request_id: str, headers: dict[str, str] | None = None
) -> Response:
    listed = [{"row": error.row, "column": error.column, "message": error.message} for error in errors]
    content = json.dumps({"message": message, "errors": listed, "request_id": request_id})
    return Response(content, status, headers, media_type=JSON)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _error_response(error.status, error.message, error.errors, request.state.request_id, error.headers)


async def _refuse_route(request: Request, error: Exception) -> Response:
    """Answer a request to an unknown path, or with a method that the path does not have."""
    assert isinstance(error, HTTPException)
    messages = {404: f"there is no such path; use one of {', '.join(sorted(_PATHS))}"}
    if allowed := (error.headers or {}).get("Allow"):
        messages[405] = f"{request.url.path} takes no {request.method} request; use {allowed}"
    message = messages.get(error.status_code, str(error.detail))
    headers = None if error.headers is None else dict(error.headers)
    return _error_response(error.status_code, message, (), request.state.request_id, headers)


async def _hide_error(request: Request, error: Exception) -> Response:
    """Answer a request that ended with an unexpected error; the client must not see the text of the error."""
    message = "the server has an error; its log has the details under this request_id"
    return _error_response(500, message, (), request.state.request_id)
