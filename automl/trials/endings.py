"""Why a search ended: the attribute `stop_reason_`, which saved models and run directories hold, too.

The texts are for people. Programs use the names of this module, which stay if a text changes.
"""

from __future__ import annotations

INTERRUPTED = "interrupted"
MAX_TRIALS = "max_trials reached"
TIME_SPENT = "time budget spent"
PROCESSORS_SPENT = "max_processor_seconds spent"
EXHAUSTED = "nothing left to try"
GUARD_DIVERGED = "work score and free score diverge"
GOES_ON = "the search goes on"
HAS_ENDED = "the search has ended"  # its model is not complete yet
PROCESS_DIED = "the process of the search has died"

# Another search with the same parameters ends in the same way.
REPEATABLE = frozenset({MAX_TRIALS, EXHAUSTED, TIME_SPENT, PROCESSORS_SPENT, GUARD_DIVERGED})


def ended_early(reason: object) -> str:
    """Return the ending of a search that could not go on."""
    return f"ended early: {reason}"


def was_interrupted(stop_reason: str | None) -> bool:
    """Return whether the user interrupted the search; None stands for an estimator that does not say why it ended."""
    return stop_reason == INTERRUPTED
