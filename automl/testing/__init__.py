"""Contract suites: tests that every component, searcher and executor must pass, also one from another repository.

A suite is a class with test methods. A subclass in a test file lists the objects to check, and pytest collects it::

    from automl.testing import (
        ExecutorContract, ModelContract, SearcherContract, TransformerContract, WrapperContract
    )

    class TestMyModel(ModelContract):
        components = [MY_MODEL]

    class TestMyScaler(TransformerContract):
        step = "scaling"
        components = [MY_SCALER]

    class TestMyBalancing(WrapperContract):
        components = [MY_BALANCING]

    class TestMySearcher(SearcherContract):
        searchers = {"mine": MySearcher}

    class TestMyExecutor(ExecutorContract):
        executors = {"mine": MyExecutor}

A failed test names the broken guarantee. The guarantees themselves are in the descriptions of the modules
`pipelines.component`, `automl.search.base` and `automl.execute.base`.

The suites need pytest, and no other package than those of automl.
"""

from __future__ import annotations

try:
    import pytest
except ModuleNotFoundError as error:
    raise ImportError("automl.testing needs pytest, which runs its contract suites; pip install pytest") from error

# Before the modules are imported: pytest then shows the values in their assertions, as in a test file.
_MODULES = ("components", "executors", "models", "searchers", "transformers", "wrappers")
pytest.register_assert_rewrite(*(f"automl.testing.{module}" for module in _MODULES))

from automl.testing.executors import ExecutorContract  # noqa: E402
from automl.testing.models import ModelContract  # noqa: E402
from automl.testing.searchers import SearcherContract, small_loss, small_space  # noqa: E402
from automl.testing.tasks import make_task, net, tree  # noqa: E402
from automl.testing.transformers import TransformerContract  # noqa: E402
from automl.testing.wrappers import WrapperContract  # noqa: E402

__all__ = [
    "ExecutorContract",
    "ModelContract",
    "SearcherContract",
    "TransformerContract",
    "WrapperContract",
    "make_task",
    "net",
    "small_loss",
    "small_space",
    "tree",
]
