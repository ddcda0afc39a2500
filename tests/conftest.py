"""What all tests share."""

from __future__ import annotations

import importlib
import os
import signal

# Before NumPy is imported: fits here are tiny, and pools of threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import HealthCheck, settings

from tests.report.browser import BROWSER, FLAGS

# A shell that starts the tests in the background makes them, and all that they start, deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every machine, and no clock: a slow machine is not a failure.
settings.register_profile(
    "suite", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.fixture(scope="module")
def browser():
    """A running Chromium. Without it or its libraries the tests are skipped, but fail if CI=true."""
    reason = None if BROWSER else "there is no Chromium: apt-get install chromium"
    for library in ("playwright.sync_api", "axe_playwright_python.sync_playwright"):
        try:
            importlib.import_module(library)
        except ImportError as error:
            reason = f"{error}: pip install 'cash-automl[browser]'"
    if reason is not None:
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    # It runs an event loop in this thread, so that it must end before the tests of servers.
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield chromium
        chromium.close()
