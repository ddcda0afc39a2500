"""The process that serves the pages: its socket, its priority and its end."""

from __future__ import annotations

import logging
import os
import signal
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from automl.serving.sockets import address_of, listen
from automl.watch.app import make_app
from automl.watch.sources import RunSource

if TYPE_CHECKING:
    from automl.watch.queue_source import QueueSource

logger = logging.getLogger(__name__)

_NICENESS = 10  # the search has the processors first
_END_SECONDS = 2  # for requests that are still answered at the end


def serve_pages(source: RunSource | QueueSource, what: str, host: str, port: int, is_opened: bool) -> None:
    """Serve the pages until the process gets SIGTERM or SIGINT.

    Parameters
    ----------
    source : RunSource or QueueSource
    what : str
        Name of the run or the queue, for the message with the address.
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 takes a free port.
    is_opened : bool
        Whether the page opens in a browser.

    Raises
    ------
    InvalidInputError
        If the server cannot listen on this address and port.
    AutoMLError
        If the first page cannot be drawn.
    """
    source.fragment()
    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    listener = listen(host, port)
    config = uvicorn.Config(
        make_app(source, host),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_END_SECONDS,
    )
    # After its own shutdown uvicorn raises the signal again; by then everything is done.
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        address = address_of(listener)
        logger.info("watch %s on %s; Ctrl-C stops this server", what, address)
        if is_opened:
            webbrowser.open(address)
        uvicorn.Server(config).run([listener])
    finally:
        listener.close()
        for number, handler in previous.items():
            signal.signal(number, handler)
    logger.info("the server has stopped")
