"""The names that saved estimators may hold exist: a stale name would leave a part of the estimator unloaded."""

from __future__ import annotations

import importlib

from automl.task.trusted import TRUSTED


def test_every_trusted_name_can_be_imported():
    parts = {name: name.rpartition(".") for name in TRUSTED}
    assert [n for n, (module, _, own) in parts.items() if not hasattr(importlib.import_module(module), own)] == []
