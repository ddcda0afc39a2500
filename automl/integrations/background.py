"""A thread that makes slow calls one after another, so that a search does not wait for a server."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any


class BackgroundCalls:
    """Makes calls in a thread of its own, in their order; the first error that is not tolerated drops all later calls.

    Parameters
    ----------
    errors : tuple of types
        The errors that a call may raise.
    tolerates : callable
        ``tolerates(error)`` returns whether the calls go on after this error; it may write a message.
    """

    def __init__(self, errors: tuple[type[BaseException], ...], tolerates: Callable[[Any], bool]):
        self._errors, self._tolerates = errors, tolerates
        self._calls: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._idle = threading.Condition()
        self._n_waiting, self._since = 0, time.monotonic()
        self.error: BaseException | None = None
        self._closed = False
        # A daemon: the end of Python must not wait for a server that does not answer.
        self._thread = threading.Thread(target=self._work, name="automl-background-calls", daemon=True)
        self._thread.start()

    def add(self, call: Callable[[], Any]) -> None:
        """Make a call later; nothing happens after an error, or after `close`."""
        with self._idle:
            if self.error is None and not self._closed:
                self._n_waiting += 1
                self._calls.put(call)

    def wait(self, seconds: float) -> bool:
        """Wait until all calls are made, and return whether they are.

        Parameters
        ----------
        seconds : float
            The longest time that one call may take, which also counts the time before this method was called.
        """
        with self._idle:
            while self._n_waiting and self.error is None and self._thread.is_alive():
                left = self._since + seconds - time.monotonic()
                if left <= 0:
                    return False
                self._idle.wait(min(left, 1.0))
            return self._n_waiting == 0 and self.error is None

    def close(self) -> None:
        """Take no further calls, and drop the calls that are not yet made."""
        with self._idle:
            self._closed = True
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None and not self._closed:
            error: BaseException | None = None
            with self._idle:
                self._since = time.monotonic()
            if self.error is None:
                try:
                    call()
                except self._errors as raised:
                    error = None if self._tolerates(raised) else raised
            with self._idle:
                self._n_waiting -= 1
                self._since = time.monotonic()
                self.error = self.error or error
                self._idle.notify_all()
