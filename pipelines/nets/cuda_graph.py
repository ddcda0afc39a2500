"""A training step that a device repeats without the processor: a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch


class StepFactors(NamedTuple):
    """Factors that change from step to step and are the same for all networks: numbers, or tensors on a device.

    Attributes
    ----------
    learning_rate : float or Tensor
        Share of the learning rate that applies to this step.
    regularization : float or Tensor
        Share of dropout and weight decay that applies to this step.
    root, step : float or Tensor
        Corrections of Adam for means over few steps: of the root of the mean square, and of the whole step.
    """

    learning_rate: float | torch.Tensor
    regularization: float | torch.Tensor
    root: float | torch.Tensor
    step: float | torch.Tensor


class CapturedStep:
    """A training step that is captured once as a CUDA graph and then replayed.

    A step consists of about two hundred small operations. A device finishes each one before the processor sends the
    next. A captured step sends all operations at once.

    Parameters
    ----------
    step : callable
        The step to capture; capturing does not execute it.
    rows, present : Tensors
        Arguments of one step. All later arguments must have the same shapes.
    generator : Generator
        The generator that the step draws random numbers from.

    Attributes
    ----------
    works : bool
        False once a capture has failed in this process, for example for lack of memory. From then on all fleets take
        their steps one operation after the other.

    Raises
    ------
    RuntimeError
        If the step cannot be captured.
    """

    works = True

    def __init__(
        self,
        step: Callable[[torch.Tensor, torch.Tensor, StepFactors], None],
        rows: torch.Tensor,
        present: torch.Tensor,
        generator: torch.Generator,
    ):
        self._rows, self._present = rows.contiguous(), present.contiguous()
        self._factors = torch.zeros(len(StepFactors._fields), device=rows.device)
        stream = _capture_stream(rows.device)
        # The fleet may be on another than the current device. A capture that fails may keep its stream in use.
        with torch.cuda.device(rows.device), torch.cuda.stream(stream):
            self._graph = torch.cuda.CUDAGraph()
            self._graph.register_generator_state(generator)
            with torch.cuda.graph(self._graph, stream=stream):
                step(self._rows, self._present, StepFactors(*self._factors.unbind()))

    def replay(self, rows: torch.Tensor, present: torch.Tensor, factors: StepFactors) -> None:
        """Take the captured step with these rows and factors."""
        self._rows.copy_(rows)
        self._present.copy_(present)
        # This copy waits for the previous step. Without it the processor would count steps that have not run yet.
        self._factors.copy_(torch.tensor(factors))
        self._graph.replay()


@lru_cache
def _capture_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the stream of all captures; one stream, because libraries keep memory for each stream they have seen."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
