"""Steps of training that a device repeats by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import torch


class Pace(NamedTuple):
    """What differs from step to step for all networks alike: numbers, or where a device finds them.

    Attributes
    ----------
    share, fade
        Of the learning rate, and of dropout and weight decay, that apply now.
    correct, step
        Adam's corrections for means that are still young: of the root of the squares, and of the whole step.
    """

    share: float | torch.Tensor
    fade: float | torch.Tensor
    correct: float | torch.Tensor
    step: float | torch.Tensor


class Recording:
    """A step of training that a device repeats by itself: a CUDA graph.

    A step is some two hundred small operations, and a device has done each before the processor asks for the next.
    Recorded, they are asked for at once.

    Parameters
    ----------
    step : callable
        What to record; not taken meanwhile.
    rows, present : Tensors
        As for one step; the shapes of all that follow.
    generator : Generator
        That the step draws from.

    Attributes
    ----------
    works : bool
        False once a recording has failed in this process, for lack of memory, say: then steps are taken one operation
        after the other.

    Raises
    ------
    RuntimeError
        If the step cannot be recorded.
    """

    works = True

    def __init__(
        self,
        step: Callable[[torch.Tensor, torch.Tensor, Pace], None],
        rows: torch.Tensor,
        present: torch.Tensor,
        generator: torch.Generator,
    ):
        self._rows, self._present = rows.contiguous(), present.contiguous()
        self._pace = torch.zeros(len(Pace._fields), device=rows.device)
        stream = _recording_stream(rows.device)
        # The fleet need not be on the current device, and a recording that fails need not give back its stream.
        with torch.cuda.device(rows.device), torch.cuda.stream(stream):
            self._graph = torch.cuda.CUDAGraph()
            self._graph.register_generator_state(generator)
            with torch.cuda.graph(self._graph, stream=stream):
                step(self._rows, self._present, Pace(*self._pace.unbind()))

    def replay(self, rows: torch.Tensor, present: torch.Tensor, pace: Pace) -> None:
        """Take the step with these rows."""
        self._rows.copy_(rows)
        self._present.copy_(present)
        # Waits for the step before: the clock would run ahead of the training otherwise.
        self._pace.copy_(torch.tensor(pace))
        self._graph.replay()


@lru_cache
def _recording_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all recordings: libraries keep memory for each stream that they ever met."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
