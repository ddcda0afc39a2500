"""A fresh record of fits for each test."""

from __future__ import annotations

import pytest

from tests.comparison.estimators import Recorder


@pytest.fixture
def seen():
    """Return the list to which each fit of a `Recorder` appends its arguments."""
    Recorder.seen.clear()
    return Recorder.seen
