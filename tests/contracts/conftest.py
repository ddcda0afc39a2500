"""Which tests of the contracts take too long for the default run."""

from __future__ import annotations

import pytest

_SLOW = ("tabm", "resnet")  # RealMLP stands for the networks in the default run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the trainings of all networks but one as slow."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            component = item.callspec.params.get("component")
            if getattr(component, "name", None) in _SLOW:
                item.add_marker(pytest.mark.slow)
