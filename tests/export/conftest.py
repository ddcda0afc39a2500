"""The command line in the process of the tests."""

from __future__ import annotations

import sys

import pytest

from automl.cli import main as cli


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs ``automl`` and returns exit code, standard output and standard error."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["automl", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capsys.readouterr()

    return call
