"""What all tests share."""

from __future__ import annotations

import os
import signal

# Before NumPy is imported: fits here are tiny, and pools of threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

# A shell that starts the tests in the background makes them, and all that they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every machine, and no clock: a slow machine is not a failure.
settings.register_profile(
    "suite", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")
