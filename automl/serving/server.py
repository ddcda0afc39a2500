"""The process that serves a model: its socket, its log and its end."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import uvicorn

from automl.serving.app import ServedApp, ServerLimits
from automl.serving.sockets import address_of, listen

if TYPE_CHECKING:
    from automl.base import BaseAutoML

logger = logging.getLogger(__name__)

_EXTRA_SECONDS = 5.0  # beyond the time limit of a request, until the server ends in any case


def serve_model(estimator: BaseAutoML, host: str, port: int, limits: ServerLimits) -> None:
    """Serve a fitted estimator until the process gets SIGTERM or SIGINT. Running requests are finished first.

    Parameters
    ----------
    estimator : AutoMLClassifier or AutoMLRegressor
        A fitted estimator.
    host : str
        Address to listen on.
    port : int
        Port to listen on; 0 takes a free port.
    limits : ServerLimits

    Raises
    ------
    InvalidInputError
        If the server cannot listen on this address and port.
    """
    served = ServedApp(estimator, limits)
    served.model.warm_up()
    listener = listen(host, port)
    config = uvicorn.Config(
        served.asgi,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(limits.seconds + _EXTRA_SECONDS),
    )
    server = _Server(config, served)
    # After its own shutdown uvicorn raises the signal again; by then everything is done.
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        logger.info("serving %s on %s; Ctrl-C stops the server", served.model.name, address_of(listener))
        server.run([listener])
    finally:
        listener.close()
        served.pool.close()
        for number, handler in previous.items():
            signal.signal(number, handler)
    logger.info("the server has stopped")
    if served.pool.unfinished:
        # Python would wait for a thread that runs beyond its time limit, perhaps forever.
        logger.warning("predictions that ran beyond their time limit and are lost: %d", served.pool.unfinished)
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


class _Server(uvicorn.Server):
    """A server that says that it is not ready from the moment that it is asked to stop."""

    def __init__(self, config: uvicorn.Config, served: ServedApp):
        super().__init__(config)
        self._served = served

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin the shutdown."""
        if not self.should_exit:
            logger.info("the server stops; running requests are finished first")
        self._served.stopping = True
        super().handle_exit(sig, frame)
