"""Limits on threads are shared by fits that overlap."""

from __future__ import annotations

import os
import subprocess
import sys

OVERLAP = """
import threading
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from automl.execute.threads import single_threaded

def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

def second():
    with single_threaded():
        second_inside.set()
        first_outside.wait(60)

before = blas_threads()
second_inside, first_outside = threading.Event(), threading.Event()
thread = threading.Thread(target=second)
with single_threaded():
    thread.start()
    second_inside.wait(60)
    inside = blas_threads()
first_outside.set()
thread.join()
print(inside == {1}, blas_threads() == before)
"""


def test_overlapping_limits_leave_the_threads_as_they_were():
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", OVERLAP], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["True", "True"], done.stderr
