"""Fits of a second, whatever budget a page names."""

from __future__ import annotations

import sys

import pytest

from tests.docs.pages import DOCS

sys.path.insert(0, str(DOCS / "_ext"))
import quick_tutorials


@pytest.fixture
def quick_fits(monkeypatch):
    """Let each fit end after two configurations of fast models.

    A page that needs a Ray cluster fits with local processes.
    """
    quick_tutorials.make_quick(monkeypatch.setattr)
