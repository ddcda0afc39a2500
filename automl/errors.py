"""Every error that users meet, under one root."""

from __future__ import annotations


class AutoMLError(Exception):
    """Root of all errors raised by this library."""


class InvalidInputError(AutoMLError, ValueError):
    """An argument or the data cannot be used; the message names it and the mend."""


class NothingFittedError(AutoMLError, RuntimeError):
    """No trial finished; the message counts the reasons and quotes the first."""


class NoWorkersError(AutoMLError, RuntimeError):
    """Processes that run trials can no longer be started; the message says why."""


class FoldFailedWarning(UserWarning):
    """An estimator has no score on an outer fold, which is missing in means and tests."""
