"""Limits on the threads of numerical libraries in the process that calls `fit`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from threadpoolctl import ThreadpoolController

_blas = threading.Lock()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit the libraries to one thread; small problems get slower with more, because threads wait for each other.

    The limit of BLAS holds for the whole process. Of several threads that use this context at the same time only the
    first sets and restores it: each would note the limit of the others as the state before.
    """
    is_first = _blas.acquire(blocking=False)
    try:
        pools = ThreadpoolController()
        # OpenMP has limits for each thread.
        with (
            pools.select(user_api="openmp").limit(limits=1),
            pools.select(user_api="blas").limit(limits=1) if is_first else nullcontext(),
        ):
            yield
    finally:
        if is_first:
            _blas.release()
