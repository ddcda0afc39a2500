"""The contract of executors for the executor on this machine; tests/execute/test_ray.py tests the one on Ray."""

from __future__ import annotations

from typing import ClassVar

import pytest

from automl.execute.local import LocalExecutor
from automl.testing import ExecutorContract


@pytest.mark.alone
class TestLocalExecutor(ExecutorContract):
    executors: ClassVar = {
        "local": lambda folder, n, memory, scorer: LocalExecutor(folder, n, memory_limit=memory, own_scorer=scorer)
    }
