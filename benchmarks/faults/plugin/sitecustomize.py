"""Make the decision tree of the catalog faulty in every process that starts with this folder in PYTHONPATH.

The environment variable AUTOML_FAULT holds ``kind:seed:share``; a process reads it at each fit of a tree. Without it
the tree works as usual. The share is the probability that one fit has the fault. A byte in the file AUTOML_FAULT_COUNT
stands for a fault.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from importlib.abc import MetaPathFinder
from typing import Any, NoReturn

_TARGET = "pipelines.models.decision_tree"
_MOST_MEMORY = 6 * 2**30  # bytes, so that an allocation without a limit does not end the machine


def hang() -> NoReturn:
    while True:
        time.sleep(0.01)


def spin() -> None:
    sum(itertools.repeat(0))  # one call of C that never ends and holds the lock of the interpreter


def allocate() -> None:
    blocks: list[bytearray] = []
    while sum(len(block) for block in blocks) < _MOST_MEMORY:
        blocks.append(bytearray(os.urandom(2**16) * 2**8))
    raise MemoryError


def segfault() -> None:
    ctypes.string_at(0)


def leave() -> NoReturn:
    os._exit(random.randrange(256))


def fill_disk() -> None:
    handle, _ = tempfile.mkstemp(prefix="filled-")
    while True:
        os.write(handle, bytes(2**16))  # ends with an OSError, and the file stays


def print_megabytes() -> None:
    for _ in range(20):
        print("x" * 2**18)
        os.write(2, b"x" * 2**18)


def leave_children() -> None:
    threading.Thread(target=time.sleep, args=(600,)).start()
    subprocess.Popen(["sleep", "600"])
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)


def die_with_children() -> None:
    leave_children()
    os._exit(3)


_AT_ANY_MOMENT = {
    "hang": hang, "spin": spin, "allocate": allocate, "segfault": segfault, "exit": leave, "fill_disk": fill_disk,
    "die_with_children": die_with_children,
}  # fmt: skip
_AT_THE_START = {"print": print_megabytes, "leave_children": leave_children}  # the tree itself works


def _count() -> None:
    """Add a fault to the file that counts them."""
    with open(os.environ["AUTOML_FAULT_COUNT"], "ab") as file:
        file.write(b"x")


def _patch(module: Any) -> None:
    """Replace the component of the module by one whose models may have a fault."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class FaultyTree(ClassifierMixin, BaseEstimator):
        """A decision tree with a fault in `fit` or in `predict_proba`."""

        def __init__(self, tree: Any, kind: str, moment: str, delay: float):
            self.tree, self.kind, self.moment, self.delay = tree, kind, moment, delay

        def _fault(self, moment: str) -> None:
            if moment == self.moment and self.kind in _AT_ANY_MOMENT:
                time.sleep(self.delay)
                _count()
                _AT_ANY_MOMENT[self.kind]()

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            self._fault("fit")
            self.tree.fit(X, y, sample_weight=sample_weight)
            self.classes_ = self.tree.classes_
            return self

        def predict_proba(self, X: Any) -> Any:
            self._fault("predict")
            return _spoil(self.tree.predict_proba(X), self.kind, random.Random(self.delay))

        def predict(self, X: Any) -> Any:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]

    make = module.COMPONENT.make

    def faulty_make(params: Any, context: Any) -> Any:
        kind, seed, share = os.environ.get("AUTOML_FAULT", "none:0:0").split(":")
        rng = random.Random(f"{seed} {sorted(params.items())} {context.random_state}")
        tree = make(params, context)
        if rng.random() >= float(share):
            return tree
        if kind not in _AT_ANY_MOMENT:
            _count()
        if kind == "raise":
            raise RuntimeError("this component raises in its constructor")
        if kind in _AT_THE_START:
            _AT_THE_START[kind]()
            return tree
        return FaultyTree(tree, kind, rng.choice(["fit", "predict"]), rng.uniform(0, 0.05))

    module.COMPONENT = replace(module.COMPONENT, make=faulty_make)


def _spoil(p: Any, kind: str, rng: random.Random) -> Any:
    """Return predictions with the fault of a kind."""
    if kind == "nan":
        p[rng.randrange(len(p))] = rng.choice([float("nan"), float("inf"), -float("inf")])
    elif kind == "wrong_shape":
        return rng.choice([p[:-1], p[:, :1], p[:, 0], p[:0], p[None], p.repeat(2, axis=0), p.repeat(2, axis=1), p[0]])
    elif kind == "wrong_dtype":
        return rng.choice(
            [p.astype(str), p.astype(complex), p.astype(object).tolist(), p.astype("S5"), None, "text", {}]
        )
    return p


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != _TARGET:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_patch(module: Any) -> None:
            execute(module)
            _patch(module)

        spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Finder())
