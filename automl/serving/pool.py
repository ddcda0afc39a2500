"""What all requests share: threads that predict, with a limited queue and a time limit, and memory for bodies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from automl.serving.errors import RequestError

Result = TypeVar("Result")
_RETRY = {"Retry-After": "1"}


def busy() -> RequestError:
    """Return the refusal of a request for which there is no room now."""
    return RequestError(503, "the server is busy; try again later", headers=_RETRY)


class BodyMemory:
    """Counts the bytes of the bodies of all requests, so that many connections together cannot fill the memory.

    Parameters
    ----------
    max_bytes : int
        Bytes of all bodies together; a request with one more gets status 503.
    """

    def __init__(self, max_bytes: int):
        self._most = max_bytes
        self._held = 0

    @contextmanager
    def request(self) -> Iterator[Callable[[int], None]]:
        """Yield the function that adds bytes to one request; they are released when the request ends."""
        own = 0

        def add(n_bytes: int) -> None:
            nonlocal own
            if self._held + n_bytes > self._most:
                raise busy()
            self._held += n_bytes
            own += n_bytes

        try:
            yield add
        finally:
            self._held -= own


class PredictionPool:
    """A pool of threads that refuses work when too many requests wait.

    Parameters
    ----------
    n_threads : int
        Requests that run at the same time.
    max_waiting : int
        Requests that may wait for a thread; further requests get status 503.
    seconds : float
        Time limit for waiting and running together.
    """

    def __init__(self, n_threads: int, max_waiting: int, seconds: float):
        self._threads = ThreadPoolExecutor(n_threads, thread_name_prefix="predict")
        self._most = n_threads + max_waiting
        self._seconds = seconds
        self._unfinished = 0

    @property
    def unfinished(self) -> int:
        """Number of calls that wait or run; a call beyond its time limit counts until it ends."""
        return self._unfinished

    async def run(self, function: Callable[[], Result]) -> Result:
        """Run a function in a thread.

        Raises
        ------
        RequestError
            With status 503, if too many calls wait or if no thread became free within the time limit; with 504, if the
            function ran into the time limit. It goes on in its thread then, because threads cannot be stopped.
        """
        if self._unfinished >= self._most:
            raise busy()
        loop = asyncio.get_running_loop()
        self._unfinished += 1
        call = self._threads.submit(function)
        call.add_done_callback(lambda _: self._finish(loop))
        try:
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(call)), self._seconds)
        except TimeoutError:
            if call.cancel():
                message = f"no thread became free within {self._seconds:g} s; try again later"
                raise RequestError(503, message, headers=_RETRY) from None
            if call.done() and call.exception() is not None:  # the function itself raised a TimeoutError
                raise
            raise RequestError(504, f"the predictions took more than {self._seconds:g} s; send fewer rows") from None

    def close(self) -> None:
        """Start no further calls, and do not wait for running calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._count_down)

    def _count_down(self) -> None:
        self._unfinished -= 1
