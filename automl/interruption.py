"""Steps after a model exists, which an interrupt of the user ends without any harm to the model."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class StepRunner(Protocol):
    """Runs a step, and decides what an interrupt ends; `lost` says what the model lacks without the step."""

    def __call__(self, step: Callable[[], T], lost: str) -> T | None: ...


def unless_interrupted(step: Callable[[], T], lost: str, tell: Callable[[str], object] = logger.warning) -> T | None:
    """Return the result of a step after the model is complete; None, with a warning, if the user interrupts it.

    An interrupt then costs no more than the result of the step.

    Parameters
    ----------
    lost : str
        What the model lacks without the step, as a sentence.
    tell : callable
        Gets the warning.
    """
    try:
        return step()
    except KeyboardInterrupt:
        tell(f"interrupted: {lost}")
        return None


def until_interrupted(step: Callable[[], T], lost: str) -> T:
    """Return the result of a step where an interrupt ends everything, because there is no model to protect yet."""
    return step()
